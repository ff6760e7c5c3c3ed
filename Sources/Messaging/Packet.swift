internal import CZeroMQ
internal import Glibc

/// Bytes to send, or received, that the library counts references to: sending one twice copies nothing.
@safe
public final class Packet {
    let message: UnsafeMutablePointer<zmq_msg_t>

    private init() {
        unsafe message = .allocate(capacity: 1)
        unsafe message.initialize(to: zmq_msg_t())
        _ = unsafe zmq_msg_init(message)  // Never fails.
    }

    deinit {
        // The last of those who share the bytes gives them back, after the others have read them.
        HandOver.give()
        HandOver.take()
        _ = unsafe zmq_msg_close(message)  // Fails only for a message that was never made.
        unsafe message.deallocate()
    }

    /// An empty packet to receive into.
    static func empty() -> Packet { Packet() }

    /// A packet of its own bytes, to be filled with ``withMutableBytes(_:)`` before it is sent.
    public convenience init(byteCount: Int) {
        self.init()
        let code = unsafe zmq_msg_init_size(message, byteCount)
        precondition(code == 0, "no memory for a packet")
    }

    /// A packet of one byte again and again.
    public convenience init(repeating byte: UInt8, byteCount: Int) {
        self.init(byteCount: byteCount)
        _ = unsafe withMutableBytes { bytes in unsafe bytes.initializeMemory(as: UInt8.self, repeating: byte) }
    }

    /// A packet of these bytes.
    public convenience init(_ bytes: [UInt8]) {
        self.init(byteCount: bytes.count)
        unsafe withMutableBytes { packet in unsafe packet.copyBytes(from: bytes) }
    }

    /// A packet of bytes that lie elsewhere and are read until the library has sent them.
    ///
    /// - Parameter keeper: kept alive as long as the library may read the bytes; released from its I/O thread.
    public convenience init(borrowing bytes: UnsafeRawBufferPointer, keeper: any AnyObject & Sendable) {
        self.init()
        guard let start = bytes.baseAddress else { return }
        let hint = unsafe Unmanaged.passRetained(keeper as AnyObject).toOpaque()
        let code = unsafe zmq_msg_init_data(
            message, UnsafeMutableRawPointer(mutating: start), bytes.count,
            { _, hint in
                guard let hint = unsafe hint else { return }
                HandOver.take()
                unsafe Unmanaged<AnyObject>.fromOpaque(hint).release()
            }, hint)
        precondition(code == 0, "no memory for a packet")
    }

    /// Bytes in the packet.
    public var byteCount: Int { unsafe zmq_msg_size(message) }

    /// Reads the bytes.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe body(UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message)))
    }

    /// A copy of the bytes.
    public var bytes: [UInt8] { unsafe withBytes { unsafe Array($0) } }

    /// Writes the bytes of a packet that was made with its size and not sent yet.
    public func withMutableBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        unsafe body(UnsafeMutableRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message)))
    }
}
