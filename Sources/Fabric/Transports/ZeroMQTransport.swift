internal import SharedMemory

/// Ranks of other hosts, reached through the switch of this host: descriptors into the die's ring, answers into its window.
///
/// A descriptor names offsets, never addresses. Payloads are copied into the die's staging, so that the source may be used again at once;
/// long ones that lie in the die's own window are not copied but sent from there, and a blocking put returns when they have been carried
/// out. What a non-blocking get or atomic asks for goes straight into the window, wherever the answer comes from and in whatever order; the
/// die only counts answers. Operations of this die on one host are carried out there in the order in which they were posted, which is all the order that
/// signals after puts and fences need. Nothing here allocates or locks, and no system call is made unless the switch or this die sleeps.
@safe
final class ZeroMQTransport: Transport {
    /// The catalog name.
    static let name = "transport.zmq"

    private let ring: DescriptorRing
    private let window: Window
    /// Whether the far side may still have to be sent something out of the window by a non-blocking put.
    private var hasLent = false
    /// `posted` behind the last non-blocking put whose source the switch copies when it takes the descriptor.
    private var copiedBy: UInt64 = 0

    init(_ place: FarPlace) {
        ring = DescriptorRing(place)
        window = place.segment.window(of: place.rank.index)
    }

    // MARK: Puts

    func put(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError) {
        if source.byteCount > LinkLimits.inlineByteCount, let place = placeInWindow(source) {
            try putFromWindow(place, source.byteCount, to: peer, at: offset)
            try ring.awaitAcknowledged(.put, peer)
            hasLent = false
        } else {
            try putCopied(source, to: peer, at: offset)
        }
    }

    func putNonBlocking(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError) {
        guard source.byteCount > Self.stagedByteCount, let place = placeInWindow(source) else {
            return try putCopied(source, to: peer, at: offset)
        }
        try putFromWindow(place, source.byteCount, to: peer, at: offset)
        if source.byteCount > LinkLimits.inlineByteCount { hasLent = true } else { copiedBy = ring.posted }
    }

    /// The longest payload of a non-blocking put that the die copies itself: that takes less time than to ask later whether the switch has.
    private static let stagedByteCount = 4 << 10

    /// Where bytes lie in the die's own window; nil if they do not.
    private func placeInWindow(_ bytes: RawSpan) -> Int? {
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            let distance = unsafe start - UnsafeRawPointer(window.base)
            return distance >= 0 && distance <= window.byteCount - bytes.count ? distance : nil
        }
    }

    /// Posts what carries the bytes, which are copied before.
    private func putCopied(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError) {
        try unsafe source.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(FabricError) in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return }
            if bytes.count <= 16 { return try unsafe putShort(bytes, to: peer, at: offset) }
            var done = 0
            while done < bytes.count {
                let count = min(bytes.count - done, LinkLimits.inlineByteCount)
                let staged = try ring.stage(count, .put, peer)
                unsafe FabricCopy.run(ring.staging + staged, start + done, count)
                var record = LinkRecord(.put, target: peer, offset: offset + done, byteCount: count, place: .staging)
                record.token = UInt64(staged)
                try ring.post(record, .put)
                done += count
            }
        }
    }

    /// A payload of up to 16 bytes travels in the descriptor itself.
    @unsafe
    private func putShort(_ bytes: UnsafeRawBufferPointer, to peer: Rank, at offset: Int) throws(FabricError) {
        var words: (UInt64, UInt64) = (0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { unsafe $0.copyMemory(from: bytes) }
        var record = LinkRecord(.put, target: peer, offset: offset, byteCount: bytes.count, place: .operands)
        record.operand = UInt64(littleEndian: words.0)
        record.comparand = UInt64(littleEndian: words.1)
        try ring.post(record, .put)
    }

    /// Long payloads leave from the window, which must stay as it is until they have been carried out.
    private func putFromWindow(_ source: Int, _ byteCount: Int, to peer: Rank, at offset: Int) throws(FabricError) {
        var done = 0
        while done < byteCount {
            let count = min(byteCount - done, LinkLimits.attachmentByteCount)
            var record = LinkRecord(.put, target: peer, offset: offset + done, byteCount: count, place: .window)
            record.token = UInt64(source + done)
            try ring.post(record, .put)
            done += count
        }
    }

    func putStrided(_ source: RawSpan, _ shape: StridedShape, to peer: Rank, at offset: Int) throws(FabricError) {
        guard shape.count > 0 else { return }
        let element = shape.elementByteCount
        guard element <= LinkLimits.inlineByteCount, shape.destinationStride <= window.byteCount else {
            for index in 0..<shape.count {
                try put(
                    source.extracting(index * shape.sourceStride..<index * shape.sourceStride + element), to: peer,
                    at: offset + index * shape.destinationStride)
            }
            return
        }
        try unsafe source.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(FabricError) in
            guard let start = bytes.baseAddress else { return }
            var done = 0
            while done < shape.count {
                let count = min(shape.count - done, LinkLimits.inlineByteCount / element)
                let staged = try ring.stage(count * element, .put, peer)
                for index in 0..<count {
                    unsafe FabricCopy.run(
                        ring.staging + staged + index * element, start + (done + index) * shape.sourceStride, element)
                }
                var record = LinkRecord(
                    .putStrided, target: peer, offset: offset + done * shape.destinationStride,
                    byteCount: count * element,
                    place: .staging)
                record.token = UInt64(staged)
                record.count = UInt32(count)
                record.elementByteCount = UInt32(element)
                record.stride = UInt64(shape.destinationStride)
                try ring.post(record, .put)
                done += count
            }
        }
    }

    // MARK: Gets

    /// Asks for bytes and waits for them, piece by piece with some pieces under way; `land` takes each from staging.
    private func fetch(
        _ pieces: Int, peer: Rank, _ request: (Int) -> (record: LinkRecord, inWindow: Bool),
        _ land: (Int, UnsafeRawPointer) -> Void
    ) throws(FabricError) {
        // Half as many as a die may have under way; a place in staging for each.
        let inFlight = LinkLimits.requestsPerDie / 2
        // Answers of other hosts to what was asked before would be counted as this one's.
        try ring.awaitReplies(.get, peer)
        var staged: InlineArray<8, Int> = .init(repeating: 0)
        precondition(staged.count >= inFlight, "a place for each request under way")
        var next = 0
        var landed = 0
        let before = ring.asked
        while landed < pieces {
            if next < pieces, next - landed < inFlight {
                var (record, inWindow) = request(next)
                if !inWindow {
                    // Staging is not free for this until the switch has sent what was posted from it before.
                    staged[next % staged.count] = try ring.stage(Int(record.byteCount), .get, peer)
                    record.token = ReplyPlace.staging(staged[next % staged.count])
                }
                try ring.ask(record, .get)
                next += 1
                continue
            }
            try ring.awaitReplies(.get, peer, upTo: before + UInt64(landed) + 1)
            unsafe land(landed, UnsafeRawPointer(ring.staging) + staged[landed % staged.count])
            landed += 1
        }
    }

    func get(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) throws(FabricError) {
        try unsafe destination.withUnsafeMutableBytes { (bytes: UnsafeMutableRawBufferPointer) throws(FabricError) in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return }
            let distance = unsafe start - window.base
            let isOwn = distance >= 0 && distance <= window.byteCount - bytes.count
            let piece = isOwn ? LinkLimits.attachmentByteCount : PortLayout.stagingByteCount / LinkLimits.requestsPerDie
            let total = bytes.count
            try unsafe fetch((total + piece - 1) / piece, peer: peer) { index in
                let count = min(piece, total - index * piece)
                var record = LinkRecord(.get, target: peer, offset: offset + index * piece, byteCount: count)
                record.token = ReplyPlace.window(distance + index * piece)
                return (record, isOwn)
            } _: { index, staged in
                if isOwn { return }
                unsafe FabricCopy.run(start + index * piece, staged, min(piece, total - index * piece))
            }
        }
    }

    func getNonBlocking(
        from peer: Rank, at offset: Int, into destination: inout MutableRawSpan
    ) throws(FabricError) {
        guard destination.byteCount > 0 else { return }
        guard let place = placeInWindow(destination.bytes) else {
            return try get(from: peer, at: offset, into: &destination)
        }
        var done = 0
        while done < destination.byteCount {
            let count = min(destination.byteCount - done, LinkLimits.attachmentByteCount)
            var record = LinkRecord(.get, target: peer, offset: offset + done, byteCount: count)
            record.token = ReplyPlace.window(place + done)
            try ring.ask(record, .get)
            done += count
        }
    }

    func getStrided(
        from peer: Rank, at offset: Int, _ shape: StridedShape, into destination: inout MutableRawSpan
    ) throws(FabricError) {
        guard shape.count > 0 else { return }
        let element = shape.elementByteCount
        try unsafe destination.withUnsafeMutableBytes { (bytes: UnsafeMutableRawBufferPointer) throws(FabricError) in
            guard let start = bytes.baseAddress else { return }
            guard element <= LinkLimits.inlineByteCount, shape.sourceStride <= window.byteCount else {
                for index in 0..<shape.count {
                    var span = unsafe MutableRawSpan(
                        _unsafeStart: start + index * shape.destinationStride, byteCount: element)
                    try get(from: peer, at: offset + index * shape.sourceStride, into: &span)
                }
                return
            }
            let each = LinkLimits.inlineByteCount / element
            try unsafe fetch((shape.count + each - 1) / each, peer: peer) { index in
                let count = min(each, shape.count - index * each)
                var record = LinkRecord(
                    .getStrided, target: peer, offset: offset + index * each * shape.sourceStride,
                    byteCount: count * element)
                record.count = UInt32(count)
                record.elementByteCount = UInt32(element)
                record.stride = UInt64(shape.sourceStride)
                return (record, false)
            } _: { index, staged in
                for step in 0..<min(each, shape.count - index * each) {
                    unsafe FabricCopy.run(
                        start + (index * each + step) * shape.destinationStride, staged + step * element, element)
                }
            }
        }
    }

    // MARK: Words

    /// Asks for a value and waits for it, and so for the answers to everything asked before.
    private func change(_ record: LinkRecord, peer: Rank) throws(FabricError) -> UInt64 {
        try ring.ask(record, .atomic)
        try ring.awaitReplies(.atomic, peer)
        return ring.value
    }

    private func atomic(
        _ kind: LinkOperation, _ operation: AtomicOperation, _ operand: UInt64, _ comparand: UInt64, _ peer: Rank,
        _ offset: Int
    ) -> LinkRecord {
        var record = LinkRecord(kind, target: peer, offset: offset)
        record.detail = operation.rawValue
        record.operand = operand
        record.comparand = comparand
        return record
    }

    func atomic64(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64 {
        try change(atomic(.atomic64, operation, operand, comparand, peer, offset), peer: peer)
    }

    func atomic64NonBlocking(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int,
        into result: Int?
    ) throws(FabricError) -> UInt64? {
        var record = atomic(.atomic64, operation, operand, comparand, peer, offset)
        record.token = result.map { ReplyPlace.word($0) } ?? ReplyPlace.nowhere
        if record.asks { try ring.ask(record, .atomic) } else { try ring.post(record, .atomic) }
        return nil
    }

    func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt32 {
        let record = atomic(.atomic32, operation, UInt64(operand), UInt64(comparand), peer, offset)
        return UInt32(truncatingIfNeeded: try change(record, peer: peer))
    }

    func rankAwaited(by rank: Rank) throws(FabricError) -> Rank? {
        let answer = try change(LinkRecord(.awaited, target: rank), peer: rank)
        return answer == .max ? nil : Rank(Int(clamping: answer))
    }

    func signal(_ operation: SignalOperation, _ value: UInt64, at peer: Rank, _ offset: Int) throws(FabricError) {
        var record = LinkRecord(.signal, target: peer, offset: offset)
        record.detail = operation.rawValue
        record.operand = value
        try ring.post(record, .signal)
    }

    /// Nothing to do: what this die posts for a host is carried out there in order.
    func fence() {}

    func completeLocally() throws(FabricError) {
        if hasLent {
            try ring.awaitAcknowledged(.quiet, nil)
            hasLent = false
        } else if copiedBy > 0 {
            try ring.awaitConsumed(copiedBy, .quiet, nil)
        }
        try ring.awaitReplies(.quiet, nil)
    }

    /// Waits until the other hosts have carried out everything this die has posted, and what it asked for has come.
    func quiet() throws(FabricError) {
        try ring.awaitAcknowledged(.quiet, nil)
        hasLent = false
        try ring.awaitReplies(.quiet, nil)
    }
}
