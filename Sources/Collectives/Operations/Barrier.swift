public import Fabric

extension Collective {
    /// Everybody has come this far, and what everybody put before is visible to all.
    ///
    /// A barrier moves no bytes, so there is nothing to split: pushed, each member sends one event to each other; otherwise it is the
    /// team's own, one arrival and one wait a member.
    public func barrier(
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) { try run(.barrier(algorithm: algorithm, file: file, line: line)) }

    /// Carries out a barrier that is the team's own, if the call is one and there is nothing to settle or to compare: on a few cores such a
    /// barrier takes no longer than to look through a call.
    ///
    /// - Returns: whether it was one.
    func meets(_ call: CollectiveCall) throws(FabricError) -> Bool {
        guard call.operation == .barrier, workspace.isReadyToMeet(team, call.algorithm) else { return false }
        let flight = begin(call, .cooperative)
        do throws(FabricError) {
            try team.sync(deadline: workspace.deadline(), operation: .collective)
        } catch {
            try workspace.perform(.barrier, team, flight: flight) { () throws(FabricError) in throw error }
        }
        endpoint.endFlight(flight, inSuccess: true)
        return true
    }
}

extension CollectiveWorkspace {
    /// Whether a barrier is the team's own, the last call was this team's, and nothing that was started waits for its end.
    fileprivate func isReadyToMeet(_ team: Team, _ algorithm: CollectiveAlgorithm) -> Bool {
        guard teams.last === team, team.isNear, failure == nil, streams.isEmpty, ordered.isEmpty, !comparesCalls else {
            return false
        }
        switch algorithm {
        case .cooperative: return true
        case .automatic: return tuning == nil && choices(members: team.size).meetsAtBarrier
        default: return false
        }
    }
}

extension CollectiveCall {
    /// As ``Collective/barrier(algorithm:file:line:)``.
    public static func barrier(
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        let nothing = Region(offset: 0, byteCount: 0)
        return CollectiveCall(.barrier, nothing, nothing, algorithm: algorithm, site: CallSite(file, line))
    }
}
