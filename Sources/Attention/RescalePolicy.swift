/// How online softmax keeps its accumulator on one scale while the running maximum moves.
///
/// The block loop is the same for all policies; a policy is the scalar arithmetic of one row between two blocks, and of one
/// row between two partial states. To add one: a file that conforms, and a line in ``AttentionCatalog``.
public protocol RescalePolicy: Sendable {
    /// The last part of the variant's name: `amla` in `attention.amla`.
    static var name: String { get }

    /// Whether the divisor sums the weights as rounded for the product, instead of the exponentials.
    static var sumsRoundedWeights: Bool { get }

    /// Takes a row to a block whose running maximum is `maximum` (at least the row's own) and says what the block does.
    static func advance(_ row: inout RowState, to maximum: Float, precision: AttentionPrecision) -> BlockStep

    /// The header of a row's partial state after its last block; the row has seen at least one key.
    static func close(_ row: RowState) -> PartialHeader

    /// How two partial states, neither empty, are brought to one scale to be added.
    static func align(_ held: PartialHeader, _ next: PartialHeader) -> PartialAlignment

    /// The natural logarithm of the sum of e^score over the keys of a state that is not empty.
    static func logSumExp(_ header: PartialHeader) -> Float
}

/// What a row remembers between blocks.
public struct RowState: Sendable, Equatable {
    /// The running maximum m.
    public var maximum: Float = -2e38
    /// The running sum l.
    public var sum: Float = 0
    /// The policy's scale: n for AMLA, m for base.
    public var reference: Float = 0
    /// What the weights of this block are multiplied by: s16 for AMLA.
    public var weight: Float = 1
    /// c for AMLA.
    public var residual: Float = 1
    /// Whether no block has been absorbed.
    public var isFirst = true

    /// The state before the first block.
    public init() {}
}

/// What to do to an accumulator so that the next block can be added.
public enum Rescale: Sendable, Equatable {
    /// Nothing: the scale did not move.
    case none
    /// Add this to the bits of each element, guarded.
    case exponent(Int32)
    /// Multiply each element.
    case factor(Float)
}

/// What one block does with one row.
public struct BlockStep: Sendable, Equatable {
    /// Subtracted from the scores before the exponential.
    public var shift: Float
    /// Multiplied with the exponentials: the weights of the value product.
    public var weight: Float
    /// Multiplied with the running sum before the block's is added.
    public var sumFactor: Float
    /// Done to the accumulator before the block's product is added.
    public var rescale: Rescale
}

/// How the state `next` is added to the state `held`.
public struct PartialAlignment: Sendable, Equatable {
    /// Done to the held o.
    public var held: Rescale
    /// Multiplied with the next o.
    public var nextFactor: Float
    /// Then added to its bits, guarded.
    public var nextIncrement: Int32
    /// The header of the sum.
    public var header: PartialHeader
}
