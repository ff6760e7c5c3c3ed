public import Tensors

/// Expert-parallel exchange in one process, as plainly as it can be said. It defines the bits.
///
/// The arithmetic is float32, because the exchange promises bits and not only closeness: each conversion rounds once, and the
/// sum runs over the choices in order with one fused multiply-add each.
public enum OracleExperts {
    /// One row as an expert receives it.
    public struct Received: Equatable, Sendable {
        /// The sending rank.
        public var source: Int
        /// The token at the sender.
        public var token: Int
        /// Which of the token's choices this is.
        public var choice: Int
        /// The row after its way through the wire format.
        public var row: [Float]
    }

    /// What one rank brings to a call.
    public struct Batch: Sendable {
        /// `[tokens][hidden]`.
        public var rows: [[Float]]
        /// `[tokens][choices]`, -1 for none.
        public var experts: [[Int32]]
        /// `[tokens][choices]`.
        public var weights: [[Float]]

        /// A batch of equally many rows, routes and weights.
        public init(rows: [[Float]], experts: [[Int32]], weights: [[Float]]) {
            self.rows = rows
            self.experts = experts
            self.weights = weights
        }
    }

    /// A row after a round trip through a wire format.
    ///
    /// INT8: `m` is the largest magnitude, the code is x * (127 / m) rounded half to even, its value code * (m / 127). A
    /// row below 2^-119 is zero; a row that is not finite becomes NaN.
    public static func roundTrip(_ row: [Float], through format: ElementType) -> [Float] {
        switch format {
        case .bfloat16: return row.map(\.roundedToBFloat16)
        case .int8:
            guard row.allSatisfy(\.isFinite) else { return row.map { _ in .nan } }
            let largest = row.map(\.magnitude).max() ?? 0
            guard largest >= 0x1p-119 else { return row.map { _ in 0 } }
            let factor: Float = 127 / largest
            let quotient: Float = largest / 127
            let scale = (quotient * 127).isFinite ? quotient : quotient.nextDown
            return row.map { Float(Int(($0 * factor).rounded(.toNearestOrEven))) * scale }
        default: return row
        }
    }

    /// What each expert receives, in (source rank, token) order.
    public static func dispatch(_ batches: [Batch], expertCount: Int, format: ElementType) -> [[Received]] {
        var received = [[Received]](repeating: [], count: expertCount)
        for (source, batch) in batches.enumerated() {
            for (token, experts) in batch.experts.enumerated() {
                for (choice, expert) in experts.enumerated() where expert >= 0 {
                    received[Int(expert)].append(
                        Received(
                            source: source, token: token, choice: choice,
                            row: roundTrip(batch.rows[token], through: format)))
                }
            }
        }
        return received
    }

    /// What each rank's tokens become: dispatch, `expert(id, row)` for each row, combine.
    ///
    /// - Returns: `[ranks][tokens][hidden]`.
    public static func exchange(
        _ batches: [Batch], dispatch: ElementType, combine: ElementType, expert: (Int, [Float]) -> [Float]
    ) -> [[[Float]]] {
        batches.map { batch in
            batch.rows.indices.map { token in
                var sum = batch.rows[token].map { _ in Float(0) }
                for (choice, id) in batch.experts[token].enumerated() where id >= 0 {
                    let answer = expert(Int(id), roundTrip(batch.rows[token], through: dispatch))
                    let returned = roundTrip(answer, through: combine)
                    for index in sum.indices {
                        sum[index] = sum[index].addingProduct(returned[index], batch.weights[token][choice])
                    }
                }
                return sum
            }
        }
    }
}
