/// A number that two runs share if they gave the same results: 64-bit FNV-1a over what is put in, in order. It finds differences, not
/// forgeries.
struct ResultDigest: Codable, Sendable, Equatable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ word: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            value = (value ^ (word >> UInt64(shift)) & 0xFF) &* 0x100_0000_01B3
        }
    }

    /// Bytes, with their number in front.
    mutating func add(_ bytes: [UInt8]) {
        add(UInt64(bytes.count))
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    /// Bits of numbers, with their number in front.
    mutating func add(_ values: [Float]) {
        add(UInt64(values.count))
        for value in values { add(UInt64(value.bitPattern)) }
    }

    /// Sixteen hexadecimal digits.
    var text: String { TopologyDrawing.hexadecimal(value) }
}
