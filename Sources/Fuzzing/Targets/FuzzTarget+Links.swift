internal import Fabric
internal import Launching
internal import Messaging
internal import SharedMemory

// Whole messages between hosts, past checksum and digest, into a switch.

extension FuzzTarget {
    static let links: [FuzzTarget] = [
        FuzzTarget("link message", weight: 24) {
            let bench = try LinkFuzz()
            return FuzzSubject(
                examples: [], take: { input, random in try bench.take(input, &random) }, finish: { try bench.look() })
        }
    ]
}

/// A switch whose other end says what no switch would.
private final class LinkFuzz {
    /// Dies of this host. The last one's window is the canary: its rank is a byte that is rare in messages.
    private static let dies = 24
    private let segment: Segment
    private var host: HostSwitch
    private let plan: LinkPlan
    private let canary: Endpoint
    private let place: Int
    private let word: Int
    private var sum: UInt32
    private var marks: [String]
    private var posts: [UInt64]
    private var sinceLook = 0
    private var lossCount = 0

    init() throws {
        guard let plan = HostSplit([Self.dies, 1]).plan else { preconditionFailure("two hosts are a plan") }
        let reserved = Endpoint.reservedByteCount(dies: Self.dies + 1)
        segment = try Segment.create(
            SegmentPlan(dieCount: Self.dies, windowByteCount: reserved + 65_536, rankCount: Self.dies + 1))
        self.plan = plan
        host = try Self.makeSwitch(segment, plan)
        canary = Endpoint(segment: segment, rank: Rank(Self.dies - 1), timeout: .seconds(1))
        place = reserved + 4096
        word = reserved
        sum = Self.sum(canary)
        (marks, posts) = ([], [])
        (marks, posts) = state
    }

    /// What no message has any business with: control blocks and ports.
    private var state: (marks: [String], posts: [UInt64]) {
        (
            segment.plan.ranks.map {
                let control = segment.control(of: $0)
                return "\(control.state) \(control.heartbeat) \(control.process) \(control.phase)"
            }, segment.plan.ranks.map { segment.port(of: $0).posted.loadAcquiring() }
        )
    }

    private static func makeSwitch(_ segment: Segment, _ plan: LinkPlan) throws -> HostSwitch {
        let host = HostSwitch(segment: segment, plan: plan, host: 0, context: try MessageContext())
        _ = try host.bind("inproc://fuzz")
        return host
    }

    private static func sum(_ canary: Endpoint) -> UInt32 {
        Checksum.crc32c(canary.values(UInt8.self, at: 0, count: canary.windowByteCount))
    }

    /// The input is the payload; what is wrong with the message around it comes from the generator.
    func take(_ input: [UInt8], _ random: inout FuzzRandom) throws -> Bool {
        let carriedOut = host.standing(of: 1).carriedOut
        let isNext = random.oneIn(2)
        let sequence =
            isNext ? carriedOut + 1 : [0, 1, carriedOut, carriedOut + 2, .max, random.next()][random.below(6)]
        var message = WireMessage(
            from: 1, to: host, sequence: sequence, source: Self.dies, put: Array(input.prefix(2000)), at: place,
            word: word, attached: random.oneIn(2))
        damage(&message, &random)
        message.seal()
        message.deliver(to: host, from: 1)
        // Answers leave, and the clocks are looked at, as when the switch runs.
        host.serve(1, Monotonic.now())
        let state = host.standing(of: 1)
        if message.head.contains(UInt8(Self.dies - 1)) || message.attachment?.contains(UInt8(Self.dies - 1)) ?? false {
            // It may have been meant for the canary's window, which is as good as any other to who may put into it.
            sum = Self.sum(canary)
        } else {
            sinceLook += 1
            if sinceLook == 64 { try look() }
        }
        if state.isLost {
            lossCount += 1
            try FuzzFinding.require(segment.cluster.verdict?.code != nil, "a link was lost without a word")
            // Now and then a new switch, as after a new start; else the link alone begins anew.
            if lossCount % 1024 == 0 { host = try Self.makeSwitch(segment, plan) } else { host.renewLink(to: 1) }
        }
        return !state.isLost && state.carriedOut > carriedOut
    }

    private func damage(_ message: inout WireMessage, _ random: inout FuzzRandom) {
        switch random.below(8) {
        case 0: break
        case 1: message.head.removeLast(random.below(message.head.count + 1))
        case 2: message.head += (0..<random.below(200)).map { _ in random.byte() }
        case 3:
            let cut = message.attachment.map { Array($0.dropLast(1)) }
            message.attachment = message.attachment == nil ? [1, 2, 3] : random.oneIn(2) ? nil : cut
        case 4:
            // The header's own fields behind the digest.
            set(&message.head, at: 16 + random.below(48), &random)
        default:
            // Fields of records.
            for _ in 0...random.below(4) where message.head.count > 64 {
                set(&message.head, at: 64 + random.below(message.head.count - 64), &random)
            }
        }
        // A head of another length than it says is noise to the reader: mostly it should say the truth.
        if !random.oneIn(8) { message.setLengths() }
    }

    private func set(_ head: inout [UInt8], at place: Int, _ random: inout FuzzRandom) {
        let values: [UInt8] = [0, 1, 2, 3, 4, 7, 8, 11, 16, 24, 0x7F, 0x80, 0xFF]
        guard place < head.count else { return }
        head[place] = random.oneIn(4) ? random.byte() : values[random.below(values.count)]
    }

    /// Everything but the windows that messages may name is as it was.
    func look() throws {
        sinceLook = 0
        try FuzzFinding.require(Self.sum(canary) == sum, "the window of a rank that no message named was changed")
        let now = state
        try FuzzFinding.require(now.marks == marks && now.posts == posts, "a control block or a port was changed")
    }
}
