// Decode of one sequence by all members of a team, in two forms that give the bits of a single die:
//
//   by keys    member i mod size holds split i (KeyShards). Each member attends to its own splits for all heads. The rows
//              of the result are dealt out to the members; each member puts its splits' states of a member's rows into that
//              member's window, and the member merges them in ascending split order:
//
//                  window of member j:  [ split 0 | split 1 | ... ] each with j's rows        written by the splits' owners
//
//   by heads   every member holds all keys and decodes its own heads.
//
// Then both end alike: each member puts its finished rows into all members' windows. A barrier ends each exchange:
//
//     by keys     put states | barrier | merge, put outputs | barrier | read outputs
//     by heads                           decode, put outputs | barrier | read outputs
//
// The outputs alternate between two places: who puts those of step k + 2 has passed the barrier of step k + 1, and so has
// all others, which had read the outputs of step k by then. States need no second place: the barrier behind the outputs
// stands between their readers and the next step's writers.
//
// Bytes a member puts in a step, R rows, D latent columns, n members, s splits of its own:
//     by keys    4 s R (D + 4) (n - 1) / n  states,  plus 4 (R / n) (D + 1) (n - 1)  outputs
//     by heads   4 (R / n) (D + 1) (n - 1)  outputs
//
// Where integrity is asked for, the region also holds a `CheckWord` for each split's states of this member's rows, written by the split's
// owner, and one for each row of outputs and its log-sum-exp, written by the row's:
//
//     [ split 0 | split 1 | ... ]  [ check 0 | check 1 | ... ]   [ outputs | log-sum-exps | a check a row ]  and the second place alike

public import Fabric
internal import Faults
internal import Kernels
internal import Tensors

/// Decodes with all members of a team; every member gets the whole output.
///
/// All members must make the same calls with equal plans and token counts, in the same order. One object serves one team on
/// one thread and keeps its scratch memory. After an error of the fabric it must not be used again.
public final class DistributedDecode {
    /// The members.
    public let team: Team
    /// The largest result the region has room for: rows.
    public let rowCapacity: Int
    /// Columns of a row.
    public let latentWidth: Int
    /// The most splits a sequence may have.
    public let splitCapacity: Int
    /// Bytes put to other members so far.
    public private(set) var putByteCount = 0

    let variant: any AttentionVariant
    /// Whether check words lie beside states and outputs.
    let isProtected: Bool
    private let region: Region
    private let sizes: Sizes
    var step = 0
    private var workspace = AttentionWorkspace()
    // Scratch; moved out of the object while it is lent out as spans.
    private var partial: [Float] = []
    private var merged: [Float] = []
    private var output: [Float] = []
    private var logSumExp: [Float] = []

    /// Bytes of symmetric memory a decode needs in each window.
    ///
    /// The states of a member's rows for every split, and two times all outputs; with their check words where integrity is asked for.
    public static func byteCount(
        memberCount: Int, rowCapacity: Int, latentWidth: Int, splitCapacity: Int, isProtected: Bool = false
    ) -> Int {
        Sizes(memberCount, rowCapacity, latentWidth, splitCapacity, isProtected).byteCount
    }

    /// Sets up on a region of the symmetric heap, the same on all members.
    ///
    /// - Parameters:
    ///   - region: at least ``byteCount(memberCount:rowCapacity:latentWidth:splitCapacity:isProtected:)`` bytes, used for nothing else.
    ///   - rowCapacity: the most rows (queries times heads) of a plan.
    ///   - splitCapacity: the most splits of a sequence.
    public init(
        team: Team, region: Region, variant: any AttentionVariant, rowCapacity: Int, latentWidth: Int,
        splitCapacity: Int
    ) {
        precondition(rowCapacity > 0 && latentWidth > 0 && splitCapacity > 0, "A decode has rows, columns and splits.")
        isProtected = team.endpoint.isProtected
        sizes = Sizes(team.size, rowCapacity, latentWidth, splitCapacity, isProtected)
        precondition(region.byteCount >= sizes.byteCount, "The region is smaller than the decode needs.")
        self.team = team
        self.region = region
        self.variant = variant
        self.rowCapacity = rowCapacity
        self.latentWidth = latentWidth
        self.splitCapacity = splitCapacity
    }

    /// Decodes with the keys dealt out in splits: split i is in the cache of member i mod size.
    ///
    /// - Parameters:
    ///   - sequence: this member's share of the sequence; it holds `KeyShards.localCount` tokens.
    ///   - tokenCount: tokens of the whole sequence.
    ///   - queries: `[queryCount, heads, width]`, the same on all members.
    ///   - output: `[queryCount, plan.heads.count, latentWidth]`.
    ///   - logSumExp: `[queryCount, plan.heads.count]`.
    /// - Throws: ``FabricError`` `.outOfMemory` on all members if rows or splits exceed the capacities, `.timedOut` or
    ///   `.membershipChanged` if a member is lost; `.damaged` with the owner of states or rows that changed on their way, where
    ///   integrity is asked for.
    public func decodeByKeys(
        _ sequence: CachedSequence, in cache: PagedLatentCache, tokenCount: Int, queries: Span<Float>,
        plan: DecodePlan, output: inout MutableSpan<Float>, logSumExp: inout MutableSpan<Float>
    ) throws(FabricError) {
        let layout = plan.partialLayout, count = plan.splitCount(tokenCount: tokenCount)
        try check(plan, splitCount: count)
        check(output, logSumExp, plan)
        let shards = KeyShards(splitLength: plan.splitLength, memberCount: team.size)
        precondition(
            cache.count(of: sequence) >= shards.localCount(of: team.rank, tokenCount: tokenCount),
            "This member's share of the keys is not complete.")
        step += 1
        var partial: [Float] = []
        swap(&partial, &self.partial)
        defer { swap(&partial, &self.partial) }
        AttentionWorkspace.grow(&partial, to: layout.floatCount)
        for index in stride(from: team.rank, to: count, by: team.size) {
            var all = partial.mutableSpan
            var states = all.slice(0..<layout.floatCount)
            variant.decodeSplit(
                shards.split(index, tokenCount: tokenCount), of: sequence, in: cache, queries: queries, plan: plan,
                workspace: &workspace, into: &states)
            try dealOut(states.span, split: index, layout)
        }
        team.endpoint.pass(.decodeBarrier)
        try team.barrier()
        team.endpoint.pass(.decodeMerge)
        try mergeAndPublish(splitCount: count, plan)
        try collect(plan, byKeys: true, into: &output, &logSumExp)
    }

    /// Decodes with the heads dealt out; every member holds all keys.
    ///
    /// Parameters and errors as in ``decodeByKeys(_:in:tokenCount:queries:plan:output:logSumExp:)``; the token count is the
    /// cache's.
    public func decodeByHeads(
        _ sequence: CachedSequence, in cache: PagedLatentCache, queries: Span<Float>, plan: DecodePlan,
        output: inout MutableSpan<Float>, logSumExp: inout MutableSpan<Float>
    ) throws(FabricError) {
        try check(plan, splitCount: 0)
        check(output, logSumExp, plan)
        step += 1
        try decodeAndPublish(sequence, in: cache, queries: queries, plan: plan)
        try collect(plan, byKeys: false, into: &output, &logSumExp)
    }

    // MARK: - Where things are

    /// The parts of the region, in bytes; all multiples of 64.
    private struct Sizes {
        let rowsPerMember: Int
        let states: Int
        let outputs: Int
        let sums: Int
        /// Check words of the states, and of the rows of one place of outputs; 0 where there are none.
        let stateChecks: Int
        let rowChecks: Int
        var place: Int { outputs + sums + rowChecks }
        var byteCount: Int { states + stateChecks + 2 * place }

        init(
            _ memberCount: Int, _ rowCapacity: Int, _ latentWidth: Int, _ splitCapacity: Int, _ isProtected: Bool
        ) {
            func whole(_ floats: Int) -> Int { (4 * floats + 63) / 64 * 64 }
            rowsPerMember = (rowCapacity + memberCount - 1) / memberCount
            let layout = PartialLayout(rowCount: rowsPerMember, latentWidth: latentWidth)
            states = whole(splitCapacity * layout.floatCount)
            outputs = whole(rowCapacity * latentWidth)
            sums = whole(rowCapacity)
            stateChecks = isProtected ? whole(2 * splitCapacity) : 0
            rowChecks = isProtected ? whole(2 * rowCapacity) : 0
        }
    }

    /// Offset of the outputs of this step, and behind them of their log-sum-exps.
    private var outputOffset: Int { region.offset + sizes.states + sizes.stateChecks + step % 2 * sizes.place }

    /// Offset of a row of this step's outputs, of its log-sum-exp, and of its check word.
    func outputOffset(row: Int) -> Int { outputOffset + 4 * row * latentWidth }
    func sumOffset(row: Int) -> Int { outputOffset + sizes.outputs + 4 * row }
    func checkOffset(row: Int) -> Int { outputOffset + sizes.outputs + sizes.sums + CheckWord.byteCount * row }

    /// Offset of the check word of a split's states.
    func checkOffset(split: Int) -> Int { region.offset + sizes.states + CheckWord.byteCount * split }

    /// Where something lies from the start of the region: the same number at all members.
    func place(_ offset: Int) -> Int { offset - region.offset }

    /// Offset of a split's states of a member's rows.
    private func stateOffset(split: Int, _ stride: Int) -> Int {
        region.offset + 4 * split * sizes.rowsPerMember * stride
    }

    /// The part of `count` rows or heads that a member gets: sizes differ by at most one.
    func share(of member: Int, _ count: Int) -> Range<Int> {
        member * count / team.size..<(member + 1) * count / team.size
    }

    private func check(_ plan: DecodePlan, splitCount: Int) throws(FabricError) {
        precondition(plan.shape.latentWidth == latentWidth, "The plan has another latent width.")
        guard plan.rowCount <= rowCapacity, splitCount <= splitCapacity else {
            throw FabricError(
                .outOfMemory, scope: .operation, operation: .put, rank: team.endpoint.rank,
                context: "a decode of \(plan.rowCount) rows and \(splitCount) splits; its region has room for "
                    + "\(rowCapacity) and \(splitCapacity)")
        }
    }

    private func check(
        _ output: borrowing MutableSpan<Float>, _ logSumExp: borrowing MutableSpan<Float>, _ plan: DecodePlan
    ) {
        precondition(
            output.count == plan.rowCount * latentWidth && logSumExp.count == plan.rowCount,
            "The outputs have another shape.")
    }

    // MARK: - The exchanges

    /// Puts one split's states, each member's rows into that member's window.
    private func dealOut(_ states: Span<Float>, split: Int, _ layout: PartialLayout) throws(FabricError) {
        let offset = stateOffset(split: split, layout.stride)
        for distance in 0..<team.size {
            let member = (team.rank + distance) % team.size
            let rows = share(of: member, layout.rowCount)
            if rows.isEmpty { continue }
            let floats = rows.lowerBound * layout.stride..<rows.upperBound * layout.stride
            team.endpoint.pass(.decodePut, toward: team[member])
            try team.endpoint.put(states.extracting(floats), to: team[member], at: offset)
            if isProtected { try putCheck(ofStates: states.extracting(floats), split, to: member, at: offset) }
            if distance > 0 { putByteCount += 4 * floats.count }
        }
    }

    /// Merges this member's rows from its own window in ascending split order, and puts them into all members' windows.
    private func mergeAndPublish(splitCount: Int, _ plan: DecodePlan) throws(FabricError) {
        let rows = share(of: team.rank, plan.rowCount)
        if rows.isEmpty { return }
        let layout = PartialLayout(rowCount: rows.count, latentWidth: latentWidth)
        var merged: [Float] = [], output: [Float] = [], logSumExp: [Float] = []
        swap(&merged, &self.merged)
        lend(&output, &logSumExp, rowCount: rows.count)
        defer {
            swap(&merged, &self.merged)
            takeBack(&output, &logSumExp)
        }
        AttentionWorkspace.grow(&merged, to: layout.floatCount)
        var all = merged.mutableSpan
        var held = all.slice(0..<layout.floatCount)
        held.update(repeating: 0)
        let endpoint = team.endpoint
        for split in 0..<splitCount {
            if isProtected {
                try requireWholeStates(of: split, at: stateOffset(split: split, layout.stride), layout.byteCount)
            }
            let next = endpoint.values(
                Float.self, at: stateOffset(split: split, layout.stride), count: layout.floatCount)
            variant.combine(next, into: &held, layout: layout, kernels: plan.kernels)
        }
        var values = output.mutableSpan, sums = logSumExp.mutableSpan
        var valueSlice = values.slice(0..<rows.count * latentWidth)
        var sumSlice = sums.slice(0..<rows.count)
        variant.finish(
            held.span, layout: layout, kernels: plan.kernels, output: &valueSlice, logSumExp: &sumSlice)
        try publish(valueSlice.span, sumSlice.span, firstRow: rows.lowerBound)
    }

    /// Decodes this member's heads, and puts them into all members' windows.
    private func decodeAndPublish(
        _ sequence: CachedSequence, in cache: PagedLatentCache, queries: Span<Float>, plan: DecodePlan
    ) throws(FabricError) {
        let own = share(of: team.rank, plan.heads.count), first = plan.heads.lowerBound
        if own.isEmpty { return }
        let some = plan.with(heads: first + own.lowerBound..<first + own.upperBound)
        var output: [Float] = [], logSumExp: [Float] = []
        lend(&output, &logSumExp, rowCount: some.rowCount)
        defer { takeBack(&output, &logSumExp) }
        var values = output.mutableSpan, sums = logSumExp.mutableSpan
        var valueSlice = values.slice(0..<some.rowCount * latentWidth)
        var sumSlice = sums.slice(0..<some.rowCount)
        variant.decode(
            sequence, in: cache, queries: queries, plan: some, workspace: &workspace, output: &valueSlice,
            logSumExp: &sumSlice)
        for query in 0..<plan.queryCount {
            let rows = query * own.count..<(query + 1) * own.count
            try publish(
                valueSlice.span.extracting(rows.lowerBound * latentWidth..<rows.upperBound * latentWidth),
                sumSlice.span.extracting(rows), firstRow: query * plan.heads.count + own.lowerBound)
        }
    }

    /// Puts finished rows into all members' windows.
    private func publish(_ values: Span<Float>, _ sums: Span<Float>, firstRow: Int) throws(FabricError) {
        for distance in 0..<team.size {
            let member = team[(team.rank + distance) % team.size]
            try team.endpoint.put(values, to: member, at: outputOffset(row: firstRow))
            try team.endpoint.put(sums, to: member, at: sumOffset(row: firstRow))
            if isProtected { try putChecks(ofRows: values, sums, firstRow, to: member) }
            if distance > 0 { putByteCount += 4 * (values.count + sums.count) }
        }
    }

    /// Waits for all members' rows and copies them out of the window.
    private func collect(
        _ plan: DecodePlan, byKeys: Bool, into output: inout MutableSpan<Float>, _ logSumExp: inout MutableSpan<Float>
    ) throws(FabricError) {
        team.endpoint.pass(.decodeRead)
        try team.barrier()
        if isProtected { try requireWholeRows(plan, byKeys: byKeys) }
        let own = team[team.rank]
        try team.endpoint.get(from: own, at: outputOffset(row: 0), into: &output)
        try team.endpoint.get(from: own, at: sumOffset(row: 0), into: &logSumExp)
    }

    private func lend(_ output: inout [Float], _ logSumExp: inout [Float], rowCount: Int) {
        swap(&output, &self.output)
        swap(&logSumExp, &self.logSumExp)
        AttentionWorkspace.grow(&output, to: rowCount * latentWidth)
        AttentionWorkspace.grow(&logSumExp, to: rowCount)
    }

    private func takeBack(_ output: inout [Float], _ logSumExp: inout [Float]) {
        swap(&output, &self.output)
        swap(&logSumExp, &self.logSumExp)
    }
}
