import Kernels
import Tensors
import TestKit
import Testing

@Suite("Dense matrix products")
struct GemmTests {
    private enum Form: CaseIterable { case rows, columns }

    /// All rows in one call, with rows spread out and shifted to try the layout.
    private static func multiply(
        _ form: Form, _ weights: [Float], outputs: Int, inputs: Int, _ input: [Float], rows: Range<Int>,
        type: ElementType, on instructions: InstructionSet
    ) -> [Float] {
        var output = [Float](repeating: 7, count: rows.count * (outputs + 3) + 2)
        let bfloats = weights.map { BFloat16($0) }
        let (height, width) = form == .rows ? (outputs, inputs) : (inputs, outputs)
        let matrix =
            type == .bfloat16
            ? MatrixView(bfloats.span, rowCount: height, width: width)
            : MatrixView(weights.span, rowCount: height, width: width)
        let from = Rows(count: rows.count, offset: rows.lowerBound * inputs, stride: inputs)
        let into = Rows(count: rows.count, offset: 2, stride: outputs + 3)
        var span = output.mutableSpan
        switch form {
        case .rows: Gemm.multiply(matrix, input.span, from, into: &span, into, on: instructions)
        case .columns: Gemm.multiplyTransposed(matrix, input.span, from, into: &span, into, on: instructions)
        }
        for row in 0..<rows.count {
            for gap in 0..<3 where 2 + row * (outputs + 3) + outputs + gap < output.count {
                #expect(output[2 + row * (outputs + 3) + outputs + gap] == 7)
            }
        }
        return (0..<rows.count).flatMap { row in output[2 + row * (outputs + 3)..<2 + row * (outputs + 3) + outputs] }
    }

    @Test(
        "products are right, and the same bits for every instruction set and batch",
        arguments: [
            (1, 1, 1), (1, 8, 8), (2, 3, 7), (3, 9, 17), (4, 24, 32), (5, 67, 33), (7, 25, 160), (9, 130, 64),
            (6, 5, 0),
        ])
    func products(rows: Int, outputs: Int, inputs: Int) {
        for form in Form.allCases {
            for type in [ElementType.bfloat16, .float32] {
                var random = SeededGenerator(seed: UInt64(rows), UInt64(outputs))
                var weights = random.floats(outputs * inputs)
                if type == .bfloat16 { weights = weights.map(\.roundedToBFloat16) }
                let input = random.floats(rows * inputs)
                let portable = Self.multiply(
                    form, weights, outputs: outputs, inputs: inputs, input, rows: 0..<rows, type: type, on: .portable)
                for (index, value) in portable.enumerated() {
                    let (row, output) = (index / outputs, index % outputs)
                    var exact = 0.0
                    var magnitude = 0.0
                    for k in 0..<inputs {
                        let weight = form == .rows ? weights[output * inputs + k] : weights[k * outputs + output]
                        exact += Double(input[row * inputs + k]) * Double(weight)
                        magnitude += abs(Double(input[row * inputs + k]) * Double(weight))
                    }
                    // One rounding a product-sum: error <= inputs * 2^-24 * sum of magnitudes.
                    #expect(abs(Double(value) - exact) <= Double(inputs) * 0x1p-24 * magnitude)
                }
                for instructions in InstructionSet.available {
                    let whole = Self.multiply(
                        form, weights, outputs: outputs, inputs: inputs, input, rows: 0..<rows, type: type,
                        on: instructions)
                    #expect(whole.bits == portable.bits)
                    let single = (0..<rows).flatMap { row in
                        Self.multiply(
                            form, weights, outputs: outputs, inputs: inputs, input, rows: row..<row + 1, type: type,
                            on: instructions)
                    }
                    #expect(single.bits == portable.bits)
                }
            }
        }
    }

    @Test(
        "INT8 products are exact for every instruction set",
        arguments: [
            (1, 1, 1), (1, 4, 16), (2, 5, 33), (3, 7, 64), (4, 9, 1000),
        ])
    func int8Products(rows: Int, outputs: Int, inputs: Int) {
        var random = SeededGenerator(seed: 5)
        let weights = (0..<outputs * inputs).map { _ in Int8.random(in: -127...127, using: &random) }
        let codes = (0..<rows * inputs).map { _ in Int8.random(in: -127...127, using: &random) }
        let weightScales = random.floats(outputs, in: 0.001...0.1)
        let scales = random.floats(rows, in: 0.001...0.1)
        for instructions in InstructionSet.available {
            var output = [Float](repeating: 0, count: rows * outputs)
            var span = output.mutableSpan
            Gemm.multiplyInt8(
                weights.span, weightScales: weightScales.span, inputs: inputs, codes: codes.span, scales: scales.span,
                into: &span, Rows(count: rows, stride: outputs), on: instructions)
            for row in 0..<rows {
                for out in 0..<outputs {
                    let sum = (0..<inputs).reduce(0) {
                        $0 + Int(codes[row * inputs + $1]) * Int(weights[out * inputs + $1])
                    }
                    #expect(output[row * outputs + out] == Float(sum) * weightScales[out] * scales[row])
                }
            }
        }
    }

    @Test("the largest INT8 sum allowed does not overflow")
    func largestInt8Sum() {
        let codes = [Int8](repeating: 127, count: 131_072)
        for instructions in InstructionSet.available {
            var output: [Float] = [0]
            var span = output.mutableSpan
            let one: [Float] = [1]
            Gemm.multiplyInt8(
                codes.span, weightScales: one.span, inputs: codes.count, codes: codes.span, scales: one.span,
                into: &span, Rows(count: 1, stride: 1), on: instructions)
            #expect(output[0] == Float(127 * 127 * 131_072))
        }
    }
}
