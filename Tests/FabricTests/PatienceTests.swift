import Fabric
import Testing

/// How long a switch looks before it sleeps.
@Suite("Patience of a switch")
struct PatienceTests {
    @Test("Looks in vain get shorter until there are none, and work brings the whole length back")
    func decays() {
        var patience = PollBudget(isAllowed: true)
        var lengths: [UInt64] = []
        while patience.nanoseconds > 0, lengths.count < 64 {
            lengths.append(patience.nanoseconds)
            patience.foundNothing()
        }
        #expect(lengths.first == PollBudget.longest && lengths.count > 1 && lengths.count < 10)
        #expect(zip(lengths, lengths.dropFirst()).allSatisfy { $0 > $1 })
        patience.slept(.max)
        #expect(patience.nanoseconds == 0)
        patience.slept(PollBudget.longest)
        #expect(patience.nanoseconds == PollBudget.longest)
        patience.foundNothing()
        patience.foundWork()
        #expect(patience.nanoseconds == PollBudget.longest)
    }

    @Test("Work that comes a little later than a whole look does not keep a switch looking")
    func trickle() {
        var patience = PollBudget(isAllowed: true)
        for _ in 0..<20 {
            let looked = patience.nanoseconds
            if looked > 0 { patience.foundNothing() }
            patience.slept(2 * PollBudget.longest - looked)
        }
        #expect(patience.nanoseconds == 0)
    }

    @Test("Where dies outnumber cores it never looks")
    func none() {
        var patience = PollBudget(isAllowed: false)
        #expect(patience.nanoseconds == 0)
        patience.slept(1)
        #expect(patience.nanoseconds == 0)
    }
}
