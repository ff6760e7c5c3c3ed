internal import Collectives
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import Tensors

/// Measures collectives beside the limits of the machine; the first rank tells each row as it is done.
struct CollectivesWorkload: Workload {
    static let name = "bench-collectives"

    let plan: CollectivePlan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(CollectivePlan.self, from: Data(payload)) }

    func run(on die: DieContext) throws -> [UInt8] {
        let bench = try CollectiveBench(die, plan)
        if !plan.groups.isEmpty { try bench.reportLimits() }
        for group in plan.groups { try bench.run(group) }
        return []
    }
}
