public import Collectives
public import Fabric
internal import Kernels
internal import Tensors

/// Experts for rows that every member of a team has: each member sends a share of them, and all gather the answers.
///
/// Rows are dealt out in equal runs, so what a row meets does not depend on how many members there are.
public struct SharedRowsExperts: RoutedExperts {
    /// The way of a member's own share.
    public private(set) var own: FabricExperts
    private let collective: Collective
    private let source: Region
    private let gathered: Region
    private let width: Int
    private let rowLimit: Int

    /// Bytes of symmetric memory for steps of at most `rowLimit` rows.
    public static func byteCount(rowLimit: Int, width: Int, members: Int) -> Int {
        let share = (rowLimit + members - 1) / members
        return share * width * 4 + 64 + share * members * width * 4
    }

    /// Takes the members' exchange and a region of ``byteCount(rowLimit:width:members:)`` bytes for the gathering.
    public init(_ own: FabricExperts, _ collective: Collective, region: Region, width: Int, rowLimit: Int) {
        let members = collective.team.size
        precondition(
            region.byteCount >= Self.byteCount(rowLimit: rowLimit, width: width, members: members),
            "a region for the gathered rows")
        self.own = own
        self.collective = collective
        self.width = width
        self.rowLimit = rowLimit
        let share = (rowLimit + members - 1) / members * width * 4
        let start = (share + 63) / 64 * 64
        source = region.slice(0, share)
        gathered = region.slice(start, share * members)
    }

    /// Sends this member's run of the rows and gathers all members' answers; see ``RoutedExperts``.
    public mutating func exchange(
        layer: Int, rowCount: Int, hidden: Span<Float>, experts: Span<Int32>, weights: Span<Float>, bank: ExpertBank,
        into output: inout MutableSpan<Float>
    ) throws(ModelError) {
        precondition(rowCount <= rowLimit, "no more rows than the region was made for")
        let team = collective.team
        let endpoint = team.endpoint
        let share = (rowCount + team.size - 1) / team.size
        let rows = min(team.rank * share, rowCount)..<min((team.rank + 1) * share, rowCount)
        let choices = bank.expertsPerToken
        var answers = endpoint.mutableValues(Float.self, at: source.offset, count: rows.count * width)
        try own.exchange(
            layer: layer, rowCount: rows.count,
            hidden: hidden.extracting(rows.lowerBound * width..<rows.upperBound * width),
            experts: experts.extracting(rows.lowerBound * choices..<rows.upperBound * choices),
            weights: weights.extracting(rows.lowerBound * choices..<rows.upperBound * choices), bank: bank,
            into: &answers)
        guard rowCount > 0 else { return }
        endpoint.phase = "layer \(layer) all-gather"
        do {
            let block = share * width * 4
            try collective.run(.allGather(source.slice(0, block), into: gathered.slice(0, block * team.size)))
        } catch {
            throw ModelError(.exchange, layer: layer, cause: error)
        }
        let all = endpoint.values(Float.self, at: gathered.offset, count: rowCount * width)
        for index in all.indices { output[index] = all[index] }
    }
}
