public import SharedMemory

// An endpoint belongs to one epoch. What of it outlives the epoch is taken over by its successor; it itself is of no use any more, and all
// that was made with it (teams, allocations, workspaces, exchanges) neither.

extension Endpoint {
    /// What an endpoint was made with, besides segment, rank and timeout.
    struct Making {
        let policy: WaitPolicy?
        let route: TransportCatalog.Entry
        let cores: Int
    }

    /// The die's endpoint of a later epoch, with an empty heap. This one ends: reaching for a window through it afterwards stops the process.
    ///
    /// To be called when all members of that epoch have left this one, so that none of them reaches for a window as of old.
    package func successor(epoch: UInt64) -> Endpoint {
        let next = Endpoint(
            segment: segment, rank: rank, timeout: timeout, policy: making.policy, route: making.route,
            cores: making.cores, epoch: epoch)
        next.flightNumber = flightNumber
        next.history = history
        next.requestRevocation = requestRevocation
        next.observer = observer
        history = nil
        observer = EndedEpoch(epoch: self.epoch, next: epoch)
        return next
    }

    /// The members of the cluster now; nil if its epoch was overwritten.
    public var members: MemberSet? { segment.members }

    /// What an operation would throw now that the epoch has moved.
    public var interruption: FabricError { interrupted(.agree) }

    /// The error of an operation that a new epoch, or the run's end, has interrupted.
    package func interrupted(
        _ operation: FabricOperation, elapsed: UInt64 = 0, awaiting peers: [Rank] = []
    ) -> FabricError {
        membershipChanged(operation, nil, elapsed, awaiting: peers)
    }
}

/// Stops a process that uses an endpoint whose epoch is over: a programmer's error, since its offsets mean something else by now.
private final class EndedEpoch: AccessObserver {
    private let epoch: UInt64
    private let next: UInt64

    init(epoch: UInt64, next: UInt64) {
        self.epoch = epoch
        self.next = next
    }

    func willAccess(_ access: FabricAccess) {
        preconditionFailure("\(access.operation) through an endpoint of epoch \(epoch), which has become epoch \(next)")
    }
}
