internal import Fabric
internal import Kernels
internal import Tensors

/// A collective as work that all members share: each posts where its bytes lie, and when all have come the work is done by whoever runs.
///
/// How it is divided depends on the census and the bytes:
/// - *inline*: blocks of at most 64 bytes ride in the posts, and the answer of a small reduction in the leader's answer line;
///   nobody touches another's window.
/// - *shared*: where ranks outnumber cores and the bytes are few, the last to arrive does all of it, or opens it in pieces of which
///   whoever runs takes one after the other, its own or another's. Each member waits once, as often as it must be given the
///   processor anyway.
/// - *own*: else each member does its own part: it fills its own destination, and folds its own slice, which it writes to every
///   destination while it is in cache. Each member maps its own pages, and there are two waits.
///
/// - Complexity: one meeting, or two. Each byte of a source crosses once for each destination; of a reduction each source is read
///   once and each destination written once.
struct Cooperative {
    let team: Team
    let workspace: CollectiveWorkspace
    let posts: Posts
    /// What is carried out.
    var call: CollectiveCall { _read { yield posts.call } }
    let size: Int
    /// Whether the blocks ride in the posts.
    let isInline: Bool
    private(set) var stage = Stage.fresh

    /// How far this member is.
    enum Stage {
        /// Nothing is said yet.
        case fresh
        /// Posted; not all have come.
        case arrived
        /// There is work to take part in.
        case working
        /// Nothing is left to do here; others still work.
        case leaving
        /// The result is there.
        case over
    }

    /// Words of the answer to a meeting with work.
    enum Answer {
        static let pieces = 6
        static let pieceByteCount = 7
    }

    init(_ collective: Collective, _ call: CollectiveCall) {
        team = collective.team
        workspace = collective.workspace
        size = team.size
        posts = Posts(collective, call, algorithm: CollectiveAlgorithm.cooperative.digest)
        isInline =
            switch call.operation {
            case .broadcast: call.destination.byteCount <= 64
            case .allReduce, .reduce, .allGather, .gather: call.source.byteCount <= 64
            default: false
            }
    }

    private var endpoint: Endpoint { workspace.endpoint }

    /// From arrival to end.
    mutating func run() throws(FabricError) {
        while try !advance() { try awaitProgress() }
    }

    /// Does what can be done without waiting, at most `limit` shared pieces of it.
    ///
    /// - Returns: whether the operation is over.
    mutating func advance(limit: Int = .max) throws(FabricError) -> Bool {
        while true {
            switch stage {
            case .fresh: try arrive()
            case .arrived:
                guard try team.meetsByFlags ? team.hasExchanged(.collective) : team.isOpen else { return false }
                try begin()
            case .working:
                guard try help(limit) else { return false }
                stage = .leaving
                if team.meetsByFlags { try team.beginFlags() }
            case .leaving:
                guard try team.meetsByFlags ? team.hasExchanged(.collective) : team.isOver() else { return false }
                try finish()
                stage = .over
            case .over: return true
            }
        }
    }

    /// Waits until ``advance(limit:)`` can do more.
    func awaitProgress() throws(FabricError) {
        let deadline = workspace.deadline()
        switch stage {
        case .arrived where team.meetsByFlags: try team.awaitExchange(deadline, .collective)
        case .arrived: try team.awaitOpening(deadline, .collective)
        case .leaving where team.meetsByFlags: try team.awaitExchange(deadline, .collective)
        case .leaving: try team.awaitEnd(deadline, .collective)
        case .fresh, .working, .over: break
        }
    }

    /// Posts and arrives. The last of a team that meets on a board sees to the rest.
    private mutating func arrive() throws(FabricError) {
        stage = .arrived
        if call.operation == .allToAllV { try workspace.publishTable(call, size, me: team.rank) }
        if call.operation == .barrier { return try arriveAtBarrier() }
        let endpoint = endpoint
        let byteCount = isInline ? call.source.byteCount : 0
        let payload = endpoint.bytes(at: byteCount > 0 ? call.source.offset : 0, byteCount: byteCount)
        if team.meetsByFlags { return try team.beginExchange(posts.words(), payload: payload) }
        guard try team.arrive(posts.words(), payload: payload) else { return }
        try posts.compare()
        let total = call.totalByteCount(size)
        if isInline {
            if call.operation.isReduction {
                var answer = team.mutableAnswerBytes(byteCount: call.source.byteCount)
                foldInline(into: &answer)
            }
            try team.close()
            stage = .leaving
        } else if total > Work.sharedByteCount(call.operation, members: size) {
            team.setAnswer(Answer.pieces, 0)
            try team.open()
            stage = .working
        } else {
            try share(total)
        }
    }

    /// Says nothing, as a blocking barrier does, so that the two forms meet.
    private mutating func arriveAtBarrier() throws(FabricError) {
        if team.meetsByFlags { return try team.beginFlags() }
        guard try team.arrive() else { return }
        try team.close()
        stage = .leaving
    }

    /// The last arriver does little work alone, and opens more in pieces.
    private mutating func share(_ total: Int) throws(FabricError) {
        let work = Work(call, size, longest: longest())
        if work.pieceCount <= 1 || total <= Work.soloByteCount {
            for piece in 0..<work.pieceCount { try carryOut(piece, work) }
            try team.close()
            stage = .leaving
            return
        }
        team.setAnswer(Answer.pieces, UInt64(work.pieceCount))
        team.setAnswer(Answer.pieceByteCount, UInt64(work.pieceByteCount))
        try team.open()
        stage = .working
    }

    /// All have come: what they said is to be seen.
    private mutating func begin() throws(FabricError) {
        guard team.meetsByFlags else {
            if call.operation != .barrier { try workspace.checkSpoken(team) }
            // Over already, if the last arriver did all of it.
            stage = try team.isOver() ? .leaving : .working
            return
        }
        if call.operation != .barrier { try posts.compare() }
        if isInline || call.operation == .barrier {
            try finish()
            stage = .over
        } else {
            stage = .working
        }
    }

    /// Takes part in open work.
    ///
    /// - Returns: whether nothing is left to take.
    private func help(_ limit: Int) throws(FabricError) -> Bool {
        if team.meetsByFlags {
            try doOwnPart()
            return true
        }
        let pieces = (team.answer(Answer.pieces), team.answer(Answer.pieceByteCount))
        guard pieces.0 > 0 else {
            try doOwnPart()
            try team.complete(1, of: size)
            return true
        }
        // Every member can cut it, so nothing that is only said is believed.
        let work = Work(call, size, longest: longest())
        guard pieces == (UInt64(work.pieceCount), UInt64(work.pieceByteCount)) else {
            throw workspace.error(
                .corrupt, team.start,
                "\(pieces.0) pieces of \(pieces.1) bytes are said to be open, and there are \(work.pieceCount) of "
                    + "\(work.pieceByteCount): a word of the answer was overwritten")
        }
        var done = 0
        while done < limit {
            let piece = team.claim()
            guard piece < work.pieceCount else {
                try team.complete(done, of: work.pieceCount)
                return true
            }
            try carryOut(piece, work)
            done += 1
        }
        try team.complete(done, of: work.pieceCount)
        return false
    }

    /// What is left to do when the meeting is over: taking blocks that rode in posts.
    private func finish() throws(FabricError) {
        guard isInline else { return }
        let team = team
        let destination = call.destination.offset
        switch call.operation {
        case .broadcast:
            try take(team.payload(of: call.root, byteCount: call.destination.byteCount), destination)
        case .allGather, .gather:
            guard call.operation == .allGather || team.rank == call.root else { return }
            let block = call.source.byteCount
            for member in 0..<size {
                try take(team.payload(of: member, byteCount: block), destination + member * block)
            }
        default:
            guard call.operation == .allReduce || team.rank == call.root else { return }
            guard team.meetsByFlags else {
                return try take(team.answerBytes(byteCount: call.source.byteCount), destination)
            }
            let endpoint = endpoint
            var bytes = endpoint.mutableBytes(at: destination, byteCount: call.source.byteCount)
            foldInline(into: &bytes)
        }
    }

    private func take(_ bytes: RawSpan, _ offset: Int) throws(FabricError) {
        try endpoint.put(bytes, to: endpoint.rank, at: offset)
    }

    /// The longest source or destination that is cut.
    private func longest() -> Int {
        let word: Int
        switch call.operation {
        case .allGather, .allGatherV: word = Posts.sourceByteCountWord
        case .allToAll, .allToAllV: word = Posts.destinationByteCountWord
        case .broadcast: return call.destination.byteCount
        default: return call.source.byteCount
        }
        // No longer than a window, whatever is posted by now.
        let window = UInt64(endpoint.windowByteCount)
        return (0..<size).reduce(0) { max($0, Int(min(team.posted(by: $1, word), window))) }
    }

    /// Folds what rode in the posts, in member order.
    private func foldInline(into result: inout MutableRawSpan) {
        let team = team
        let byteCount = call.source.byteCount
        guard byteCount > 0 else { return }
        workspace.tile.load(call.type, from: team.payload(of: 0, byteCount: byteCount))
        for member in 1..<max(size, 1) {
            workspace.tile.accumulate(call.type, call.reduction, from: team.payload(of: member, byteCount: byteCount))
        }
        workspace.tile.store(call.type, into: &result)
    }
}
