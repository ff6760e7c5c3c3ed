/// A die of the cluster, by its number there: 0 to ``Endpoint/rankCount`` - 1.
///
/// Whatever names a peer takes one. A member's number in a team is a ``MemberIndex``; ``Team/subscript(_:)`` turns that into a rank, and
/// ``Team/index(of:)`` a rank into that, so that one is not taken for the other. At run time it is the number.
@frozen
public struct Rank:
    Sendable, Hashable, BitwiseCopyable, Strideable, ExpressibleByIntegerLiteral, CustomStringConvertible
{
    /// The number in the cluster.
    public let index: Int

    /// The rank of a number.
    @inlinable @inline(__always)
    public init(_ index: Int) { self.index = index }

    /// A rank that is written out.
    @inlinable @inline(__always)
    public init(integerLiteral value: Int) { index = value }

    /// Ranks are ordered as their numbers are.
    @inlinable @inline(__always)
    public static func < (left: Rank, right: Rank) -> Bool { left.index < right.index }

    /// Whether both are the same die.
    @inlinable @inline(__always)
    public static func == (left: Rank, right: Rank) -> Bool { left.index == right.index }

    /// How many ranks another one is away.
    @inlinable @inline(__always)
    public func distance(to other: Rank) -> Int { other.index - index }

    /// The rank so many away.
    @inlinable @inline(__always)
    public func advanced(by distance: Int) -> Rank { Rank(index + distance) }

    /// The number.
    public var description: String { "\(index)" }
}

/// A member's number in its team: 0 to ``Team/size`` - 1.
public typealias MemberIndex = Int
