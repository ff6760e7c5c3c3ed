internal import SharedMemory

// The operations themselves, on this host's windows.

extension HostSwitch {
    @unsafe
    func carryOut(
        _ record: LinkRecord, _ payload: UnsafeRawBufferPointer, _ link: HostLink
    ) throws(LinkBreach) {
        guard let operation = LinkOperation(rawValue: record.operation),
            let place = LinkRecord.Place(rawValue: record.place), place != .staging, place != .window
        else { throw LinkBreach("an unknown operation") }
        if operation == .verdict { return unsafe hear(record, payload) }
        let source = Int(record.source)
        let target = Int(record.target)
        guard plan.hosts[link.host].ranks.contains(source), segment.plan.ranks.contains(target) else {
            throw LinkBreach("an operation of rank \(source) on rank \(target), which are not these hosts'")
        }
        switch operation {
        case .put: try unsafe put(record, payload, place)
        case .putStrided: try unsafe putStrided(record, payload)
        case .signal:
            guard let signal = SignalOperation(rawValue: record.detail) else { throw LinkBreach("an unknown signal") }
            shared.signal(signal, record.operand, at: target, try offset(record, 8, alignment: 8))
        case .atomic64, .atomic32: try change(record, operation, link)
        case .get:
            guard record.byteCount <= UInt32(LinkLimits.attachmentByteCount) else { throw LinkBreach("a get too long") }
            _ = try offset(record, Int(record.byteCount))
            try answerLater(record, link)
        case .getStrided:
            _ = try shape(record)
            try answerLater(record, link)
        case .bytesReply: try unsafe bytesReply(record, payload)
        case .valueReply:
            // Released by the signal behind it, acquired in ZeroMQTransport.settle.
            shared.word(target, wordsOffset + LinkWords.value).storeRelaxed(record.operand)
            shared.signal(.add, 1, at: target, wordsOffset + LinkWords.replies)
        case .verdict: break
        }
    }

    /// The record's offset, if so many bytes from it lie in a window.
    private func offset(_ record: LinkRecord, _ byteCount: Int, alignment: UInt64 = 1) throws(LinkBreach) -> Int {
        let window = segment.plan.windowByteCount
        guard byteCount <= window, record.offset <= UInt64(window - byteCount), record.offset % alignment == 0 else {
            throw LinkBreach("an operation outside the window: \(byteCount) bytes at \(record.offset)")
        }
        return Int(record.offset)
    }

    @unsafe
    private func put(
        _ record: LinkRecord, _ payload: UnsafeRawBufferPointer, _ place: LinkRecord.Place
    ) throws(LinkBreach) {
        let count = Int(record.byteCount)
        let address = unsafe shared.address(Int(record.target), try offset(record, count))
        guard place == .operands else {
            guard let start = payload.baseAddress, payload.count == count else {
                if count == 0 { return }
                throw LinkBreach("a put without its payload")
            }
            return unsafe shared.copyBytes(start, address, count)
        }
        guard count <= 16 else { throw LinkBreach("a short put of \(count) bytes") }
        let words = (record.operand.littleEndian, record.comparand.littleEndian)
        unsafe withUnsafeBytes(of: words) { bytes in
            guard let start = bytes.baseAddress else { return }
            // Aligned values are stored whole: the target may poll them.
            if count == 8, record.offset % 8 == 0 {
                unsafe address.storeBytes(of: words.0, as: UInt64.self)
            } else {
                unsafe shared.copyBytes(start, address, count)
            }
        }
    }

    /// A strided shape whose elements lie in the window, and whose payload fits one message.
    private func shape(_ record: LinkRecord) throws(LinkBreach) -> (offset: Int, count: Int, element: Int, stride: Int) {
        let window = segment.plan.windowByteCount
        let count = Int(record.count)
        let element = Int(record.elementByteCount)
        guard element > 0, count > 0, record.stride >= UInt64(element), record.stride <= UInt64(window),
            count <= window / element, count * element <= LinkLimits.inlineByteCount,
            UInt32(count * element) == record.byteCount, (count - 1) <= window / Int(record.stride)
        else { throw LinkBreach("strided elements that cannot be") }
        let extent = (count - 1) * Int(record.stride) + element
        return (try offset(record, extent), count, element, Int(record.stride))
    }

    @unsafe
    private func putStrided(_ record: LinkRecord, _ payload: UnsafeRawBufferPointer) throws(LinkBreach) {
        let (offset, count, element, stride) = try shape(record)
        guard let start = payload.baseAddress, payload.count == count * element else {
            throw LinkBreach("a strided put without its payload")
        }
        let address = unsafe shared.address(Int(record.target), offset)
        for index in 0..<count {
            unsafe shared.copyBytes(start + index * element, address + index * stride, element)
        }
    }

    private func change(_ record: LinkRecord, _ operation: LinkOperation, _ link: HostLink) throws(LinkBreach) {
        guard let atomic = AtomicOperation(rawValue: record.detail) else { throw LinkBreach("an unknown atomic") }
        let target = Int(record.target)
        var reply = LinkRecord(.valueReply, target: Int(record.source))
        if operation == .atomic64 {
            reply.operand = shared.atomic64(
                atomic, record.operand, comparand: record.comparand, at: target, try offset(record, 8, alignment: 8))
        } else {
            reply.operand = UInt64(
                shared.atomic32(
                    atomic, UInt32(truncatingIfNeeded: record.operand),
                    comparand: UInt32(truncatingIfNeeded: record.comparand), at: target,
                    try offset(record, 4, alignment: 4)))
        }
        reply.source = record.target
        try answerLater(reply, link)
    }

    private func answerLater(_ record: LinkRecord, _ link: HostLink) throws(LinkBreach) {
        guard link.answers.count < plan.hosts[link.host].ranks.count * LinkLimits.requestsPerDie else {
            throw LinkBreach("more requests under way than its dies may have")
        }
        link.answers.append(record)
    }

    @unsafe
    private func bytesReply(_ record: LinkRecord, _ payload: UnsafeRawBufferPointer) throws(LinkBreach) {
        let target = Int(record.target)
        let isStaging = record.token & ReplyPlace.staging != 0
        let place = record.token & ~ReplyPlace.staging
        let room = isStaging ? PortLayout.stagingByteCount : segment.plan.windowByteCount
        guard payload.count <= room, place <= UInt64(room - payload.count) else {
            throw LinkBreach("an answer that fits nowhere")
        }
        let address = unsafe isStaging
            ? segment.port(of: target).staging + Int(place) : shared.address(target, Int(place))
        if let start = payload.baseAddress { unsafe shared.copyBytes(start, address, payload.count) }
        // Releases the bytes to the die, which acquires in ZeroMQTransport.settle.
        shared.signal(.add, 1, at: target, wordsOffset + LinkWords.replies)
    }
}
