public import Histories
public import SharedMemory

/// One die's door to the fabric: its window, its peers, its waits.
///
/// An endpoint belongs to one thread. Peers are numbered by rank in the cluster; offsets are bytes from the start of the
/// peer's window. Arguments outside a window are programmer errors and stop the process; what a peer or the machine does
/// wrong is thrown as ``FabricError``.
@safe
public final class Endpoint {
    /// This die's rank in the cluster.
    public let rank: Rank
    /// Dies in the cluster.
    public let rankCount: Int
    /// Bytes of each window.
    public let windowByteCount: Int
    /// How long a wait may last before it fails.
    public let timeout: Duration
    /// The epoch this endpoint belongs to; when the cluster's moves on, waits end.
    public let epoch: UInt64
    /// This die's control block.
    public let control: ControlBlock
    /// The segment that holds the windows of this host.
    public let segment: Segment

    @usableFromInline let shared: SharedMemoryTransport
    /// The transport for ranks whose windows this process has not mapped.
    @usableFromInline let far: (any Transport)?
    /// Ranks `nearStart ..< nearEnd` have their windows here.
    @usableFromInline let nearStart: Int
    @usableFromInline let nearEnd: Int
    @usableFromInline let counters: UnsafeMutablePointer<UInt64>
    @usableFromInline let ownBase: UnsafeMutableRawPointer
    package let waiter: Waiter
    /// How it waits for what comes from another host.
    let farWaiter: Waiter
    /// What its teams and allocations have taken of its window.
    var teamSpace: TeamSpace
    /// Operations in the flight recorder so far.
    var flightNumber: UInt64 = 0
    /// How it was made, for its successor of a later epoch.
    let making: Making
    /// Asks for an epoch's end: told which one. Nil where no agent listens.
    public var requestRevocation: ((UInt64) -> Void)?

    /// Joins a segment as one of its dies.
    ///
    /// - Parameters:
    ///   - segment: the host's segment; it stays mapped as long as the endpoint lives.
    ///   - rank: which die of the segment this is.
    ///   - timeout: the longest any wait lasts.
    ///   - policy: how to wait; by default from the census of dies and cores.
    ///   - cores: cores that dies of this host run on, by default as the segment says; a test may claim others, the same at each rank.
    ///   - route: which transport carries operations; a test may send even near ones through the protocol.
    ///   - epoch: the epoch it belongs to; by default the one that the segment's members begin in.
    public init(
        segment: Segment, rank: Rank, timeout: Duration, policy: WaitPolicy? = nil,
        route: TransportCatalog.Entry = TransportCatalog.standard, cores: Int? = nil, epoch: UInt64? = nil
    ) {
        let plan = segment.plan
        let cores = cores ?? plan.coreCount
        precondition(plan.ranks.contains(rank.index), "no such die in the segment")
        precondition(
            plan.windowByteCount >= Self.reservedByteCount(dies: plan.rankCount),
            "a window holds at least its team slots and boards")
        self.segment = segment
        self.rank = rank
        self.timeout = timeout
        rankCount = plan.rankCount
        windowByteCount = plan.windowByteCount
        control = segment.control(of: rank.index)
        self.epoch = epoch ?? plan.firstEpoch
        making = Making(policy: policy, route: route, cores: cores)
        tiers = (0..<plan.rankCount).map { Self.tier(from: rank.index, to: $0, plan) }
        shared = SharedMemoryTransport(segment: segment)
        nearStart = plan.firstRank
        nearEnd = route.carriesNear ? plan.firstRank : plan.firstRank + plan.dieCount
        unsafe counters = control.counters.assumingMemoryBound(to: UInt64.self)
        unsafe ownBase = segment.window(of: rank.index).base
        // The switch and the I/O thread of its sockets need a core as well.
        let policy =
            policy
            ?? .census(
                dies: plan.dieCount + (plan.hasFarRanks ? 2 : 0), cores: plan.coreCount)
        spins = policy.spinCount >= 100
        hasManyCores = cores > 8
        waiter = Waiter(
            segment: segment, rank: rank.index, policy: policy,
            slowWaits: control.counter(OperationCounts.slowWaitIndex),
            sleeps: control.counter(OperationCounts.sleepIndex))
        teamSpace = TeamSpace(plan)
        // An answer from another host needs several threads to run before it comes: who waits for it soon sleeps, unless there are cores
        // for them, which a waiting die keeps awake.
        let turns = plan.dieCount <= cores ? Self.farYieldNanoseconds : Self.farYieldNanoseconds / 10
        let patience = WaitPolicy(
            spinCount: policy.spinCount, yieldNanoseconds: min(policy.yieldNanoseconds, turns))
        farWaiter = Waiter(
            segment: segment, rank: rank.index, policy: patience,
            slowWaits: control.counter(OperationCounts.slowWaitIndex),
            sleeps: control.counter(OperationCounts.sleepIndex))
        far = route.makeFar(
            FarPlace(segment: segment, rank: rank, waiter: waiter, farWaiter: farWaiter, timeout: timeout))
        // Not by the property's observer, which an initializer does not call.
        if Self.countsTiers {
            observer = TierCounters(control)
            unsafe isObserved = true
        }
        control.state = .running
    }

    /// By the place of dies in the machine: they fill its NPUs and servers in the order of their ranks.
    private static func tier(from rank: Int, to peer: Int, _ plan: SegmentPlan) -> Tier {
        if peer == rank { return .die }
        guard plan.ranks.contains(peer) else { return .host }
        if peer / plan.diesPerNPU == rank / plan.diesPerNPU { return .npu }
        return peer / plan.diesPerServer == rank / plan.diesPerServer ? .server : .supernode
    }

    private static let farYieldNanoseconds: UInt64 = 50_000

    /// Bytes a window of a cluster needs besides the heap. Most are never touched.
    public static func reservedByteCount(dies: Int) -> Int { WindowLayout.heapOffset(dies: dies) }

    /// Bytes before the heap in each window of this cluster.
    public var reservedByteCount: Int { Self.reservedByteCount(dies: rankCount) }

    /// Whether so many cores run dies that they contend for one counter; the same at every rank of a host.
    let hasManyCores: Bool

    /// Whether dies have a core each, so that a wait may spin for a moment.
    public let spins: Bool

    /// Says that this die is done; a clean end, as far as the others can see.
    public func leave() { control.state = .left }

    /// The moment the endpoint's own timeout ends, from now.
    public func deadline() -> Deadline { Deadline(after: timeout) }

    /// What the die does now; reports about it quote this.
    public var phase: String {
        get { control.phase }
        set {
            if unsafe isObserved { observer?.willEnter(phase: newValue) }
            control.phase = newValue
            control.beat()
        }
    }

    /// Operations and bytes so far.
    public var counts: OperationCounts { OperationCounts(control) }

    /// Whether a rank's window is mapped here, so that operations on it are plain loads and stores.
    @inlinable @inline(__always)
    public func isNear(_ peer: Rank) -> Bool { peer.index >= nearStart && peer.index < nearEnd }

    @inlinable @inline(__always)
    func check(_ peer: Rank, _ offset: Int, _ byteCount: Int) {
        precondition(
            peer.index >= 0 && peer.index < rankCount && byteCount >= 0 && offset >= 0
                && offset <= windowByteCount - byteCount,
            "an operation outside the peer's window")
    }

    @inlinable @inline(__always)
    func count(_ operation: FabricOperation, bytes: Int) {
        let index = Int(operation.rawValue)
        raise(index, by: 1)
        if bytes > 0 { raise(OperationCounts.byteIndex, by: UInt64(truncatingIfNeeded: bytes)) }
    }

    /// One writer, so no read-modify-write; but atomic, as other processes may read the counters while the die runs.
    @inlinable @inline(__always)
    func raise(_ index: Int, by value: UInt64) {
        let counter = unsafe Word(UnsafeMutableRawPointer(counters + index))
        counter.storeRelaxed(counter.loadRelaxed() &+ value)
    }

    /// What is shown each access of this die before it happens; none costs a comparison. For the die's own thread to set.
    public var observer: (any AccessObserver)? {
        didSet { unsafe isObserved = observer != nil }
    }
    /// Looked at by every access. Only the die's thread reads or writes it, so the exclusivity that the language would check at run time,
    /// at three times the cost of a store, holds by itself.
    @exclusivity(unchecked) @usableFromInline var isObserved = false

    /// Where operations that are made of others note what they were asked and what came of it; nil for nowhere. For the die's own thread.
    public var history: (any HistoryRecorder)?

    /// Whether what is made on this endpoint from now on keeps check words beside the bytes it sends, and proves what it receives by
    /// them: rows and counts of dispatch and combine, blocks of collectives, partial states of attention. The same at every die, before
    /// the first of them is made; it decides how they lie in the windows.
    public var isProtected = false

    /// How far each rank's window is.
    let tiers: [Tier]

    @inlinable @inline(__always)
    func distant() -> any Transport {
        guard let far else { preconditionFailure("a rank without a window here needs a transport") }
        return far
    }
}
