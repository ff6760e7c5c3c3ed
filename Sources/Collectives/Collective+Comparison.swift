internal import Fabric
internal import Tensors

// The checking mode: before every operation all members tell each other what they call and where in the program, so that those
// that differ in anything hear of both places, and not of a deadline.

extension Collective {
    /// Compares this call with every other member's, if the workspace is to; two barriers and n gets.
    ///
    /// A send and a receive concern two members only, and their lengths are compared anyway.
    ///
    /// - Throws: `.mismatch` with both calls and both places.
    func compareCalls(_ call: CollectiveCall) throws(FabricError) {
        guard workspace.comparesCalls, call.operation != .sendReceive, team.size > 1 else { return }
        let mine = describe(call)
        let record = workspace.comparison
        try endpoint.put(mine.span, to: endpoint.rank, at: record.offset)
        let deadline = workspace.deadline()
        try endpoint.quiet()
        try team.sync(deadline: deadline, operation: .collective)
        var records: [[UInt8]] = []
        for member in 0..<team.size {
            records.append(
                try endpoint.get(
                    UInt8.self, count: Self.recordByteCount, from: team[member], at: record.offset))
        }
        // No member writes its next call while another reads this one.
        try team.sync(deadline: deadline, operation: .collective)
        let usual = Self.usual(records)
        guard let odd = records.firstIndex(where: { Self.facts($0) != Self.facts(records[usual]) }) else { return }
        throw workspace.error(
            .mismatch, team[odd],
            "rank \(team[odd]) calls \(Self.text(records[odd])); rank \(team[usual]) calls "
                + Self.text(records[usual]))
    }

    /// A member that calls what most do; the first, where none does. The same at every member.
    private static func usual(_ records: [[UInt8]]) -> Int {
        var candidate = 0
        var lead = 0
        for (member, record) in records.enumerated() {
            if lead == 0 { candidate = member }
            lead += facts(record) == facts(records[candidate]) ? 1 : -1
        }
        let count = records.count { facts($0) == facts(records[candidate]) }
        return 2 * count > records.count ? candidate : 0
    }

    private static func facts(_ record: [UInt8]) -> ArraySlice<UInt8> { record[..<factByteCount] }

    /// Bytes of a record: what must be equal, then the place.
    static let recordByteCount = 256
    private static let factByteCount = 48

    /// What must be equal, as six words, and then the rest as text.
    private func describe(_ call: CollectiveCall) -> [UInt8] {
        let isRooted = call.operation.isRooted
        let hasList = call.operation == .allGatherV
        // Where only the root gives or gets, and where lists say how much, a length is not the same at all.
        let source = call.operation == .allToAllV || call.operation.onlyRootGives || hasList
        let destination = call.operation == .allToAllV || call.operation.onlyRootTakes
        let words: [UInt64] = [
            UInt64(call.operation.rawValue), UInt64(call.root), hasList ? call.digest(team.size) : 0,
            call.operation.isReduction ? UInt64(call.type.rawValue) << 8 | UInt64(call.reduction.rawValue) : 0,
            source ? 0 : UInt64(call.source.byteCount), destination ? 0 : UInt64(call.destination.byteCount),
        ]
        var bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
        let arithmetic = call.operation.isReduction ? " (\(call.reduction), \(call.type))" : ""
        let root = isRooted ? " at root \(call.root)" : ""
        let text =
            "\(call.operation)\(arithmetic) of \(call.source.byteCount) into \(call.destination.byteCount) bytes\(root), "
            + "\(call.site)"
        bytes += Array(text.utf8.prefix(Self.recordByteCount - Self.factByteCount))
        bytes += [UInt8](repeating: 0, count: Self.recordByteCount - bytes.count)
        return bytes
    }

    private static func text(_ record: [UInt8]) -> String {
        // It ends on a terminal: no control characters.
        String(decoding: record[factByteCount...].prefix { $0 != 0 }.map { $0 < 0x20 ? 0x3F : $0 }, as: UTF8.self)
    }
}
