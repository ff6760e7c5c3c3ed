public import Fabric
public import Tensors

// Eight bytes at a time, for control: how many tokens, which members are done, which step. No regions, no announcements.

extension Collective {
    /// Every member gets the reduction of all numbers. Sums and products wrap.
    ///
    /// - Complexity: one meeting; where windows are not mapped 2 hops, one event and one wait a member, n - 1 of each at member 0.
    public func allReduce(
        _ value: UInt64, _ reduction: Reduction, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) -> UInt64 {
        try exchange(.allReduce, value, CallSite(file, line)) { (left, right, _) in
            switch reduction {
            case .sum: left &+ right
            case .max: Swift.max(left, right)
            case .min: Swift.min(left, right)
            case .product: left &* right
            }
        }
    }

    /// Every member gets the reduction of all numbers, folded in member order; NaN and zeros as ``Reduction`` says.
    public func allReduce(
        _ value: Double, _ reduction: Reduction, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) -> Double {
        let bits = try exchange(.allReduce, value.bitPattern, CallSite(file, line)) { (left, right, _) in
            let left = Double(bitPattern: left)
            let right = Double(bitPattern: right)
            return switch reduction {
            case .sum: (left + right).bitPattern
            case .product: (left * right).bitPattern
            case .max where left == right: left.bitPattern & right.bitPattern
            case .min where left == right: left.bitPattern | right.bitPattern
            case .max: (left > right || left.isNaN ? left : right).bitPattern
            case .min: (left < right || left.isNaN ? left : right).bitPattern
            }
        }
        let result = Double(bitPattern: bits)
        return result.isNaN ? Double.nan : result
    }

    /// Every member gets the root's number.
    ///
    /// - Complexity: as a reduction.
    public func broadcast(
        _ value: UInt64, root: Int, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) -> UInt64 {
        precondition((0..<team.size).contains(root), "the root is a member")
        return try exchange(.broadcast, value, CallSite(file, line)) { (left, right, member) in
            member == root ? right : left
        }
    }

    /// Runs an operation on numbers as one on regions is run: each in turn is folded into member 0's, and all members hear the outcome.
    private func exchange(
        _ operation: CollectiveOperation, _ value: UInt64, _ site: CallSite,
        _ fold: (UInt64, UInt64, _ member: Int) -> UInt64
    ) throws(FabricError) -> UInt64 {
        try finishStream()
        if !team.isNear { try finishOrdered() }
        // Where calls are compared or recorded, a number is a source of eight bytes that lies nowhere.
        let number = CollectiveCall(
            operation, Region(offset: 0, byteCount: 8), Region(offset: 0, byteCount: 8), algorithm: .cooperative,
            site: site)
        let flight = beginFlight(number)
        var result = value
        try workspace.perform(operation, team, flight: flight) { () throws(FabricError) in
            try compareCalls(number)
            result =
                try team.isNear ? meet(operation, value, fold) : deal(operation, value, fold)
        }
        endpoint.endFlight(flight, inSuccess: true)
        return result
    }

    /// One meeting: each posts its number; the last to arrive computes the answer, or every member where each hears all.
    private func meet(
        _ operation: CollectiveOperation, _ value: UInt64, _ fold: (UInt64, UInt64, _ member: Int) -> UInt64
    ) throws(FabricError) -> UInt64 {
        let digest = Self.numberDigest(operation)
        let deadline = workspace.deadline()
        let words: [7 of UInt64] = [digest, value, Sealed.check(digest, value), 0, 0, 0, 0]
        func answer() -> UInt64 {
            (1..<max(team.size, 1)).reduce(team.posted(by: 0, 1)) { fold($0, team.posted(by: $1, 1), $1) }
        }
        if team.meetsByFlags {
            try team.exchange(words, deadline: deadline, operation: .collective)
            try compare(digest)
            return answer()
        }
        if try team.arrive(words) {
            try compare(digest)
            let result = answer()
            team.setAnswer(0, result)
            team.setAnswer(1, Sealed.check(digest, result))
            try team.close()
            return result
        }
        try team.awaitEnd(deadline, .collective)
        try workspace.checkRecords(of: team)
        let result = team.answer(0)
        guard team.answer(1) == Sealed.check(digest, result) else {
            throw workspace.error(.corrupt, team.start, "the answer \(result) was overwritten")
        }
        return result
    }

    /// No region's call has this digest but by chance.
    private static func numberDigest(_ operation: CollectiveOperation) -> UInt64 {
        UInt64.max - UInt64(operation.rawValue)
    }

    private func compare(_ digest: UInt64) throws(FabricError) {
        for member in 0..<team.size where !team.hasPosted(member) || team.posted(by: member, 0) != digest {
            throw workspace.error(
                .mismatch, team[member], "rank \(team[member]) calls another collective")
        }
        for member in 0..<team.size
        where team.posted(by: member, 2) != Sealed.check(digest, team.posted(by: member, 1)) {
            throw workspace.error(
                .corrupt, team[member], "the number of rank \(team[member]) was overwritten")
        }
    }

    /// Member 0 hears all numbers in member order, folds them and answers.
    ///
    /// A member sends its next number only after it has the answer, and member 0 answers only after it has read all. Numbers
    /// and answers go through different words: member 0 of one team may be an ordinary member of another, and send
    /// there before its answer here has been read. A number goes where announcements do: all of those have been read.
    private func deal(
        _ operation: CollectiveOperation, _ value: UInt64, _ fold: (UInt64, UInt64, _ member: Int) -> UInt64
    ) throws(FabricError) -> UInt64 {
        let number = CollectiveWorkspace.metadataOffset
        let answer = CollectiveWorkspace.answerOffset
        let digest = Self.numberDigest(operation)
        guard team.rank == 0 else {
            try workspace.send(value, digest, to: team[0], in: number)
            return try workspace.receive(digest, from: team[0], in: answer)
        }
        var result = value
        for member in 1..<max(team.size, 1) {
            result = fold(result, try workspace.receive(digest, from: team[member], in: number), member)
        }
        for member in 1..<max(team.size, 1) {
            try workspace.send(result, digest, to: team[member], in: answer)
        }
        return result
    }
}
