public import Experts
internal import Fabric
internal import Kernels
internal import Tensors

/// Expert parallelism: rows travel to the dies that hold their experts and back, over the fabric.
///
/// A team of one is no exception: its rows take the same slots, so that every layout rounds alike.
public struct FabricExperts: RoutedExperts {
    /// Slots, flags and statistics.
    public let exchange: ExpertExchange
    private var answers: [Float] = []

    /// Runs on an exchange whose team holds the experts in the order of its members.
    public init(_ exchange: ExpertExchange) { self.exchange = exchange }

    /// The wire formats a precision asks for: out, and back.
    public static func formats(_ precision: Precision) -> (dispatch: WireFormat, combine: WireFormat) {
        switch precision {
        case .float32: (.float32, .float32)
        case .bfloat16: (.bfloat16, .bfloat16)
        case .int8: (.int8, .bfloat16)
        }
    }

    /// Dispatches, runs the experts held here on what arrives, and combines; see ``RoutedExperts``.
    public mutating func exchange(
        layer: Int, rowCount: Int, hidden: Span<Float>, experts: Span<Int32>, weights: Span<Float>, bank: ExpertBank,
        into output: inout MutableSpan<Float>
    ) throws(ModelError) {
        // Named apart from self, whose scratch is lent out below.
        let exchange = self.exchange
        let endpoint = exchange.team.endpoint
        do {
            endpoint.phase = "layer \(layer) dispatch"
            let arrived = try exchange.dispatch(rows: hidden, experts: experts)
            endpoint.phase = "layer \(layer) experts"
            let width = bank.hiddenWidth
            if answers.count < arrived.rowCount * width {
                answers = Array(repeating: 0, count: arrived.rowCount * width)
            }
            var all = answers.mutableSpan
            for local in 0..<bank.experts.count where arrived.rowCount(expert: local) > 0 {
                var part = all.slice(arrived.offsets[local] * width..<arrived.offsets[local + 1] * width)
                bank.forward(
                    expert: bank.experts.lowerBound + local, hidden: arrived.rows(expert: local), into: &part)
            }
            endpoint.phase = "layer \(layer) combine"
            try exchange.combine(
                rows: all.span.extracting(0..<arrived.rowCount * width), weights: weights, handle: arrived.handle,
                into: &output)
        } catch {
            throw ModelError(.exchange, layer: layer, cause: error)
        }
    }
}
