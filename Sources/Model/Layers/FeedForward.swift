internal import Kernels

/// The gated feed-forward of a dense layer, a shared expert or one routed expert: `down(silu(gate x) · up x)`.
///
/// - Complexity: 6 · rows · hiddenWidth · innerWidth flops.
struct FeedForward: Sendable {
    private let gate: Linear
    private let up: Linear
    private let down: Linear
    private let precision: Precision

    /// Reads `<prefix>gate_proj.weight`, `up_proj` and `down_proj`.
    init(
        _ checkpoint: Checkpoint, _ prefix: String, hidden: Int, inner: Int, _ precision: Precision
    ) throws(ModelFileError) {
        gate = Linear(try checkpoint.tensor(prefix + "gate_proj.weight", shape: [inner, hidden]), precision)
        up = Linear(try checkpoint.tensor(prefix + "up_proj.weight", shape: [inner, hidden]), precision)
        down = Linear(try checkpoint.tensor(prefix + "down_proj.weight", shape: [hidden, inner]), precision)
        self.precision = precision
    }

    /// The result for rows that were prepared for this precision, into packed `[rows, hiddenWidth]`.
    func apply(_ operand: Operand, into output: inout MutableSpan<Float>) {
        let gated = gate.apply(operand)
        let raised = up.apply(operand)
        var inner = [Float](repeating: 0, count: gated.count)
        var span = inner.mutableSpan
        Dense.swiglu(gate: gated.span, up: raised.span, into: &span)
        down.apply(Operand(inner.span, width: gate.outputs, precision, isInner: true), into: &output)
    }

    func apply(_ operand: Operand) -> [Float] {
        var output = [Float](repeating: 0, count: operand.rowCount * down.outputs)
        var span = output.mutableSpan
        apply(operand, into: &span)
        return output
    }
}
