/// Members in groups of neighbours: the dies of a server, or as near as a team comes to that.
package struct Grouping: Sendable, Equatable {
    /// Members in all groups.
    package let size: Int
    /// Members of each group but the last, which may be smaller.
    package let width: Int

    /// Groups of at most `group` members: fewer where a team of 4 or more would be a single group.
    package init(size: Int, group: Int) {
        self.size = size
        width = max(1, min(group, size >= 4 ? (size + 1) / 2 : size))
    }

    package var count: Int { (size + width - 1) / width }
    /// Members of the last group, which is the smallest.
    var smallest: Int { size - (count - 1) * width }

    package func group(of member: Int) -> Int { member / width }
    func index(of member: Int) -> Int { member % width }
    package func members(_ group: Int) -> Range<Int> { group * width..<min(size, (group + 1) * width) }
    func areTogether(_ first: Int, _ second: Int) -> Bool { group(of: first) == group(of: second) }

    /// The member of a group at an index, round and round.
    func member(_ group: Int, at index: Int) -> Int {
        let members = members(group)
        return members.lowerBound + index % members.count
    }
}
