package import SharedMemory

extension Segment {
    /// All words of a kind in the windows; for team slots those of the first teams, and of the heap those on some lines.
    package func windowWords(_ kind: SegmentWord.Kind) -> [SegmentWord] {
        plan.ranks.flatMap { rank in
            let base = windowOffset(of: rank)
            func word(_ name: String, _ offset: Int) -> SegmentWord {
                SegmentWord(kind, "\(name) of rank \(rank)", base + offset)
            }
            switch kind {
            case .teamSlot:
                return (0..<4).flatMap { slot in
                    WindowLayout.slotWords.map {
                        word("\($0.name) of slot \(slot)", WindowLayout.slot(slot) + $0.offset)
                    }
                }
            case .boardWords, .boardPayload:
                // Halves of records: a line of words, and a line of payload.
                let first = kind == .boardWords ? 0 : 64
                return (0..<min(2 * plan.rankCount, 32)).flatMap { half in
                    stride(from: 0, to: 64, by: 8).map {
                        word(
                            "half \(half) + \(first + $0)",
                            WindowLayout.boardsOffset + half * WindowLayout.recordByteCount / 2 + first + $0)
                    }
                }
            case .linkWords:
                guard plan.hasFarRanks else { return [] }
                let start = WindowLayout.linkWordsOffset(dies: plan.rankCount)
                return [
                    word("consumed", start + LinkWords.consumed), word("acknowledged", start + LinkWords.acknowledged),
                    word("replies", start + LinkWords.replies), word("value", start + LinkWords.value),
                ]
            case .heap:
                let start = WindowLayout.heapOffset(dies: plan.rankCount)
                let end = (plan.windowByteCount - 64) & ~63
                // Every line at first, where collectives and experts have their words; then some thousand of the rest.
                let near = min(start + (64 << 10), end)
                let far = stride(from: near, to: end, by: 64 + (end - near) / 1024 & ~63)
                return (Array(stride(from: start, to: near, by: 64)) + Array(far)).flatMap { line in
                    [0, 8, 40].map { word("+ \(line + $0)", line + $0) }
                }
            default: return []
            }
        }
    }
}

extension WindowLayout {
    /// The words of a team slot, flags included; of those the first halves' and second halves' first words, and a word each of their rest.
    static let slotWords: [(name: String, offset: Int)] = {
        var words: [(name: String, offset: Int)] = [
            ("arrivals", arrivalsOffset), ("release", releaseOffset), ("arrived", arrivedOffset),
            ("working", arrivedOffset + 8), ("finished", arrivedOffset + 16), ("exchange", exchangeOffset),
            ("exchange 1", exchangeOffset + 8), ("exchange 2", exchangeOffset + 16), ("gate", gateOffset),
            ("spoken", gateOffset + 8), ("sleepers", sleepersOffset), ("claims", claimsOffset),
            ("completed", completedOffset), ("answer", answerOffset), ("answer check", answerOffset + 8),
            ("pieces", answerOffset + 48), ("piece bytes", answerOffset + 56), ("fault", faultOffset),
            ("seen", faultOffset + 8), ("flagged", faultOffset + 16), ("board", boardWordOffset),
            ("leavers", leaversOffset), ("groups", groupOffset),
        ]
        for half in 0..<8 {
            let start = flagsOffset + half * recordByteCount / 2
            words += [("flag \(half)", start), ("posted \(half)", start + 8), ("post check \(half)", start + 48)]
        }
        return words
    }()
}
