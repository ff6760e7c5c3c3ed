internal import Hashing

/// A number that two runs share if they gave the same results, put in in order.
struct ResultDigest: Codable, Sendable, Equatable {
    private var digest = FNV1a()

    var value: UInt64 { digest.value }

    mutating func add(_ word: UInt64) { digest.add(word) }

    /// Bytes, with their number in front.
    mutating func add(_ bytes: [UInt8]) {
        add(UInt64(bytes.count))
        digest.add(bytes)
    }

    /// Bits of numbers, with their number in front.
    mutating func add(_ values: [Float]) {
        add(UInt64(values.count))
        for value in values { add(UInt64(value.bitPattern)) }
    }

    /// Sixteen hexadecimal digits.
    var text: String { TopologyDrawing.hexadecimal(value) }
}
