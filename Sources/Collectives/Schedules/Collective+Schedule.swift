internal import Fabric

extension Collective {
    /// Carries out a call by the schedule of an algorithm that is one.
    func runSchedule(_ call: CollectiveCall, _ algorithm: CollectiveAlgorithm) throws(FabricError) {
        var runner = ScheduleRunner(self, call, algorithm)
        let shape = runner.shape
        switch algorithm {
        case .twoLevel(let group): try runner.run(GroupedSchedule(shape, group: group, isSpread: false))
        case .trampoline(let group):
            let schedule = GroupedSchedule(shape, group: group, isSpread: true)
            if call.operation == .allToAllV { try runner.runByTable(schedule) } else { try runner.run(schedule) }
        default: try runner.run(RingSchedule(shape))
        }
    }
}
