internal import Fabric
internal import Faults
internal import Messaging
internal import SharedMemory
internal import Workers

/// The life of a rank process: attach, say hello, run the dies, hand in the results, go.
///
/// The main thread is the control thread: it polls the agent's death, the socket, and the outbox of the dies, which run on
/// threads of their own. If the agent dies, the first process of the host to notice publishes that, so that every wait
/// ends, and tells the user in one line.
public struct RankProcess {
    /// What the agent tells a rank process on its command line.
    public struct Options: Sendable {
        /// Which process of the cluster this is.
        public var process: Int
        /// The agent's socket.
        public var address: String
        /// The run folder to remove if the agent dies before it did so itself.
        public var folder: String
        /// The longest any wait lasts, in milliseconds.
        public var deadlineMilliseconds: Int
        /// The transport, by its name in the catalog.
        public var route: String
        /// Whether the host's switch has handed down its event: there are ranks on other hosts.
        public var isLinked: Bool
        /// The host as reports name it, where it is one of several.
        public var host: String?

        /// The arguments.
        public init(
            process: Int, address: String, folder: String, deadlineMilliseconds: Int, route: String, isLinked: Bool,
            host: String? = nil
        ) {
            self.process = process
            self.address = address
            self.folder = folder
            self.deadlineMilliseconds = deadlineMilliseconds
            self.route = route
            self.isLinked = isLinked
            self.host = host
        }
    }

    private let options: Options
    private let catalog: [any Workload.Type]
    private let segment: Segment
    private let dies: Range<Int>
    private let socket: Socket
    private let outbox: Outbox
    private let agent: ParentWatch
    private let route: TransportCatalog.Entry
    private var waiting: [ControlMessage] = []
    private var workers: [Worker] = []
    private var instruments = Instruments()
    private var started = false
    private var said = false

    /// Runs to its end and returns the exit status; `catalog` is what this executable can run.
    public static func run(_ options: Options, catalog: [any Workload.Type]) throws -> ExitStatus {
        var process = try RankProcess(options, catalog)
        return try process.loop()
    }

    private init(_ options: Options, _ catalog: [any Workload.Type]) throws {
        self.options = options
        self.catalog = catalog
        BusErrors.name("rank process \(options.process)")
        // Only the agent handles the user's signals.
        _ = try SignalQueue()
        segment = try Segment.attach(
            descriptor: ChildProcess.segmentDescriptor,
            switchEvent: options.isLinked ? ChildProcess.switchDescriptor : nil)
        guard let route = TransportCatalog.all.first(where: { $0.name == options.route }) else {
            throw ExitStatus.mismatch
        }
        self.route = route
        guard (0..<segment.plan.dieCount).contains(options.process),
            case let first = segment.plan.firstRank + options.process * segment.plan.diesPerProcess,
            segment.plan.ranks.contains(first)
        else { throw ExitStatus.mismatch }
        dies = first..<min(first + segment.plan.diesPerProcess, segment.plan.ranks.upperBound)
        for die in dies {
            segment.control(of: die).process = Int(ProcessControl.id)
            segment.control(of: die).phase = "start"
        }
        outbox = try Outbox(dies: dies.count)
        guard let agent = try ParentWatch(Int32(truncatingIfNeeded: segment.agentProcess)) else {
            Obituary.agentDied(segment, folder: options.folder, host: options.host, idle: dies)
            throw ExitStatus.rankLost
        }
        self.agent = agent
        let context = try MessageContext()
        let name = Array("p\(options.process)".utf8)
        socket = try Socket(.dealer, in: context, routingID: name)
        try socket.connect(options.address)
        let hello = ControlMessage.hello(
            process: options.process, id: Int(ProcessControl.id), abiDigest: SegmentLayout.abiDigest,
            nonce: segment.plan.nonce)
        waiting.append(hello)
    }

    private mutating func loop() throws -> ExitStatus {
        while true {
            try flush()
            while let frames = try socket.receive() {
                guard let frame = frames.last, let message = ControlMessage(decoding: frame) else { continue }
                if message == .stop { return drain() }
                if case .instruments(let bytes) = message {
                    guard let read = Instruments(decoding: bytes) else { throw ExitStatus.mismatch }
                    instruments = read
                }
                if case .start(let workload, let payload) = message, !started { try start(workload, payload) }
            }
            if started, !said, outbox.allEnded {
                waiting += outbox.take() + [.left(process: options.process)]
                said = true
                continue
            }
            let ready = Descriptor.poll(
                [agent.descriptor, socket.descriptor, outbox.event.descriptor.number],
                milliseconds: waiting.isEmpty ? -1 : 10)
            if ready[0], agent.hasEnded {
                Obituary.agentDied(segment, folder: options.folder, host: options.host, idle: started ? 0..<0 : dies)
                _ = drain()  // Whatever the dies did, the run is lost.
                return .rankLost
            }
            if ready[2] { waiting += outbox.take() }
        }
    }

    /// Sends what can be sent; the rest stays for the next turn.
    private mutating func flush() throws {
        while let message = waiting.first {
            guard try socket.send([message.encoded]) else { return }
            waiting.removeFirst()
        }
    }

    private mutating func start(_ name: String, _ payload: [UInt8]) throws {
        started = true
        let workload = catalog.first { $0.name == name }
        let shortage = instruments.faults.first { fault in
            guard dies.contains(fault.rank), case .shortage(.thread, let entry) = fault.action else {
                return false
            }
            Shortage.arm(.thread, at: entry)
            return true
        }
        for die in dies {
            let job = DieJob(
                die: die, workload: workload, name: name, payload: payload, segment: segment, outbox: outbox,
                timeout: .milliseconds(options.deadlineMilliseconds), route: route, instruments: instruments)
            do {
                workers.append(try Worker.start(name: "die \(die)", stackByteCount: 4 << 20) { job.run() })
            } catch {
                if let shortage {
                    let note = RunNote(
                        .injected, at: Monotonic.now(), fault: shortage.number, text: shortage.description)
                    outbox.post(.note(die: die, note))
                }
                job.fail(error, status: .system)
                outbox.dieEnded()
            }
        }
    }

    /// Waits for the dies, which a moved epoch ends, but no longer than a second.
    private mutating func drain() -> ExitStatus {
        let deadline = Deadline(after: .seconds(1))
        while started, !outbox.allEnded, deadline.remaining > 0 {
            outbox.event.clear()
            if outbox.allEnded { break }
            _ = Descriptor.poll(
                [outbox.event.descriptor.number], milliseconds: Int(deadline.remaining / 1_000_000) + 1)
        }
        // A die that computes on would keep the process; its memory is its own, and the segment goes with the last mapping.
        if started, !outbox.allEnded { ProcessControl.exitNow(ExitStatus.rankLost.rawValue) }
        guard started, !said, !instruments.isEmpty else { return .success }
        // A run under faults is judged by what each die said of its end. What cannot be sent is missed by the judge.
        waiting += outbox.take() + [.left(process: options.process)]
        while deadline.remaining > 0, !waiting.isEmpty {
            do { try flush() } catch { break }
            if !waiting.isEmpty { _ = Descriptor.poll([socket.descriptor], milliseconds: 1) }
        }
        return .success
    }
}
