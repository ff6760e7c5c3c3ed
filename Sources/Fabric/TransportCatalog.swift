package import SharedMemory

/// The transports there are. The conformance suite, the benchmarks and `softpod info` read this list.
public enum TransportCatalog {
    /// One way to reach other dies.
    public struct Entry: Sendable {
        /// The dotted name.
        public let name: String
        /// What it is, in one line.
        public let summary: String
        /// Makes the transport for ranks that are not mapped; nil when all are.
        let makeFar: @Sendable (Segment, Int) -> (any Transport)?

        package init(
            name: String, summary: String, makeFar: @escaping @Sendable (Segment, Int) -> (any Transport)?
        ) {
            self.name = name
            self.summary = summary
            self.makeFar = makeFar
        }
    }

    /// Windows mapped in this process: loads and stores, inlined into the caller.
    public static let sharedMemory = Entry(
        name: SharedMemoryTransport.name, summary: "loads and stores into mapped windows",
        makeFar: { _, _ in nil })

    /// The same loads and stores reached through the ``Transport`` protocol, as a transport in another file is.
    public static let sharedMemoryByProtocol = Entry(
        name: "transport.shm.protocol",
        summary: "the same through the transport protocol (what a network transport sees)",
        makeFar: { segment, _ in SharedMemoryTransport(segment: segment) })

    /// Every transport, by name.
    public static let all: [Entry] = [sharedMemory, sharedMemoryByProtocol]
}
