import Fabric
import Synchronization
import Testing

/// The clock of links leaves out the time in which its switch could not run.
@Suite("The clock of a switch")
struct LinkClockTests {
    @Test("Time in which the switch was stopped does not pass on its links; time it slept or worked does")
    func jumps() {
        let time = Atomic<UInt64>(1_000)
        func pass(_ milliseconds: UInt64) { time.wrappingAdd(milliseconds * 1_000_000, ordering: .relaxed) }
        let clock = LinkClock { time.load(ordering: .relaxed) }
        let begin = clock.now()
        func passed() -> UInt64 { (clock.now() - begin) / 1_000_000 }
        pass(400)
        #expect(!clock.hasJumped() && passed() == 400)
        clock.willSleep(LinkClock.longestSleep)
        pass(900)
        #expect(!clock.hasJumped() && passed() == 1_300)
        clock.willSleep(LinkClock.longestSleep)
        pass(10_500)
        #expect(clock.hasJumped() && passed() == 1_800)
        #expect(!clock.hasJumped())
        pass(32_000)
        #expect(clock.hasJumped() && passed() == 1_800)
        pass(10)
        #expect(!clock.hasJumped() && passed() == 1_810)
    }
}
