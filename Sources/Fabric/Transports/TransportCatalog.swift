package import SharedMemory

/// The transports there are. The conformance suite, the benchmarks and `softpod info` read this list.
public enum TransportCatalog {
    /// One way to reach other dies.
    public struct Entry: Sendable {
        /// The dotted name.
        public let name: String
        /// What it is, in one line.
        public let summary: String
        /// Whether it carries what is mapped here as well.
        let carriesNear: Bool
        /// Whether it is for clusters of more than one host; with one, it has nothing to carry.
        public let crossesHosts: Bool
        /// Makes the transport for ranks that are not mapped; nil when all are.
        let makeFar: @Sendable (FarPlace) -> (any Transport)?

        init(
            name: String, summary: String, carriesNear: Bool, crossesHosts: Bool,
            makeFar: @escaping @Sendable (FarPlace) -> (any Transport)?
        ) {
            self.name = name
            self.summary = summary
            self.carriesNear = carriesNear
            self.crossesHosts = crossesHosts
            self.makeFar = makeFar
        }

        /// A transport of a test's own, which carries everything of one host.
        package init(
            name: String, summary: String, makeFar: @escaping @Sendable (Segment, Rank) -> (any Transport)?
        ) {
            self.init(name: name, summary: summary, carriesNear: true, crossesHosts: false) { place in
                makeFar(place.segment, place.rank)
            }
        }
    }

    /// Windows mapped in this process: loads and stores, inlined into the caller.
    public static let sharedMemory = Entry(
        name: SharedMemoryTransport.name, summary: "loads and stores into mapped windows",
        carriesNear: false, crossesHosts: false, makeFar: { _ in nil })

    /// The same loads and stores reached through the ``Transport`` protocol, as a transport in another file is.
    public static let sharedMemoryByProtocol = Entry(
        name: "transport.shm.protocol",
        summary: "the same through the transport protocol (what a network transport sees)",
        carriesNear: true, crossesHosts: false, makeFar: { place in SharedMemoryTransport(segment: place.segment) })

    /// Loads and stores to ranks of this host, descriptors to the host's switch for the others.
    public static let zeroMQ = Entry(
        name: ZeroMQTransport.name,
        summary: "descriptors to the host's switch, which reaches the other hosts' switches by ZeroMQ",
        carriesNear: false, crossesHosts: true,
        makeFar: { place in place.segment.plan.hasFarRanks ? ZeroMQTransport(place) : nil })

    /// What a cluster uses where no other is asked for: links where it has several hosts, else only loads and stores.
    public static let standard = zeroMQ

    /// Every transport, by name.
    public static let all: [Entry] = [sharedMemory, sharedMemoryByProtocol, zeroMQ]
}

/// Where a transport for far ranks stands.
struct FarPlace {
    /// This host's segment.
    let segment: Segment
    /// The die it serves.
    let rank: Rank
    /// How that die waits for the switch of this host, and for answers of others.
    let waiter: Waiter
    let farWaiter: Waiter
    /// The longest any of its waits lasts.
    let timeout: Duration
}
