internal import CLinux
internal import Glibc
public import Messaging
public import SharedMemory
internal import Synchronization

/// Carries operations between this host's dies and those of other hosts: one thread of the agent.
///
/// It takes descriptors from the dies' rings, sends them to the switches of the hosts that hold the targets, and carries out what other
/// switches send, by loads and stores in its own segment. It sleeps when there is nothing to do, until a die rings, a message comes, or a
/// time-out is due. A link that is given up ends all waits of its host through the epoch; the verdict names both hosts.
///
/// Make it, bind or connect its links, and call ``run()`` on a thread of its own; the other calls are for other threads.
@safe
public final class HostSwitch: @unchecked Sendable {
    let segment: Segment
    let plan: LinkPlan
    /// This host's place in the plan.
    public let host: Int
    let shared: SharedMemoryTransport
    let options: LinkOptions
    private let context: MessageContext
    /// What both ends of each link must agree on; every message brings it.
    package let linkDigest: UInt64
    let bell: SwitchBell
    let clock = LinkClock()
    private var router: LinkSocket?
    /// What messages come by, and what is slept on: the bell and those.
    private var sockets: [LinkSocket] = []
    private var descriptors: [Int32] = []
    /// Which of them could be read when they were looked at last.
    private var readable: [UInt8] = []
    /// How long to look for work before going to sleep.
    private var budget = PollBudget(isAllowed: false)
    /// By host; nil for this one.
    var links: [HostLink?]
    /// How far each die's ring has been read.
    var rings: [RingProgress]
    let wordsOffset: Int
    var otherStatistics = LinkStatistics()
    private let stage: UnsafeMutablePointer<Atomic<UInt32>>

    /// How far a switch is: what other threads ask of it, and what it answers.
    private enum Stage {
        static let running: UInt32 = 0
        static let draining: UInt32 = 1
        static let drained: UInt32 = 2
        static let stopping: UInt32 = 3
        static let ended: UInt32 = 4
    }

    /// A switch for a host of a plan, and its segment, which must agree.
    public init(
        segment: Segment, plan: LinkPlan, host: Int, context: MessageContext, options: LinkOptions = LinkOptions()
    ) {
        precondition(plan.hosts.indices.contains(host), "no such host in the plan")
        precondition(
            plan.hosts[host].ranks == segment.plan.ranks && plan.rankCount == segment.plan.rankCount,
            "the segment holds the host's ranks")
        guard let bell = segment.switchBell else { preconditionFailure("a cluster of one host needs no switch") }
        self.segment = segment
        self.plan = plan
        self.host = host
        self.options = options
        self.context = context
        self.bell = bell
        shared = SharedMemoryTransport(segment: segment)
        linkDigest = plan.digest(segment.plan)
        links = Array(repeating: nil, count: plan.hosts.count)
        rings = Array(repeating: RingProgress(), count: segment.plan.dieCount)
        wordsOffset = WindowLayout.linkWordsOffset(dies: plan.rankCount)
        unsafe stage = .allocate(capacity: 1)
        unsafe stage.initialize(to: Atomic(Stage.running))
    }

    deinit {
        unsafe stage.deinitialize(count: 1)
        unsafe stage.deallocate()
    }

    /// Takes an address at which hosts after this one in the plan connect; returns it as they are to write it.
    ///
    /// - Parameter security: the server's; the other hosts' keys are let in by the context's gatekeeper.
    public func bind(_ address: String, security: SocketSecurity = .plain) throws(MessagingError) -> String {
        let socket = try LinkSocket(
            .router, in: context, security: security, largestFrameByteCount: LinkLimits.attachmentByteCount)
        let resolved = try socket.bind(address)
        router = socket
        for other in plan.hosts.indices where other > host { links[other] = link(to: other, socket, nil) }
        return resolved
    }

    /// Connects to a host before this one in the plan.
    ///
    /// - Parameter security: the client's, with the other host's public key.
    public func connect(
        to other: Int, _ address: String, security: SocketSecurity = .plain
    ) throws(MessagingError) {
        precondition(other < host && other >= 0, "a host connects to those before it")
        let socket = try LinkSocket(
            .dealer(name: UInt16(host)), in: context, security: security,
            largestFrameByteCount: LinkLimits.attachmentByteCount)
        try socket.connect(address)
        links[other] = link(to: other, socket, address)
    }

    private func link(to other: Int, _ socket: LinkSocket, _ address: String?) -> HostLink {
        HostLink(
            host: other, own: host, digest: linkDigest, socket: socket, address: address, clock: clock, options: options
        )
    }

    /// Runs until told to stop. Call once, on the thread that is the switch.
    public func run() {
        precondition(
            links.indices.allSatisfy { $0 == host || links[$0] != nil }, "bind and connect come before run")
        sockets = links.indices.compactMap { $0 < host ? links[$0]?.socket : nil } + (router.map { [$0] } ?? [])
        descriptors = [bell.descriptor] + sockets.map(\.descriptor)
        readable = descriptors.map { _ in 0 }
        budget = PollBudget(isAllowed: segment.plan.dieCount <= WaitPolicy.usableCores)
        while true {
            // What another thread asks for: to drain, or to stop.
            let asked = unsafe stage.pointee.load(ordering: .acquiring)
            if asked == Stage.stopping { break }
            if clock.hasJumped() { for link in links { link?.resume(clock.now()) } }
            // Outwards: descriptors of this host's dies into the batch of their link, and batches onto the wire.
            var worked = sendPosted()
            // Inwards: what has come is carried out, in the order of its numbers.
            if receiveAll() { worked = true }
            // Back: answers and acknowledgements; then what each link's clock asks for.
            serveAll()
            if worked { continue }
            if asked == Stage.draining, links.allSatisfy({ $0?.isIdle ?? true }) {
                advance(from: Stage.draining, to: Stage.drained)
            }
            // Nothing to do: look for a while, then promise nothing more, and sleep until a die rings, a message comes or a clock is due.
            if looksAgain() { continue }
            acknowledgeDeferred()
            if links.contains(where: { $0?.isHolding ?? false }) { nap() } else { sleep() }
        }
        for link in links { if let link { otherStatistics.add(link.statistics) } }
        links = Array(repeating: nil, count: plan.hosts.count)
        router = nil
        sockets = []
        advance(from: Stage.stopping, to: Stage.ended)
    }

    private func advance(from old: UInt32, to new: UInt32) {
        // Releases what the switch has done; acquired in `awaitStage`.
        if unsafe stage.pointee.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
        {
            _ = unsafe softpod_futex_wake(stage, Int32.max)  // No sleeper is as good as one woken.
        }
    }

    /// Asks the switch to say when everything its dies have posted is carried out, and waits for it. From another thread.
    ///
    /// - Returns: whether that happened before the deadline.
    public func drain(deadline: Deadline) -> Bool {
        advance(from: Stage.drained, to: Stage.running)
        advance(from: Stage.running, to: Stage.draining)
        softpod_raise_event(bell.descriptor)
        return awaitStage(deadline) { $0 >= Stage.drained }
    }

    /// Ends the switch, whatever is under way; what it has done is in ``statistics`` then. From another thread.
    public func stop(deadline: Deadline) -> Bool {
        unsafe stage.pointee.store(Stage.stopping, ordering: .releasing)
        softpod_raise_event(bell.descriptor)
        return awaitStage(deadline) { $0 == Stage.ended }
    }

    private func awaitStage(_ deadline: Deadline, _ isReached: (UInt32) -> Bool) -> Bool {
        while true {
            let value = unsafe stage.pointee.load(ordering: .acquiring)
            if isReached(value) { return true }
            let left = deadline.remaining
            guard left > 0 else { return false }
            // A spurious return is harmless: the stage is looked at again.
            _ = unsafe softpod_futex_wait(stage, value, Int64(min(left, 1 << 62)))
        }
    }

    /// What the switch has done. Read it when the switch has stopped.
    public var statistics: LinkStatistics { otherStatistics }

    private func sendPosted() -> Bool {
        let worked = drainRings()
        for link in links { if let link, link.state != .lost { link.flushUnlessBusy() } }
        return worked
    }

    private func serveAll() {
        let now = clock.now()
        for link in links.indices { serve(link, now) }
        tellVerdict()
    }

    private func receiveAll() -> Bool {
        var worked = false
        for socket in sockets {
            for _ in 0..<64 where socket.mayHoldMessage {
                guard let message = try? socket.receive() else { break }  // its link falls silent: the ladder
                worked = true
                let from = message.name.map(Int.init) ?? links.firstIndex { $0?.socket === socket } ?? host
                guard links.indices.contains(from), links[from]?.socket === socket else {
                    otherStatistics.refused += 1
                    continue
                }
                receive(message.head, message.attachment, from: from)
            }
        }
        return worked
    }

    /// What a link is owed between messages: answers and acknowledgements leave, and its clock is looked at.
    ///
    /// Belongs to the switch's thread; before that runs, a test that plays the other host may call it.
    package func serve(_ other: Int, _ now: UInt64) {
        guard let link = links[other], link.state != .lost else { return }
        answer(link)
        if let reason = link.tick(now) { lose(link, reason) }
    }

    /// How a link stands: messages of the other host carried out and refused, requests of its dies that wait, and whether it was given up.
    package func standing(of other: Int) -> (carriedOut: UInt64, refused: Int, waiting: Int, isLost: Bool) {
        guard let link = links[other] else { return (0, 0, 0, true) }
        return (link.expected - 1, link.statistics.refused, link.answers.count, link.state == .lost)
    }

    /// Starts a link anew, as if nothing had come. The switch must not be running.
    package func renewLink(to other: Int) {
        if let old = links[other] { links[other] = link(to: other, old.socket, old.address) }
    }
}

/// How far a switch has read a die's ring.
struct RingProgress {
    /// Descriptors taken.
    var consumed: UInt64 = 0
    /// Whether the next one has no room on its link: only an acknowledgement changes that.
    var isBlocked = false
    /// Whether the ring makes no sense: see ``HostSwitch/ruin(_:)``.
    var isRuined = false
    /// Requests that have not been answered.
    var asked = 0
}

// For simulations, in which a switch has no thread and no messages by its sockets: its wire keeps what it sends, and what it
// receives is handed to it.

extension HostSwitch {
    /// One turn without sockets: what dies have posted leaves, and links send what they owe and what their clocks ask for.
    package func takeTurn() {
        _ = sendPosted()  // Whether there was any is asked by `isBusy`.
        serveAll()
        acknowledgeDeferred()
    }

    /// Whether a turn now would do something.
    package var isBusy: Bool {
        let now = clock.now()
        return hasPosted
            || links.contains { link in
                guard let link, link.state != .lost else { return false }
                return link.owesAcknowledgement || link.deferredAcknowledgements > 0 || now >= link.nextTick
            }
    }

    /// When the clock of a link asks for a turn next.
    package var nextMoment: UInt64 { links.reduce(UInt64.max) { min($0, $1?.nextTick ?? .max) } }
}

// What a switch does when there is nothing to do: it looks for a moment, giving way to others; then it sleeps.

extension HostSwitch {
    /// Looks for work for a while, giving the processor to ranks that want it. Whether some came.
    private func looksAgain() -> Bool {
        guard budget.nanoseconds > 0, !sockets.contains(where: \.mayHoldMessage) else { return false }
        let end = Monotonic.now() + budget.nanoseconds
        repeat {
            sched_yield()
            if hasPosted || look(nanoseconds: 0) {
                budget.foundWork()
                return true
            }
        } while Monotonic.now() < end
        budget.foundNothing()
        return false
    }

    /// Waits a moment for a message, without asking the dies to ring: as long as a batch is held for an acknowledgement, what they post may
    /// join it, and a system call for each of their operations would cost more than it saves.
    private func nap() {
        otherStatistics.sleeps += 1
        look(nanoseconds: Self.napNanoseconds)
    }

    private static let napNanoseconds: UInt64 = 50_000

    /// Sleeps until a die rings, a socket has something, or a link's clock asks for something.
    private func sleep() {
        bell.announceSleep()
        defer { bell.announceAwake() }
        // Looked at once more after the announcement: who posted before it did not ring.
        guard !hasPosted, !sockets.contains(where: \.mayHoldMessage) else { return }
        if segment.cluster.epoch.loadSequentially() != segment.plan.firstEpoch,
            links.contains(where: { $0.map(owesVerdict) ?? false })
        {
            return
        }
        let now = clock.now()
        let until = links.reduce(UInt64.max) { min($0, $1?.nextTick ?? .max) }
        guard until > now else { return }
        otherStatistics.sleeps += 1
        let time = min(until - now, LinkClock.longestSleep)
        clock.willSleep(time)
        look(nanoseconds: time)
        budget.slept(clock.now() - now)
    }

    /// Looks at the bell and the sockets until one can be read or the time is over; notes which. Whether there is any.
    @discardableResult
    private func look(nanoseconds: UInt64) -> Bool {
        guard bell.sleep(descriptors, nanoseconds: nanoseconds, readable: &readable) else { return false }
        for index in sockets.indices where readable[index + 1] != 0 { sockets[index].mayHoldMessage = true }
        return true
    }

    private var hasPosted: Bool {
        segment.plan.ranks.contains { rank in
            let index = rank - segment.plan.firstRank
            return !rings[index].isBlocked && segment.port(of: rank).posted.loadSequentially() != rings[index].consumed
        }
    }
}
