public import Fabric

/// An operation that was started and may still be under way: the asynchronous form of every collective.
///
/// The operations of a team form a stream: each begins at a member when the one before it has ended there, and they end in the order in
/// which they were started; blocking calls wait for all that were started before them. Different teams' streams do not wait for each
/// other. Until a request has ended its regions belong to it: the source is not to be written, the destination not to be touched.
///
/// Nothing runs by itself: a member takes part when it calls ``test()``, ``wait()`` or a blocking operation of the team, and between
/// those computes undisturbed. A start at the head of the stream says at once that this member has come. Where all windows are mapped
/// the last to come can then do the work of all, and a test does at most one piece. Over several hosts, and by schedules, a test
/// goes as far as others have come. What publishes its table of lengths is carried out as one piece, waiting where it must, by the first
/// test or wait: an all-to-all of differing lengths on a team whose windows are mapped, or by way of others; and every operation where
/// integrity is asked for.
///
/// Operations that are not cooperative, as over several hosts, share the workspace's streams of events and its slots. Those that a die has
/// started are therefore carried out in the order of their starts, of whichever team, and a blocking one comes after them; members
/// that are in several such teams start on them in the same order.
///
/// A wait moves its own team's stream only. Members of two overlapping teams therefore wait for their requests in one order, or
/// test both by turns: waits in opposite orders end at the deadline.
public final class CollectiveRequest {
    /// What was started, with the algorithm that carries it out.
    public let call: CollectiveCall
    private let collective: Collective
    private let flight: UInt64
    private var execution: any CollectiveExecution
    /// Whether it uses the events and slots that all teams share.
    let isOrdered: Bool
    private var isCompared = false
    /// Whether the operation has ended, in success.
    public private(set) var isOver = false

    init(_ collective: Collective, _ call: CollectiveCall) {
        self.collective = collective
        let (call, implementation) = collective.prepare(call)
        self.call = call
        isOrdered = !implementation.usesOnlyBoard
        execution = implementation.begin(call, on: collective)
        flight = collective.beginFlight(call)
    }

    /// Whether it can be moved on without waiting.
    var canBeLeft: Bool { !collective.workspace.isProtected && execution.canBeLeft }

    /// Takes part for a moment, and says whether the operation has ended. Does not wait.
    ///
    /// - Throws: the workspace's error, if this or an earlier operation failed.
    public func test() throws(FabricError) -> Bool {
        if isOver { return true }
        try collective.advanceStream(upTo: self, waits: false)
        return isOver
    }

    /// Takes part until the operation has ended.
    public func wait() throws(FabricError) {
        if !isOver { try collective.advanceStream(upTo: self, waits: true) }
    }

    /// Moves this operation on; it is the first of its stream.
    func advance(waits: Bool) throws(FabricError) {
        let collective = collective
        guard try isOrdered ? collective.makeWay(for: self, waits: waits) : true else { return }
        try collective.workspace.perform(call.operation, collective.team, flight: flight) { () throws(FabricError) in
            if !isCompared {
                // Only a mode for finding mistakes waits here.
                isCompared = true
                try collective.compareCalls(call)
            }
            if canBeLeft {
                isOver = try execution.advance(waits: waits)
            } else if collective.workspace.isProtected {
                let checks = try collective.exchangeChecks(call)
                try execution.run()
                try collective.requireWhole(checks)
                isOver = true
            } else {
                try execution.run()
                isOver = true
            }
        }
        if isOver { collective.workspace.endpoint.endFlight(flight, inSuccess: true) }
    }
}

extension Collective {
    /// Starts a call, after those of this team that were started before, and returns at once.
    ///
    /// - Throws: the workspace's error, if it has ended.
    public func start(_ call: CollectiveCall) throws(FabricError) -> CollectiveRequest {
        if let failure = workspace.failure { throw failure }
        let request = CollectiveRequest(self, call)
        workspace.streams[team.slot, default: []].append(request)
        if request.isOrdered { workspace.ordered.append(request) }
        // What must wait is left to a test or a wait.
        if request.canBeLeft, workspace.streams[team.slot]?.count == 1 {
            try request.advance(waits: false)
            if request.isOver { removeHead() }
        }
        return request
    }

    /// Moves the stream on until a request has ended, or as far as it goes without waiting.
    func advanceStream(upTo request: CollectiveRequest, waits: Bool) throws(FabricError) {
        while let head = workspace.streams[team.slot]?.first {
            try head.advance(waits: waits)
            guard head.isOver else { return }
            removeHead()
            if head === request { return }
        }
        // A request that is not in its stream has ended, or its workspace has.
        if let failure = workspace.failure { throw failure }
    }

    /// Ends all that were started on this team.
    func finishStream() throws(FabricError) {
        if workspace.streams.isEmpty { return }
        while let last = workspace.streams[team.slot]?.last { try advanceStream(upTo: last, waits: true) }
    }

    /// Ends all that were started before on any team and use what teams share.
    func finishOrdered() throws(FabricError) {
        while let first = workspace.ordered.first { try first.wait() }
    }

    /// Moves on those that come before a request; says whether there are none left.
    fileprivate func makeWay(for request: CollectiveRequest, waits: Bool) throws(FabricError) -> Bool {
        while let first = workspace.ordered.first, first !== request {
            if waits {
                try first.wait()
            } else if try !first.test() {
                return false
            }
        }
        return true
    }

    private func removeHead() {
        if let head = workspace.streams[team.slot]?.removeFirst(), head.isOrdered {
            workspace.ordered.removeAll { $0 === head }
        }
        if workspace.streams[team.slot]?.isEmpty == true { workspace.streams[team.slot] = nil }
    }
}
