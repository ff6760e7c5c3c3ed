internal import Model

/// Which die continues which text, and what this die has chosen so far: what of a generation outlives an epoch.
struct TextOwners {
    private var owners: [Int]
    private var members: [Int]
    private var texts: [Int: (tokens: [Int], isDone: Bool)] = [:]

    /// Texts are dealt out to the dies in turn.
    init(_ count: Int, members: [Int]) {
        self.members = members
        owners = (0..<count).map { members[$0 % members.count] }
    }

    /// The texts of a die.
    func requests(of rank: Int) -> [Int] { owners.indices.filter { owners[$0] == rank } }

    /// What this die has chosen of a text.
    func chosen(_ request: Int) -> [Int] { texts[request]?.tokens ?? [] }

    /// Whether this die has chosen all of it.
    func isDone(_ request: Int) -> Bool { texts[request]?.isDone ?? false }

    /// This die has chosen a token.
    mutating func take(_ token: GeneratedToken) {
        texts[token.request, default: ([], false)].tokens.append(token.token)
        if token.isLast { texts[token.request]?.isDone = true }
    }

    /// Deals the texts of dies that are lost out to those that are left, in turn; the same at every die, since all enter the same epochs. What a
    /// lost die had chosen is chosen again, by the same numbers.
    ///
    /// - Parameter isShared: all dies work on all texts; some may be a token ahead of others, so all begin anew.
    mutating func enter(members left: [Int], isShared: Bool) {
        members = left
        var next = 0
        for request in owners.indices where !left.contains(owners[request]) {
            owners[request] = left[next % left.count]
            next += 1
        }
        if isShared { texts = [:] }
    }

    /// For the timeline.
    func description(_ epoch: UInt64) -> String {
        "ranks \(members.map(String.init).joined(separator: ", ")) enter epoch \(epoch) and continue \(owners.count) texts"
    }
}
