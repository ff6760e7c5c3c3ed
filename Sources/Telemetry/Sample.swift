/// Repeated measurements of one thing, and what is quoted of them.
public struct Sample: Sendable, Equatable {
    /// The values, rising.
    public let sorted: [Double]

    /// Keeps the values in order; there must be one at least.
    public init(_ values: [Double]) {
        precondition(!values.isEmpty, "a sample has values")
        sorted = values.sorted()
    }

    /// The middle value (the mean of the two middle ones).
    public var median: Double {
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The value below which `share` of the sample lies, by the nearest rank.
    public func percentile(_ share: Double) -> Double {
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    /// The smallest value.
    public var minimum: Double { sorted[0] }
    /// The largest value.
    public var maximum: Double { sorted[sorted.count - 1] }
    /// How many values there are.
    public var count: Int { sorted.count }
}
