import Fuzzing
import Testing

/// A short run of every target; `softpod verify --fuzz` makes long ones of the same inputs.
@Suite("Fuzzing", .serialized)
struct FuzzTests {
    /// In all; some seconds.
    static let count: UInt64 = 200_000

    @Test(
        "What nobody would send is refused or understood, and nothing else happens",
        arguments: zip(FuzzTarget.all, FuzzTarget.shares(of: count, over: FuzzTarget.all)))
    func all(target: FuzzTarget, count: UInt64) throws {
        let seed = UInt64.random(in: .min ... .max)
        let outcome = try target.run(count: count, seed: seed)
        #expect(outcome.finding == nil, "seed \(seed)")
        #expect(outcome.inputs == count, "seed \(seed)")
        // Both kinds must be among them, or the inputs are too wild or too tame to tell anything.
        #expect(outcome.understood > count / 100, "seed \(seed): \(outcome.understood) of \(count) understood")
        // Any bytes can be a prompt, and any can stand in shared memory behind a whole first page.
        if !["prompt", "segment contents"].contains(target.name) {
            #expect(outcome.understood < count, "seed \(seed)")
        }
    }

    @Test("An input depends on seed, target and number alone: any part of a run can be replayed")
    func replay() throws {
        let target = try #require(FuzzTarget.all.first { $0.name == "control message" })
        let whole = try target.run(count: 4000, seed: 17)
        let parts = try [0, 1000, 2000, 3000].map { try target.run(count: 1000, seed: 17, first: $0).understood }
        #expect(parts.reduce(0, +) == whole.understood)
        #expect(try target.run(count: 4000, seed: 17).understood == whole.understood)
        #expect(try target.run(count: 4000, seed: 18).understood != whole.understood)
    }
}
