internal import Hashing
package import Messaging
internal import SharedMemory

/// Who holds which ranks: what the switches of a cluster agree on before they start.
public struct LinkPlan: Sendable, Equatable {
    /// One host and its share.
    public struct Host: Sendable, Equatable {
        /// How reports name it.
        public var name: String
        /// Its ranks of the cluster.
        public var ranks: Range<Int>

        /// A host with a name and at least one rank.
        public init(name: String, ranks: Range<Int>) {
            self.name = name
            self.ranks = ranks
        }
    }

    /// Hosts in the order of their ranks, which are contiguous from 0.
    public let hosts: [Host]
    /// Dies of the cluster.
    public let rankCount: Int
    private let hostOfRank: [UInt16]

    /// Most hosts of a cluster.
    public static let maximumHostCount = 4096

    /// A plan of at least one host, each with at least one rank, in order and without gaps; nil if it is not so.
    public init?(hosts: [Host]) {
        guard !hosts.isEmpty, hosts.count <= Self.maximumHostCount else { return nil }
        var next = 0
        var owners: [UInt16] = []
        for (index, host) in hosts.enumerated() {
            guard host.ranks.lowerBound == next, !host.ranks.isEmpty, host.ranks.count <= SegmentLayout.maximumDieCount
            else { return nil }
            next = host.ranks.upperBound
            owners += [UInt16](repeating: UInt16(index), count: host.ranks.count)
        }
        guard next <= SegmentLayout.maximumDieCount else { return nil }
        self.hosts = hosts
        rankCount = next
        hostOfRank = owners
    }

    /// The version of records and headers between switches.
    private static let protocolVersion: UInt64 = 3

    /// Dies of the host that has the most of them.
    public var widestHostDieCount: Int { hosts.reduce(0) { max($0, $1.ranks.count) } }

    /// The host that holds a rank.
    public func host(of rank: Int) -> Int {
        precondition((0..<rankCount).contains(rank), "no such rank in the plan")
        return Int(hostOfRank[rank])
    }

    /// What two ends of a link must share: FNV-1a over run, layouts, topology, window and every host's ranks.
    func digest(_ plan: SegmentPlan) -> UInt64 {
        var hash = FNV1a()
        hash.add(Self.protocolVersion)
        hash.add(SegmentLayout.abiDigest)
        hash.add(plan.nonce.0)
        hash.add(plan.nonce.1)
        hash.add(plan.topologyDigest)
        hash.add(UInt64(plan.windowByteCount))
        hash.add(UInt64(plan.widestHostDieCount))
        for host in hosts {
            hash.add(UInt64(host.ranks.lowerBound))
            hash.add(UInt64(host.ranks.count))
        }
        return hash.value
    }
}

/// When a switch sends again, and when it gives a link up.
public struct LinkTiming: Sendable, Equatable {
    /// The first step of the ladder. UB specification 2.0: 20 us x 8^n, 7 retries.
    public var firstStep: Duration = .microseconds(20)
    /// Each step is this many times the one before.
    public var factor: UInt64 = 8
    /// Times the oldest message is sent again before the link is given up.
    public var retries = 7
    /// A link that has been silent this long is asked for a sign of life.
    public var silence: Duration = .milliseconds(500)
    /// How long the first contact may take.
    public var contact: Duration = .seconds(30)

    /// The published ladder: given up some 6 s after the last answer.
    public init() {}

    /// Nanoseconds of a step, from 0.
    func step(_ number: Int) -> UInt64 {
        var step = UInt64(max(firstStep.components.attoseconds / 1_000_000_000, 1))
        for _ in 0..<number { step = min(step.multipliedReportingOverflow(by: factor).partialValue, 1 << 40) }
        return step
    }
}

/// Stands between a link and its socket: a network that loses, repeats, delays or damages messages.
package protocol LinkWire {
    /// What is to be sent now instead of a message.
    mutating func pass(_ head: Packet, _ attachment: Packet?) -> [(head: Packet, attachment: Packet?)]
}

/// What a switch may be told to do differently.
public struct LinkOptions: Sendable {
    /// The ladder.
    public var timing = LinkTiming()
    /// Whether small operations share messages; without it each has its own, for measurements.
    public var batches = true
    /// What a link's messages pass on their way to its socket; nil for nothing. By the link: this host << 16 | the other one.
    package var wire: (@Sendable (_ link: Int) -> any LinkWire)?
    /// Called on the switch's thread when it has given a link up and published why.
    public var onLoss: (@Sendable () -> Void)?

    /// The published ladder, batching, no damage.
    public init() {}
}

/// What a switch has done.
public struct LinkStatistics: Sendable, Equatable {
    /// Messages sent for the first time, and their records.
    public var messages = 0
    /// Operations and replies sent.
    public var records = 0
    /// Messages that only acknowledge.
    public var acknowledgements = 0
    /// Bytes of payload handed to the library without a copy.
    public var borrowedBytes = 0
    /// Messages sent again.
    public var retransmissions = 0
    /// Messages received again.
    public var duplicates = 0
    /// Messages received before one that came later or not at all.
    public var gaps = 0
    /// Connections made anew after a silence.
    public var reconnections = 0
    /// Messages refused: damaged, or of another run or layout.
    public var refused = 0
    /// Times the switch slept.
    public var sleeps = 0

    /// Nothing done.
    public init() {}

    /// Adds what a link has done.
    mutating func add(_ other: LinkStatistics) {
        for count in Self.counts { self[keyPath: count] += other[keyPath: count] }
    }

    private static var counts: [WritableKeyPath<LinkStatistics, Int>] {
        [
            \.messages, \.records, \.acknowledgements, \.borrowedBytes, \.retransmissions, \.duplicates, \.gaps,
            \.reconnections, \.refused, \.sleeps,
        ]
    }
}
