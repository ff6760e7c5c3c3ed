public import Fabric
internal import Glibc
internal import SharedMemory

/// What keeps a bare loop from lasting for ever: a look at clock and epoch every so many turns of it.
///
/// Bare loops are limits that the fabric is measured against, so they wait without doorbells and deadlines. A turn here adds to a count in a
/// register; only one in ``spinTurns`` (or ``yieldTurns``, where a turn gives the processor away) looks at more. One is made for
/// each wait.
struct BareWait {
    /// Turns with a pause between two looks: some hundred microseconds.
    static let spinTurns = 4096
    /// Turns that give the processor away between two looks.
    static let yieldTurns = 64

    private let endpoint: Endpoint
    /// Ranks that the wait may be for; the waiting one itself may be among them.
    private let first: Rank
    private let stride: Int
    private let count: Int
    private var turns = 0
    private var since: UInt64 = 0
    private var end: UInt64 = 0
    private var isPublished = false

    /// A wait that begins: for `count` ranks from `first` on, `stride` apart.
    @inline(__always)
    init(_ endpoint: Endpoint, for first: Rank, stride: Int = 1, count: Int = 1) {
        self.endpoint = endpoint
        self.first = first
        self.stride = stride
        self.count = count
    }

    /// One more turn in vain, of which `each` go between two looks.
    ///
    /// - Throws: `.timedOut` naming those that are waited for, or `.membershipChanged`.
    @inline(__always)
    mutating func turn(each: Int) throws(FabricError) {
        turns &+= 1
        if turns >= each { try look() }
    }

    /// The wait is over: takes back what was said of it.
    @inline(__always)
    func finish() { if isPublished { endpoint.control.publish(nil) } }

    @inline(never)
    private mutating func look() throws(FabricError) {
        turns = 0
        // On a busy machine the other may need this core: without this each turn would take a time slice. And ranks without a part look
        // for signs of life.
        sched_yield()
        endpoint.control.beat()
        try endpoint.checkMembership()
        let now = Monotonic.now()
        if !isPublished {
            since = now
            end = Deadline(after: endpoint.timeout).nanoseconds
            // So that those who wait can be told from those that are waited for.
            isPublished = true
            endpoint.control.publish(
                WaitRecord(
                    operation: FabricOperation.wait.rawValue, peer: count == 1 ? first.index : nil, wordOffset: 0,
                    since: now,
                    target: 0))
        }
        guard now >= end else { return }
        let members = (0..<count).map { first.advanced(by: $0 * stride) }.filter { $0 != endpoint.rank }
        // Who waits has come; where all say that they do, it cannot be told from here.
        let missing = members.filter { endpoint.segment.control(of: $0.index).waiting == nil }
        endpoint.control.publish(nil)
        throw FabricError(
            .timedOut, scope: .peer, operation: .wait, rank: endpoint.rank, peers: missing.isEmpty ? members : missing,
            elapsedNanoseconds: now - since, epoch: endpoint.epoch, phase: endpoint.phase, context: "in a bare loop")
    }
}

extension Endpoint {
    /// A number that changes while a rank of this host works: its heartbeat and what it has counted; 0 for ranks of other hosts.
    ///
    /// Two looks tell whether a rank that has a long part alone makes progress.
    public func activity(of rank: Rank) -> UInt64 {
        guard segment.plan.ranks.contains(rank.index) else { return 0 }
        let control = segment.control(of: rank.index)
        return (0..<ControlBlock.counterCount).reduce(control.heartbeat) { $0 &+ control.counter($1).loadRelaxed() }
    }

    /// Waits for a rising word of this die's window as long as it takes, provided that one of these ranks makes progress.
    ///
    /// For ranks without a part, while others have one that may outlast any deadline. It looks for progress each time its own deadline
    /// has passed: who waits for one of these ranks is told of it earlier.
    /// - Throws: as ``wait(at:reaches:deadline:peer:operation:)``, `.timedOut` naming them all.
    public func waitPatiently(at offset: Int, reaches target: UInt64, for workers: Range<Rank>) throws(FabricError) {
        var seen: UInt64?
        while true {
            do throws(FabricError) {
                return _ = try wait(at: offset, reaches: target, peer: workers.lowerBound, operation: .wait)
            } catch {
                let now = workers.reduce(0) { $0 &+ activity(of: $1) }
                guard error.code == .timedOut, seen != now else {
                    var error = error
                    if error.code == .timedOut { error.peers = Array(workers) }
                    throw error
                }
                seen = now
            }
        }
    }
}

extension Team {
    /// Lets some members work alone, for as long as it takes, while the others sleep; then all go on. Collective over a near team.
    ///
    /// - Parameters:
    ///   - workers: the first members, or some of them; ranks of the cluster.
    ///   - word: a word of each window for this alone, zero before the first call.
    ///   - awaited: what this member has waited for at the word so far, 0 before the first call; it is raised.
    ///   - body: what a worker does; if it throws, the others end with the run.
    public func alone<Value, Failure: Error>(
        _ workers: Range<Rank>, word: Int, awaited: inout UInt64, _ body: () throws(Failure) -> Value
    ) throws -> Value? {
        guard workers.contains(endpoint.rank) else {
            awaited += UInt64(workers.count)
            try endpoint.waitPatiently(at: word, reaches: awaited, for: workers)
            try barrier()
            return nil
        }
        let value = try body()
        for member in 0..<size where !workers.contains(self[member]) {
            // Releases what the worker did; acquired in the wait above.
            try endpoint.signal(.add, 1, at: self[member], word)
        }
        try barrier()
        return value
    }
}
