internal import Attention
public import Collectives
public import Experts
internal import Fabric

/// How a model lies over the dies of a cluster: who attends to what, and who holds which experts.
///
/// ```
/// dies     0 1 2 3 | 4 5 6 7            EP groups of `expertParallel` neighbours; each group holds all experts once,
/// experts  A B C D | A B C D            dealt out in runs
/// data        each die attends to its own requests (request i on die i mod dies) and sends their rows to its group
/// kvShards    all dies attend to all requests, each to its own splits of the keys; rows are dealt out to the dies
/// ```
public struct ModelPlacement: Sendable, Equatable {
    /// Where attention happens.
    public enum AttentionLayout: String, Sendable, CaseIterable {
        /// Requests are dealt out; a die keeps the whole cache of its own.
        case data
        /// Keys are dealt out in splits; all dies work on all requests.
        case kvShards = "kv-shards"
    }

    /// Dies in the cluster.
    public var dieCount: Int
    /// Dies that share the experts of a layer.
    public var expertParallel: Int
    /// Where attention happens.
    public var attention: AttentionLayout
    /// The most rows of a step: on each die for `data`, of all dies together for `kvShards`.
    public var rowLimit: Int
    /// The longest text of a request, prompt and continuation.
    public var textLimit: Int
    /// Requests a die may have to keep at the same time.
    public var requestLimit: Int
    /// Which algorithms the collectives of the step use, before any that are chosen; the same at every die.
    public var tuning: TuningTable?
    /// Whether check words lie beside what dies send each other; the same as the endpoints'.
    public var isProtected = false

    /// Tokens of a split and of an attention block: part of the numerics, the same for every layout.
    public static let splitLength = 64

    /// A placement; ``misfit(_:)`` says whether it fits a model.
    public init(
        dieCount: Int, expertParallel: Int, attention: AttentionLayout, rowLimit: Int, textLimit: Int, requestLimit: Int
    ) {
        self.dieCount = dieCount
        self.expertParallel = expertParallel
        self.attention = attention
        self.rowLimit = rowLimit
        self.textLimit = textLimit
        self.requestLimit = requestLimit
    }

    /// The largest number of dies that divides both the dies and the experts.
    public static func defaultExpertParallel(dies: Int, experts: Int) -> Int {
        (1...max(1, min(dies, experts))).last { dies % $0 == 0 && experts % $0 == 0 } ?? 1
    }

    /// What is wrong with the placement for a model, in one sentence; nil if it fits.
    public func misfit(_ configuration: ModelConfiguration) -> String? {
        if expertParallel < 1 || dieCount % expertParallel != 0 {
            return "EP \(expertParallel) does not divide the \(dieCount) dies"
        }
        if configuration.expertCount % expertParallel != 0 {
            return "EP \(expertParallel) does not divide the model's \(configuration.expertCount) experts"
        }
        if textLimit > configuration.maximumPositions {
            return
                "a text of \(textLimit) tokens is longer than the model's \(configuration.maximumPositions) positions"
        }
        return nil
    }

    /// The experts a die holds.
    public func experts(of rank: Int, _ configuration: ModelConfiguration) -> Range<Int> {
        let each = configuration.expertCount / expertParallel
        let place = rank % expertParallel
        return place * each..<(place + 1) * each
    }

    /// Rows a die brings to an expert exchange at most.
    var rowsPerExchange: Int {
        attention == .data ? rowLimit : (rowLimit + dieCount - 1) / dieCount
    }

    var splitCapacity: Int { (textLimit + Self.splitLength - 1) / Self.splitLength }

    func expertLayout(_ configuration: ModelConfiguration, _ precision: Precision) throws(ExpertError) -> ExpertLayout {
        let formats = FabricExperts.formats(precision)
        return try ExpertLayout(
            experts: max(configuration.expertCount, expertParallel), ranks: expertParallel,
            maximumTokens: rowsPerExchange, hidden: configuration.hiddenWidth,
            choices: max(1, configuration.expertsPerToken), dispatch: formats.dispatch, combine: formats.combine,
            isProtected: isProtected)
    }

    func decodeByteCount(_ configuration: ModelConfiguration) -> Int {
        DistributedDecode.byteCount(
            memberCount: dieCount, rowCapacity: rowLimit * configuration.headCount,
            latentWidth: configuration.latentRank, splitCapacity: splitCapacity, isProtected: isProtected)
    }

    /// Bytes of each die's window that a model placed like this needs.
    ///
    /// - Throws: ``ExpertError`` if the sizes do not fit 64 bits.
    public func windowByteCount(
        _ configuration: ModelConfiguration, _ precision: Precision
    ) throws(ExpertError) -> Int {
        var count =
            Endpoint.reservedByteCount(dies: dieCount) + (64 + 2 * TransferDirection.granularity) * dieCount + (1 << 16)
        count += try expertLayout(configuration, precision).byteCount
        if attention == .kvShards {
            count += decodeByteCount(configuration)
            count += SharedRowsExperts.byteCount(
                rowLimit: rowLimit, width: configuration.hiddenWidth, members: dieCount)
        }
        return count
    }
}
