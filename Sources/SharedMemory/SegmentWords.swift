/// A word of a segment, by what it is: for those who overwrite words on purpose, to see what becomes of a run.
package struct SegmentWord: Sendable, Equatable, CustomStringConvertible {
    /// What a word belongs to.
    package enum Kind: String, Sendable, CaseIterable {
        case header, epoch, verdict, switchBell, doorbell, state, wait, phase, counters, flight
        case port, portStaging
        case teamSlot, boardWords, boardPayload, linkWords, heap

        /// Whether a word of this kind is payload: bytes that users and collectives move, and which are not checked.
        package var isPayload: Bool { self == .portStaging || self == .boardPayload || self == .heap }
    }

    /// What it belongs to.
    package var kind: Kind
    /// Its name, with the rank it belongs to.
    package var name: String
    /// Bytes from the start of the segment.
    package var offset: Int

    /// A word.
    package init(_ kind: Kind, _ name: String, _ offset: Int) {
        self.kind = kind
        self.name = name
        self.offset = offset
    }

    /// `teamSlot phase of rank 0 at 12345`.
    package var description: String { "\(kind.rawValue) \(name) at \(offset)" }
}

extension Segment {
    /// Bytes from the start of the segment to a rank's window.
    package func windowOffset(of rank: Int) -> Int {
        precondition(plan.ranks.contains(rank), "no such die here")
        return SegmentLayout.windowsOffset(dieCount: plan.dieCount, rankCount: plan.rankCount)
            + (rank - plan.firstRank) * windowStride
    }

    /// All words of a kind outside the windows; of rings and staging some, in rising order.
    package func words(_ kind: SegmentWord.Kind) -> [SegmentWord] {
        func all(_ name: String, _ start: Int, _ byteCount: Int, every stride: Int = 8) -> [SegmentWord] {
            Swift.stride(from: 0, to: byteCount, by: stride).map { SegmentWord(kind, "\(name) + \($0)", start + $0) }
        }
        func each(_ start: Int, _ byteCount: Int, every stride: Int = 8) -> [SegmentWord] {
            plan.ranks.flatMap { rank in
                all(
                    "of rank \(rank)",
                    SegmentLayout.controlOffset + (rank - plan.firstRank) * SegmentLayout.controlByteCount + start,
                    byteCount, every: stride)
            }
        }
        func ports(_ start: Int, _ byteCount: Int, every stride: Int = 8) -> [SegmentWord] {
            guard plan.hasFarRanks else { return [] }
            return plan.ranks.flatMap { rank in
                all(
                    "of rank \(rank)",
                    SegmentLayout.portsOffset(dieCount: plan.dieCount, rankCount: plan.rankCount)
                        + (rank - plan.firstRank) * PortLayout.byteCount
                        + start, byteCount, every: stride)
            }
        }
        switch kind {
        case .header: return all("page", 0, SegmentLayout.widestHostOffset + 8)
        case .epoch: return [SegmentWord(kind, "word", SegmentLayout.epochOffset)]
        case .verdict: return all("block", SegmentLayout.verdictOffset, Verdict.byteCount)
        case .switchBell: return plan.hasFarRanks ? [SegmentWord(kind, "word", SegmentLayout.switchBellOffset)] : []
        case .doorbell: return each(ControlBlock.doorbellOffset, 8)
        case .state: return each(ControlBlock.stateOffset, 24)
        case .wait: return each(ControlBlock.waitOffset, 40)
        case .phase: return each(ControlBlock.phaseOffset, 8 + ControlBlock.phaseTextByteCount)
        case .counters: return each(ControlBlock.countersOffset, 8 * ControlBlock.counterCount)
        case .flight: return each(FlightRecorder.offset, FlightRecorder.capacity * FlightRecorder.recordByteCount)
        case .port: return ports(0, 8) + ports(PortLayout.ringOffset, PortLayout.stagingOffset - PortLayout.ringOffset)
        case .portStaging: return ports(PortLayout.stagingOffset, PortLayout.stagingByteCount, every: 512)
        case .teamSlot, .boardWords, .boardPayload, .linkWords, .heap: return []
        }
    }
}
