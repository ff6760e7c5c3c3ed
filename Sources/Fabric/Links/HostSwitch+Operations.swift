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
        let (source, target) = (record.sourceRank, record.targetRank)
        guard plan.hosts[link.host].ranks.contains(source.index), segment.plan.ranks.contains(target.index) else {
            throw LinkBreach("an operation of rank \(source) on rank \(target), which are not these hosts'")
        }
        switch operation {
        case .bytesReply: return try unsafe bytesReply(record, payload)
        case .valueReply: return try valueReply(record)
        default: break
        }
        if let fault = record.fault(windowByteCount: segment.plan.windowByteCount) { throw LinkBreach(fault) }
        switch operation {
        case .put: try unsafe put(record, payload, place)
        case .putStrided: try unsafe putStrided(record, payload)
        case .signal:
            shared.signal(
                SignalOperation(rawValue: record.detail) ?? .set, record.operand, at: target, Int(record.offset))
        case .atomic64, .atomic32: try change(record, operation, link)
        case .get, .getStrided: try answerLater(record, link)
        case .awaited:
            var reply = LinkRecord(.valueReply, target: source)
            reply.source = record.target
            let peer = segment.control(of: target.index).waiting?.peer
            reply.operand = peer.map { UInt64(clamping: $0) } ?? .max
            try answerLater(reply, link)
        case .bytesReply, .valueReply, .verdict: break
        }
    }

    @unsafe
    private func put(
        _ record: LinkRecord, _ payload: UnsafeRawBufferPointer, _ place: LinkRecord.Place
    ) throws(LinkBreach) {
        let count = Int(record.byteCount)
        let address = unsafe shared.address(record.targetRank, Int(record.offset))
        guard place == .operands else {
            guard let start = payload.baseAddress, payload.count == count else {
                if count == 0 { return }
                throw LinkBreach("a put without its payload")
            }
            return unsafe shared.copyBytes(start, address, count)
        }
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

    @unsafe
    private func putStrided(_ record: LinkRecord, _ payload: UnsafeRawBufferPointer) throws(LinkBreach) {
        let count = Int(record.count)
        let element = Int(record.elementByteCount)
        guard let start = payload.baseAddress, payload.count == count * element else {
            throw LinkBreach("a strided put without its payload")
        }
        let address = unsafe shared.address(record.targetRank, Int(record.offset))
        for index in 0..<count {
            unsafe shared.copyBytes(start + index * element, address + index * Int(record.stride), element)
        }
    }

    private func change(_ record: LinkRecord, _ operation: LinkOperation, _ link: HostLink) throws(LinkBreach) {
        let atomic = AtomicOperation(rawValue: record.detail) ?? .fetch
        let target = record.targetRank
        var reply = LinkRecord(.valueReply, target: record.sourceRank)
        if operation == .atomic64 {
            reply.operand = shared.atomic64(
                atomic, record.operand, comparand: record.comparand, at: target, Int(record.offset))
        } else {
            reply.operand = UInt64(
                shared.atomic32(
                    atomic, UInt32(truncatingIfNeeded: record.operand),
                    comparand: UInt32(truncatingIfNeeded: record.comparand), at: target,
                    Int(record.offset)))
        }
        guard record.asks else { return }
        reply.source = record.target
        reply.token = record.token
        try answerLater(reply, link)
    }

    private func valueReply(_ record: LinkRecord) throws(LinkBreach) {
        guard record.hasPlaceForValue(windowByteCount: segment.plan.windowByteCount) else {
            throw LinkBreach("an old value that fits nowhere")
        }
        let target = record.targetRank
        answered(target)
        let place = record.token == 0 ? wordsOffset + LinkWords.value : Int(record.token & ~ReplyPlace.word)
        // Released by the signal behind it, acquired in DescriptorRing.awaitWord.
        shared.word(target, place).storeRelaxed(record.operand)
        shared.signal(.add, 1, at: target, wordsOffset + LinkWords.replies)
    }

    private func answered(_ rank: Rank) {
        let index = rank.index - segment.plan.firstRank
        rings[index].asked = max(rings[index].asked - 1, 0)
    }

    private func answerLater(_ record: LinkRecord, _ link: HostLink) throws(LinkBreach) {
        guard link.answers.count < plan.hosts[link.host].ranks.count * LinkLimits.requestsPerDie else {
            throw LinkBreach("more requests under way than its dies may have")
        }
        link.answers.append(record)
    }

    @unsafe
    private func bytesReply(_ record: LinkRecord, _ payload: UnsafeRawBufferPointer) throws(LinkBreach) {
        let target = record.targetRank
        guard payload.count == Int(record.byteCount),
            record.hasPlaceForReply(payload.count, windowByteCount: segment.plan.windowByteCount)
        else { throw LinkBreach("an answer that fits nowhere") }
        let isStaging = record.token & ReplyPlace.staging != 0
        let place = record.token & ~ReplyPlace.staging
        let address =
            unsafe isStaging
            ? segment.port(of: target.index).staging + Int(place) : shared.address(target, Int(place))
        if let start = payload.baseAddress { unsafe shared.copyBytes(start, address, payload.count) }
        answered(target)
        // Releases the bytes to the die, which acquires in DescriptorRing.awaitWord.
        shared.signal(.add, 1, at: target, wordsOffset + LinkWords.replies)
    }
}
