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
            // Acquires what the die wrote before it counted the descriptor in (DescriptorRing.post).
            let posted = port.posted.loadAcquiring()
            var next = rings[index].consumed
            rings[index].isBlocked = rings[index].isRuined
            if rings[index].isRuined { continue }
            guard posted &- next <= UInt64(PortLayout.entryCount) else {
                ruin(rank)
                continue
            }
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
            // Releases entries and staging to the die, which acquires in DescriptorRing.awaitWord.
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
            // Nobody to send it to: who waits for it is told by the epoch. A target here is a die's mistake.
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

    /// A descriptor that no die of this build writes: dropped, and nobody hangs for it.
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
}
