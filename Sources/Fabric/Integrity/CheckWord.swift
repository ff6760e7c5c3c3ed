/// The word of 64 bits that lies beside bytes where integrity is asked for, and proves them to the rank that reads them.
///
/// ```
/// 63 ... 32   CRC-32C of the bytes, and then of what they are: the epoch, the sequence of the call, and the place where they belong
/// 31 ...  0   the same with every bit inverted
/// ```
///
/// One bit that changed in the bytes or in the word is always found, and so are any two or three (CRC-32C has a distance of 4 up to
/// 256 MiB), and any burst of 32 bits; of other damage one case in 2^32 is not. Bytes of another call, of another epoch, or of another place
/// do not go with the word, and neither memory that was never written nor all ones is a word of any bytes.
///
/// Source: CRC-32C and its polynomial, Castagnoli and others, IEEE Transactions on Communications 41(6), 1993; RFC 3720, appendix B.4.
public struct CheckWord: Sendable, Equatable {
    /// The word, as it is stored.
    public let bits: UInt64
    /// Bytes it takes.
    public static let byteCount = 8

    /// The word of bytes whose checksum is known.
    ///
    /// - Parameters:
    ///   - checksum: CRC-32C of the bytes.
    ///   - sequence: the number of the call.
    ///   - place: where the bytes belong, the same number at the rank that writes and at the rank that reads.
    public init(_ checksum: UInt32, epoch: UInt64, sequence: UInt64, place: Int) {
        let context: [3 of UInt64] = [epoch, sequence, UInt64(truncatingIfNeeded: place)]
        let sum = Checksum.crc32c(context.span, continuing: checksum)
        bits = UInt64(sum) << 32 | UInt64(~sum)
    }
}

extension Endpoint {
    /// The word of bytes that this die sends or has received in this epoch.
    public func checkWord(_ checksum: UInt32, sequence: UInt64, place: Int) -> UInt64 {
        CheckWord(checksum, epoch: epoch, sequence: sequence, place: place).bits
    }

    /// The error of bytes that do not go with their check word.
    ///
    /// - Parameters:
    ///   - source: the rank that sent them.
    ///   - offset: where they lie in this die's window.
    ///   - what: what they are, as a sentence begins.
    public func damaged(
        _ operation: FabricOperation, from source: Rank, at offset: Int, byteCount: Int, _ what: String
    ) -> FabricError {
        FabricError(
            .damaged, scope: .peer, operation: operation, rank: rank, peers: [source], wordOffset: offset, epoch: epoch,
            phase: phase,
            context: "\(what): \(byteCount) bytes at window byte \(offset) do not go with their check word")
    }
}
