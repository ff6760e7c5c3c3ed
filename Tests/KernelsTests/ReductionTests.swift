import Kernels
import Tensors
import TestKit
import Testing

@Suite("Element-wise reductions")
struct ReductionTests {
    /// Widens, folds and narrows through a tile.
    static func fold<Value: BitwiseCopyable>(
        _ type: ElementType, _ reduction: Reduction, _ columns: [[Value]], on instructions: InstructionSet
    ) -> [Value] {
        let tile = ReductionTile(on: instructions)
        for (index, column) in columns.enumerated() {
            let bytes = unsafe column.span.bytes
            if index == 0 {
                tile.load(type, from: bytes)
            } else {
                tile.accumulate(type, reduction, from: bytes)
            }
        }
        var result = columns[0]
        var span = result.mutableSpan
        var bytes = unsafe span.mutableBytes
        tile.store(type, into: &bytes)
        return result
    }

    @Test("Every half-precision value survives widening and narrowing; NaNs become the canonical one")
    func halves() {
        for instructions in InstructionSet.available {
            for start in stride(from: 0, to: 65536, by: 4096) {
                let halves = (start..<start + 4096).map { UInt16($0) }
                let expected = halves.map { Float16(bitPattern: $0).isNaN ? UInt16(0x7E00) : $0 }
                #expect(Self.fold(.float16, .sum, [halves], on: instructions) == expected)
                let brains = halves.map { BFloat16(bitPattern: $0).float.isNaN ? UInt16(0x7FC0) : $0 }
                #expect(Self.fold(.bfloat16, .sum, [halves], on: instructions) == brains)
            }
        }
    }

    @Test("Sums of halves are rounded once, half to even, as the language's own conversion does")
    func rounding() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        for instructions in InstructionSet.available {
            for _ in 0..<50 {
                let columns = (0..<3).map { _ in
                    (0..<1001).map { _ in UInt16.random(in: .min ... .max, using: &random) }
                }
                let got = Self.fold(.float16, .sum, columns, on: instructions)
                for index in got.indices {
                    let values = columns.map { Float(Float16(bitPattern: $0[index])) }
                    let sum = values[0] + values[1] + values[2]
                    let expected = sum.isNaN ? 0x7E00 : Float16(sum).bitPattern
                    #expect(got[index] == expected, "seed \(seed), \(values)")
                }
            }
        }
    }

    @Test("The portable and the vector code give the same bits for any bits", arguments: ElementType.allCases)
    func same(type: ElementType) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        for reduction in Reduction.allCases {
            for count in [8, 88, 1000, 2048] {
                let columns = (0..<4).map { _ in (0..<count / 8 * type.byteCount).map { _ in random.next() } }
                let portable = Self.fold(type, reduction, columns, on: .portable)
                let best = Self.fold(type, reduction, columns, on: .best)
                #expect(portable == best, "\(reduction), \(count) elements, seed \(seed)")
            }
        }
    }

    @Test("A fold handed on as accumulators gives the same bits as one in one place", arguments: ElementType.allCases)
    func handedOn(type: ElementType) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let each = ReductionTile.accumulatorByteCount(type)
        for reduction in Reduction.allCases {
            for count in [8, 88, 2048] {
                let columns = (0..<4).map { _ in (0..<count / 8 * type.byteCount).map { _ in random.next() } }
                let expected = Self.fold(type, reduction, columns, on: .best)
                // Each member has a tile of its own, in which something else was folded before.
                var passed = [UInt8](repeating: 0, count: count * each)
                var result = columns[0]
                for (index, column) in columns.enumerated() {
                    let tile = ReductionTile()
                    let bytes = unsafe column.span.bytes
                    tile.load(type, from: bytes)
                    if index > 0 {
                        let carried = unsafe passed.span.bytes
                        tile.loadAccumulators(type, from: carried)
                        tile.accumulate(type, reduction, from: bytes)
                    }
                    var span = passed.mutableSpan
                    var accumulators = unsafe span.mutableBytes
                    tile.storeAccumulators(type, into: &accumulators)
                    var last = result.mutableSpan
                    var rounded = unsafe last.mutableBytes
                    tile.store(type, into: &rounded)
                }
                #expect(result == expected, "\(reduction), \(count) elements, seed \(seed)")
            }
        }
    }
}
