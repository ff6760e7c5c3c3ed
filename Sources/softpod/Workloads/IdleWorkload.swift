internal import Fabric
internal import NodeRuntime

/// Barriers without end, until the run is stopped: something to kill, stop and interrupt.
struct IdleWorkload: Workload {
    static let name = "idle"

    init(payload: [UInt8]) {}

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        die.setPhase("first barrier")
        try world.barrier()
        die.setPhase("barrier loop")
        die.report(Array("looping".utf8))
        while true { try world.barrier() }
    }
}
