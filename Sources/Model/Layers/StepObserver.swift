/// Is shown what comes to be inside a step: for tests against golden values, and for reports of expert load.
public protocol StepObserver {
    /// The residual stream `[rows, hiddenWidth]` after a layer, or after the embedding when `layer` is nil.
    func saw(hidden: [Float], after layer: Int?)
    /// The rows after the final norm, `[rows, hiddenWidth]`.
    func saw(final: [Float])
    /// The gate's choice in a layer, `[rows, expertsPerToken]`, best first.
    func saw(experts: [Int32], weights: [Float], in layer: Int)
}

extension StepObserver {
    /// Ignores the stream.
    public func saw(hidden: [Float], after layer: Int?) {}
    /// Ignores the final rows.
    public func saw(final: [Float]) {}
    /// Ignores the routing.
    public func saw(experts: [Int32], weights: [Float], in layer: Int) {}
}
