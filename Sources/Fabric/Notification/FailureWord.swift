/// What a rank that gives up says in one word: why, on whom, and after how long. It lies beside the words that it poisons.
///
/// ```
/// 63 ... 56   why            1: timed out, 2: the calls do not fit, 3: impossible data
/// 55 ... 32   whom           1 + the rank to blame
/// 31 ...  0   milliseconds   that it had waited
/// ```
public enum FailureWord {
    /// The word for an error of a rank; a rank that knows no culprit names itself.
    public static func word(for error: FabricError, of rank: Rank) -> UInt64 {
        let code: UInt64 =
            switch error.code {
            case .timedOut: 1
            case .mismatch: 2
            default: 3
            }
        let blamed = UInt64(truncatingIfNeeded: (error.peers.first ?? rank).index &+ 1) & 0xFF_FFFF
        return code << 56 | blamed << 32 | min(error.elapsedNanoseconds / 1_000_000, 0xFFFF_FFFF)
    }
}

extension Endpoint {
    /// The error that a word of failure stands for, as this rank reports it; nil for a word that no rank stores.
    public func failure(
        from word: UInt64, operation: FabricOperation, context: String
    ) -> FabricError? {
        let code: FabricError.Code
        switch word >> 56 {
        case 1: code = .timedOut
        case 2: code = .mismatch
        case 3: code = .corrupt
        default: return nil
        }
        let blamed = Rank(Int(word >> 32 & 0xFF_FFFF) - 1)
        guard (0..<rankCount).contains(blamed.index) else { return nil }
        return FabricError(
            code, scope: code == .timedOut ? .peer : .operation, operation: operation, rank: rank, peers: [blamed],
            elapsedNanoseconds: (word & 0xFFFF_FFFF) * 1_000_000, epoch: epoch, phase: phase, context: context)
    }
}
