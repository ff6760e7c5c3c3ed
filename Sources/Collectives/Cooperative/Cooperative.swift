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
    let call: CollectiveCall
    let posts: Posts
    let size: Int
    /// Whether the blocks ride in the posts.
    let isInline: Bool

    /// Words of the answer to a meeting with work.
    enum Answer {
        static let pieces = 6
        static let pieceByteCount = 7
    }

    init(_ collective: Collective, _ call: CollectiveCall) {
        team = collective.team
        workspace = collective.workspace
        self.call = call
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
    func run() throws(FabricError) {
        if call.operation == .barrier {
            return try team.sync(deadline: workspace.deadline(), operation: .collective)
        }
        if team.meetsByFlags { return try runByFlags() }
        if try begin() { return try finish() }
        if try team.awaitOpening(workspace.deadline(), .collective) {
            while try help() {}
            try team.awaitEnd(workspace.deadline(), .collective)
        }
        try finish()
    }

    /// Members with a core each: everybody hears everybody, and does its own part.
    private func runByFlags() throws(FabricError) {
        let endpoint = endpoint
        let deadline = workspace.deadline()
        if isInline {
            let source = endpoint.bytes(at: call.source.offset, byteCount: call.source.byteCount)
            try team.exchange(posts.words(), payload: source, deadline: deadline, operation: .collective)
            try posts.compare()
            return try finish()
        }
        try posts.exchange()
        try doOwnPart()
        try team.sync(deadline: deadline, operation: .collective)
    }

    /// Posts and arrives.
    ///
    /// - Returns: whether the meeting is over already: this member was the last, and there was little to do.
    func begin() throws(FabricError) -> Bool {
        if call.operation == .allToAllV { try posts.publishTable() }
        let endpoint = endpoint
        let isLast =
            isInline
            ? try team.arrive(
                posts.words(), payload: endpoint.bytes(at: call.source.offset, byteCount: call.source.byteCount))
            : try team.arrive(posts.words())
        guard isLast else { return false }
        try posts.compare()
        let total = call.totalByteCount(size)
        if isInline {
            if call.operation.isReduction {
                var answer = team.mutableAnswerBytes(byteCount: call.source.byteCount)
                foldInline(into: &answer)
            }
            try team.close()
            return true
        }
        guard total <= Work.sharedByteCount else {
            team.setAnswer(Answer.pieces, 0)
            try team.open()
            return false
        }
        let work = Work(call, size, longest: longest())
        if work.pieceCount <= 1 || total <= Work.soloByteCount {
            for piece in 0..<work.pieceCount { try carryOut(piece, work) }
            try team.close()
            return true
        }
        team.setAnswer(Answer.pieces, UInt64(work.pieceCount))
        team.setAnswer(Answer.pieceByteCount, UInt64(work.pieceByteCount))
        try team.open()
        return false
    }

    /// Takes pieces of open work until there are none.
    ///
    /// - Parameter limit: at most this many.
    /// - Returns: whether there may be more.
    func help(limit: Int = .max) throws(FabricError) -> Bool {
        guard team.answer(Answer.pieces) > 0 else {
            try doOwnPart()
            try team.complete(1, of: size)
            return false
        }
        let work = Work(
            size: size, pieceCount: Int(clamping: team.answer(Answer.pieces)),
            pieceByteCount: Int(clamping: team.answer(Answer.pieceByteCount)))
        var done = 0
        while done < limit {
            let piece = team.claim()
            guard piece < work.pieceCount else {
                try team.complete(done, of: work.pieceCount)
                return false
            }
            try carryOut(piece, work)
            done += 1
        }
        try team.complete(done, of: work.pieceCount)
        return true
    }

    /// What is left to do when the meeting is over: taking blocks that rode in posts.
    func finish() throws(FabricError) {
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
        return (0..<size).reduce(0) { max($0, Int(clamping: team.posted(by: $1, word))) }
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
