public import Fabric
public import Tensors

// Eight bytes at a time, for control: how many tokens, who is done, which step. No regions, no announcements.

extension Collective {
    /// Everybody gets the reduction of everybody's number. Sums and products wrap.
    ///
    /// - Complexity: one meeting; where windows are not mapped 2 hops, one event and one wait a member, n - 1 of each at member 0.
    public func allReduce(
        _ value: UInt64, _ reduction: Reduction, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) -> UInt64 {
        try star(.allReduce, value, CallSite(file, line)) { (left, right) in
            switch reduction {
            case .sum: left &+ right
            case .max: Swift.max(left, right)
            case .min: Swift.min(left, right)
            case .product: left &* right
            }
        }
    }

    /// Everybody gets the reduction of everybody's number, folded in member order; NaN and zeros as ``Reduction`` says.
    public func allReduce(
        _ value: Double, _ reduction: Reduction, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) -> Double {
        let bits = try star(.allReduce, value.bitPattern, CallSite(file, line)) { (left, right) in
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

    /// Everybody gets the root's number.
    ///
    /// - Complexity: 2 hops; one event and one wait a member, n - 1 of each at the root.
    public func broadcast(
        _ value: UInt64, root: Int, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) -> UInt64 {
        precondition((0..<team.size).contains(root), "the root is a member")
        var result = value
        let site = CallSite(file, line)
        if team.isNear {
            try performNumber(.broadcast, site) { () throws(FabricError) in
                result = try meet(.broadcast, value) { team.posted(by: root, 1) }
            }
            return result
        }
        // A root may have answered a reduction a moment before, and nobody waited for that word to be read; but every
        // announcement has been.
        let word = CollectiveWorkspace.metadataOffset
        let digest = Self.numberDigest(.broadcast)
        try performNumber(.broadcast, site) { () throws(FabricError) in
            if team.rank == root {
                for member in 0..<team.size where member != root {
                    try workspace.send(value, digest, to: team.member(member), in: word)
                }
                // Not before everybody has read it, so that the next one finds the word free.
                for member in 0..<team.size where member != root { try workspace.expect(team.member(member)) }
            } else {
                result = try workspace.receive(digest, from: team.member(root), in: word)
                try workspace.signal(team.member(root))
            }
        }
        return result
    }

    /// Runs an operation on a number as one on a region is run.
    private func performNumber(
        _ operation: CollectiveOperation, _ site: CallSite, _ body: () throws(FabricError) -> Void
    ) throws(FabricError) {
        try settleStream()
        if !team.isNear { try settleOrdered() }
        // Where calls are compared or recorded, a number is a source of eight bytes that lies nowhere.
        let number = CollectiveCall(
            operation, Region(offset: 0, byteCount: 8), Region(offset: 0, byteCount: 8), algorithm: .cooperative,
            site: site)
        let flight = begin(number, .cooperative)
        try workspace.perform(operation, team, flight: flight) { () throws(FabricError) in
            try compareCalls(number)
            try body()
        }
        endpoint.endFlight(flight, inSuccess: true)
    }

    /// One meeting: everybody posts its number; the last to arrive computes the answer, or everybody where all hear all.
    private func meet(
        _ operation: CollectiveOperation, _ value: UInt64, _ answer: () -> UInt64
    ) throws(FabricError) -> UInt64 {
        let digest = Self.numberDigest(operation)
        let deadline = workspace.deadline()
        let words: [7 of UInt64] = [digest, value, Sealed.check(digest, value), 0, 0, 0, 0]
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
        try workspace.checkSpoken(team)
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
                .mismatch, team.member(member), "rank \(team.member(member)) calls another collective")
        }
        for member in 0..<team.size
        where team.posted(by: member, 2) != Sealed.check(digest, team.posted(by: member, 1)) {
            throw workspace.error(
                .corrupt, team.member(member), "the number of rank \(team.member(member)) was overwritten")
        }
    }

    /// Member 0 folds all numbers in member order and answers.
    ///
    /// A member sends its next number only after it has the answer, and member 0 answers only after it has read all. Numbers
    /// and answers go through different words: of two teams one's member 0 may be an ordinary member of the other, and send
    /// there before its answer here has been read. A number goes where announcements do: all of those have been read.
    private func star(
        _ operation: CollectiveOperation, _ value: UInt64, _ site: CallSite, _ fold: (UInt64, UInt64) -> UInt64
    ) throws(FabricError) -> UInt64 {
        var result = value
        if team.isNear {
            try performNumber(operation, site) { () throws(FabricError) in
                result = try meet(operation, value) {
                    (1..<max(team.size, 1)).reduce(team.posted(by: 0, 1)) { fold($0, team.posted(by: $1, 1)) }
                }
            }
            return result
        }
        let number = CollectiveWorkspace.metadataOffset
        let answer = CollectiveWorkspace.answerOffset
        let digest = Self.numberDigest(operation)
        try performNumber(operation, site) { () throws(FabricError) in
            guard team.rank == 0 else {
                try workspace.send(value, digest, to: team.member(0), in: number)
                result = try workspace.receive(digest, from: team.member(0), in: answer)
                return
            }
            for member in 1..<max(team.size, 1) {
                result = fold(result, try workspace.receive(digest, from: team.member(member), in: number))
            }
            for member in 1..<max(team.size, 1) {
                try workspace.send(result, digest, to: team.member(member), in: answer)
            }
        }
        return result
    }
}
