import Experts
import Testing

/// The sizes are the published ones, places never overlap, and numbers that do not fit are refused.
@Suite("Expert layout")
struct ExpertLayoutTests {
    @Test("With 512-byte slots the published sizes come out: 7,680 and 14,336 bytes, 225 and 420 MiB at EP320")
    func published() throws {
        let layout = try ExpertLayout(
            experts: 320, ranks: 320, maximumTokens: 96, hidden: 7168, choices: 8, dispatch: .int8, combine: .bfloat16,
            slotAlignment: 512)
        #expect(layout.dispatchSlotByteCount == 7680)
        #expect(layout.combineSlotByteCount == 14336)
        // rank_num x local_batch x min(topK, experts_per_die) x msg_size, in binary megabytes.
        #expect(layout.maximumReceivedRows * layout.dispatchSlotByteCount == 225 << 20)
        #expect(layout.maximumReceivedRows * layout.combineSlotByteCount == 420 << 20)
        // One half of ours holds as many dispatch slots; with one expert a rank the two formulas agree.
        #expect(
            layout.dispatchSlot(half: 1, expert: 0, source: 0, index: 0)
                - layout.dispatchSlot(half: 0, expert: 0, source: 0, index: 0) == 225 << 20)
        let narrow = try ExpertLayout(
            experts: 256, ranks: 8, maximumTokens: 128, hidden: 7168, choices: 8, dispatch: .int8, combine: .bfloat16)
        #expect(narrow.dispatchSlotByteCount == 7232)
        #expect(narrow.combineSlotByteCount == 14336)
    }

    @Test("No two places share a byte, and all lie inside")
    func disjoint() throws {
        for alignment in [64, 512] {
            let layout = try ExpertLayout(
                experts: 6, ranks: 3, maximumTokens: 3, hidden: 13, choices: 2, dispatch: .bfloat16, combine: .float32,
                slotAlignment: alignment)
            var places: [Range<Int>] = []
            func add(_ start: Int, _ count: Int) { places.append(start..<start + count) }
            for half in 0..<2 {
                for rank in 0..<3 {
                    add(layout.dispatchStatus(half: half, source: rank), ExpertLayout.countsOffset + 4 * 2)
                    add(layout.combineStatus(half: half, peer: rank), 8)
                    for expert in 0..<2 {
                        for index in 0..<3 {
                            let slot = layout.dispatchSlot(half: half, expert: expert, source: rank, index: index)
                            #expect(slot % alignment == 0)
                            add(slot, layout.dispatchSlotByteCount)
                        }
                    }
                }
                for token in 0..<3 {
                    for choice in 0..<2 {
                        let slot = layout.combineSlot(half: half, token: token, choice: choice)
                        #expect(slot % alignment == 0)
                        add(slot, layout.combineSlotByteCount)
                    }
                }
            }
            places.sort { $0.lowerBound < $1.lowerBound }
            for (left, right) in zip(places, places.dropFirst()) { #expect(left.upperBound <= right.lowerBound) }
            // Status rows of different writers are on different lines.
            let lines = (0..<3).map { layout.dispatchStatus(half: 0, source: $0) / 64 }
            #expect(Set(lines).count == 3)
            #expect(places.first?.lowerBound == 0)
            #expect((places.last?.upperBound ?? 0) <= layout.byteCount)
        }
    }

    @Test(
        "Numbers that do not fit are refused, with the numbers",
        arguments: [
            ("12 experts cannot be shared evenly by 5", 12, 5, 4, 8, 2, 64),
            ("0 experts", 0, 1, 4, 8, 1, 64), ("by 0 ranks", 4, 0, 4, 8, 1, 64), ("by -2 ranks", 4, -2, 4, 8, 1, 64),
            ("0 tokens", 4, 2, 0, 8, 1, 64), ("-1 tokens", 4, 2, -1, 8, 1, 64), ("of 0 numbers", 4, 2, 4, 0, 1, 64),
            ("0 choices", 4, 2, 4, 8, 0, 64), ("5 choices a token of 4", 4, 2, 4, 8, 5, 64),
            ("aligned to 96", 4, 2, 4, 8, 2, 96), ("aligned to 32", 4, 2, 4, 8, 2, 32),
            ("more bytes than 64 bits", 16_000_000, 2, 16_000_000, 16_000_000, 1, 64),
            ("choices times tokens", 4, 2, 9_000_000, 8, 2, 64),
            ("9223372036854775807 tokens", 4, 2, Int.max, 8, 1, 64),
        ])
    func refused(
        part: String, experts: Int, ranks: Int, tokens: Int, hidden: Int, choices: Int, alignment: Int
    ) throws {
        let error = #expect(throws: ExpertError.self) {
            try ExpertLayout(
                experts: experts, ranks: ranks, maximumTokens: tokens, hidden: hidden, choices: choices,
                dispatch: .float32, combine: .float32, slotAlignment: alignment)
        }
        #expect(error?.code == .badLayout)
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }

    @Test("Rows do not return as INT8")
    func combineFormat() {
        let error = #expect(throws: ExpertError.self) {
            try ExpertLayout(
                experts: 4, ranks: 2, maximumTokens: 4, hidden: 8, choices: 1, dispatch: .int8, combine: .int8)
        }
        #expect(error?.code == .badLayout)
    }

    @Test("Expert e lives on rank e / L")
    func placement() throws {
        let layout = try ExpertLayout(
            experts: 32, ranks: 4, maximumTokens: 1, hidden: 1, choices: 1, dispatch: .float32, combine: .float32)
        #expect((0..<32).map(layout.rank(ofExpert:)) == (0..<32).map { $0 / 8 })
    }
}
