public import Fabric
internal import Tensors

/// A team and what its collectives need: the face of this module.
///
/// All members call the same operations in the same order with arguments that fit together. Sources and destinations are
/// regions of the symmetric heap. On return the destination is complete, and source and destination are the
/// caller's own again.
///
/// - A region that is too small, too large, misaligned or overlaps the other in a way that is not allowed is a programmer
///   error and stops the process. What *other* members do differently is thrown as `.mismatch`.
/// - Counts of zero, teams of one and sizes that divide nothing are fine.
/// - Every operation throws `.timedOut` naming the member that did not come, or `.membershipChanged`; where integrity is asked for
///   (``Endpoint/isProtected``), `.damaged` naming the member whose bytes changed on their way.
///
/// How an operation is carried out is its `algorithm`; by default a tuning table says, or ``CostModel`` from the rates of the machine. Costs of each are in `docs/collectives.md`.
public struct Collective {
    /// The members.
    public let team: Team
    /// The words and slots.
    public let workspace: CollectiveWorkspace

    /// A team with its die's workspace.
    public init(_ team: Team, _ workspace: CollectiveWorkspace) {
        precondition(team.endpoint === workspace.endpoint, "a team uses its own die's workspace")
        self.team = team
        self.workspace = workspace
    }

    var endpoint: Endpoint { workspace.endpoint }

    /// Carries out a call, after all that were started before it on this team.
    public func run(_ call: CollectiveCall) throws(FabricError) {
        if try runTeamBarrier(call) { return }
        let (call, implementation) = prepare(call)
        try finishStream()
        if !implementation.usesOnlyBoard { try finishOrdered() }
        let flight = beginFlight(call)
        try workspace.perform(call.operation, team, flight: flight) { () throws(FabricError) in
            if workspace.comparesCalls { try compareCalls(call) }
            guard workspace.isProtected else { return try implementation.run(call, on: self) }
            let checks = try exchangeChecks(call)
            try implementation.run(call, on: self)
            try requireWhole(checks)
        }
        let isSameForAll = call.operation == .allGather || call.operation == .allReduce
        endpoint.endFlight(flight, inSuccess: true, result: isSameForAll ? call.destination : nil)
    }

    /// ``CollectiveCall/barrier(algorithm:file:line:)``.
    public func barrier(
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) { try run(.barrier(algorithm: algorithm, file: file, line: line)) }

    /// Checks a call and finds the code that carries it out.
    @inline(__always)
    func prepare(_ call: CollectiveCall) -> (CollectiveCall, any CollectiveImplementation) {
        var call = call.normalised(at: team.rank)
        call.check(team, workspace)
        let (algorithm, implementation) = find(call)
        call.algorithm = algorithm
        return (call, implementation)
    }

    /// Carries out a barrier that is the team's own, if the call is one and there is nothing to finish or to compare: on a few cores such a
    /// barrier takes no longer than to look through a call.
    ///
    /// - Returns: whether it was one.
    private func runTeamBarrier(_ call: CollectiveCall) throws(FabricError) -> Bool {
        guard call.operation == .barrier, workspace.isTeamBarrier(team, call.algorithm) else { return false }
        workspace.executedAlgorithm = Cooperative.algorithm
        let flight = beginFlight(call)
        do throws(FabricError) {
            try team.sync(deadline: workspace.deadline(), operation: .collective)
        } catch {
            try workspace.perform(.barrier, team, flight: flight) { () throws(FabricError) in throw error }
        }
        endpoint.endFlight(flight, inSuccess: true)
        return true
    }

    /// Counts a call and notes it in the flight recorder.
    func beginFlight(_ call: CollectiveCall) -> UInt64 {
        endpoint.record(.collective)
        return endpoint.beginFlight(
            operation: call.operation.rawValue, algorithm: call.algorithm.code, type: call.type.rawValue,
            reduction: call.reduction.rawValue, root: call.root, sourceByteCount: call.source.byteCount,
            destinationByteCount: call.destination.byteCount, team: team,
            site: workspace.comparesCalls ? call.site.description : "")
    }

    /// The algorithm a call will be carried out by. A pure function of what is the same at every member.
    ///
    /// Members whose sizes differ by mistake may so come to different algorithms; what one of them throws is then
    /// `.timedOut` instead of `.mismatch`.
    public func resolve(_ call: CollectiveCall) -> CollectiveAlgorithm { find(call).0 }

    private func find(_ call: CollectiveCall) -> (CollectiveAlgorithm, any CollectiveImplementation) {
        var algorithm = call.algorithm == .automatic ? choose(call) : call.algorithm
        if algorithm == .tuned {
            algorithm = .concurrent(
                fraction: TransferDirection.tunedFraction(
                    call.operation, byteCount: call.sharedByteCount(team.size) ?? .max))
        }
        guard let implementation = algorithm.implementation, implementation.carries(call.operation),
            team.isNear || !implementation.usesOnlyBoard
        else { return (.pull, Pairwise.pull) }
        return (algorithm, implementation)
    }

    /// What the table says; else what costs least, on one host by the rates of the machine, over several by what was measured there.
    private func choose(_ call: CollectiveCall) -> CollectiveAlgorithm {
        let byteCount = call.sharedByteCount(team.size)
        // Hosts may differ in whether dies share cores, and all members must come to the same.
        if let algorithm = workspace.tuning?.algorithm(
            for: call.operation, byteCount: byteCount, members: team.size, sharesCores: !endpoint.spins || !team.isNear)
        {
            return algorithm
        }
        guard team.isNear else { return acrossHosts(call.operation, byteCount: byteCount) }
        return workspace.choices(members: team.size).algorithm(for: call.operation, byteCount: byteCount)
    }

    /// What `automatic` stands for where members are on several hosts: what crosses a link should cross it once, so leaders speak for the
    /// dies of their hosts. What has one way for each byte anyhow, and is long, goes straight.
    ///
    /// Measured over two hosts of 8 dies (docs/RESULTS.md): against the pull it stood for before, two levels took from 0.01 (all-to-all of
    /// 16 KiB) to 0.9 of the time (all-to-all of 4 MiB); rooted operations gain least.
    private func acrossHosts(_ operation: CollectiveOperation, byteCount: Int?) -> CollectiveAlgorithm {
        let straightByteCount =
            switch operation {
            case .allToAllV, .sendReceive: 0
            case .gather, .scatter: 1 << 20
            case .allToAll: 4 << 20
            default: Int.max
            }
        return byteCount ?? 0 >= straightByteCount ? .push : .twoLevel(group: team.hostGroup)
    }
}

extension CollectiveWorkspace {
    /// Whether a barrier is the team's own, the last call was this team's, and nothing that was started waits for its end.
    fileprivate func isTeamBarrier(_ team: Team, _ algorithm: CollectiveAlgorithm) -> Bool {
        guard teams.last === team, team.isNear, failure == nil, streams.isEmpty, ordered.isEmpty, !comparesCalls else {
            return false
        }
        if algorithm == .automatic { return tuning == nil && choices(members: team.size).meetsAtBarrier }
        return algorithm == .cooperative
    }
}
