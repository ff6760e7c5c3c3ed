/// Where a received row comes from: the metadata triple.
public struct RowOrigin: Sendable, Equatable, BitwiseCopyable {
    /// The sender's number in the team.
    public var source: Int32
    /// The row at the sender.
    public var token: Int32
    /// Which of the token's K choices this is.
    public var choice: Int32

    /// A triple.
    public init(source: Int32, token: Int32, choice: Int32) {
        self.source = source
        self.token = token
        self.choice = choice
    }
}

/// Names one dispatch, so that its combine can be told from any other.
public struct DispatchHandle: Sendable, Equatable {
    /// The call's number on its exchange, from 1.
    public let sequence: UInt64
    let exchange: ObjectIdentifier
}

/// What a dispatch brought to this rank's experts: rows in (local expert, source rank, index) order.
///
/// ## Shapes
/// - ``rows``: `[rowCount, hidden]`, packed.
/// - ``origins``: `[rowCount]`.
/// - `offsets`: `[local experts + 1]`; rows `offsets[l] ..< offsets[l + 1]` are for local expert `l`.
///
/// The buffers are those of the exchange. While a result lives, the next dispatch uses others; let it go before the next
/// dispatch and nothing is allocated.
public struct DispatchResult: Sendable {
    /// What ``ExpertExchange/combine(rows:weights:handle:into:)`` wants to see.
    public let handle: DispatchHandle
    /// Rows received.
    public let rowCount: Int
    /// Numbers in a row.
    public let hidden: Int
    /// Where each local expert's rows start, and the end.
    public let offsets: [Int]

    let buffers: ReceiveBuffers
    let lease: Lease
    /// Where each (local expert, source) segment starts, and the end.
    let segments: [Int]
    let sourceCount: Int

    /// The received rows, widened to float32.
    public var rows: Span<Float> {
        @_lifetime(borrow self)
        get { buffers.rows.span.extracting(0..<rowCount * hidden) }
    }

    /// The rows of one local expert, `[rowCount(expert:), hidden]`.
    @_lifetime(borrow self)
    public func rows(expert: Int) -> Span<Float> {
        buffers.rows.span.extracting(offsets[expert] * hidden..<offsets[expert + 1] * hidden)
    }

    /// Where each received row comes from.
    public var origins: Span<RowOrigin> {
        @_lifetime(borrow self)
        get { buffers.origins.span.extracting(0..<rowCount) }
    }

    /// Rows for a local expert.
    public func rowCount(expert: Int) -> Int { offsets[expert + 1] - offsets[expert] }

    /// Rows for a local expert from one source.
    public func rowCount(expert: Int, source: Int) -> Int {
        let segment = expert * sourceCount + source
        return segments[segment + 1] - segments[segment]
    }
}

/// The memory behind a result.
struct ReceiveBuffers: Sendable {
    var rows: [Float] = []
    var origins: [RowOrigin] = []

    /// Makes room. Grows by doubling, so that ragged calls settle soon; the largest is `limit` rows.
    mutating func reserve(rowCount: Int, hidden: Int, limit: Int) {
        guard origins.count < rowCount else { return }
        let count = max(rowCount, min(2 * origins.count, limit))
        rows = Array(repeating: 0, count: count * hidden)
        origins = Array(repeating: RowOrigin(source: -1, token: -1, choice: -1), count: count)
    }
}

/// Lives as long as any result that uses the exchange's buffers.
final class Lease: Sendable {}
