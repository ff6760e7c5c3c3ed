package import Fabric

/// Bytes at a member, as a schedule names them: relative to what the member announced, or to the staging of each.
package struct Place: Sendable, Equatable {
    /// What an offset is counted from.
    package enum Area: Sendable {
        /// The member's source.
        case source
        /// The member's destination.
        case destination
        /// The member's slots in the workspace.
        case staging
    }

    package var area: Area
    /// In bytes.
    package var offset: Int

    package static func source(_ offset: Int) -> Place { Place(area: .source, offset: offset) }
    package static func destination(_ offset: Int) -> Place { Place(area: .destination, offset: offset) }
    package static func staging(_ offset: Int) -> Place { Place(area: .staging, offset: offset) }
}

/// One thing a member does. Members are numbers in the team.
package enum Step: Sendable {
    /// One more event to a member: what was put there is there, what was read there is read.
    case signal(Int)
    /// Until the next event of a member has come.
    case wait(Int)
    /// Own bytes into a member's window. Seen there with the next event.
    case put(Int, from: Place, to: Place, byteCount: Int)
    /// Own bytes to another place of this member; the same place is fine.
    case copy(from: Place, to: Place, byteCount: Int)
    /// Bytes to one member and from another, at once or by turns.
    case exchange(push: Move, pull: Move)
    /// Until all own puts have read their sources and all own pulls are here.
    case complete
    /// Elements of neighbouring members folded.
    case fold(FoldStep)
    /// Until all members have come so far.
    case sync
    /// What follows every schedule, earlier: done to each partner, and the wait for theirs. Afterwards a member is on its own.
    case close
}

/// Bytes between a place of this member and one of another; none where `byteCount` is 0.
package struct Move: Sendable {
    package var member = 0
    package var here = Place.source(0)
    package var there = Place.source(0)
    package var byteCount = 0
    /// Whether nothing is moved where the member's window is mapped, as a fold loads it there.
    package var isOnlyFar = false
}

/// Elements of the sources of some members folded in member order, on top of what those before them came to.
package struct FoldStep: Sendable {
    /// Where other members' elements are.
    package enum Input: Sendable {
        /// In their windows; what cannot be loaded there is fetched into the scratch, which has room for as much as the accumulators.
        case windows(scratch: Place)
        /// In this member's slots for them, so many bytes from the start of each slot.
        case slots(offset: Int)
        /// In their windows where those are mapped, else in the slots.
        case windowsOrSlots(offset: Int)
    }

    /// Accumulators of all members before `members`; nil where there are none.
    package var carry: Place?
    /// Whose sources are folded, this member's own always from its source.
    package var members: Range<Int>
    /// Where the elements lie in each source.
    package var start: Int
    /// Bytes of elements.
    package var byteCount: Int
    /// Where the outcome goes.
    package var into: Place
    /// Whether the outcome is rounded to elements, or stays accumulators.
    package var isFinal: Bool
    /// Where the elements are.
    package var input: Input
}

/// Numbers of others from the one after one's own on, round and round, so that no two begin with the same.
struct Rotation: Sequence, IteratorProtocol {
    private let count: Int
    private let base: Int
    private let stride: Int
    private var place: Int
    private var left: Int

    init(of count: Int, after me: Int, from base: Int = 0, stride: Int = 1, andItself: Bool = false) {
        self.count = count
        self.base = base
        self.stride = stride
        place = me
        left = andItself ? count : count - 1
    }

    mutating func next() -> Int? {
        guard left > 0 else { return nil }
        left -= 1
        place = (place + stride) % count
        return base + place
    }
}

/// What schedules hand their steps to: the runner carries them out or lists them, a test looks at them.
package protocol StepSink {
    /// Takes the next step.
    mutating func take(_ step: Step) throws(FabricError)
}

extension StepSink {
    mutating func signal(_ member: Int) throws(FabricError) { try take(.signal(member)) }
    mutating func wait(_ member: Int) throws(FabricError) { try take(.wait(member)) }
    mutating func put(_ member: Int, from: Place, to: Place, _ byteCount: Int) throws(FabricError) {
        try take(.put(member, from: from, to: to, byteCount: byteCount))
    }
    mutating func copy(from: Place, to: Place, _ byteCount: Int) throws(FabricError) {
        try take(.copy(from: from, to: to, byteCount: byteCount))
    }

    /// Own bytes to a member, which may be this one.
    mutating func move(
        _ me: Int, to member: Int, from: Place, to place: Place, _ byteCount: Int
    ) throws(FabricError) {
        guard byteCount > 0 else { return }
        if member == me {
            try copy(from: from, to: place, byteCount)
        } else {
            try put(member, from: from, to: place, byteCount)
        }
    }
}
