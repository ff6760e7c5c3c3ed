internal import Messaging
internal import SharedMemory

// From the rings of this host's dies to the links. A descriptor is checked like anything else that another process wrote.

extension HostSwitch {
    /// Descriptors taken from one die before the next is looked at.
    private static let turn: UInt64 = 128

    /// Takes descriptors from the rings as far as links have room. Whether there were any.
    func drainRings() -> Bool {
        var worked = false
        for rank in segment.plan.ranks {
            let index = rank - segment.plan.firstRank
            let port = segment.port(of: rank)
            // 1. How many descriptors the die has posted. Acquires what the die wrote before it counted the descriptor in (DescriptorRing.post).
            let posted = port.posted.loadAcquiring()
            var next = rings[index].consumed
            rings[index].isBlocked = rings[index].isRuined
            if rings[index].isRuined { continue }
            guard posted &- next <= UInt64(PortLayout.entryCount) else {
                ruin(rank)
                continue
            }
            // 2. Each goes to its link, until that has no room or it is the next die's turn.
            let end = min(posted, next &+ Self.turn)
            while next < end {
                guard take(next, before: posted, of: rank, port) else {
                    rings[index].isBlocked = true
                    break
                }
                next += 1
            }
            guard next != rings[index].consumed, !rings[index].isRuined else { continue }
            worked = true
            rings[index].consumed = next
            // 3. The die is told how many were taken. Releases entries and staging to the die, which acquires in DescriptorRing.awaitWord.
            shared.signal(.set, next, at: Rank(rank), wordsOffset + LinkWords.consumed)
        }
        return worked
    }

    /// Sends a descriptor on its way. False if its link has no room now.
    private func take(_ number: UInt64, before posted: UInt64, of rank: Int, _ port: Port) -> Bool {
        var record = unsafe LinkRecord(from: port.entry(number))
        guard record.check == record.ringCheck(number) else {
            ruin(rank)
            return false
        }
        record.check = 0
        record.source = UInt32(rank)
        let target = Int(record.target)
        guard target < plan.rankCount, let link = links[plan.host(of: target)], link.state != .lost else {
            // There is no link to send it by: the epoch tells the rank that waits for it. A target here is a die's mistake.
            acknowledge(rank, 1)
            return true
        }
        let payload = Int(record.byteCount)
        let window = segment.plan.windowByteCount
        guard record.fault(windowByteCount: window) == nil else { return refuse(rank) }
        switch LinkRecord.Place(rawValue: record.place) {
        case .staging:
            guard payload <= LinkLimits.inlineByteCount, record.token <= UInt64(PortLayout.stagingByteCount - payload),
                isPut(record)
            else { return refuse(rank) }
            return unsafe copy(record, from: port.staging + Int(record.token), to: link)
        case .window:
            guard payload <= LinkLimits.attachmentByteCount, payload <= window, isPut(record),
                record.token <= UInt64(window - payload)
            else { return refuse(rank) }
            let source = unsafe UnsafeRawPointer(shared.address(Rank(rank), Int(record.token)))
            if payload <= LinkLimits.inlineByteCount { return unsafe copy(record, from: source, to: link) }
            let hasMore = unsafe number + 1 < posted && isLong(LinkRecord(from: port.entry(number + 1)), to: link)
            return unsafe lend(
                record, UnsafeRawBufferPointer(start: source, count: payload), to: link, hasMore: hasMore)
        case .operands, .inline:
            let operation = LinkOperation(rawValue: record.operation)
            let brings = operation == .get || operation == .getStrided
            let asks = record.asks
            guard record.place == LinkRecord.Place.operands.rawValue || record.inlineByteCount == 0,
                !brings || record.hasPlaceForReply(payload, windowByteCount: window)
            else { return refuse(rank) }
            // The other end would take more for a breach of the protocol: the rest stays in the ring until answers have come.
            let index = rank - segment.plan.firstRank
            guard !asks || rings[index].asked < LinkLimits.requestsPerDie, link.hasRoom(payload: 0) else {
                return false
            }
            if asks { rings[index].asked += 1 }
            _ = unsafe link.batch.append(record, payload: 0)
            return sent(rank, link)
        case .attachment, nil: return refuse(rank)
        }
    }

    /// Whether the descriptor is one that has a payload elsewhere; only the plain form may have one too long to be copied.
    private func isPut(_ record: LinkRecord) -> Bool {
        record.operation == LinkOperation.put.rawValue || record.operation == LinkOperation.putStrided.rawValue
    }

    /// Whether a descriptor will have a message to itself on the link. Nothing depends on it but when the other end acknowledges.
    private func isLong(_ next: LinkRecord, to link: HostLink) -> Bool {
        next.place == LinkRecord.Place.window.rawValue && next.byteCount > UInt32(LinkLimits.inlineByteCount)
            && next.target < UInt32(plan.rankCount) && plan.host(of: Int(next.target)) == link.host
    }

    private func sent(_ rank: Int, _ link: HostLink) -> Bool {
        link.batch.complete(rank)
        if !options.batches { link.flush() }
        return true
    }

    /// A ring that its die cannot have written, as its count jumped or an entry was overwritten: what was asked for is not known any more.
    /// Nothing is taken from it again, and the die finds more taken and acknowledged than it has posted.
    private func ruin(_ rank: Int) {
        otherStatistics.refused += 1
        rings[rank - segment.plan.firstRank].isRuined = true
        rings[rank - segment.plan.firstRank].isBlocked = true
        for word in [LinkWords.consumed, LinkWords.acknowledged, LinkWords.replies] {
            shared.signal(.set, LinkWords.ruined, at: Rank(rank), wordsOffset + word)
        }
    }

    /// A descriptor that no die of this build writes: dropped, but acknowledged, so that no rank waits for it.
    private func refuse(_ rank: Int) -> Bool {
        otherStatistics.refused += 1
        acknowledge(rank, 1)
        return true
    }

    @unsafe
    private func copy(_ posted: LinkRecord, from source: UnsafeRawPointer, to link: HostLink) -> Bool {
        var record = posted
        record.place = LinkRecord.Place.inline.rawValue
        record.token = 0
        let count = record.inlineByteCount
        guard link.hasRoom(payload: count) else { return false }
        unsafe FabricCopy.run(link.batch.append(record, payload: count), source, count)
        return sent(Int(record.source), link)
    }

    /// A long payload leaves from the window itself. The die keeps it as it is until it is acknowledged.
    @unsafe
    private func lend(
        _ posted: LinkRecord, _ source: UnsafeRawBufferPointer, to link: HostLink, hasMore: Bool
    ) -> Bool {
        var record = posted
        record.place = LinkRecord.Place.attachment.rawValue
        record.token = 0
        guard link.hasRoom(payload: 0) else { return false }
        _ = unsafe link.batch.append(record, payload: 0)
        link.batch.complete(Int(record.source))
        // The library may read the window after the acknowledgement, if it sends twice; the segment stays mapped until it has done.
        link.flush(attachment: unsafe Packet(borrowing: source, keeper: segment), hasMore: hasMore)
        link.statistics.borrowedBytes += source.count
        return true
    }

    /// Tells a die that its descriptors are carried out, or never will be.
    func acknowledge(_ rank: Int, _ count: UInt64) {
        shared.signal(.add, count, at: Rank(rank), wordsOffset + LinkWords.acknowledged)
    }

    /// Sends the answers a link has room for, and what it owes.
    func answer(_ link: HostLink) {
        var done = 0
        for record in link.answers {
            guard serve(record, link) else { break }
            done += 1
        }
        if done > 0 { link.answers.removeFirst(done) }
        link.flushUnlessBusy()
        if link.owesAcknowledgement, link.state != .lost { link.acknowledge() }
    }

    /// Acknowledges what was promised a successor that has not come, before the switch sleeps.
    func acknowledgeDeferred() {
        for link in links {
            if let link, link.deferredAcknowledgements > 0, link.state != .lost { link.acknowledge() }
        }
    }

    /// False if the link has no room now.
    private func serve(_ record: LinkRecord, _ link: HostLink) -> Bool {
        let operation = LinkOperation(rawValue: record.operation)
        if operation == .valueReply {
            guard link.hasRoom(payload: 0) else { return false }
            _ = unsafe link.batch.append(record, payload: 0)
            return true
        }
        // Checked when it came.
        let count = Int(record.byteCount)
        var reply = LinkRecord(.bytesReply, target: record.sourceRank, byteCount: count)
        reply.source = record.target
        reply.token = record.token
        let source = unsafe shared.address(record.targetRank, Int(record.offset))
        if operation == .getStrided {
            guard link.hasRoom(payload: count) else { return false }
            let place = unsafe link.batch.append(reply, payload: count)
            let element = Int(record.elementByteCount)
            for index in 0..<Int(record.count) {
                unsafe shared.copyBytes(source + index * Int(record.stride), place + index * element, element)
            }
        } else if count <= LinkLimits.inlineByteCount {
            guard link.hasRoom(payload: count) else { return false }
            unsafe shared.copyBytes(source, link.batch.append(reply, payload: count), count)
        } else {
            // Copied, not lent: no rank here keeps the bytes as they are until the answer has arrived.
            guard link.hasRoom(payload: 0) else { return false }
            reply.place = LinkRecord.Place.attachment.rawValue
            _ = unsafe link.batch.append(reply, payload: 0)
            let packet = Packet(byteCount: count)
            unsafe packet.withMutableBytes { bytes in
                if let start = bytes.baseAddress { unsafe shared.copyBytes(source, start, count) }
            }
            link.flush(attachment: packet)
        }
        return true
    }

    /// Gives a link up: all waits of this host end, and the other hosts are told.
    func lose(_ link: HostLink, _ reason: String) {
        guard link.state != .lost else { return }
        link.state = .lost
        // If the other end still hears, it need not find out by itself.
        link.acknowledge()
        link.unacknowledged.removeAll()
        link.answers.removeAll()
        let names = [host, link.host].map { String(plan.hosts[$0].name.prefix(24)) }
        segment.publish(
            Verdict(
                .linkLost, rank: plan.hosts[link.host].ranks.lowerBound, detail: link.host,
                text: "the link between hosts \(names[0]) and \(names[1]) is lost: \(reason)"))
        options.onLoss?()
    }

    func owesVerdict(_ link: HostLink) -> Bool { link.state == .up && !link.hasToldVerdict && link.mayStartMessage }

    /// Tells the other hosts once why this host's membership has changed.
    func tellVerdict() {
        guard let verdict = segment.cluster.verdict else { return }
        for link in links {
            guard let link, owesVerdict(link), link.hasRoom(payload: 256) else { continue }
            link.hasToldVerdict = true
            guard verdict.code != .finished else { continue }
            let text = Array(verdict.text.utf8.prefix(152))
            var record = LinkRecord(
                .verdict, target: Rank(plan.hosts[link.host].ranks.lowerBound), byteCount: text.count)
            record.operand = verdict.code.rawValue
            record.comparand = UInt64(bitPattern: Int64(verdict.rank ?? -1))
            record.token = UInt64(bitPattern: Int64(verdict.detail))
            unsafe text.withUnsafeBytes { bytes in
                let place = unsafe link.batch.append(record, payload: text.count)
                if let start = bytes.baseAddress { unsafe place.copyMemory(from: start, byteCount: text.count) }
            }
            link.flush()
        }
    }

    /// Publishes what another host says of the membership. The first to be heard is the one believed.
    @unsafe
    func hear(_ record: LinkRecord, _ payload: UnsafeRawBufferPointer) {
        guard let code = Verdict.Code(rawValue: record.operand) else { return }
        let rank = Int(Int64(bitPattern: record.comparand))
        // It ends on a terminal: no control characters.
        let text = unsafe String(
            decoding: payload.prefix(152).map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
        segment.publish(
            Verdict(
                code, rank: (0..<plan.rankCount).contains(rank) ? rank : nil,
                detail: Int(Int64(bitPattern: record.token)), text: text))
    }
}

// What goes back: bytes and values that were asked for, acknowledgements, verdicts.
