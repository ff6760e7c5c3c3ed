/// The routed experts of one layer that this die holds.
public struct ExpertBank: Sendable {
    /// The experts held, by their number in the layer.
    public let experts: Range<Int>
    /// All experts of the layer, wherever they are.
    public let expertCount: Int
    /// Experts each row goes to.
    public let expertsPerToken: Int
    /// Width of a row, in and out.
    public let hiddenWidth: Int
    /// How rows travel: out in this type (INT8 with a scale a row), back in float32 or, if it is narrower, in BF16.
    public let precision: Precision
    private let feedForwards: [FeedForward]

    init(
        _ checkpoint: Checkpoint, _ prefix: String, _ configuration: ModelConfiguration, experts: Range<Int>,
        _ precision: Precision
    ) throws(ModelFileError) {
        self.experts = experts
        self.precision = precision
        expertCount = configuration.expertCount
        expertsPerToken = configuration.expertsPerToken
        hiddenWidth = configuration.hiddenWidth
        var feedForwards: [FeedForward] = []
        for expert in experts {
            feedForwards.append(
                try FeedForward(
                    checkpoint, "\(prefix)experts.\(expert).", hidden: configuration.hiddenWidth,
                    inner: configuration.expertWidth, precision))
        }
        self.feedForwards = feedForwards
    }

    /// Runs an expert on float32 rows, as they came off a float32 or BF16 wire, or on rows that never left the die.
    ///
    /// With `.int8` the rows are quantised here; the result is the same as for rows that were quantised by the sender.
    ///
    /// ## Shapes
    /// - `hidden`, `output`: `[rows, hiddenWidth]`, packed. The output is float32; BF16 for the wire is the caller's step.
    public func forward(expert: Int, hidden: Span<Float>, into output: inout MutableSpan<Float>) {
        run(expert, Operand(hidden, width: hiddenWidth, precision), &output)
    }

    /// Runs an expert on INT8 rows with their scales; only for a bank of precision `.int8`.
    ///
    /// ## Shapes
    /// - `codes`, `output`: `[rows, hiddenWidth]`, packed; `scales`: `[rows]`.
    public func forward(
        expert: Int, codes: Span<Int8>, scales: Span<Float>, into output: inout MutableSpan<Float>
    ) {
        precondition(precision == .int8, "INT8 rows are for INT8 experts")
        run(expert, Operand(codes: codes, scales: scales, width: hiddenWidth), &output)
    }

    private func run(_ expert: Int, _ operand: Operand, _ output: inout MutableSpan<Float>) {
        precondition(experts.contains(expert), "this die does not hold the expert")
        guard operand.rowCount > 0 else { return }
        feedForwards[expert - experts.lowerBound].apply(operand, into: &output)
    }
}
