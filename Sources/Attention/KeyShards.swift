/// Which member of a team keeps which keys of a sequence: split i belongs to member i mod count.
///
/// A member's cache holds its splits one behind the other, so a token's place follows from its position alone and never
/// moves as the sequence grows. Long sequences are spread evenly to within one split.
public struct KeyShards: Sendable, Equatable {
    /// Tokens in a split; the same number as in the ``DecodePlan``.
    public let splitLength: Int
    /// Members that share the sequence.
    public let memberCount: Int

    /// A distribution over `memberCount` members.
    public init(splitLength: Int, memberCount: Int) {
        precondition(splitLength > 0 && memberCount > 0, "Keys are shared in splits, by members.")
        self.splitLength = splitLength
        self.memberCount = memberCount
    }

    /// The member that keeps a position's key.
    public func owner(of position: Int) -> Int { position / splitLength % memberCount }

    /// Index of a position's key in its owner's cache.
    public func localIndex(of position: Int) -> Int {
        position / splitLength / memberCount * splitLength + position % splitLength
    }

    /// How many of the first `tokenCount` keys a member keeps.
    public func localCount(of member: Int, tokenCount: Int) -> Int {
        let whole = tokenCount / splitLength
        let rest = whole % memberCount == member ? tokenCount % splitLength : 0
        return (whole / memberCount + (whole % memberCount > member ? 1 : 0)) * splitLength + rest
    }

    /// Split number `index` as it lies in its owner's cache.
    public func split(_ index: Int, tokenCount: Int) -> KeySplit {
        let position = index * splitLength, first = index / memberCount * splitLength
        return KeySplit(
            tokens: first..<first + min(splitLength, tokenCount - position), firstPosition: position)
    }
}
