public import Fabric

/// A team and what its collectives need: the face of this module.
///
/// All members call the same operations in the same order with arguments that fit together. Sources and destinations are
/// regions of the symmetric heap. On return the destination is complete, and source and destination are the
/// caller's own again.
///
/// - A region that is too small, too large, misaligned or overlaps the other in a way that is not allowed is a programmer
///   error and stops the process. What *other* members do differently is thrown as `.mismatch`.
/// - Counts of zero, teams of one and sizes that divide nothing are fine.
/// - Every operation throws `.timedOut` naming the member that did not come, or `.membershipChanged`.
///
/// Costs below are for one member of a team of n; an *event* is one signal to one member. See ``CollectiveWorkspace`` for
/// the words they go through.
public struct Collective {
    /// Who takes part.
    public let team: Team
    /// The words and slots.
    public let workspace: CollectiveWorkspace

    /// A team with its die's workspace.
    public init(_ team: Team, _ workspace: CollectiveWorkspace) {
        precondition(team.endpoint === workspace.endpoint, "a team uses its own die's workspace")
        self.team = team
        self.workspace = workspace
    }

    var endpoint: Endpoint { workspace.endpoint }

    /// Runs one operation with clean legs, so that every error is traced, told and kept.
    func perform(
        _ operation: CollectiveOperation, _ body: () throws(FabricError) -> Void
    ) throws(FabricError) {
        for index in 0..<team.size { workspace.legs[index] = Leg() }
        try workspace.perform(operation, body)
    }

    /// What members compare to see that they make the same call.
    func digest(
        _ operation: CollectiveOperation, _ form: CollectiveForm, _ first: Int = 0, _ second: Int = 0
    ) -> UInt64 {
        var digest = Digest()
        digest.add(Int(operation.rawValue))
        digest.add(form.digest)
        digest.add(team.size)
        digest.add(first)
        digest.add(second)
        return digest.value
    }

    /// The region lies in the heap and the length is what the operation needs.
    func check(_ region: Region, _ byteCount: Int, _ what: StaticString) {
        precondition(region.byteCount == byteCount, "the \(what) has another length than the operation needs")
        precondition(
            region.offset >= Endpoint.reservedByteCount && byteCount >= 0
                && region.offset <= endpoint.windowByteCount - byteCount,
            "the \(what) is not inside the window's heap")
        precondition(
            byteCount == 0 || !region.overlaps(workspace.region), "the \(what) overlaps the workspace")
    }

    /// Regions are apart, or lie exactly as the operation allows.
    func checkOverlap(_ source: Region, _ destination: Region, inPlace: Bool) {
        precondition(
            inPlace || source.byteCount == 0 || destination.byteCount == 0 || !source.overlaps(destination),
            "source and destination overlap in a way this operation does not allow")
    }

    /// A product that is a length, or a programmer error.
    static func product(_ first: Int, _ second: Int) -> Int {
        let (value, overflow) = first.multipliedReportingOverflow(by: second)
        precondition(first >= 0 && second >= 0 && !overflow, "a length that is no length")
        return value
    }

    /// The sum of lengths, each not negative.
    static func total(_ byteCounts: [Int]) -> Int {
        var total = 0
        for byteCount in byteCounts {
            let (sum, overflow) = total.addingReportingOverflow(byteCount)
            precondition(byteCount >= 0 && !overflow, "lengths are not negative and their sum is a number")
            total = sum
        }
        return total
    }
}

/// FNV-1a over whole numbers: tells different calls apart.
struct Digest {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
    mutating func add(_ number: Int) {
        value = (value ^ UInt64(bitPattern: Int64(number))) &* 0x100_0000_01B3
        value ^= value >> 29
    }
}
