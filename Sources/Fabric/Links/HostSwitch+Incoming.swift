package import Messaging
internal import Mutants
internal import SharedMemory

// From the links into this host's windows. Everything is checked before it is used; what breaks the protocol ends the link.

/// What the other end did wrong, in some words.
struct LinkBreach: Error {
    var text: String
    init(_ text: String) { self.text = text }
}

extension HostSwitch {
    /// Takes a message of a link's other end: what it acknowledges, and, if it is the next one, what it carries.
    ///
    /// Belongs to the switch's thread; before that runs, a test that plays the other host may call it.
    package func receive(_ head: Packet, _ attachment: Packet?, from other: Int) {
        guard let link = links[other], link.state != .lost else { return }
        guard let header = check(head, attachment, link) else {
            link.statistics.refused += 1
            // A damaged message may have been one that is now missing.
            link.sawGap = true
            link.owesAcknowledgement = true
            return
        }
        // 1. What the header says of the link itself: given up, unheard of, credit, what has been carried out over there.
        let now = clock.now()
        if header.flags & LinkHeader.farewellFlag != 0 {
            return lose(link, "\(plan.hosts[link.host].name.prefix(24)) gave it up")
        }
        link.state = .up
        // Answered every time: the answer before may have been lost.
        if header.flags & LinkHeader.greetingFlag != 0 { link.owesAcknowledgement = true }
        link.peerLimit = max(link.peerLimit, header.limit)
        let hasGap = header.flags & LinkHeader.gapFlag != 0
        guard let completions = link.acknowledged(before: header.acknowledged, hasGap: hasGap, now) else {
            return lose(link, "it acknowledged what was never sent")
        }
        for completion in completions { acknowledge(completion.rank, completion.count) }
        link.heard(now)
        // 2. Whether the message is owed an acknowledgement at once, or with the long one that follows it.
        guard header.sequence > 0 else { return }
        if header.flags & LinkHeader.moreFlag != 0, header.sequence == link.expected,
            link.deferredAcknowledgements < LinkLimits.deferredAcknowledgements
        {
            link.deferredAcknowledgements += 1
        } else {
            link.owesAcknowledgement = true
        }
        // 3. Seen before: only acknowledged. Too early: dropped, and the gap is told of. Else it is carried out.
        if header.sequence < link.expected, !Mutated.linkDuplicates {
            link.statistics.duplicates += 1
        } else if header.sequence > link.expected, !Mutated.linkOrder {
            link.statistics.gaps += 1
            link.sawGap = true
        } else {
            link.expected += 1
            do throws(LinkBreach) {
                try apply(head, attachment, recordCount: Int(header.recordCount), from: link)
            } catch {
                lose(link, "it broke the protocol: \(error.text)")
            }
        }
    }

    private func check(_ head: Packet, _ attachment: Packet?, _ link: HostLink) -> LinkHeader? {
        let header: LinkHeader? = unsafe head.withBytes { bytes in
            guard let header = unsafe LinkHeader(from: bytes, attachmentByteCount: attachment?.byteCount ?? 0) else {
                return nil
            }
            let sum =
                if let attachment {
                    unsafe attachment.withBytes { rest in unsafe LinkHeader.checksum(head: bytes, attachment: rest) }
                } else {
                    unsafe LinkHeader.checksum(head: bytes, attachment: nil)
                }
            return sum == header.checksum || Mutated.linkChecksum ? header : nil
        }
        guard let header else { return nil }
        guard header.digest == link.digest || Mutated.linkDigest else {
            link.refusal = "its messages are of another run, build, topology or plan"
            return nil
        }
        guard Int(header.source) == link.host, Int(header.target) == host else {
            link.refusal = "its messages name other hosts"
            return nil
        }
        return header
    }

    private func apply(
        _ head: Packet, _ attachment: Packet?, recordCount: Int, from link: HostLink
    ) throws(LinkBreach) {
        let result: Result<Void, LinkBreach> = unsafe head.withBytes { bytes in
            guard let attachment else { return unsafe walk(bytes, nil, recordCount, link) }
            return unsafe attachment.withBytes { rest in unsafe walk(bytes, rest, recordCount, link) }
        }
        try result.get()
    }

    @unsafe
    private func walk(
        _ bytes: UnsafeRawBufferPointer, _ attachment: UnsafeRawBufferPointer?, _ recordCount: Int, _ link: HostLink
    ) -> Result<Void, LinkBreach> {
        var place = LinkHeader.byteCount
        var hasAttachment = false
        guard let start = bytes.baseAddress else { return .failure(LinkBreach("an empty message")) }
        for _ in 0..<recordCount {
            guard bytes.count - place >= LinkRecord.byteCount else {
                return .failure(LinkBreach("a record is cut off"))
            }
            let record = unsafe LinkRecord(from: start + place)
            place += LinkRecord.byteCount
            let length = record.inlineByteCount
            guard bytes.count - place >= length else { return .failure(LinkBreach("a payload is cut off")) }
            var payload = unsafe UnsafeRawBufferPointer(start: start + place, count: length)
            place += min((length + 7) & ~7, bytes.count - place)
            if record.place == LinkRecord.Place.attachment.rawValue {
                guard let attachment = unsafe attachment, !hasAttachment, attachment.count == Int(record.byteCount)
                else {
                    return .failure(LinkBreach("an attachment is missing or of another length"))
                }
                hasAttachment = true
                unsafe payload = attachment
            }
            do throws(LinkBreach) {
                try unsafe carryOut(record, payload, link)
            } catch {
                return .failure(error)
            }
        }
        guard place == bytes.count, unsafe hasAttachment == (attachment != nil) else {
            return .failure(LinkBreach("a message holds more than its records"))
        }
        return .success(())
    }

    @unsafe
    private func carryOut(
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
        if !Mutated.recordBounds, let fault = record.fault(windowByteCount: segment.plan.windowByteCount) {
            throw LinkBreach(fault)
        }
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

// The operations themselves, on this host's windows.
