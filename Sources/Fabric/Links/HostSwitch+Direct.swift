internal import Messaging
internal import SharedMemory

// Messages handed to a switch without a socket: how its reading of hostile messages is tested. The switch must not be running.

extension Endpoint {
    /// Posts a descriptor of eight words as they are.
    package func postDirect(_ words: [UInt64]) throws(FabricError) {
        guard let far = far as? ZeroMQTransport else { preconditionFailure("only a network transport has a ring") }
        try far.postDirect(words)
    }
}

extension HostSwitch {
    /// A message of another host, with its checksum: `put` of bytes into a window of this host, and a signal behind it.
    package func directMessage(
        from other: Int, sequence: UInt64, put bytes: [UInt8], at offset: Int, word: Int, attached: Bool
    ) -> (head: [UInt8], attachment: [UInt8]?) {
        let source = plan.hosts[other].ranks.lowerBound
        let target = segment.plan.firstRank
        var batch = LinkBatch()
        var put = LinkRecord(
            .put, target: target, offset: offset, byteCount: bytes.count, place: attached ? .attachment : .inline)
        put.source = UInt32(source)
        var signal = LinkRecord(.signal, target: target, offset: word)
        signal.source = UInt32(source)
        signal.detail = SignalOperation.add.rawValue
        signal.operand = 1
        var atomic = LinkRecord(.atomic64, target: target, offset: word)
        atomic.source = UInt32(source)
        var strided = LinkRecord(.getStrided, target: target, offset: offset, byteCount: 24)
        strided.source = UInt32(source)
        strided.count = 3
        strided.elementByteCount = 8
        strided.stride = 16
        let place = unsafe batch.append(put, payload: attached ? 0 : bytes.count)
        if !attached {
            unsafe bytes.withUnsafeBytes { from in
                if let start = from.baseAddress { unsafe place.copyMemory(from: start, byteCount: from.count) }
            }
        }
        for record in [signal, atomic, strided] { _ = unsafe batch.append(record, payload: 0) }
        let attachment = attached ? Packet(byteCount: bytes.count) : nil
        unsafe attachment?.withMutableBytes { to in unsafe to.copyBytes(from: bytes) }
        let header = LinkHeader(
            digest: linkDigest, sequence: sequence, acknowledged: 1, limit: 128, source: other, target: host)
        let head = batch.finish(header, attachment: attachment).head
        return unsafe (head.withBytes { unsafe Array($0) }, attached ? bytes : nil)
    }

    /// A message of another host that carries records of eight words, whatever they say, each with so many bytes behind it; with its checksum.
    ///
    /// - Parameters:
    ///   - sequence: its number; 0 with no record is a greeting, which is always answered.
    ///   - acknowledged: the next number that host expects.
    package func directMessage(
        from other: Int, sequence: UInt64, acknowledged: UInt64, records: [(words: [UInt64], payload: Int)],
        attachment bytes: [UInt8]?
    ) -> [UInt8] {
        var batch = LinkBatch()
        for (words, payload) in records {
            precondition(words.count == 8 && batch.hasRoom(payload: payload), "records that fit a message")
            let record = unsafe words.withUnsafeBytes { bytes in
                unsafe bytes.baseAddress.map { unsafe LinkRecord(from: $0) } ?? LinkRecord(.put, target: 0)
            }
            let place = unsafe batch.append(record, payload: payload)
            unsafe place.initializeMemory(as: UInt8.self, repeating: 0x5A, count: payload)
        }
        let attachment = bytes.map { Packet(byteCount: $0.count) }
        unsafe attachment?.withMutableBytes { to in unsafe to.copyBytes(from: bytes ?? []) }
        var header = LinkHeader(
            digest: linkDigest, sequence: sequence, acknowledged: acknowledged, limit: acknowledged &+ 127,
            source: other, target: host)
        if sequence == 0, records.isEmpty { header.flags = LinkHeader.greetingFlag }
        return unsafe batch.finish(header, attachment: attachment).head.withBytes { unsafe Array($0) }
    }

    /// What the head of a message of a switch says: its number, the next it expects, and whether the link is given up.
    package static func directHeader(
        _ head: [UInt8], attachmentByteCount: Int
    ) -> (sequence: UInt64, acknowledged: UInt64, isFarewell: Bool)? {
        let header = unsafe head.withUnsafeBytes { bytes in
            unsafe LinkHeader(from: bytes, attachmentByteCount: attachmentByteCount)
        }
        return header.map { ($0.sequence, $0.acknowledged, $0.flags & LinkHeader.farewellFlag != 0) }
    }

    /// Writes the checksum that a message ought to have into its head, if it is long enough to have one.
    package static func reseal(_ head: inout [UInt8], _ attachment: [UInt8]?) {
        guard head.count >= LinkHeader.byteCount else { return }
        let sum = unsafe head.withUnsafeBytes { bytes in
            guard let attachment else { return unsafe LinkHeader.checksum(head: bytes, attachment: nil) }
            return unsafe attachment.withUnsafeBytes { unsafe LinkHeader.checksum(head: bytes, attachment: $0) }
        }
        for index in 0..<4 { head[4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index)) }
    }

    /// Hands a message in as if it had come from a host.
    package func deliver(_ head: [UInt8], _ attachment: [UInt8]?, from other: Int) {
        guard let link = links[other] else { return }
        func packet(_ bytes: [UInt8]) -> Packet {
            let packet = Packet(byteCount: bytes.count)
            unsafe packet.withMutableBytes { to in unsafe to.copyBytes(from: bytes) }
            return packet
        }
        receive(packet(head), attachment.map(packet), on: link)
    }

    /// What became of the messages: those carried out, those refused, and whether the link was given up for a breach of the protocol.
    package func directState(of other: Int) -> (carriedOut: UInt64, refused: Int, isLost: Bool, waiting: Int) {
        guard let link = links[other] else { return (0, 0, true, 0) }
        return (link.expected - 1, link.statistics.refused, link.state == .lost, link.answers.count)
    }

    /// Starts a link anew, as if nothing had come.
    package func renewDirect(_ other: Int) {
        guard let link = links[other] else { return }
        links[other] = self.link(to: other, link.socket, link.address)
    }

    /// What a switch that runs does for a link between messages: answers, acknowledgements, clocks.
    package func turnDirect(_ other: Int) {
        guard let link = links[other], link.state != .lost else { return }
        answer(link)
        if let reason = link.tick(clock.now()) { lose(link, reason) }
    }
}
