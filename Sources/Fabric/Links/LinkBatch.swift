internal import Messaging

/// Memory of a message's head, given back when the library has sent it.
@safe
private final class HeadBuffer: @unchecked Sendable {
    let base = UnsafeMutableRawPointer.allocate(byteCount: LinkLimits.headByteCount, alignment: 64)
    deinit { unsafe base.deallocate() }
}

/// Descriptors of one die that a message carries: that many more are acknowledged when the message is.
struct LinkCompletion {
    var rank: Int
    var count: UInt64
}

/// Records that will leave as one message.
struct LinkBatch {
    private var buffer = HeadBuffer()
    private(set) var used = LinkHeader.byteCount
    private(set) var recordCount = 0
    private(set) var completions: [LinkCompletion] = []

    var isEmpty: Bool { recordCount == 0 }

    /// Whether a record and a payload of this length fit as well.
    func hasRoom(payload: Int) -> Bool {
        used + LinkRecord.byteCount + (payload + 7) & ~7 <= LinkLimits.headByteCount && recordCount < 512
    }

    /// Takes a record in and returns where its payload of `payload` bytes goes. There is room.
    @unsafe
    mutating func append(_ record: LinkRecord, payload: Int) -> UnsafeMutableRawPointer {
        unsafe record.write(to: buffer.base + used)
        let place = unsafe buffer.base + used + LinkRecord.byteCount
        let filled = (payload + 7) & ~7
        // What fills up the payload must not be what lay here before.
        if filled > payload { unsafe (place + filled - 8).storeBytes(of: 0, as: UInt64.self) }
        used += LinkRecord.byteCount + filled
        recordCount += 1
        return unsafe place
    }

    /// Counts a descriptor of a die into the message.
    mutating func complete(_ rank: Int) {
        if let last = completions.indices.last, completions[last].rank == rank {
            completions[last].count += 1
        } else {
            completions.append(LinkCompletion(rank: rank, count: 1))
        }
    }

    /// Ends the message and starts the next: its head, with the header written.
    mutating func finish(_ header: LinkHeader, attachment: Packet?) -> (head: Packet, completions: [LinkCompletion]) {
        var header = header
        header.recordCount = UInt16(recordCount)
        let whole = unsafe UnsafeMutableRawBufferPointer(start: buffer.base, count: used)
        if let attachment {
            unsafe attachment.withBytes { bytes in unsafe header.write(to: whole, attachment: bytes) }
        } else {
            unsafe header.write(to: whole, attachment: nil)
        }
        let head: Packet
        if used <= Self.copiedByteCount {
            head = Packet(byteCount: used)
            unsafe head.withMutableBytes { bytes in
                if let to = bytes.baseAddress { unsafe FabricCopy.run(to, buffer.base, used) }
            }
        } else {
            head = unsafe Packet(borrowing: UnsafeRawBufferPointer(whole), keeper: buffer)
            buffer = HeadBuffer()
        }
        defer {
            used = LinkHeader.byteCount
            recordCount = 0
            completions.removeAll(keepingCapacity: true)
        }
        return (head, completions)
    }

    /// Heads up to this length are copied, and the buffer used again: cheaper than a new one.
    private static let copiedByteCount = 4096
}
