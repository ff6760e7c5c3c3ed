internal import Kernels

/// Scratch memory of a decode, kept between calls so that a step allocates nothing once it has seen its largest plan.
///
/// A workspace belongs to one caller at a time. It also counts what the rescale policies are judged by.
public struct AttentionWorkspace: Sendable {
    /// Rows times blocks absorbed so far.
    public private(set) var absorbedRowBlocks = 0
    /// How many of them had to rescale their accumulator.
    public private(set) var rescaledRowBlocks = 0

    var queries: [Float] = []
    var keys: [Float] = []
    var numbers: [Int32] = []
    var scores: [Float] = []
    var sums: [Float] = []
    var rows: [RowState] = []
    var partial: [Float] = []
    var merged: [Float] = []

    /// An empty workspace; it grows to what the plans need.
    public init() {}

    /// The most floats and numbers held, in bytes.
    public var byteCount: Int {
        4 * (queries.count + keys.count + numbers.count + scores.count + sums.count + partial.count + merged.count)
            + rows.count * MemoryLayout<RowState>.stride
    }

    mutating func count(rowBlocks: Int, rescaled: Int) {
        absorbedRowBlocks += rowBlocks
        rescaledRowBlocks += rescaled
    }

    /// Makes room for a plan's split of `tokenCount` tokens and clears the accumulators.
    mutating func prepare(_ plan: DecodePlan, tokenCount: Int) {
        let block = min(plan.blockLength, tokenCount)
        let width = AttentionKernels.padded(plan.shape.width)
        let latent = AttentionKernels.padded(plan.shape.latentWidth)
        Self.grow(&queries, to: plan.rowCount * width)
        Self.grow(&keys, to: block * width)
        Self.grow(&scores, to: plan.heads.count * block)
        Self.grow(&sums, to: plan.rowCount * latent)
        if numbers.count < block { numbers = Array(repeating: 0, count: block) }
        if rows.count < plan.rowCount { rows = Array(repeating: RowState(), count: plan.rowCount) }
        for index in 0..<plan.rowCount { rows[index] = RowState() }
        var cleared = sums.mutableSpan
        cleared.update(repeating: 0)
    }

    static func grow(_ array: inout [Float], to count: Int) {
        if array.count < count { array = Array(repeating: 0, count: count) }
    }
}
