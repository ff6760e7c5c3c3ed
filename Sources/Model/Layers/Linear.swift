internal import Kernels
internal import Tensors

/// Rows made ready for matrix products: as they are, rounded to BF16, or as INT8 codes with a scale each.
///
/// INT8 rows of the residual stream are one term, `codes · scale`. Rows inside a block (gated values, compressed queries,
/// attention outputs) have long tails and get a second term for what the first leaves out: the published scheme's error
/// compensation, on the side of the activations. The weights are read in INT8 either way.
struct Operand: Sendable {
    let rowCount: Int
    let width: Int
    private(set) var values: [Float] = []
    private(set) var codes: [Int8] = []
    private(set) var scales: [Float] = []
    /// The second term, where there is one.
    private(set) var restCodes: [Int8] = []
    private(set) var restScales: [Float] = []

    /// Prepares packed rows for the linear layers of this precision.
    ///
    /// - Parameter isInner: whether the rows are inside a block, so that INT8 takes two terms.
    init(_ rows: Span<Float>, width: Int, _ precision: Precision, isInner: Bool = false) {
        rowCount = width == 0 ? 0 : rows.count / width
        self.width = width
        if precision == .int8 {
            (codes, scales) = Self.quantise(rows, rowCount: rowCount, width: width)
            if isInner {
                var rest = [Float](repeating: 0, count: rows.count)
                var span = rest.mutableSpan
                NumberFormats.residual(
                    rows, Rows(count: rowCount, stride: width), width: width, codes: codes.span, scales: scales.span,
                    into: &span)
                (restCodes, restScales) = Self.quantise(rest.span, rowCount: rowCount, width: width)
            }
        } else {
            values = Array(copying: rows)
            if precision == .bfloat16 { values.roundToBFloat16() }
        }
    }

    /// Packed rows as INT8 codes with a scale each.
    static func quantise(_ rows: Span<Float>, rowCount: Int, width: Int) -> (codes: [Int8], scales: [Float]) {
        var codes = [Int8](repeating: 0, count: rowCount * width)
        var scales = [Float](repeating: 0, count: rowCount)
        var codeSpan = codes.mutableSpan
        var scaleSpan = scales.mutableSpan
        NumberFormats.quantiseInt8(
            rows, Rows(count: rowCount, stride: width), width: width, codes: &codeSpan, scales: &scaleSpan)
        return (codes, scales)
    }

    /// Takes rows that came over the wire in INT8.
    init(codes: Span<Int8>, scales: Span<Float>, width: Int) {
        rowCount = scales.count
        self.width = width
        precondition(codes.count == rowCount * width, "a scale for each row of codes")
        self.codes = Array(copying: codes)
        self.scales = Array(copying: scales)
    }
}

/// A matrix of weights that multiplies rows: a view of the file, or its INT8 form.
struct Linear: Sendable {
    private enum Storage: Sendable {
        case mapped(MappedTensor)
        case int8(codes: [Int8], scales: [Float])
    }

    let inputs: Int
    let outputs: Int
    private let storage: Storage

    /// Takes a `[outputs, inputs]` tensor; with `.int8` it is quantised now, a scale an output channel.
    init(_ tensor: MappedTensor, _ precision: Precision) {
        outputs = tensor.shape[0]
        inputs = tensor.shape[1]
        guard precision == .int8 else {
            storage = .mapped(tensor)
            return
        }
        let (codes, scales) = Operand.quantise(tensor.floats.span, rowCount: outputs, width: inputs)
        storage = .int8(codes: codes, scales: scales)
    }

    /// The rows times the weights, packed `[rows, outputs]`.
    func apply(_ operand: Operand) -> [Float] {
        var output = [Float](repeating: 0, count: operand.rowCount * outputs)
        var span = output.mutableSpan
        apply(operand, into: &span)
        return output
    }

    /// The rows times the weights into packed `[rows, outputs]`.
    func apply(_ operand: Operand, into output: inout MutableSpan<Float>) {
        precondition(operand.width == inputs, "rows as wide as the weights")
        let into = Rows(count: operand.rowCount, stride: outputs)
        switch storage {
        case .mapped(let tensor):
            Gemm.multiply(
                tensor.matrix, operand.values.span, Rows(count: operand.rowCount, stride: inputs), into: &output, into)
        case .int8(let codes, let scales):
            Gemm.multiplyInt8(
                codes.span, weightScales: scales.span, inputs: inputs, codes: operand.codes.span,
                scales: operand.scales.span, into: &output, into)
            guard !operand.restCodes.isEmpty else { return }
            var rest = [Float](repeating: 0, count: operand.rowCount * outputs)
            var span = rest.mutableSpan
            Gemm.multiplyInt8(
                codes.span, weightScales: scales.span, inputs: inputs, codes: operand.restCodes.span,
                scales: operand.restScales.span, into: &span, into)
            Dense.addScaled(rest.span, into: &output)
        }
    }
}

extension Array {
    /// The elements of a span.
    init(copying span: Span<Element>) {
        self.init()
        reserveCapacity(span.count)
        for index in span.indices { append(span[index]) }
    }
}

extension [Float] {
    /// Rounds every element to the nearest BF16 value.
    mutating func roundToBFloat16() {
        var span = mutableSpan
        NumberFormats.roundToBFloat16(&span)
    }
}
