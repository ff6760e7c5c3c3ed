internal import SharedMemory

/// Ranks of other hosts, reached through the switch of this host: descriptors into the die's ring, answers into its window.
///
/// A descriptor names offsets, never addresses. Payloads are copied into the die's staging, so that the source may be used again at once;
/// long ones that lie in the die's own window are not copied but sent from there, and the put returns when they have been carried
/// out. Operations of this die on one host are carried out there in the order in which they were posted, which is all the order that
/// signals after puts and fences need. Nothing here allocates or locks, and no system call is made unless the switch or this die sleeps.
@safe
final class ZeroMQTransport: Transport {
    /// The catalog name.
    static let name = "transport.zmq"

    private let place: FarPlace
    private let rank: Int
    private let port: Port
    private let bell: SwitchBell
    private let window: Window
    private let words: Int
    /// Descriptors posted; the value of the port's word.
    private var posted: UInt64 = 0
    /// Descriptors known to be taken by the switch.
    private var consumed: UInt64 = 0
    /// Answers that have been asked for.
    private var asked: UInt64 = 0
    /// Bytes of staging ever used, and those of them that are free again.
    private var stagedTotal: UInt64 = 0
    private var freedTotal: UInt64 = 0
    /// `stagedTotal` behind each entry of the ring.
    private var stagedAfter: InlineArray<256, UInt64> = .init(repeating: 0)

    init(_ place: FarPlace) {
        guard let bell = place.segment.switchBell else { preconditionFailure("a cluster of one host needs no switch") }
        self.place = place
        self.bell = bell
        rank = place.rank
        port = place.segment.port(of: place.rank)
        window = place.segment.window(of: place.rank)
        words = WindowLayout.linkWordsOffset(dies: place.segment.plan.rankCount)
    }

    // MARK: The ring

    private func word(_ offset: Int) -> Word { unsafe Word(window.base + words + offset) }

    /// Waits for one of the switch's words. Acquires what the switch did before it.
    private func settle(
        _ offset: Int, _ target: UInt64, _ operation: FabricOperation, _ peer: Int?
    ) throws(FabricError) -> UInt64 {
        let value = word(offset).loadAcquiring()
        if value >= target { return try believable(value, offset, operation) }
        // The switch of this host answers soon, another host's later.
        let waiter = offset == LinkWords.consumed ? place.waiter : place.farWaiter
        let outcome = waiter.wait(
            word(offset), at: words + offset, until: .greaterOrEqual, target, epoch: place.segment.plan.firstEpoch,
            deadline: nil, timeout: place.timeout, operation: operation.rawValue, peer: peer)
        switch outcome {
        case .satisfied(let value): return try believable(value, offset, operation)
        case .timedOut(let elapsed):
            throw FabricError(
                .timedOut, scope: .link, operation: operation, rank: rank, peers: peer.map { [$0] } ?? [],
                wordOffset: words + offset, elapsedNanoseconds: elapsed, phase: place.segment.control(of: rank).phase,
                context: "the switch of this host does not answer")
        case .epochMoved(let elapsed):
            throw FabricError(
                membershipOf: place.segment, operation, rank: rank, wordOffset: words + offset, elapsed)
        }
    }

    /// A word of the switch's, if it can be: no more is taken, acknowledged or answered than was posted or asked for.
    private func believable(
        _ value: UInt64, _ offset: Int, _ operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        let limit = offset == LinkWords.replies ? asked : posted
        guard value > limit else { return value }
        throw FabricError(
            .corrupt, scope: .link, operation: operation, rank: rank, peers: [rank], wordOffset: words + offset,
            phase: place.segment.control(of: rank).phase,
            context: value >= LinkWords.ruined
                ? "the switch of this host cannot read this rank's ring, or does not count right: a word of either was overwritten"
                : "the switch of this host says \(value) where at most \(limit) can be: its word was overwritten")
    }

    /// Learns how far the switch has come, at least to `target`.
    private func awaitConsumed(_ target: UInt64, _ operation: FabricOperation, _ peer: Int) throws(FabricError) {
        consumed = try settle(LinkWords.consumed, target, operation, peer)
        if consumed > 0 { freedTotal = stagedAfter[Int((consumed - 1) % UInt64(PortLayout.entryCount))] }
    }

    private func post(_ record: LinkRecord, _ operation: FabricOperation) throws(FabricError) {
        if place.segment.cluster.epoch.loadAcquiring() != place.segment.plan.firstEpoch {
            throw FabricError(membershipOf: place.segment, operation, rank: rank, wordOffset: nil, 0)
        }
        if posted - consumed >= UInt64(PortLayout.entryCount) {
            // Until half of it is free: who is woken for each entry does nothing but wake and sleep.
            try awaitConsumed(posted - UInt64(PortLayout.entryCount / 2), operation, Int(record.target))
        }
        var record = record
        record.check = record.ringCheck(posted)
        unsafe record.write(to: port.entry(posted))
        stagedAfter[Int(posted % UInt64(PortLayout.entryCount))] = stagedTotal
        posted += 1
        // Releases entry and staging, acquired in HostSwitch.drainRings; sequential, to be ordered before the look at the bell.
        port.posted.storeSequentially(posted)
        bell.ring()
    }

    /// Posts eight words as they are, whatever they say, to the second host at most: how the switch's reading of rings is tested.
    func postDirect(_ words: [UInt64]) throws(FabricError) {
        precondition(words.count == 8, "a descriptor has eight words")
        var record = LinkRecord(.put, target: 0)
        unsafe words.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { unsafe record = LinkRecord(from: start) }
        }
        try post(record, .put)
    }

    /// Bytes of staging in one piece, free to be written.
    private func stage(_ byteCount: Int, _ operation: FabricOperation, _ peer: Int) throws(FabricError) -> Int {
        let size = UInt64(PortLayout.stagingByteCount)
        let whole = UInt64((byteCount + 63) & ~63)
        var start = stagedTotal
        if start % size + whole > size { start += size - start % size }
        while start + whole - freedTotal > size {
            // Nothing that is posted needs it: all of it is free, and pieces are much shorter than all of it.
            guard consumed < posted else {
                freedTotal = stagedTotal
                break
            }
            try awaitConsumed(consumed + 1, operation, peer)
        }
        stagedTotal = start + whole
        return Int(start % size)
    }

    // MARK: Puts

    func put(_ source: RawSpan, to peer: Int, at offset: Int) throws(FabricError) {
        if try send(source, to: peer, at: offset) { _ = try settle(LinkWords.acknowledged, posted, .put, peer) }
    }

    func putDeferred(_ source: RawSpan, to peer: Int, at offset: Int) throws(FabricError) {
        _ = try send(source, to: peer, at: offset)
    }

    /// Posts what carries the bytes. Whether it leaves from the window, so that the source is needed until it is acknowledged.
    private func send(_ source: RawSpan, to peer: Int, at offset: Int) throws(FabricError) -> Bool {
        try unsafe source.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(FabricError) -> Bool in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return false }
            if bytes.count <= 16 {
                try unsafe putShort(bytes, to: peer, at: offset)
                return false
            }
            let distance = unsafe start - UnsafeRawPointer(window.base)
            if bytes.count > LinkLimits.inlineByteCount, distance >= 0, distance <= window.byteCount - bytes.count {
                try putFromWindow(distance, bytes.count, to: peer, at: offset)
                return true
            }
            var done = 0
            while done < bytes.count {
                let count = min(bytes.count - done, LinkLimits.inlineByteCount)
                let staged = try stage(count, .put, peer)
                unsafe FabricCopy.run(port.staging + staged, start + done, count)
                var record = LinkRecord(.put, target: peer, offset: offset + done, byteCount: count, place: .staging)
                record.token = UInt64(staged)
                try post(record, .put)
                done += count
            }
            return false
        }
    }

    /// A payload of up to 16 bytes travels in the descriptor itself.
    @unsafe
    private func putShort(_ bytes: UnsafeRawBufferPointer, to peer: Int, at offset: Int) throws(FabricError) {
        var words: (UInt64, UInt64) = (0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { unsafe $0.copyMemory(from: bytes) }
        var record = LinkRecord(.put, target: peer, offset: offset, byteCount: bytes.count, place: .operands)
        record.operand = UInt64(littleEndian: words.0)
        record.comparand = UInt64(littleEndian: words.1)
        try post(record, .put)
    }

    /// Long payloads leave from the window, which must stay as it is until they have been carried out.
    private func putFromWindow(_ source: Int, _ byteCount: Int, to peer: Int, at offset: Int) throws(FabricError) {
        var done = 0
        while done < byteCount {
            let count = min(byteCount - done, LinkLimits.attachmentByteCount)
            var record = LinkRecord(.put, target: peer, offset: offset + done, byteCount: count, place: .window)
            record.token = UInt64(source + done)
            try post(record, .put)
            done += count
        }
    }

    func putStrided(_ source: RawSpan, _ shape: StridedShape, to peer: Int, at offset: Int) throws(FabricError) {
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
                let staged = try stage(count * element, .put, peer)
                for index in 0..<count {
                    unsafe FabricCopy.run(
                        port.staging + staged + index * element, start + (done + index) * shape.sourceStride, element)
                }
                var record = LinkRecord(
                    .putStrided, target: peer, offset: offset + done * shape.destinationStride,
                    byteCount: count * element,
                    place: .staging)
                record.token = UInt64(staged)
                record.count = UInt32(count)
                record.elementByteCount = UInt32(element)
                record.stride = UInt64(shape.destinationStride)
                try post(record, .put)
                done += count
            }
        }
    }

    // MARK: Gets

    /// Asks for bytes and waits for them, piece by piece with some pieces under way; `land` takes each from staging.
    private func fetch(
        _ pieces: Int, peer: Int, _ request: (Int) -> (record: LinkRecord, inWindow: Bool),
        _ land: (Int, UnsafeRawPointer) -> Void
    ) throws(FabricError) {
        let inFlight = LinkLimits.requestsPerDie / 2
        var staged: InlineArray<8, Int> = .init(repeating: 0)
        var next = 0
        var landed = 0
        let before = asked
        _ = try believable(word(LinkWords.replies).loadAcquiring(), LinkWords.replies, .get)
        while landed < pieces {
            if next < pieces, next - landed < inFlight {
                var (record, inWindow) = request(next)
                if !inWindow {
                    // Staging is not free for this until the switch has sent what was posted from it before.
                    staged[next % 8] = try stage(Int(record.byteCount), .get, peer)
                    record.token = ReplyPlace.staging(staged[next % 8])
                }
                try post(record, .get)
                asked += 1
                next += 1
                continue
            }
            _ = try settle(LinkWords.replies, before + UInt64(landed) + 1, .get, peer)
            unsafe land(landed, UnsafeRawPointer(port.staging) + staged[landed % 8])
            landed += 1
        }
    }

    func get(from peer: Int, at offset: Int, into destination: inout MutableRawSpan) throws(FabricError) {
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

    func getStrided(
        from peer: Int, at offset: Int, _ shape: StridedShape, into destination: inout MutableRawSpan
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

    private func change(_ record: LinkRecord, peer: Int) throws(FabricError) -> UInt64 {
        // An answer too many would be taken for the next one.
        _ = try believable(word(LinkWords.replies).loadAcquiring(), LinkWords.replies, .atomic)
        try post(record, .atomic)
        asked += 1
        _ = try settle(LinkWords.replies, asked, .atomic, peer)
        return word(LinkWords.value).loadRelaxed()
    }

    func atomic64(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Int, _ offset: Int
    ) throws(FabricError) -> UInt64 {
        var record = LinkRecord(.atomic64, target: peer, offset: offset)
        record.detail = operation.rawValue
        record.operand = operand
        record.comparand = comparand
        return try change(record, peer: peer)
    }

    func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32, at peer: Int, _ offset: Int
    ) throws(FabricError) -> UInt32 {
        var record = LinkRecord(.atomic32, target: peer, offset: offset)
        record.detail = operation.rawValue
        record.operand = UInt64(operand)
        record.comparand = UInt64(comparand)
        return UInt32(truncatingIfNeeded: try change(record, peer: peer))
    }

    func rankAwaited(by rank: Int) throws(FabricError) -> Int? {
        let answer = try change(LinkRecord(.awaited, target: rank), peer: rank)
        return answer == .max ? nil : Int(clamping: answer)
    }

    func signal(_ operation: SignalOperation, _ value: UInt64, at peer: Int, _ offset: Int) throws(FabricError) {
        var record = LinkRecord(.signal, target: peer, offset: offset)
        record.detail = operation.rawValue
        record.operand = value
        try post(record, .signal)
    }

    /// Nothing to do: what this die posts for a host is carried out there in order.
    func fence() {}

    /// Waits until the other hosts have carried out everything this die has posted.
    func quiet() throws(FabricError) { _ = try settle(LinkWords.acknowledged, posted, .quiet, nil) }
}
