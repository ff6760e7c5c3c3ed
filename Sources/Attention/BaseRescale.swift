internal import Kernels

/// The common online softmax: the accumulator is multiplied by e^(m_old - m_new) when the maximum moves.
public enum BaseRescale: RescalePolicy {
    /// The variant is `attention.base`.
    public static var name: String { "base" }
    /// As in the published kernels, the divisor sums the exponentials.
    public static var sumsRoundedWeights: Bool { false }

    /// Weights are e^(score - m); nothing is done while m stays.
    public static func advance(
        _ row: inout RowState, to maximum: Float, precision: AttentionPrecision
    ) -> BlockStep {
        var step = BlockStep(shift: maximum, weight: 1, sumFactor: 1, rescale: .none)
        if !row.isFirst && maximum != row.maximum {
            step.sumFactor = AttentionMath.exp(row.maximum - maximum)
            step.rescale = .factor(step.sumFactor)
        }
        row.maximum = maximum
        row.reference = maximum
        row.isFirst = false
        return step
    }

    /// o and l are on the scale e^-m.
    public static func close(_ row: RowState) -> PartialHeader {
        PartialHeader(reference: row.maximum, residual: 1, divisor: row.sum, maximum: row.maximum)
    }

    /// Multiplies the state with the smaller maximum.
    public static func align(_ held: PartialHeader, _ next: PartialHeader) -> PartialAlignment {
        let maximum = max(held.reference, next.reference)
        let heldFactor = AttentionMath.exp(held.reference - maximum)
        let nextFactor = AttentionMath.exp(next.reference - maximum)
        return PartialAlignment(
            held: heldFactor == 1 ? .none : .factor(heldFactor), nextFactor: nextFactor, nextIncrement: 0,
            header: PartialHeader(
                reference: maximum, residual: 1,
                divisor: held.divisor * heldFactor + next.divisor * nextFactor, maximum: maximum))
    }

    /// m + log l.
    public static func logSumExp(_ header: PartialHeader) -> Float {
        header.reference + AttentionMath.log(header.divisor)
    }
}
