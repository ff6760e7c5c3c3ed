internal import Topology

/// NPUs and dies in rows, much as `npu-smi info` lists them: where each is, who plays it.
struct NPUTable {
    var plan: HostPlan
    var machine: Machine
    /// Process ids by die, on this host.
    var processes: [Int: [Int]]

    /// Both counts, named.
    var title: String {
        "\(machine.name): \(DieCount.text(plan.rankCount)) on \(plan.hosts.count) "
            + (plan.hosts.count == 1 ? "host" : "hosts") + "; a rank is a die"
    }

    /// One row a die, in rank order.
    var rows: [Row] {
        plan.hosts.flatMap { host in
            host.ranks.map { die in
                let place = machine.shape.place(of: die)
                let ids = processes[die] ?? []
                return Row([
                    "npu": .integer(place.npu), "die": .integer(place.dieInNPU), "rank": .integer(die),
                    "server": .integer(place.server), "host": .text(host.name),
                    "process": ids.isEmpty ? .absent : .text(ids.map(String.init).joined(separator: " ")),
                ])
            }
        }
    }
}
