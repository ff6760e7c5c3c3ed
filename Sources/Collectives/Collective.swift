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
/// - Every operation throws `.timedOut` naming the member that did not come, or `.membershipChanged`.
///
/// How an operation is carried out is its `algorithm`; by default a tuning table says, or ``CostModel`` from the rates of the machine. Costs of each are in `docs/collectives.md`.
public struct Collective {
    /// Who takes part.
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
        if try meets(call) { return }
        let call = call.normalised(at: team.rank)
        call.check(team, workspace)
        try settleStream()
        let algorithm = resolve(call)
        if algorithm != .cooperative { try settleOrdered() }
        let flight = begin(call, algorithm)
        try workspace.perform(call.operation, team, flight: flight) { () throws(FabricError) in
            if workspace.comparesCalls { try compareCalls(call) }
            try carryOut(call, algorithm)
        }
        let isSameForAll = call.operation == .allGather || call.operation == .allReduce
        endpoint.endFlight(flight, inSuccess: true, result: isSameForAll ? call.destination : nil)
    }

    /// Counts a call and notes it in the flight recorder.
    func begin(_ call: CollectiveCall, _ algorithm: CollectiveAlgorithm) -> UInt64 {
        endpoint.record(.collective)
        return endpoint.beginFlight(
            operation: call.operation.rawValue, algorithm: algorithm.code, type: call.type.rawValue,
            reduction: call.reduction.rawValue, root: call.root, sourceByteCount: call.source.byteCount,
            destinationByteCount: call.destination.byteCount, team: team,
            site: workspace.comparesCalls ? call.site.description : "")
    }

    func carryOut(_ call: CollectiveCall, _ algorithm: CollectiveAlgorithm) throws(FabricError) {
        switch algorithm {
        case .pairwise(let form): try Pairwise(collective: self, form: form).run(call)
        case .cooperative, .automatic, .tuned:
            if call.operation == .barrier {
                return try team.sync(deadline: workspace.deadline(), operation: .collective)
            }
            var work = Cooperative(self, call)
            try work.run()
        case .ring, .twoLevel, .trampoline: try runSchedule(call, algorithm)
        }
    }

    /// The algorithm a call will be carried out by. A pure function of what is the same at every member.
    ///
    /// Members whose sizes differ by mistake may so come to different algorithms; what one of them throws is then
    /// `.timedOut` instead of `.mismatch`.
    public func resolve(_ call: CollectiveCall) -> CollectiveAlgorithm {
        var algorithm = call.algorithm == .automatic ? choose(call) : call.algorithm
        if algorithm == .tuned {
            algorithm = .concurrent(
                fraction: CollectiveForm.tunedFraction(
                    call.operation, byteCount: call.sharedByteCount(team.size) ?? .max))
        }
        if algorithm == .cooperative, !team.isNear { algorithm = .pull }
        return algorithm.carries(call.operation) ? algorithm : .pull
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
        guard team.isNear else {
            return .acrossHosts(call.operation, byteCount: byteCount, group: team.hostGroup)
        }
        return workspace.choices(members: team.size).algorithm(for: call.operation, byteCount: byteCount)
    }
}
