import Fabric
import TestKit
import Testing

@Suite("Symmetric heap")
struct SymmetricHeapTests {
    @Test("The same calls give the same offsets everywhere, aligned, never overlapping, also after frees")
    func symmetric() throws {
        let seed = UInt64.random(in: .min ... .max)
        let outcome = try ThreadCluster.run(dies: 3, windowByteCount: 1 << 22) { world in
            var random = SeededGenerator(seed: seed)
            var live: [Region] = []
            var history: [Int] = []
            for _ in 0..<200 {
                if live.isEmpty || Bool.random(using: &random) {
                    let alignment = 1 << Int.random(in: 0...12, using: &random)
                    let region = try world.allocate(
                        byteCount: Int.random(in: 0...5000, using: &random), alignment: alignment)
                    #expect(region.offset % max(alignment, 64) == 0)
                    #expect(live.allSatisfy { !$0.overlaps(region) })
                    live.append(region)
                    history.append(region.offset)
                } else {
                    let index = Int.random(in: 0..<live.count, using: &random)
                    try world.free(live.remove(at: index))
                }
            }
            for region in live { try world.free(region) }
            // Everything came back in one piece.
            let all = (1 << 22) - world.endpoint.reservedByteCount
            let whole = try world.allocate(byteCount: all)
            try world.free(whole)
            return history
        }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
        #expect(outcome.values[0] == outcome.values[1] && outcome.values[1] == outcome.values[2], "seed \(seed)")
    }

    @Test(
        "Too large an allocation fails everywhere and says what is left; the heap stays usable",
        arguments: [1 << 20, Int.max])
    func full(byteCount: Int) throws {
        let outcome = try ThreadCluster.run(dies: 2) { world in
            let error = #expect(throws: FabricError.self) { try world.allocate(byteCount: byteCount) }
            #expect(error?.code == .outOfMemory)
            return try world.allocate(byteCount: 100).offset
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    }

    @Test("Ranks that allocate different sizes are told so, with the odd rank's number")
    func mismatch() throws {
        let outcome = try ThreadCluster.run(dies: 4) { world in
            try world.allocate(byteCount: world.rank == 2 ? 200 : 100)
        }
        #expect(outcome.fabricErrors.count == 4)
        for error in outcome.fabricErrors.values {
            #expect(error.code == .mismatch)
            #expect(error.peers == [0, 2])
        }
    }
}
