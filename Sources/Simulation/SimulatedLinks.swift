internal import Fabric
internal import Messaging
internal import SharedMemory
internal import Synchronization

/// Two hosts of a simulation: their segments, and their switches, whose messages a scheduler delivers, loses, repeats and damages.
///
/// The switches have sockets, since links are made with them, but nothing goes by those: the wire keeps each message.
final class SimulatedLinks: @unchecked Sendable {
    let segments: [Segment]
    let arrivals: [HostArrivals]

    /// One for all schedules: starting the library takes longer than a schedule.
    private static let context = Result { try MessageContext() }
    private static let number = Atomic<UInt64>(0)

    /// The hosts of a cluster of so many ranks, the odd one on the first.
    ///
    /// - Throws: where there is no memory or no socket.
    init(ranks: Int, windowByteCount: Int) throws {
        let middle = (ranks + 1) / 2
        let hosts = [0..<middle, middle..<ranks].enumerated().map { LinkPlan.Host(name: "host-\($0)", ranks: $1) }
        guard let plan = LinkPlan(hosts: hosts) else { preconditionFailure("two hosts with a rank each") }
        let context = try Self.context.get()
        segments = try hosts.map { host in
            try Segment.create(
                SegmentPlan(
                    dieCount: host.ranks.count, windowByteCount: windowByteCount, nonce: (1, 1),
                    firstRank: host.ranks.lowerBound, rankCount: ranks, widestHostDieCount: middle))
        }
        let wires = [MessageQueue(), MessageQueue()]
        var options = LinkOptions()
        options.wire = { link in KeptMessages(queue: wires[link >> 16]) }
        let switches = segments.enumerated().map { index, segment in
            HostSwitch(segment: segment, plan: plan, host: index, context: context, options: options)
        }
        let name = "inproc://simulation-\(Self.number.wrappingAdd(1, ordering: .relaxed).newValue)"
        try switches[1].connect(to: 0, try switches[0].bind(name))
        // What one sends the other receives.
        arrivals = [0, 1].map { HostArrivals(switches[$0], from: 1 - $0, wires[1 - $0]) }
    }

    /// The segment that holds a rank.
    func segment(of rank: Int) -> Segment { segments[segments[0].plan.ranks.contains(rank) ? 0 : 1] }
}

/// Messages that one host has sent.
final class MessageQueue: @unchecked Sendable {
    // Belongs to the thread that holds the baton.
    fileprivate var messages: [(head: Packet, attachment: Packet?)] = []
}

/// The wire of a link in a simulation: everything is kept.
private struct KeptMessages: LinkWire {
    let queue: MessageQueue

    mutating func pass(_ head: Packet, _ attachment: Packet?) -> [(head: Packet, attachment: Packet?)] {
        queue.messages.append((head, attachment))
        return []
    }
}

/// What may happen at one host: a turn of its switch, and the arrival of a message, its loss, its arrival twice or damaged.
final class HostArrivals: Arrivals {
    private let host: HostSwitch
    private let other: Int
    private let queue: MessageQueue
    /// Whether something came since the last turn.
    private var isDue = true
    /// Damage that may still be done: a link sends again seven times before it is given up.
    private var harm = 3

    init(_ host: HostSwitch, from other: Int, _ queue: MessageQueue) {
        self.host = host
        self.other = other
        self.queue = queue
    }

    private static let turn = 0
    private static let kinds = 4
    private static let mostMessages = 3

    var items: [Int] {
        var items = isDue || host.isBusy ? [Self.turn] : []
        let count = min(queue.messages.count, Self.mostMessages)
        for message in 0..<count { items.append(1 + message * Self.kinds) }
        guard harm > 0 else { return items }
        for message in 0..<count { for kind in 1..<Self.kinds { items.append(1 + message * Self.kinds + kind) } }
        return items
    }

    var nextMoment: UInt64 { host.nextMoment }

    func land(_ item: Int) {
        if item == Self.turn {
            isDue = false
            return host.takeTurn()
        }
        let index = (item - 1) / Self.kinds
        let message = queue.messages[index]
        let kind = (item - 1) % Self.kinds
        harm -= kind > 0 ? 1 : 0
        switch kind {
        case 1: queue.messages.remove(at: index)
        case 2: receive(message.head, message.attachment)
        case 3:
            queue.messages.remove(at: index)
            var bytes = message.head.bytes
            bytes[(item * 37 + harm * 11) % bytes.count] ^= 1 << UInt8(harm)
            receive(Packet(bytes), message.attachment)
        default:
            queue.messages.remove(at: index)
            receive(message.head, message.attachment)
        }
    }

    private func receive(_ head: Packet, _ attachment: Packet?) {
        host.receive(head, attachment, from: other)
        isDue = true
    }
}
