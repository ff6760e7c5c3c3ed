public import Fabric

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
/// How an operation is carried out is its `algorithm`; by default the tuning table says. Costs of each are in `docs/collectives.md`.
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
        let call = call.normalised(at: team.rank)
        call.check(team, workspace)
        let algorithm = resolve(call)
        try workspace.perform(call.operation, team) { () throws(FabricError) in
            switch algorithm {
            case .pairwise(let form): try Pairwise(collective: self, form: form).run(call)
            case .cooperative, .automatic:
                var work = Cooperative(self, call)
                try work.run()
            case .ring, .twoLevel, .trampoline: try runSchedule(call, algorithm)
            }
        }
    }

    /// The algorithm a call will be carried out by. A pure function of what is the same at every member.
    public func resolve(_ call: CollectiveCall) -> CollectiveAlgorithm {
        var algorithm = call.algorithm
        if algorithm == .automatic { algorithm = call.operation == .sendReceive ? .push : .cooperative }
        if algorithm == .cooperative, !team.isNear { algorithm = .pull }
        return algorithm.carries(call.operation) ? algorithm : .pull
    }
}
