internal import Fabric
internal import Kernels
internal import Tensors

/// The algorithm `cooperative`: each member posts where its bytes lie, and those that run do the work of all.
struct WorkSharing: CollectiveImplementation {
    var name: StaticString { Cooperative.algorithm }
    var usesOnlyBoard: Bool { true }
    var preference: Int { 0 }

    /// Two members that talk are no team that meets.
    func carries(_ operation: CollectiveOperation) -> Bool { operation != .sendReceive }

    @inline(__always)
    func begin(_ call: CollectiveCall, on collective: Collective) -> Cooperative { Cooperative(call, on: collective) }

    func load(_ model: CostModel, _ operation: CollectiveOperation, _ size: Double, parameter: Double) -> Load {
        model.cooperative(operation, size)
    }
}

/// A collective as work that all members share: each posts where its bytes lie, and when all have come the work is done by the members that
/// run.
///
/// How it is divided depends on the census and the bytes:
/// - *inline*: blocks of at most 64 bytes ride in the records, and the answer of a small reduction in the leader's answer line;
///   no member touches another's window.
/// - *shared*: where ranks outnumber cores and the bytes are few, the last to arrive does all of it, or opens it in pieces of which
///   those that run take one after the other, their own or another's. Each member waits once, as often as it must be given the
///   processor anyway.
/// - *own*: else each member does its own part: it fills its own destination, and folds its own slice, which it writes to every
///   destination while it is in cache. Each member maps its own pages, and there are two waits.
///
/// - Complexity: one meeting, or two. Each byte of a source crosses once for each destination; of a reduction each source is read
///   once and each destination written once.
struct Cooperative: CollectiveExecution {
    static var algorithm: StaticString { "cooperative" }

    let team: Team
    let workspace: CollectiveWorkspace
    let descriptors: CallDescriptors
    /// What is carried out.
    var call: CollectiveCall { _read { yield descriptors.call } }
    let size: Int
    /// Whether the blocks ride in the records.
    let isInline: Bool
    private var stage = Stage.fresh
    /// A barrier is a meeting at which nothing is said.
    private var rendezvous = Rendezvous()

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

    /// The word of the answer to a meeting that says how many pieces of work are open.
    private static let piecesWord = 6

    @inline(__always)
    init(_ call: CollectiveCall, on collective: Collective) {
        team = collective.team
        workspace = collective.workspace
        size = team.size
        descriptors = CallDescriptors(team, workspace, call)
        isInline = call.operation.fitsRecords && call.blockByteCount(size) <= 64
    }

    private var endpoint: Endpoint { workspace.endpoint }

    /// There is one table for all calls of a die.
    var canBeLeft: Bool { call.operation != .allToAllV }

    mutating func run() throws(FabricError) { _ = try advance(waits: true) }

    mutating func advance(waits: Bool) throws(FabricError) -> Bool {
        if call.operation == .barrier {
            workspace.executedAlgorithm = Self.algorithm
            return try rendezvous.sync(team, workspace.deadline(), waits: waits)
        }
        while try !advance(limit: waits ? .max : 1) {
            guard waits else { return false }
            try awaitProgress()
        }
        return true
    }

    /// Does what can be done without waiting, at most `limit` shared pieces of it.
    ///
    /// - Returns: whether the operation is over.
    private mutating func advance(limit: Int) throws(FabricError) -> Bool {
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
    private func awaitProgress() throws(FabricError) {
        let deadline = workspace.deadline()
        switch stage {
        case .arrived where team.meetsByFlags: try team.awaitExchange(deadline, .collective)
        case .arrived: try team.awaitOpening(deadline, .collective)
        case .leaving where team.meetsByFlags: try team.awaitExchange(deadline, .collective)
        case .leaving: try team.awaitEnd(deadline, .collective)
        case .fresh, .working, .over: break
        }
    }

    /// Brings its record and arrives. The last of a team that meets on a board sees to the rest.
    private mutating func arrive() throws(FabricError) {
        stage = .arrived
        workspace.executedAlgorithm = Self.algorithm
        if call.operation == .allToAllV { try workspace.publishTable(call, size, me: team.rank) }
        let endpoint = endpoint
        let byteCount = isInline ? call.source.byteCount : 0
        let payload = endpoint.bytes(at: byteCount > 0 ? call.source.offset : 0, byteCount: byteCount)
        if team.meetsByFlags { return try team.beginExchange(descriptors.words(), payload: payload) }
        guard try team.arrive(descriptors.words(), payload: payload) else { return }
        try descriptors.compare()
        let total = call.totalByteCount(size)
        let isShared = !isInline && total <= Work.sharedByteCount(call.operation, members: size)
        let work = Work(call, size, longest: isShared ? longest() : 0)
        if isInline || isShared && (work.pieceCount <= 1 || total <= Work.soloByteCount) {
            // So little that the last arriver does it alone.
            if isInline, call.operation.isReduction {
                var answer = team.mutableAnswerBytes(byteCount: call.source.byteCount)
                foldInline(into: &answer)
            }
            if isShared { for piece in 0..<work.pieceCount { try carryOut(piece, work) } }
            try team.close()
            stage = .leaving
        } else {
            // Open in pieces, or without any, so that each does its own part.
            team.setAnswer(Self.piecesWord, isShared ? UInt64(work.pieceCount) : 0)
            try team.open()
            stage = .working
        }
    }

    /// All have come: what they said is to be seen.
    private mutating func begin() throws(FabricError) {
        guard team.meetsByFlags else {
            try workspace.checkRecords(of: team)
            // Over already, if the last arriver did all of it.
            stage = try team.isOver() ? .leaving : .working
            return
        }
        try descriptors.compare()
        if isInline {
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
        let pieces = team.answer(Self.piecesWord)
        guard pieces > 0 else {
            try doOwnPart()
            try team.complete(1, of: size)
            return true
        }
        // Every member can cut it, so nothing that is only said is believed.
        let work = Work(call, size, longest: longest())
        guard pieces == UInt64(work.pieceCount) else {
            throw workspace.error(
                .corrupt, team.start,
                "\(pieces) pieces are said to be open, and there are \(work.pieceCount): the answer was overwritten")
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

    /// What is left to do when the meeting is over: taking blocks that rode in records.
    private func finish() throws(FabricError) {
        guard isInline else { return }
        let team = team
        guard call.operation.isReduction else {
            for member in 0..<size {
                let block = call.incoming(from: member, size, me: team.rank)
                guard block.byteCount > 0 else { continue }
                try store(
                    team.payload(of: member, byteCount: block.byteCount), call.destination.offset + block.start)
            }
            return
        }
        guard call.operation == .allReduce || team.rank == call.root else { return }
        guard team.meetsByFlags else {
            return try store(team.answerBytes(byteCount: call.source.byteCount), call.destination.offset)
        }
        let endpoint = endpoint
        var bytes = endpoint.mutableBytes(at: call.destination.offset, byteCount: call.source.byteCount)
        foldInline(into: &bytes)
    }

    private func store(_ bytes: RawSpan, _ offset: Int) throws(FabricError) {
        try endpoint.put(bytes, to: endpoint.rank, at: offset)
    }

    /// The longest source or destination that is cut.
    private func longest() -> Int {
        let word: Int
        switch call.operation {
        case .allGather, .allGatherV: word = CallDescriptors.sourceByteCountWord
        case .allToAll, .allToAllV: word = CallDescriptors.destinationByteCountWord
        case .broadcast: return call.destination.byteCount
        default: return call.source.byteCount
        }
        // No longer than a window, whatever is posted by now.
        let window = UInt64(endpoint.windowByteCount)
        return (0..<size).reduce(0) { max($0, Int(min(team.posted(by: $1, word), window))) }
    }

    /// Folds what rode in the records, in member order.
    private func foldInline(into result: inout MutableRawSpan) {
        let team = team
        let byteCount = call.source.byteCount
        guard byteCount > 0 else { return }
        for member in 0..<size {
            workspace.tile.absorb(call, team.payload(of: member, byteCount: byteCount), isFirst: member == 0)
        }
        workspace.tile.store(call.type, into: &result)
    }
}
