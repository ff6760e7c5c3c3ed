package import SharedMemory

/// A network between windows of one process that delivers as late, and in as strange an order, as ``Transport`` allows: what simulations
/// put in the place of links.
///
/// Puts, signals and atomics of a die wait in a queue for each peer until ``deliver(_:to:)`` is called, or until the die asks for what
/// cannot be had before. Between two signals, atomics or fences, puts are delivered in any order, and a source that is lent is read when
/// its put is delivered, or at the next `completeLocally`: the last moment at which it may not have been written again. Gets are not
/// ordered behind puts.
///
/// Belongs to one thread at a time.
package final class DeferredTransport: Transport {
    package static let name = "transport.deferred"

    /// What is under way to a peer.
    private enum Message {
        /// Bytes that were copied when they were put.
        case put([UInt8], at: Int)
        /// Bytes of the die's own window.
        case lent(from: Int, byteCount: Int, at: Int)
        case signal(SignalOperation, UInt64, at: Int)
        case atomic(AtomicOperation, UInt64, comparand: UInt64, at: Int, result: Int?)
        /// Nothing; what is behind stays behind what is before.
        case fence

        /// Whether it may overtake, and be overtaken by, others that may.
        var isPut: Bool {
            switch self {
            case .put, .lent: true
            case .signal, .atomic, .fence: false
            }
        }
    }

    /// What is to be copied out of a peer's window.
    private struct Request {
        let peer: Rank
        let offset: Int
        let byteCount: Int
        let destination: Int
    }

    private let shared: SharedMemoryTransport
    private let rank: Rank
    private var queues: [[Message]]
    private var requests: [Request] = []

    /// The transport of one die of a segment.
    package init(segment: Segment, rank: Rank) {
        shared = SharedMemoryTransport(segment: segment, copies: CopyPolicy(streamByteCount: .max))
        self.rank = rank
        queues = Array(repeating: [], count: segment.plan.rankCount)
    }

    /// How many messages to a peer may be the next to be delivered.
    package func deliverable(to peer: Int) -> Int {
        let queue = queues[peer]
        guard let first = queue.first else { return 0 }
        return first.isPut ? queue.prefix(while: \.isPut).count : 1
    }

    /// Carries out one of the messages that may be next.
    package func deliver(_ index: Int, to peer: Int) {
        precondition(index < deliverable(to: peer), "a message that may be next")
        carryOut(queues[peer].remove(at: index), Rank(peer))
    }

    /// Drops what is under way, as the network of a die that has died may.
    package func loseAll() {
        for peer in queues.indices { queues[peer] = [] }
        requests = []
    }

    private func carryOut(_ message: Message, _ peer: Rank) {
        switch message {
        case .put(let bytes, let offset): shared.write(bytes, to: peer, at: offset)
        case .lent(let source, let count, let offset):
            shared.copy(from: rank, source, to: peer, offset, byteCount: count)
        case .signal(let operation, let value, let offset): shared.signal(operation, value, at: peer, offset)
        case .atomic(let operation, let operand, let comparand, let offset, let result):
            let old = shared.atomic64(operation, operand, comparand: comparand, at: peer, offset)
            if let result { shared.word(rank, result).storeRelaxed(old) }
        case .fence: break
        }
    }

    /// Puts a message under way; what is for the die's own window does not leave it.
    private func send(_ message: Message, to peer: Rank) {
        if peer == rank { return carryOut(message, peer) }
        queues[peer.index].append(message)
    }

    /// Delivers everything that is under way to a peer.
    private func deliverAll(to peer: Rank) {
        let queue = queues[peer.index]
        queues[peer.index] = []
        for message in queue { carryOut(message, peer) }
    }

    private func bytes(of source: RawSpan) -> [UInt8] {
        source.byteOffsets.map { unsafe source.unsafeLoadUnaligned(fromByteOffset: $0, as: UInt8.self) }
    }

    /// Where bytes lie in the die's own window.
    private func ownOffset(_ address: UnsafeRawPointer?) -> Int? {
        unsafe address.map { unsafe $0 - UnsafeRawPointer(shared.address(rank, 0)) }
    }

    package func put(_ source: RawSpan, to peer: Rank, at offset: Int) {
        send(.put(bytes(of: source), at: offset), to: peer)
    }

    package func putNonBlocking(_ source: RawSpan, to peer: Rank, at offset: Int) {
        let place = unsafe source.withUnsafeBytes { unsafe ownOffset($0.baseAddress) }
        guard let place, source.byteCount > 0 else { return }
        send(.lent(from: place, byteCount: source.byteCount, at: offset), to: peer)
    }

    package func get(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) {
        shared.get(from: peer, at: offset, into: &destination)
    }

    package func getNonBlocking(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) {
        let place = unsafe destination.withUnsafeMutableBytes { unsafe ownOffset(UnsafeRawPointer($0.baseAddress)) }
        guard let place, destination.byteCount > 0 else { return }
        requests.append(
            Request(peer: peer, offset: offset, byteCount: destination.byteCount, destination: place))
    }

    package func putStrided(_ source: RawSpan, _ shape: StridedShape, to peer: Rank, at offset: Int) {
        for index in 0..<shape.count {
            let from = index * shape.sourceStride
            put(
                source.extracting(from..<from + shape.elementByteCount), to: peer,
                at: offset + index * shape.destinationStride)
        }
    }

    package func getStrided(
        from peer: Rank, at offset: Int, _ shape: StridedShape, into destination: inout MutableRawSpan
    ) { shared.getStrided(from: peer, at: offset, shape, into: &destination) }

    /// What is asked for is behind everything that is under way to the peer.
    package func atomic64(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int
    ) -> UInt64 {
        deliverAll(to: peer)
        return shared.atomic64(operation, operand, comparand: comparand, at: peer, offset)
    }

    package func atomic64NonBlocking(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int,
        into result: Int?
    ) -> UInt64? {
        send(.atomic(operation, operand, comparand: comparand, at: offset, result: result), to: peer)
        return nil
    }

    package func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32, at peer: Rank, _ offset: Int
    ) -> UInt32 {
        deliverAll(to: peer)
        return shared.atomic32(operation, operand, comparand: comparand, at: peer, offset)
    }

    package func signal(_ operation: SignalOperation, _ value: UInt64, at peer: Rank, _ offset: Int) {
        send(.signal(operation, value, at: offset), to: peer)
    }

    package func fence() {
        for peer in queues.indices where queues[peer].last?.isPut == true { queues[peer].append(.fence) }
    }

    /// Reads what is lent, and fetches what was asked for; signals and copied puts may stay under way.
    package func completeLocally() {
        for peer in queues.indices {
            // Results of atomics are here only when those have been carried out.
            let last = queues[peer].lastIndex { if case .atomic(_, _, _, _, .some) = $0 { true } else { false } }
            if let last {
                for message in queues[peer][...last] { carryOut(message, Rank(peer)) }
                queues[peer].removeSubrange(...last)
            }
            queues[peer] = queues[peer].map { message in
                guard case .lent(let source, let count, let offset) = message else { return message }
                return .put(shared.read(rank, source, count), at: offset)
            }
        }
        for request in requests {
            shared.copy(
                from: request.peer, request.offset, to: rank, request.destination, byteCount: request.byteCount)
        }
        requests = []
    }

    package func quiet() {
        for peer in queues.indices { deliverAll(to: Rank(peer)) }
        completeLocally()
    }
}
