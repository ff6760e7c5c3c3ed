public import Attention
internal import Collectives
public import Experts
public import Fabric
internal import Tensors

/// A model on one die of a cluster: its weights, its caches, and its ways to the other dies.
///
/// Made collectively: all dies make theirs with equal placements. Every step is collective too; a die without rows steps with
/// none.
public struct PlacedModel<Core: AttentionCore, Road: RoutedExperts> {
    /// The weights of this die.
    public let transformer: Transformer
    /// How the model lies over the dies.
    public let placement: ModelPlacement
    /// Slots, flags and statistics of the expert exchange.
    public let exchange: ExpertExchange
    private let collective: Collective
    private var core: Core
    private var road: Road

    private init(_ base: PlacedBase, core: Core, road: Road) {
        transformer = base.transformer
        placement = base.placement
        exchange = base.exchange
        collective = base.collective
        self.core = core
        self.road = road
    }

    /// Whether any die still has work. Collective: one small all-reduce.
    public func anyRunning(_ isRunning: Bool) throws(FabricError) -> Bool {
        collective.team.endpoint.phase = "step"
        return try collective.allReduce(isRunning ? 1 : 0, .max) != 0
    }

    /// One step of the model with this die's rows; see ``Transformer/forward(_:attention:exchange:observer:)``.
    public mutating func forward(_ batch: [BatchRow]) throws(ModelError) -> [Float] {
        try transformer.forward(batch, attention: &core, exchange: &road)
    }

    /// Forgets a request on this die.
    public mutating func release(request: Int) { core.release(request: request) }
}

extension PlacedModel where Core == PagedAttention, Road == FabricExperts {
    /// Places a model with requests dealt out over the dies.
    ///
    /// - Parameter variant: the attention variant, such as `attention.amla`.
    /// - Throws: ``ModelFileError``, ``ExpertError``, ``FabricError``, ``ModelError``.
    public init(
        dataParallel checkpoint: Checkpoint, _ configuration: ModelConfiguration, precision: Precision,
        placement: ModelPlacement, variant: any AttentionVariant, world: Team
    ) throws {
        let base = try PlacedBase(checkpoint, configuration, precision, placement, world)
        let core = try PagedAttention(
            configuration, precision, variant: variant,
            tokenCapacity: placement.requestLimit * (placement.textLimit + PlacedBase.pageSize),
            pageSize: PlacedBase.pageSize, splitLength: ModelPlacement.splitLength)
        self.init(base, core: core, road: FabricExperts(base.exchange))
    }
}

extension PlacedModel where Core == ShardedAttention, Road == SharedRowsExperts {
    /// Places a model with the keys of every request dealt out over the dies; parameters and errors as for `dataParallel`.
    public init(
        keySharded checkpoint: Checkpoint, _ configuration: ModelConfiguration, precision: Precision,
        placement: ModelPlacement, variant: any AttentionVariant, world: Team
    ) throws {
        let base = try PlacedBase(checkpoint, configuration, precision, placement, world)
        let decoder = DistributedDecode(
            team: world, region: try world.allocate(byteCount: placement.decodeByteCount(configuration)),
            variant: variant, rowCapacity: placement.rowLimit * configuration.headCount,
            latentWidth: configuration.latentRank, splitCapacity: placement.splitCapacity)
        let shards = KeyShards(splitLength: ModelPlacement.splitLength, memberCount: world.size)
        let share = shards.localCount(of: 0, tokenCount: placement.textLimit) + PlacedBase.pageSize
        let core = try ShardedAttention(
            configuration, precision, decoder: decoder, tokenCapacity: placement.requestLimit * share,
            pageSize: PlacedBase.pageSize, splitLength: ModelPlacement.splitLength)
        let gathering = try world.allocate(
            byteCount: SharedRowsExperts.byteCount(
                rowLimit: placement.rowLimit, width: configuration.hiddenWidth, members: world.size))
        let road = SharedRowsExperts(
            FabricExperts(base.exchange), base.collective, region: gathering, width: configuration.hiddenWidth,
            rowLimit: placement.rowLimit)
        self.init(base, core: core, road: road)
    }
}

/// What both placements have: weights, the expert group, and the team for small agreements.
private struct PlacedBase {
    static let pageSize = 64

    let transformer: Transformer
    let placement: ModelPlacement
    let exchange: ExpertExchange
    let collective: Collective

    init(
        _ checkpoint: Checkpoint, _ configuration: ModelConfiguration, _ precision: Precision,
        _ placement: ModelPlacement, _ world: Team
    ) throws {
        precondition(placement.misfit(configuration) == nil, "the placement fits the model")
        self.placement = placement
        world.endpoint.phase = "loading"
        transformer = try Transformer(
            checkpoint, configuration, precision: precision, experts: placement.experts(of: world.rank, configuration))
        world.endpoint.phase = "placing"
        let group = try world.split2D(width: placement.expertParallel).row
        collective = Collective(world, try CollectiveWorkspace(world, byteCount: 0, tuning: placement.tuning))
        exchange = try ExpertExchange(
            world: world, team: group, layout: try placement.expertLayout(configuration, precision))
    }
}
