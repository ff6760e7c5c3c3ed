/// What agent and rank processes tell each other, as one frame each.
///
/// ```
/// u32 magic "SPC1" | u8 version | u8 kind | fields by kind, little-endian, blocks counted by a u32
/// ```
///
/// A frame that is not whole, has another magic or version, an unknown kind, or bytes left over is refused.
public enum ControlMessage: Sendable, Equatable {
    /// A rank process is up. The nonce proves that it holds the run's segment.
    case hello(process: Int, id: Int, abiDigest: UInt64, nonce: (UInt64, UInt64))
    /// Run this workload.
    case start(workload: String, payload: [UInt8])
    /// A die says something on the way, such as a token.
    case event(die: Int, bytes: [UInt8])
    /// A die is done.
    case result(die: Int, bytes: [UInt8])
    /// A die failed.
    case failure(die: Int, Failure)
    /// All dies of a process are done, and everything they said is before this.
    case left(process: Int)
    /// The process may go, or must.
    case stop
    /// What the run has besides its workload, as ``Instruments`` encodes it; before ``start(workload:payload:)``.
    case instruments([UInt8])
    /// A line of the run's timeline, from a die; its time is the clock's, and the agent makes it the run's.
    case note(die: Int, RunNote)
    /// A die gives up an epoch: the members are to begin the next.
    case revoke(die: Int, epoch: UInt64)

    /// A die's error, as far as others need it.
    public struct Failure: Sendable, Equatable {
        /// Whether it only follows from a change of membership whose cause another process knows.
        public var isConsequence: Bool
        /// Ranks it blames.
        public var peers: [Int]
        /// The exit status it asks for.
        public var status: Int32
        /// One sentence.
        public var text: String

        /// A failure with its culprits.
        public init(isConsequence: Bool, peers: [Int], status: Int32, text: String) {
            self.isConsequence = isConsequence
            self.peers = peers
            self.status = status
            self.text = text
        }
    }

    /// Whether it is the first message of a process.
    public var isHello: Bool { if case .hello = self { true } else { false } }

    static let magic: UInt32 = 0x3143_5053
    static let version: UInt8 = 3

    /// Equal when kind and fields are.
    public static func == (left: ControlMessage, right: ControlMessage) -> Bool { left.encoded == right.encoded }

    /// The frame.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.magic)
        writer.write(Self.version)
        switch self {
        case .hello(let process, let id, let abiDigest, let nonce):
            writer.write(UInt8(1))
            writer.write(UInt32(process))
            writer.write(UInt32(id))
            for word in [abiDigest, nonce.0, nonce.1] { writer.write(word) }
        case .start(let workload, let payload):
            writer.write(UInt8(2))
            writer.write(workload)
            writer.write(payload)
        case .event(let die, let bytes): Self.write(3, die, bytes, to: &writer)
        case .result(let die, let bytes): Self.write(4, die, bytes, to: &writer)
        case .failure(let die, let failure):
            writer.write(UInt8(5))
            writer.write(UInt32(die))
            writer.write(UInt8(failure.isConsequence ? 1 : 0))
            writer.write(UInt32(bitPattern: failure.status))
            writer.write(UInt32(failure.peers.count))
            for peer in failure.peers { writer.write(UInt32(peer)) }
            writer.write(failure.text)
        case .left(let process):
            writer.write(UInt8(6))
            writer.write(UInt32(process))
        case .stop: writer.write(UInt8(7))
        case .instruments(let bytes):
            writer.write(UInt8(8))
            writer.write(bytes)
        case .note(let die, let note):
            writer.write(UInt8(9))
            writer.write(UInt32(die))
            note.write(to: &writer)
        case .revoke(let die, let epoch):
            writer.write(UInt8(10))
            writer.write(UInt32(die))
            writer.write(epoch)
        }
        return writer.bytes
    }

    private static func write(_ kind: UInt8, _ die: Int, _ bytes: [UInt8], to writer: inout ByteWriter) {
        writer.write(kind)
        writer.write(UInt32(die))
        writer.write(bytes)
    }

    /// Reads a frame; nil if it is not exactly one message of this version.
    public init?(decoding frame: [UInt8]) {
        var reader = ByteReader(frame)
        guard reader.read(UInt32.self) == Self.magic, reader.read(UInt8.self) == Self.version,
            let kind = reader.read(UInt8.self), let message = Self.body(kind, &reader), reader.isAtEnd
        else { return nil }
        self = message
    }

    private static func body(_ kind: UInt8, _ reader: inout ByteReader) -> ControlMessage? {
        if kind == 7 { return .stop }
        if kind == 8 { return reader.readBlock().map { .instruments($0) } }
        if kind == 2 {
            guard let workload = reader.readText(), let payload = reader.readBlock() else { return nil }
            return .start(workload: workload, payload: payload)
        }
        guard let number = reader.read(UInt32.self).map(Int.init) else { return nil }
        switch kind {
        case 1:
            guard let id = reader.read(UInt32.self), let digest = reader.read(UInt64.self),
                let first = reader.read(UInt64.self), let second = reader.read(UInt64.self)
            else { return nil }
            return .hello(process: number, id: Int(id), abiDigest: digest, nonce: (first, second))
        case 3: return reader.readBlock().map { .event(die: number, bytes: $0) }
        case 4: return reader.readBlock().map { .result(die: number, bytes: $0) }
        case 5:
            guard let flag = reader.read(UInt8.self), let status = reader.read(UInt32.self),
                let count = reader.read(UInt32.self), count <= 1 << 16
            else { return nil }
            var peers: [Int] = []
            for _ in 0..<count {
                guard let peer = reader.read(UInt32.self) else { return nil }
                peers.append(Int(peer))
            }
            return reader.readText().map {
                .failure(
                    die: number,
                    Failure(isConsequence: flag != 0, peers: peers, status: Int32(bitPattern: status), text: $0))
            }
        case 6: return .left(process: number)
        case 10: return reader.read(UInt64.self).map { .revoke(die: number, epoch: $0) }
        case 9: return RunNote(from: &reader).map { .note(die: number, $0) }
        default: return nil
        }
    }
}
