internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime

/// Every check of the catalog, one after the other, on all dies.
struct VerifyWorkload: Workload {
    static let name = "verify"

    struct Plan: Codable, Sendable {
        var seed: UInt64
        /// Names of the checks to run, in order.
        var checks: [String]
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        let bench = try CheckBench(world: world)
        var findings: [Finding] = []
        for name in plan.checks {
            guard let check = CheckCatalog.all.first(where: { $0.name == name }) else { throw ExitStatus.mismatch }
            die.setPhase(name)
            findings.append(try check.run(on: bench, seed: CheckRandom.mixed(plan.seed, name)))
            // One die says how far all are.
            try world.barrier()
            if world.rank == 0 { die.report(Array(name.utf8)) }
        }
        return Array(try JSONEncoder().encode(findings))
    }
}
