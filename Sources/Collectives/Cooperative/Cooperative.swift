internal import Fabric
internal import Kernels
internal import Tensors

/// A collective as work that all members share: each posts where its bytes lie, the last to arrive checks that all mean the same and
/// opens the work, and whoever runs takes pieces of it, its own or another's.
///
/// Each member waits once, for the end. Where ranks outnumber cores, that is as often as it must be given the processor anyway, and
/// the copies and folds of those that do not run are done by those that do. Each byte of a source crosses once for each destination,
/// and a reduction is folded once, tile by tile, and written to every destination from cache.
///
/// Blocks of at most 64 bytes ride in the posts, and the answer of a small reduction in the leader's answer line: nobody
/// touches another's window.
///
/// - Complexity: 1 arrival and 1 wait a member. See ``Work`` for the bytes.
struct Cooperative {
    let team: Team
    let workspace: CollectiveWorkspace
    let call: CollectiveCall
    let size: Int
    /// Whether the blocks ride in the posts.
    let isInline: Bool

    /// Words of a post.
    enum Post {
        static let digest = 0
        static let source = 1
        static let destination = 2
        static let sourceByteCount = 3
        static let destinationByteCount = 4
    }

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
        if call.operation == .barrier {
            return try team.sync(deadline: workspace.timeout.map(workspace.endpoint.deadline), operation: .collective)
        }
        if try begin() { return try finish() }
        if try team.awaitOpening(workspace.timeout.map(workspace.endpoint.deadline), .collective) {
            while try help() {}
            try team.awaitEnd(workspace.timeout.map(workspace.endpoint.deadline), .collective)
        }
        try finish()
    }

    /// Posts and arrives.
    ///
    /// - Returns: whether the meeting is over already: this member was the last, and there was little to do.
    mutating func begin() throws(FabricError) -> Bool {
        if call.operation == .allToAllV { try publishTable() }
        let words: [7 of UInt64] = [
            call.digest(size, CollectiveAlgorithm.cooperative.digest), UInt64(call.source.offset),
            UInt64(call.destination.offset), UInt64(call.source.byteCount), UInt64(call.destination.byteCount), 0, 0,
        ]
        let endpoint = endpoint
        let isLast =
            isInline
            ? try team.arrive(words, payload: endpoint.bytes(at: call.source.offset, byteCount: call.source.byteCount))
            : try team.arrive(words)
        guard isLast else { return false }
        try compare()
        if isInline {
            if call.operation == .allReduce || call.operation == .reduce { answerInline() }
            try team.close()
            return true
        }
        let work = Work(call, size, longest: longest())
        if work.pieceCount <= 1 || call.totalByteCount(size) <= Work.soloByteCount {
            for piece in 0..<work.pieceCount { try carryOut(piece, work) }
            try team.close()
            return true
        }
        team.setAnswer(Answer.pieces, UInt64(work.pieceCount))
        team.setAnswer(Answer.pieceByteCount, UInt64(work.pieceByteCount))
        try team.open(pieces: work.pieceCount)
        return false
    }

    /// Takes pieces of open work until there are none.
    ///
    /// - Parameter limit: at most this many.
    /// - Returns: whether there may be more.
    mutating func help(limit: Int = .max) throws(FabricError) -> Bool {
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
            try take(team.answerBytes(byteCount: call.source.byteCount), destination)
        }
    }

    private func take(_ bytes: RawSpan, _ offset: Int) throws(FabricError) {
        try endpoint.put(bytes, to: endpoint.rank, at: offset)
    }

    /// Whether all members made the same call; only the last arriver looks.
    private func compare() throws(FabricError) {
        let mine = call.digest(size, CollectiveAlgorithm.cooperative.digest)
        let lengths = (call.source.byteCount, call.destination.byteCount)
        let window = UInt64(endpoint.windowByteCount)
        for member in 0..<size {
            guard team.posted(by: member, Post.digest) == mine else {
                throw workspace.error(
                    .mismatch, team.member(member), "rank \(team.member(member)) calls another collective")
            }
            let source = team.posted(by: member, Post.sourceByteCount)
            let destination = team.posted(by: member, Post.destinationByteCount)
            let isFree = call.operation == .allToAllV
            let isEqual =
                switch call.operation {
                case .broadcast: destination == UInt64(lengths.1)
                case .scatter: destination == UInt64(lengths.1)
                case .gather, .reduce: source == UInt64(lengths.0)
                case .allGatherV: destination == UInt64(lengths.1)
                default: isFree || source == UInt64(lengths.0) && destination == UInt64(lengths.1)
                }
            guard isEqual else {
                throw workspace.error(
                    .mismatch, team.member(member),
                    "rank \(team.member(member)) gives \(source) and takes \(destination) bytes, here they are "
                        + "\(lengths.0) and \(lengths.1)")
            }
            for (offset, length) in [(Post.source, source), (Post.destination, destination)] {
                let start = team.posted(by: member, offset)
                guard length <= window, start <= window - length else {
                    throw workspace.error(.corrupt, team.member(member), "its bytes are outside its window")
                }
            }
        }
    }

    /// The longest source or destination that is cut.
    private func longest() -> Int {
        let word: Int
        switch call.operation {
        case .allGather, .allGatherV: word = Post.sourceByteCount
        case .allToAll, .allToAllV: word = Post.destinationByteCount
        case .broadcast: return call.destination.byteCount
        default: return call.source.byteCount
        }
        return (0..<size).reduce(0) { max($0, Int(clamping: team.posted(by: $1, word))) }
    }

    /// Folds what rode in the posts, in member order, into the answer.
    private func answerInline() {
        let team = team
        let byteCount = call.source.byteCount
        guard byteCount > 0 else { return }
        workspace.tile.load(call.type, from: team.payload(of: 0, byteCount: byteCount))
        for member in 1..<max(size, 1) {
            workspace.tile.accumulate(call.type, call.reduction, from: team.payload(of: member, byteCount: byteCount))
        }
        var answer = team.mutableAnswerBytes(byteCount: byteCount)
        workspace.tile.store(call.type, into: &answer)
    }

    /// Says in this die's own window what goes to and comes from each member: any member may have to carry it out.
    private func publishTable() throws(FabricError) {
        for member in 0..<size {
            let out = call.outgoing(to: member, size, me: team.rank)
            let into = call.incoming(from: member, size, me: team.rank)
            let words: [4 of Int64] = [
                Int64(out.start), Int64(out.byteCount), Int64(into.start), Int64(into.byteCount),
            ]
            try endpoint.put(words.span, to: endpoint.rank, at: workspace.row(member))
        }
    }
}
