package import Fabric

/// An algorithm as a list of steps for each member: a pure function of shape, team size and member, made step by step as it is carried out,
/// so nothing is stored.
///
/// ## What surrounds the steps
/// Except in a barrier, each member first announces itself to its partners, and steps that name a member wait for that
/// member's announcement: its source is final, its destination and staging may be written. After the steps each
/// member sends one more event to each partner and waits for one of each. So
/// - what no member has to act on needs no event of its own, the last one covers it;
/// - staging is written a second time only after an event that says that it was read.
///
/// ## Rules
/// The n-th event a member sends to another is the n-th that the other waits for, with the same meaning: the events of a pair form one
/// stream in each direction.
package protocol Schedule {
    /// The name of the algorithm whose steps these are.
    var algorithm: StaticString { get }
    /// Whether two members exchange steps: the same both ways, and known without data.
    func arePartners(_ first: Int, _ second: Int) -> Bool
    /// Gives all steps of a member, in order.
    func emit(_ me: Int, _ sink: inout some StepSink) throws(FabricError)

    /// Whether members meet on the team's board before the steps and after them, where each deals with all others anyway, and send no events.
    var usesRendezvous: Bool { get }
    /// What a member and a partner say to each other, where it is not whole sources and destinations.
    func block(_ me: Int, _ partner: Int) -> PartnerBlock?
    /// Whether steps can be made only when the lengths are known that partners publish in their tables.
    var needsTable: Bool { get }
    /// Takes in what this member and those whose bytes it hands on send to members of its group.
    mutating func readTable(_ me: Int, _ reader: some LengthReader) throws(FabricError)
}

extension Schedule {
    package var usesRendezvous: Bool { false }
    package func block(_ me: Int, _ partner: Int) -> PartnerBlock? { nil }
    package var needsTable: Bool { false }
    package mutating func readTable(_ me: Int, _ reader: some LengthReader) throws(FabricError) {}
}

/// An algorithm whose schedule is a function of the shape of a call alone, and so can be checked without data.
protocol ShapedAlgorithm: CollectiveImplementation where Execution == ScheduleRun<Plan> {
    associatedtype Plan: Schedule

    /// The schedule of a member; `sendOffsets` are where its blocks start, for an all-to-all of differing lengths.
    func schedule(_ shape: ScheduleShape, _ parameter: Double, sendOffsets: [Int]) -> Plan
}

extension ShapedAlgorithm {
    @inline(__always)
    func begin(_ call: CollectiveCall, on collective: Collective) -> ScheduleRun<Plan> {
        let shape = ScheduleShape(call, size: collective.team.size, staging: collective.workspace.slots.byteCount)
        return ScheduleRun(
            call, on: collective, schedule(shape, call.algorithm.parameter, sendOffsets: call.sendOffsets))
    }
}

extension CollectiveAlgorithm {
    /// The schedule of a member, if the algorithm is one that follows from the shape.
    package func schedule(_ shape: ScheduleShape, sendOffsets: [Int] = []) -> (any Schedule)? {
        (implementation as? any ShapedAlgorithm)?.schedule(shape, parameter, sendOffsets: sendOffsets)
    }
}

/// Looks up lengths that members have published.
package protocol LengthReader {
    /// Bytes from one member to another, and where they go in its destination, after comparing what both say.
    func length(from sender: Int, to member: Int) throws(FabricError) -> (byteCount: Int, place: Int)
}

/// What passes between this die and one member in an operation.
package struct PartnerBlock {
    /// Whether anything is said at all between the two; both ends agree.
    var isPartner = false
    /// Where this die's bytes for the member lie here, and how many they are.
    var outOffset = 0
    var outByteCount = 0
    /// Where the member's bytes for this die go here, and how many they are.
    var inOffset = 0
    var inByteCount = 0
    /// Where the member's bytes for this die lie there; known from its announcement.
    var remoteSource = 0
    /// Where this die's bytes for the member go there; known from its announcement.
    var remoteDestination = 0
    /// Whether the member's announcement has been read.
    var isAnnounced = false
}
