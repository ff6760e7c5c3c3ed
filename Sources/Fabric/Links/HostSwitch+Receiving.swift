package import Messaging
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
    /// Belongs to the switch's thread; before that runs, whoever plays the other host may call it.
    package func receive(_ head: Packet, _ attachment: Packet?, from other: Int) {
        guard let link = links[other], link.state != .lost else { return }
        guard let header = check(head, attachment, link) else {
            link.statistics.refused += 1
            // A damaged message may have been one that is now missing.
            link.sawGap = true
            link.owesAcknowledgement = true
            return
        }
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
        guard header.sequence > 0 else { return }
        if header.flags & LinkHeader.moreFlag != 0, header.sequence == link.expected,
            link.deferredAcknowledgements < LinkLimits.deferredAcknowledgements
        {
            link.deferredAcknowledgements += 1
        } else {
            link.owesAcknowledgement = true
        }
        if header.sequence < link.expected {
            link.statistics.duplicates += 1
        } else if header.sequence > link.expected {
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
            return sum == header.checksum ? header : nil
        }
        guard let header else { return nil }
        guard header.digest == link.digest else {
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
}
