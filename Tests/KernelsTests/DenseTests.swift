import Glibc
import Kernels
import Tensors
import TestKit
import Testing

@Suite("Dense rows and codes")
struct DenseTests {
    private static func map(
        _ input: [Float], _ body: (Span<Float>, inout MutableSpan<Float>, InstructionSet) -> Void
    ) -> [[Float]] {
        InstructionSet.available.map { instructions in
            var output = [Float](repeating: 7, count: input.count)
            var span = output.mutableSpan
            body(input.span, &span, instructions)
            return output
        }
    }

    @Test("the exponential is within 2 ulp, and the same bits for every instruction set")
    func exponential() {
        var random = SeededGenerator(seed: 1)
        let input =
            random.floats(20_001, in: -87.3...88.7) + random.floats(2000, in: -1...1) + [0, -0.0, 1, -1, 88.72, -87.33]
        let outputs = Self.map(input) { Dense.exp($0, into: &$1, on: $2) }
        for output in outputs { #expect(output.bits == outputs[0].bits) }
        for (x, y) in zip(input, outputs[0]) {
            let exact = exp(Double(x))
            #expect(abs(Double(y) - exact) <= 2 * Double(Float(exact).ulp), "x = \(x)")
        }
        let edges = Self.map([.infinity, -.infinity, .nan, 89, 1000, -88, -1000]) { Dense.exp($0, into: &$1, on: $2) }
        for output in edges {
            #expect(output[0] == .infinity && output[1] == 0 && output[2].isNaN)
            #expect(output[3] == .infinity && output[4] == .infinity && output[5] == 0 && output[6] == 0)
        }
    }

    @Test("sigmoid and the gated unit match Float64 within a few ulp")
    func activations() {
        var random = SeededGenerator(seed: 2)
        let gate = random.floats(3003, in: -30...30)
        let up = random.floats(3003)
        let sigmoids = Self.map(gate) { Dense.sigmoid($0, into: &$1, on: $2) }
        let units = Self.map(gate) { Dense.swiglu(gate: $0, up: up.span, into: &$1, on: $2) }
        for index in gate.indices {
            let exact = 1 / (1 + exp(-Double(gate[index])))
            #expect(abs(Double(sigmoids[0][index]) - exact) <= 4 * Double(Float(exact).ulp))
            let unit = Double(gate[index]) * exact * Double(up[index])
            #expect(abs(Double(units[0][index]) - unit) <= 6 * Double(Float(abs(unit)).ulp))
        }
        for output in sigmoids { #expect(output.bits == sigmoids[0].bits) }
        for output in units { #expect(output.bits == units[0].bits) }
    }

    @Test("the norm matches Float64, and does not depend on the batch", arguments: [1, 7, 8, 100, 256])
    func norm(width: Int) {
        var random = SeededGenerator(seed: UInt64(width))
        let (input, weight) = (random.floats(5 * width), random.floats(width))
        let rows = Rows(count: 5, stride: width)
        let outputs = Self.map(input) { input, output, instructions in
            Dense.rmsNorm(input, rows, weight: weight.span, epsilon: 1e-6, into: &output, rows, on: instructions)
        }
        for output in outputs { #expect(output.bits == outputs[0].bits) }
        for row in 0..<5 {
            let values = input[row * width..<(row + 1) * width].map(Double.init)
            let factor = 1 / (values.reduce(0) { $0 + $1 * $1 } / Double(width) + 1e-6).squareRoot()
            for index in 0..<width {
                let exact = values[index] * factor * Double(weight[index])
                // A sum of `width` squares halves its relative error in the root; two products more.
                let bound = (Double(width) / 16 + 4) * 0x1p-23 * abs(exact)
                #expect(abs(Double(outputs[0][row * width + index]) - exact) <= bound)
            }
        }
    }

    @Test(
        "softmax sums to one, survives large and masked values, and reports its maximum", arguments: [1, 5, 8, 19, 300])
    func softmax(count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        var input = random.floats(count, in: -50...50)
        if count > 5 { input[3] = -.infinity }
        var results: [[Float]] = []
        for instructions in InstructionSet.available {
            var values = input
            var span = values.mutableSpan
            let (maximum, _) = Dense.softmax(&span, scale: 3, on: instructions)
            #expect(maximum == input.map { $0 * 3 }.max())
            results.append(values)
            #expect(values.bits == results[0].bits)
        }
        let top = Double(input.max() ?? 0) * 3
        let exponentials = input.map { exp(Double($0) * 3 - top) }
        let sum = exponentials.reduce(0, +)
        for (index, exact) in exponentials.enumerated() where exact > 0 {
            // The product and the difference are rounded, at their own size, before the exponential; then the sum.
            let scaled = abs(Double(input[index]) * 3)
            let bound = (2 * scaled + abs(top) + Double(count) / 8 + 8) * 0x1p-24 * exact / sum
            #expect(abs(Double(results[0][index]) - exact / sum) <= bound + 1e-37)
        }
    }

    @Test("INT8 codes are max/127 with halves to even, and broken rows show", arguments: [1, 8, 13, 256])
    func quantisation(width: Int) {
        var random = SeededGenerator(seed: UInt64(width))
        var input = random.floats(4 * width)
        for index in 0..<width { input[width + index] = 0 }
        input[2 * width] = .nan
        input[3 * width] = -.infinity
        for instructions in InstructionSet.available {
            var codes = [Int8](repeating: 99, count: 4 * width)
            var scales = [Float](repeating: 99, count: 4)
            var codeSpan = codes.mutableSpan
            var scaleSpan = scales.mutableSpan
            NumberFormats.quantiseInt8(
                input.span, Rows(count: 4, stride: width), width: width, codes: &codeSpan, scales: &scaleSpan,
                on: instructions)
            let top = input[..<width].map { abs($0) }.max() ?? 0
            #expect(scales[0] == top / 127)
            for index in 0..<width {
                #expect(Float(codes[index]) == (input[index] * (127 / top)).rounded(.toNearestOrEven))
            }
            #expect(scales[1] == 0 && scales[2].isNaN && scales[3].isNaN)
            #expect(codes[width...].allSatisfy { $0 == 0 })
        }
    }

    @Test("what INT8 codes leave out is at most half a step, and exact", arguments: [1, 9, 64])
    func residual(width: Int) {
        var random = SeededGenerator(seed: UInt64(width))
        let input = random.floats(3 * width)
        let rows = Rows(count: 3, stride: width)
        for instructions in InstructionSet.available {
            var codes = [Int8](repeating: 0, count: 3 * width)
            var scales = [Float](repeating: 0, count: 3)
            var rest = [Float](repeating: 0, count: 3 * width)
            var codeSpan = codes.mutableSpan
            var scaleSpan = scales.mutableSpan
            var restSpan = rest.mutableSpan
            NumberFormats.quantiseInt8(
                input.span, rows, width: width, codes: &codeSpan, scales: &scaleSpan, on: instructions)
            NumberFormats.residual(
                input.span, rows, width: width, codes: codes.span, scales: scales.span, into: &restSpan,
                on: instructions)
            for index in input.indices {
                let scale = scales[index / width]
                #expect(rest[index] == input[index].addingProduct(-Float(codes[index]), scale))
                #expect(abs(rest[index]) <= scale * 0.50001)
            }
        }
    }

    @Test("BF16 conversions equal the scalar type's, bit for bit")
    func bfloat16() {
        var random = SeededGenerator(seed: 9)
        var input = (0..<10_003).map { _ in Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random)) }
        input += [0, -0.0, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude]
        let expected = input.map { BFloat16($0).bitPattern }
        for instructions in InstructionSet.available {
            var codes = [UInt16](repeating: 0, count: input.count)
            var codeSpan = codes.mutableSpan
            var raw = unsafe codeSpan.mutableBytes
            NumberFormats.encodeBFloat16(input.span, into: &raw, on: instructions)
            #expect(codes == expected)
            var wide = [Float](repeating: 0, count: input.count)
            var wideSpan = wide.mutableSpan
            let bytes = unsafe codes.span.bytes
            NumberFormats.decodeBFloat16(bytes, into: &wideSpan, on: instructions)
            #expect(wide.bits == expected.map { UInt32($0) << 16 })
            var rounded = input
            var roundedSpan = rounded.mutableSpan
            NumberFormats.roundToBFloat16(&roundedSpan, on: instructions)
            #expect(rounded.bits == wide.bits)
        }
    }

    @Test("argmax takes the lowest index on a tie and never NaN while there is a number")
    func argmax() {
        #expect(Dense.argmax([1, 3, 3, 2].span) == 1)
        #expect(Dense.argmax([.nan, -5, .nan, -4].span) == 3)
        #expect(Dense.argmax([-.infinity, -.infinity].span) == 0)
        #expect(Dense.argmax([.nan].span) == 0)
    }

    @Test("a scaled sum is one fused multiply-add an element")
    func addScaled() {
        var random = SeededGenerator(seed: 3)
        let (x, start) = (random.floats(29), random.floats(29))
        for instructions in InstructionSet.available {
            var y = start
            var span = y.mutableSpan
            Dense.addScaled(x.span, by: 0.37, into: &span, on: instructions)
            #expect(y.bits == zip(x, start).map { $1.addingProduct($0, 0.37) }.bits)
        }
    }
}
