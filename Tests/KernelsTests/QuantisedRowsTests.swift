import Kernels
import Oracle
import Tensors
import TestKit
import Testing

/// Both builds of every conversion give the bits that the definition says.
@Suite("Quantised rows")
struct QuantisedRowsTests {
    /// Around the vector width, and long enough for several blocks of the weighted sum.
    static let lengths = [0, 1, 2, 7, 8, 15, 16, 31, 33, 64, 100, 511, 512, 513, 1300]

    /// Random numbers over many magnitudes with special ones among them.
    static func row(_ count: Int, seed: UInt64, finite: Bool) -> [Float] {
        var random = SeededGenerator(seed: seed)
        let special: [Float] = [
            0, -0.0, 1, -1, 1.00390625, 1.01171875, .leastNonzeroMagnitude, -.leastNormalMagnitude,
            .greatestFiniteMagnitude, 0.5, 2.5, -3.5,
        ]
        let wild: [Float] = [
            .infinity, -.infinity, .nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFFF_FFFF),
        ]
        return (0..<count).map { _ in
            switch Int.random(in: 0..<16, using: &random) {
            case 0: special[Int.random(in: 0..<special.count, using: &random)]
            case 1 where !finite: wild[Int.random(in: 0..<wild.count, using: &random)]
            default:
                Float(random.normal())
                    * Float(sign: .plus, exponent: Int.random(in: -9...9, using: &random), significand: 1)
            }
        }
    }

    static func bits(_ row: [Float]) -> [UInt32] { row.map(\.bitPattern) }

    /// A row through a conversion and back, with the payload at an odd address.
    static func roundTrip(_ row: [Float], _ format: ElementType, on instructions: InstructionSet) -> (
        bytes: [UInt8], row: [Float]
    ) {
        let byteCount = row.count * format.byteCount
        var bytes = [UInt8](repeating: 0xEE, count: byteCount + 2)
        var back = [Float](repeating: .nan, count: row.count)
        var all = bytes.mutableSpan
        var raw = unsafe all.mutableBytes
        var payload = raw._mutatingExtracting(1..<1 + byteCount)
        var scale: Float = 0
        switch format {
        case .bfloat16: NumberFormats.encodeBFloat16(row.span, into: &payload, on: instructions)
        case .int8: scale = NumberFormats.encodeInt8(row.span, into: &payload, on: instructions)
        default: NumberFormats.encodeFloat32(row.span, into: &payload)
        }
        let source = unsafe bytes.span.bytes.extracting(1..<1 + byteCount)
        var target = back.mutableSpan
        switch format {
        case .bfloat16: NumberFormats.decodeBFloat16(source, into: &target, on: instructions)
        case .int8: NumberFormats.decodeInt8(source, scale: scale, into: &target, on: instructions)
        default: NumberFormats.decodeFloat32(source, into: &target)
        }
        return (bytes, back)
    }

    @Test(
        "A row through bfloat16 or INT8 has the defined bits, in both builds", arguments: [ElementType.bfloat16, .int8])
    func conversions(format: ElementType) {
        for length in Self.lengths {
            for finite in [true, false] {
                let seed = UInt64(length * 2 + (finite ? 1 : 0))
                let row = Self.row(length, seed: seed, finite: finite)
                let portable = Self.roundTrip(row, format, on: .portable)
                let best = Self.roundTrip(row, format, on: .best)
                let expected = OracleExperts.roundTrip(row, through: format)
                #expect(portable.bytes == best.bytes, "\(format), \(length) numbers, seed \(seed)")
                #expect(Self.bits(portable.row) == Self.bits(best.row), "\(format), \(length) numbers, seed \(seed)")
                #expect(
                    zip(best.row, expected).allSatisfy {
                        $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN)
                            || ($0 == 0 && $1 == 0 && format == .int8)
                    }, "\(format), \(length) numbers, seed \(seed)")
                #expect(best.bytes.first == 0xEE && best.bytes.last == 0xEE, "nothing beside the payload is touched")
            }
        }
    }

    @Test("A row is the same codes and scale on the wire and in a product, bit for bit")
    func wireAndProduct() {
        for length in Self.lengths where length > 0 {
            for finite in [true, false] {
                let seed = UInt64(length * 2 + (finite ? 1 : 0))
                let rows = Self.row(length, seed: seed, finite: finite) + Self.row(length, seed: ~seed, finite: true)
                for instructions in InstructionSet.available {
                    var codes = [Int8](repeating: 99, count: 2 * length)
                    var scales = [Float](repeating: 99, count: 2)
                    var codeSpan = codes.mutableSpan
                    var scaleSpan = scales.mutableSpan
                    NumberFormats.quantiseInt8(
                        rows.span, Rows(count: 2, stride: length), width: length, codes: &codeSpan, scales: &scaleSpan,
                        on: instructions)
                    for row in 0..<2 {
                        var wire = [Int8](repeating: 77, count: length)
                        var span = wire.mutableSpan
                        var raw = unsafe span.mutableBytes
                        let scale = NumberFormats.encodeInt8(
                            rows.span.extracting(row * length..<(row + 1) * length), into: &raw, on: instructions)
                        #expect(Array(codes[row * length..<(row + 1) * length]) == wire, "seed \(seed)")
                        #expect(scales[row].bitPattern == scale.bitPattern, "seed \(seed)")
                    }
                }
            }
        }
    }

    @Test("Float32 rows keep every bit, NaN payloads included")
    func exact() {
        let row = Self.row(700, seed: 11, finite: false)
        #expect(Self.bits(Self.roundTrip(row, .float32, on: .best).row) == Self.bits(row))
    }

    @Test("INT8 codes are x * 127 / max rounded half to even, and the scale is max / 127")
    func int8Codes() {
        // max 127, so codes are the numbers rounded: halves show the rule.
        let row: [Float] = [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -127, 0.49999997]
        var bytes = [Int8](repeating: 99, count: row.count)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let scale = NumberFormats.encodeInt8(row.span, into: &raw)
        #expect(scale == 1)
        #expect(bytes == [127, 0, 2, 2, 0, -2, -2, 126, -127, 0])
    }

    @Test("Rows that INT8 cannot scale are zero or NaN as a whole, never garbage")
    func int8Edges() {
        let cases: [([Float], Float)] = [
            ([0, 0, -0.0], 0), ([0x1p-120, -0x1p-121], 0), ([.leastNonzeroMagnitude], 0), ([1, .infinity], .nan),
            ([.nan, 1], .nan),
        ]
        for (row, expected) in cases {
            let back = Self.roundTrip(row, .int8, on: .best).row
            #expect(back.allSatisfy { expected.isNaN ? $0.isNaN : $0 == expected }, "\(row) became \(back)")
        }
        let large = Self.roundTrip([.greatestFiniteMagnitude, -1], .int8, on: .best).row
        #expect(large[0].isFinite && large[0] > 3.4e38)
        // The smallest row that is scaled: an error of at most half a step.
        let small = Self.roundTrip([0x1p-119, 0x1p-120], .int8, on: .best).row
        #expect(abs(small[1] - 0x1p-120) <= 0x1p-119 / 254 * 1.001)
    }

    @Test("The weighted sum runs over the choices in order with one fused step each", arguments: [false, true])
    func weightedSum(narrow: Bool) {
        for length in Self.lengths {
            for choices in [0, 1, 2, 8] {
                let seed = UInt64(length * 10 + choices)
                var random = SeededGenerator(seed: seed)
                let stride = length * (narrow ? 2 : 4) + 6
                var slots = [UInt8](repeating: 0xFF, count: choices * stride + 1)
                let chosen = (0..<choices).map { _ in Int32.random(in: -1...3, using: &random) }
                let weights = chosen.map { $0 < 0 ? Float.nan : Float(random.normal()) }
                var expected = [Float](repeating: 0, count: length)
                for choice in 0..<choices where chosen[choice] >= 0 {
                    let row = Self.row(length, seed: SeededGenerator.mixed(seed, UInt64(choice)), finite: true)
                    let codes = narrow ? row.map(\.roundedToBFloat16) : row
                    let wire = Self.roundTrip(row, narrow ? .bfloat16 : .float32, on: .portable).bytes.dropFirst()
                        .dropLast()
                    slots.replaceSubrange(choice * stride..<choice * stride + wire.count, with: wire)
                    for index in 0..<length {
                        expected[index] = expected[index].addingProduct(codes[index], weights[choice])
                    }
                }
                for instructions in InstructionSet.available {
                    var sum = [Float](repeating: .nan, count: length)
                    var target = sum.mutableSpan
                    unsafe NumberFormats.weightedSum(
                        of: slots.span.bytes, stride: stride, narrow: narrow, weights: weights.span,
                        chosen: chosen.span,
                        into: &target, on: instructions)
                    #expect(
                        Self.bits(sum) == Self.bits(expected), "\(length) numbers, \(choices) choices, seed \(seed)")
                }
            }
        }
    }
}
