/// Bytes at a member, as a schedule names them: relative to what the member announced, or to everybody's staging.
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
    /// Elements of neighbouring members folded.
    case fold(FoldStep)
}

/// Elements of the sources of some members folded in member order, on top of what those before them came to.
package struct FoldStep: Sendable {
    /// Accumulators of all members before `members`; nil where there are none.
    package var carry: Place?
    /// Whose sources are folded: this member's own from memory, others' out of their windows.
    package var members: Range<Int>
    /// Where the elements lie in each source.
    package var start: Int
    /// Bytes of elements.
    package var byteCount: Int
    /// Where the outcome goes.
    package var into: Place
    /// Whether the outcome is rounded to elements, or stays accumulators.
    package var isFinal: Bool
    /// Room for what must be fetched of other members' sources; as much as for the accumulators.
    package var scratch: Place
}

/// What schedules hand their steps to: the runner carries them out, a test looks at them.
package protocol StepSink {
    associatedtype Failure: Error
    /// Takes the next step.
    mutating func take(_ step: Step) throws(Failure)
}
