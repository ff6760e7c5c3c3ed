public import Fabric
internal import Tensors

extension CollectiveTrial {
    /// A member's input, as bytes in little-endian order.
    ///
    /// Integers of all sizes. Reals of many magnitudes, every sixteenth a special one: NaNs with signs and payloads, infinities,
    /// zeros of both signs, subnormals, the largest and smallest.
    public func input(_ member: Int) -> [UInt8] { elements(member, count: sourceByteCount(member) / type.byteCount) }

    /// The first `count` elements of what a member's input is, or would be if it were longer; as bytes in little-endian order.
    public func elements(_ member: Int, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count * type.byteCount)
        for index in 0..<count {
            let bits = element(mix(16 + UInt64(member), UInt64(index)))
            for byte in 0..<type.byteCount {
                bytes[index * type.byteCount + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))
            }
        }
        return bytes
    }

    /// Writes a member's input into its own window.
    public func fill(_ member: Int, _ endpoint: Endpoint, at source: Region) throws(FabricError) {
        try endpoint.put(input(member).span, to: endpoint.rank, at: source.offset)
    }

    /// The bits of an element, made from a random number.
    private func element(_ hash: UInt64) -> UInt64 {
        let isSpecial = hasSpecials && hash & 15 == 0
        let pick = Int(hash >> 4 & 15)
        // A whole number of 17 bits with its sign, times a power of two: sums of a few round, products of a few do not all overflow.
        let value = Double(Int(hash >> 8 & 0x1FFFF) - 0x10000) * Self.powers[Int(hash >> 32 & 15)]
        switch type {
        case .int8, .int32, .int64: return hash
        case .float16: return isSpecial ? Self.halves[pick] : UInt64(Float16(value).bitPattern)
        case .bfloat16: return isSpecial ? Self.singles[pick] >> 16 : UInt64(BFloat16(Float(value)).bitPattern)
        case .float32: return isSpecial ? Self.singles[pick] : UInt64(Float(value).bitPattern)
        case .float64: return isSpecial ? Self.doubles[pick] : value.bitPattern
        }
    }

    private static let powers: [Double] = [
        0x1p-30, 0x1p-24, 0x1p-20, 0x1p-18, 0x1p-17, 0x1p-16, 0x1p-16, 0x1p-15, 0x1p-14, 0x1p-13, 0x1p-12, 0x1p-10,
        0x1p-8,
        0x1p-6, 0x1p-4, 0x1p-2,
    ]
    /// NaNs are few: each spoils its element, and only sums without them show rounding.
    private static let halves: [UInt64] = [
        0x7E00, 0xFE00, 0x7D01, 0x7C00, 0xFC00, 0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x8000,
        0x0000, 0x3C00,
    ]
    private static let singles: [UInt64] = [
        0x7FC0_0000, 0xFFC5_1234, 0x7FA0_0001, 0x7F80_0000, 0xFF80_0000, 0x0000_0000, 0x8000_0000, 0x0001_0000,
        0x8001_0000, 0x007F_FFFF, 0x0080_0000, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x8000_0000, 0x0000_0000, 0x3F80_0000,
    ]
    private static let doubles: [UInt64] = [
        0x7FF8_0000_0000_0000, 0xFFF8_0000_0012_3456, 0x7FF4_0000_0000_0001, 0x7FF0_0000_0000_0000,
        0xFFF0_0000_0000_0000, 0, 0x8000_0000_0000_0000, 1, 0x8000_0000_0000_0001, 0x000F_FFFF_FFFF_FFFF,
        0x0010_0000_0000_0000, 0x7FEF_FFFF_FFFF_FFFF, 0xFFEF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0,
        0x3FF0_0000_0000_0000,
    ]
}
