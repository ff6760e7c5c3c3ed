/// Writes little-endian numbers and counted bytes: what control messages are made of.
public struct ByteWriter: Sendable {
    /// What was written.
    public private(set) var bytes: [UInt8] = []

    /// Nothing written.
    public init() {}

    /// Appends an integer, lowest byte first.
    public mutating func write<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// Appends a 32-bit count and the bytes.
    public mutating func write(_ block: [UInt8]) {
        write(UInt32(block.count))
        bytes += block
    }

    /// Appends a text as counted UTF-8.
    public mutating func write(_ text: String) { write(Array(text.utf8)) }
}

/// Reads what ``ByteWriter`` wrote. Nil where the bytes end too early: nothing read from outside can trap.
public struct ByteReader: Sendable {
    private let bytes: [UInt8]
    private var position = 0

    /// Starts at the first byte.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything was read.
    public var isAtEnd: Bool { position == bytes.count }

    /// The next integer.
    public mutating func read<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type) -> Value? {
        let width = Value.bitWidth / 8
        guard bytes.count - position >= width else { return nil }
        var value: Value = 0
        for index in 0..<width { value |= Value(bytes[position + index]) << (8 * index) }
        position += width
        return value
    }

    /// The next counted bytes.
    public mutating func readBlock() -> [UInt8]? {
        guard let count = read(UInt32.self), bytes.count - position >= Int(count) else { return nil }
        defer { position += Int(count) }
        return Array(bytes[position..<position + Int(count)])
    }

    /// The next counted text; bytes that are not UTF-8 are repaired.
    public mutating func readText() -> String? { readBlock().map { String(decoding: $0, as: UTF8.self) } }
}
