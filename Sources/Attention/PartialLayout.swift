/// How the partial states of attention lie in memory: floats in rows, so that they travel as bytes.
///
///     row r at r * stride:  [ reference | residual | divisor | maximum | o[0] ... o[latentWidth - 1] ]
///
/// A state stands for the keys it has seen: `o / divisor` is their attention output. `reference` (and for AMLA
/// `residual`) say on which scale o and divisor are, so that two states can be added; the ``RescalePolicy`` that wrote them
/// knows how. A divisor of 0 is the state of no keys, and the rest of the row is then zero.
///
/// | policy | reference | residual | o and divisor are sums of e^score times |
/// | --- | --- | --- | --- |
/// | amla | n, an integer value | c | 2^n / c |
/// | base | m, the row maximum | 1 | e^-m |
public struct PartialLayout: Sendable, Equatable {
    /// States, one for each query and head.
    public let rowCount: Int
    /// Columns of o.
    public let latentWidth: Int

    /// Floats before o in a row; 16 bytes, so that o stays as aligned as the row.
    public static let headerCount = 4

    /// A layout.
    public init(rowCount: Int, latentWidth: Int) {
        precondition(rowCount >= 0 && latentWidth > 0, "A partial state has rows and columns.")
        self.rowCount = rowCount
        self.latentWidth = latentWidth
    }

    /// Floats from one row to the next.
    public var stride: Int { Self.headerCount + latentWidth }
    /// Floats of all rows.
    public var floatCount: Int { rowCount * stride }
    /// Bytes of all rows: 4 * (latentWidth + 4) a row.
    public var byteCount: Int { 4 * floatCount }
}

/// The four numbers before o in a row of a ``PartialLayout``.
public struct PartialHeader: Sendable, Equatable {
    /// The scale o and divisor are on; its meaning is the policy's.
    public var reference: Float
    /// The small factor the scale misses, 1 where it is exact.
    public var residual: Float
    /// What o is divided by; 0 says that there are no keys.
    public var divisor: Float
    /// The largest score seen.
    public var maximum: Float

    init(reference: Float, residual: Float, divisor: Float, maximum: Float) {
        self.reference = reference
        self.residual = residual
        self.divisor = divisor
        self.maximum = maximum
    }

    init(_ row: Span<Float>) {
        self.init(reference: row[0], residual: row[1], divisor: row[2], maximum: row[3])
    }

    func write(to row: inout MutableSpan<Float>) {
        row[0] = reference
        row[1] = residual
        row[2] = divisor
        row[3] = maximum
    }
}
