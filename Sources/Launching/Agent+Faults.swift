internal import Fabric
internal import Faults
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

// The faults that an agent injects, since it owns the processes: kill, stop, let go on. Each is noted before it is done, and what the agent
// notices and decides is noted too. Without instruments nothing of this does anything.

/// What is to be done to a process, and when.
struct FaultSteps {
    enum Deed { case kill, stop, resume, killAgent, truncate }

    struct Step {
        var due: UInt64
        var deed: Deed
        var fault: ScheduledFault
        /// Whether the fault begins with it, and is noted.
        var isFirst = false
        /// Until when a slow rank's turns go on.
        var until: UInt64 = 0
    }

    /// When the ranks of this host were told to begin.
    var runningSince: UInt64 = 0
    private var steps: [Step] = []

    /// How long a turn of a rank with a share of the time is, in nanoseconds.
    private static let turn: UInt64 = 20_000_000

    /// Adds what a fault asks of the agent from a moment on.
    mutating func add(_ fault: ScheduledFault, from moment: UInt64) {
        switch fault.action {
        case .kill: insert(Step(due: moment, deed: .kill, fault: fault, isFirst: true))
        case .stop(let time):
            insert(Step(due: moment, deed: .stop, fault: fault, isFirst: true))
            if let time { insert(Step(due: moment + time, deed: .resume, fault: fault)) }
        case .slow(_, let time):
            insert(Step(due: moment, deed: .stop, fault: fault, isFirst: true, until: moment + time))
        case .killAgent: insert(Step(due: moment, deed: .killAgent, fault: fault, isFirst: true))
        case .truncate: insert(Step(due: moment, deed: .truncate, fault: fault, isFirst: true))
        // The rank's own; the switch's; of the start.
        case .store, .mute, .hang, .misreport, .jump, .wire, .shortage, .falsify, .stale: break
        }
    }

    private mutating func insert(_ step: Step) {
        steps.insert(step, at: steps.firstIndex { $0.due > step.due } ?? steps.count)
    }

    /// Milliseconds until something is due, or `longest` if that is sooner or there is nothing; negative for never.
    func untilNext(_ longest: Int) -> Int {
        guard let due = steps.first?.due else { return longest }
        let now = Monotonic.now()
        let left = due <= now ? 0 : Int((due - now) / 1_000_000) + 1
        return longest < 0 ? left : min(left, longest)
    }

    /// Takes what is due.
    mutating func next() -> Step? {
        guard let first = steps.first, first.due <= Monotonic.now() else { return nil }
        steps.removeFirst()
        // A slow rank's turn: stopped for the share that it is not to have, then let go on until the next turn.
        if case .slow(let percent, _) = first.fault.action {
            let off = Self.turn * UInt64(100 - percent) / 100
            var other = first
            other.isFirst = false
            other.deed = first.deed == .stop ? .resume : .stop
            other.due = first.due + (first.deed == .stop ? off : Self.turn - off)
            if other.deed == .resume || other.due < first.until { insert(other) }
        }
        return first
    }
}

extension LinkFaults {
    /// What a run's faults ask of the switch of some ranks' host; nil for nothing.
    init?(_ faults: [ScheduledFault], at ranks: Range<Int>) {
        self.init(seed: 0)
        var isAny = false
        for fault in faults where ranks.contains(fault.rank) {
            guard case .wire(let damage, let amount, let seed) = fault.action else { continue }
            isAny = true
            self.seed ^= seed
            switch damage {
            case .lose: drop = amount * 10
            case .duplicate: duplicate = amount * 10
            case .reorder: delay = amount * 10
            case .corrupt: corrupt = amount * 10
            case .cut: cutAfter = amount
            case .flap: flap = amount
            case .replay: replay = amount * 10
            case .throttle: bytesPerSecond = amount << 10
            case .corruptAt: corruptAt = amount
            case .cutAt: cutAt = amount
            }
        }
        if !isAny { return nil }
    }
}

extension Agent {
    private static let noteMilliseconds = 50

    /// Does what is to be wrong before there is a segment, at the ranks of this host.
    static func disturbStart(_ faults: [ScheduledFault], at ranks: Range<Int>) {
        for fault in faults where ranks.contains(fault.rank) {
            switch fault.action {
            case .shortage(let call, let entry) where call != .thread:
                Shortage.arm(Shortage.Call(call), at: entry)
            case .stale: RunFolder.plantAbandoned()
            default: break
            }
        }
    }

    /// Does what is to be wrong with the segment before ranks come, and notes what was done before there was anything to note it in.
    func disturbSegment() {
        for fault in configuration.instruments.faults where segment.plan.ranks.contains(fault.rank) {
            switch fault.action {
            case .falsify(let field):
                segment.falsify(field.rawValue)
                note(.injected, fault.rank, fault.description, fault: fault.number)
            case .stale: note(.injected, fault.rank, fault.description, fault: fault.number)
            default: break
            }
        }
    }
    /// Hands the ranks the run's instruments, and notes when they begin.
    func instrument() {
        guard !configuration.instruments.isEmpty else { return }
        broadcast(.instruments(configuration.instruments.encoded))
        faults.runningSince = Monotonic.now()
        for fault in configuration.instruments.faults where segment.plan.ranks.contains(fault.rank) {
            if case .after(let time) = fault.trigger { faults.add(fault, from: faults.runningSince + time) }
            // The switch has had it since it was made.
            // A call that has failed, and the run began all the same: the program did without.
            if case .shortage(let call, _) = fault.action, Shortage.hasStruck(Shortage.Call(call)) {
                note(.injected, fault.rank, fault.description, fault: fault.number)
            }
            if case .wire = fault.action, segment.plan.hasFarRanks {
                note(.injected, fault.rank, fault.description, fault: fault.number)
            }
        }
    }

    /// Does what is due to the processes.
    func carryOutFaults() {
        while let step = faults.next() {
            guard let index = slots.firstIndex(where: { $0.dies.contains(step.fault.rank) }), slots[index].end == nil
            else { continue }
            // A second fault may come while the first one's verdict is told; into a run that ends well nothing is injected any more.
            guard step.deed == .resume || state == .running || verdict != nil else { continue }
            // The agent of the only host is the process that judges.
            guard step.deed != .killAgent || membership != nil else { continue }
            if step.isFirst { note(.injected, step.fault.rank, step.fault.description, fault: step.fault.number) }
            switch step.deed {
            case .kill: slots[index].child.kill()
            case .stop: slots[index].child.stop()
            case .resume: slots[index].child.resume()
            case .truncate: segment.cutInHalf()
            case .killAgent:
                // The note is still to leave. There is nothing to read: it only takes the time.
                _ = Descriptor.poll([], milliseconds: Self.noteMilliseconds)  // As said above.
                ProcessControl.killSelf()
            }
        }
    }

    /// Takes what processes said before they ended by themselves and is still on its way: a run under faults is judged by it.
    func receiveLastWords() throws {
        guard !configuration.instruments.isEmpty, faults.runningSince > 0 else { return }
        let deadline = Deadline(after: .milliseconds(500))
        while deadline.remaining > 0, slots.contains(where: { $0.end == .exited(0) && !$0.hasLeft }) {
            try receive()
            _ = Descriptor.poll([socket.descriptor], milliseconds: 1)
        }
    }

    /// Takes a rank's note: a fault that is due is injected at once, while the rank holds still.
    func take(_ note: RunNote, of die: Int) {
        let start = faults.runningSince
        guard note.kind == .due else {
            return self.note(note.kind, die, note.text, fault: note.fault, at: max(note.nanoseconds, start) - start)
        }
        let all = configuration.instruments.faults
        guard let fault = all.first(where: { $0.number == note.fault && $0.rank == die }) else { return }
        faults.add(fault, from: Monotonic.now())
        carryOutFaults()
    }

    /// Adds a line to the timeline, for the coordinator or the command line.
    func note(_ kind: RunNote.Kind, _ die: Int, _ text: String, fault: Int = 0, at time: UInt64? = nil) {
        guard !configuration.instruments.isEmpty else { return }
        // Before the ranks begin there is no time yet.
        let elapsed = faults.runningSince == 0 ? 0 : Monotonic.now() - faults.runningSince
        let note = RunNote(kind, at: time ?? elapsed, fault: fault, text: text)
        guard let membership else { return onEvent(.noted(die: die, note)) }
        membership.relay(.note(die: segment.plan.ranks.contains(die) ? die : segment.plan.firstRank, note))
    }

    /// What a verdict means, for the timeline.
    func decision(_ cause: Verdict) -> String {
        "the agent\(place) publishes epoch \(segment.plan.firstEpoch + 1): \(cause.text)"
    }
}

extension Shortage.Call {
    /// The call of a plan's word.
    init(_ call: FaultCall) {
        switch call {
        case .truncate: self = .truncate
        case .reserve: self = .reserve
        case .fork: self = .fork
        case .thread: self = .thread
        }
    }
}
