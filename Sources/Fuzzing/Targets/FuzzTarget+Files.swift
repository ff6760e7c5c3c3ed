internal import ClusterFiles
internal import Faults
internal import Histories
internal import Messaging
internal import Topology

// Files about clusters.

extension FuzzTarget {
    static let files: [FuzzTarget] = [
        reader("topology YAML", weight: 1, [FuzzTexts.topology]) { text in
            let machine = try TopologyFile.parse(text)
            try machine.check()
        },
        reader("cluster YAML", weight: 2, [FuzzTexts.cluster]) { text in
            let file = try ClusterFile.parse(text)
            try FuzzFinding.require(
                file.plan.rankCount == file.hosts.reduce(0) { $0 + $1.slots }, "ranks and dies of hosts differ")
        },
        reader("fault plan YAML", weight: 2, [FuzzTexts.faultPlan]) { text in
            let plan = try FaultPlanFile.parse(text)
            var random = FuzzRandom(seed: 1)
            do {
                let faults = try plan.drawn(ranks: 4, using: &random)
                try FuzzFinding.require(
                    faults.allSatisfy { (0..<4).contains($0.rank) && !$0.description.isEmpty }, "a rank is none")
            } catch let error as FaultPlan.Misfit {
                try FuzzFinding.require(plan.rules.indices.contains(error.rule), "a misfit of no rule")
            }
        },
        FuzzTarget("history", weight: 4) {
            FuzzSubject(examples: [Array(FuzzTexts.history.utf8)], isText: true) { input, _ in
                guard let text = String(validating: input, as: UTF8.self) else { return false }
                do throws(HistoryFile.Fault) {
                    let file = try HistoryFile(text: text)
                    let again = try HistoryFile(text: file.entries.map { $0.line + "\n" }.joined())
                    _ = HistoryChecker([file, again]).report()
                    return true
                } catch { return false }
            }
        },
        reader("hostfile", weight: 8, [FuzzTexts.hostfile]) { text in
            let offers = try HostFile.parse(text)
            try FuzzFinding.require(
                !offers.isEmpty && Set(offers.map(\.name)).count == offers.count, "a host is there twice")
            try FuzzFinding.require(offers.allSatisfy { HostName.isValid($0.name) && $0.slots > 0 }, "a host is none")
        },
        reader("rank table 1.0", weight: 2, try [table(.servers), table(.servers)]) { try readTable($0) },
        reader("rank table 1.2", weight: 2, try [table(.superPods), table(.servers)]) { try readTable($0) },
        reader("rank table 2.0", weight: 2, try [table(.layers), table(.superPods)]) { try readTable($0) },
        FuzzTarget("key file", weight: 2) {
            let pair = try KeyPair.generate()
            let others = try (0..<2).map { _ in try KeyPair.generate().publicKey }
            let text = KeyFile.text(pair, allow: others)
            return FuzzSubject(examples: [Array(text.utf8)], isText: true) { input, _ in
                do {
                    let file = try KeyFile.parse(TextFile(bytes: input, file: "fuzz.key"))
                    let again = try KeyFile.parse(
                        TextFile(bytes: Array(KeyFile.text(file.pair, allow: file.allow).utf8), file: "again.key"))
                    try FuzzFinding.require(again == file, "written again it differs")
                    return true
                } catch let error as ClusterFileError {
                    try checkMessage("\(error)", input)
                    // A part of the secret as long as this is worth more than a hint.
                    let secret = pair.secretKey
                    for start in stride(from: 0, through: 20, by: 4) {
                        try FuzzFinding.require(
                            !"\(error)".contains(secret.dropFirst(start).prefix(20)), "the message tells the secret")
                    }
                    return false
                }
            }
        },
        FuzzTarget("host list", weight: 16) {
            let lists = ["n[01-04,7],m[1-2]x[3-4]", "a,b,c", "[1-9]", "n[0000-0100]"]
            return FuzzSubject(examples: lists.map { Array($0.utf8) }, isText: true) { input, _ in
                do {
                    let names = try HostList.expand(String(decoding: input, as: UTF8.self))
                    try FuzzFinding.require(
                        (1...4096).contains(names.count) && names.allSatisfy(HostName.isValid), "a name is none")
                    return true
                } catch let error as HostListError {
                    try checkMessage("\(error)", input)
                    return false
                }
            }
        },
    ]

    private static func reader(
        _ name: String, weight: Int, _ examples: @escaping @autoclosure @Sendable () throws -> [String],
        _ read: @escaping @Sendable (TextFile) throws -> Void
    ) -> FuzzTarget {
        FuzzTarget(name, weight: weight) {
            FuzzSubject(examples: try examples().map { Array($0.utf8) }, isText: true) { input, _ in
                do {
                    try read(TextFile(bytes: input, file: "fuzz"))
                    return true
                } catch let error as ClusterFileError {
                    try checkMessage("\(error)", input)
                    let lines = input.count { $0 == 0x0A } + 2
                    try FuzzFinding.require(
                        error.line.map { (1...lines).contains($0) } ?? true, "the message names line \(error.line ?? 0)"
                    )
                    return false
                }
            }
        }
    }

    /// A refusal is one line, and not a long one.
    static func checkMessage(_ text: String, _ input: [UInt8]) throws(FuzzFinding) {
        try FuzzFinding.require(!text.isEmpty && text.utf8.count < 8192, "a message of \(text.utf8.count) bytes")
        try FuzzFinding.require(!text.contains("\n") && !text.contains("\u{1B}"), "a message of several lines: \(text)")
    }

    /// What was understood can be written, and says the same then.
    private static func readTable(_ text: TextFile) throws {
        let table = try RankTable.parse(text)
        let again = try RankTable.parse(TextFile(bytes: Array(table.json.utf8), file: "again"))
        try FuzzFinding.require(again == table, "written again it differs")
    }

    /// A table of two dies of the smallest machine there is a file for.
    static func table(_ version: RankTable.Version) throws -> String {
        let machine = try TopologyFile.parse(TextFile(bytes: Array(FuzzTexts.topology.utf8), file: "topology"))
        let plan = try HostPlan(filling: [HostOffer(name: "node_0", address: "10.0.0.1", slots: 2)])
        return try RankTable(version: version, plan: plan, machine: machine).json
    }
}
