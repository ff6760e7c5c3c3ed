import Kernels
import Tensors
import TestKit
import Testing

@Suite("Attention kernels")
struct AttentionKernelsTests {
    static func values(_ count: Int, seed: UInt64) -> [Float] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float(random.normal()) }
    }

    static func bits(_ values: [Float]) -> [UInt32] { values.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern } }

    static func scores(_ kernels: AttentionKernels, _ q: [Float], _ k: [Float], rows: Int, tokens: Int) -> [Float] {
        var result = [Float](repeating: 0, count: rows * tokens)
        var span = result.mutableSpan
        kernels.scores(
            queries: q.span, rows: rows, keys: k.span, tokens: tokens, padded: q.count / rows, scale: 0.07, into: &span,
            stride: tokens)
        return result
    }

    static func accumulated(
        _ kernels: AttentionKernels, _ w: [Float], _ v: [Float], rows: Int, tokens: Int, padded: Int
    ) -> [Float] {
        var result = values(rows * padded, seed: 9)
        var span = result.mutableSpan
        kernels.accumulate(
            weights: w.span, weightStride: tokens, rows: rows, values: v.span, valueStride: v.count / tokens,
            tokens: tokens, padded: padded, into: &span)
        return result
    }

    @Test("give the portable bits on every instruction set, for every tile remainder")
    func sameBits() {
        for rows in [1, 2, 3, 4, 5, 6, 7, 8, 13] {
            for (tokens, padded) in [(1, 8), (2, 16), (7, 24), (8, 64), (9, 80), (25, 160), (33, 72)] {
                let q = Self.values(rows * padded, seed: 1), k = Self.values(tokens * padded, seed: 2)
                let scores = Self.scores(.portable, q, k, rows: rows, tokens: tokens)
                let wide = padded - padded % 16 == 0 ? padded : padded - 8
                let sums = Self.accumulated(.portable, scores, k, rows: rows, tokens: tokens, padded: wide)
                for kernels in AttentionKernels.available {
                    let other = Self.scores(kernels, q, k, rows: rows, tokens: tokens)
                    #expect(Self.bits(other) == Self.bits(scores), "\(kernels.name) \(rows)x\(tokens)x\(padded)")
                    let sum = Self.accumulated(kernels, scores, k, rows: rows, tokens: tokens, padded: wide)
                    #expect(Self.bits(sum) == Self.bits(sums), "\(kernels.name) \(rows)x\(tokens)x\(wide)")
                }
            }
        }
    }

    @Test("give a row the same bits whichever rows are computed with it")
    func rowIndependence() {
        let rows = 11, tokens = 29, padded = 72
        let q = Self.values(rows * padded, seed: 3), k = Self.values(tokens * padded, seed: 4)
        for kernels in AttentionKernels.available {
            let all = Self.scores(kernels, q, k, rows: rows, tokens: tokens)
            let sums = Self.accumulated(kernels, all, k, rows: rows, tokens: tokens, padded: padded)
            let start = Self.values(rows * padded, seed: 9)
            for row in 0..<rows {
                let query = Array(q[row * padded..<(row + 1) * padded])
                let one = Self.scores(kernels, query, k, rows: 1, tokens: tokens)
                #expect(Self.bits(one) == Self.bits(Array(all[row * tokens..<(row + 1) * tokens])))
                var sum = Array(start[row * padded..<(row + 1) * padded])
                var span = sum.mutableSpan
                kernels.accumulate(
                    weights: one.span, weightStride: tokens, rows: 1, values: k.span, valueStride: padded,
                    tokens: tokens, padded: padded, into: &span)
                #expect(Self.bits(sum) == Self.bits(Array(sums[row * padded..<(row + 1) * padded])))
            }
        }
    }

    @Test(
        "treat a softmax row alike on every instruction set, NaN and infinities included", arguments: [0, 1, 7, 8, 50])
    func softmaxRow(count: Int) {
        var scores = Self.values(count, seed: 5).map { 20 * $0 }
        if count > 9 {
            scores[3] = .nan
            scores[9] = -.infinity
            scores[17] = 300
        }
        for (narrow, sumRounded) in [(false, false), (true, false), (true, true)] {
            func row(_ kernels: AttentionKernels) -> [UInt32] {
                var copy = scores
                let maximum = kernels.maximum(copy.span, from: -2e38)
                var span = copy.mutableSpan
                let sum = kernels.exponentials(
                    &span, shift: maximum / 2, weight: 0.8125, narrow: narrow, sumRounded: sumRounded)
                return Self.bits(copy + [maximum, sum])
            }
            for kernels in AttentionKernels.available {
                #expect(row(kernels) == row(.portable), "\(kernels.name) \(narrow) \(sumRounded)")
            }
        }
    }

    @Test("gather the rows asked for, padded with zeros, widened or rounded", arguments: [1, 8, 11, 40])
    func gather(width: Int) {
        let base = Self.values(width * 9, seed: 6), rows: [Int32] = [8, 0, 3, 3]
        let halves = base.map { BFloat16($0) }, padded = AttentionKernels.padded(width)
        for kernels in AttentionKernels.available {
            var plain = [Float](repeating: 7, count: 4 * padded), narrow = plain, wide = plain
            var span = plain.mutableSpan
            kernels.gather(base.span, rows: rows.span, width: width, narrow: false, into: &span)
            span = narrow.mutableSpan
            kernels.gather(base.span, rows: rows.span, width: width, narrow: true, into: &span)
            span = wide.mutableSpan
            kernels.gather(halves.span, rows: rows.span, width: width, into: &span)
            for (index, row) in rows.enumerated() {
                for column in 0..<padded {
                    let value = column < width ? base[Int(row) * width + column] : 0
                    #expect(plain[index * padded + column] == value)
                    #expect(narrow[index * padded + column] == value.roundedToBFloat16)
                    #expect(wide[index * padded + column] == value.roundedToBFloat16)
                }
            }
        }
    }

    @Test("scale, align and divide alike on every instruction set")
    func rescale() {
        let x = Self.values(1001, seed: 7), y = Self.values(1001, seed: 8)
        func all(_ kernels: AttentionKernels) -> [UInt32] {
            var sums = x, quotient = x
            var span = sums.mutableSpan
            kernels.multiply(&span, by: 0.3)
            kernels.add(y.span, factor: 1.01, increment: -3 << 23, to: &span)
            kernels.add(y.span, factor: 0.99, increment: 0, to: &span)
            kernels.add(y.span, factor: 0.99, increment: 1 << 23, to: &span)
            var out = quotient.mutableSpan
            kernels.divide(sums.span, by: 1.7, into: &out)
            return Self.bits(sums + quotient)
        }
        for kernels in AttentionKernels.available { #expect(all(kernels) == all(.portable), "\(kernels.name)") }
    }
}
