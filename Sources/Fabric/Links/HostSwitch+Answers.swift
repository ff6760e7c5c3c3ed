internal import Messaging
internal import SharedMemory

// What goes back: bytes and values that were asked for, acknowledgements, verdicts.

extension HostSwitch {
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
            // Copied, not lent: nobody here keeps the bytes as they are until the answer has arrived.
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
        // It ends on somebody's terminal: no control characters.
        let text = unsafe String(
            decoding: payload.prefix(152).map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
        segment.publish(
            Verdict(
                code, rank: (0..<plan.rankCount).contains(rank) ? rank : nil,
                detail: Int(Int64(bitPattern: record.token)), text: text))
    }
}
