import SharedMemory
import Testing

/// The rule by which a wait starts its patience anew, on clocks of the tests' own.
@Suite("Jumps of a waiter's clock")
struct JumpTests {
    static let second: UInt64 = 1_000_000_000

    @Test(
        "A look that is late by more than the tolerance is a jump, once; what was asked for is no part of it",
        arguments: [
            (0, 500, nil), (0, 1_000, nil), (0, 1_001, 1_001), (2_000, 2_900, nil), (2_000, 3_000, nil),
            (2_000, 3_500, 1_500), (2_000, 100, nil), (5_000, 95_000, 90_000),
        ] as [(UInt64, UInt64, UInt64?)])
    func look(asked: UInt64, gap: UInt64, jump: UInt64?) {
        var clockWatch = ClockWatch(at: 7_000, tolerance: 1_000)
        clockWatch.willSleep(asked)
        #expect(clockWatch.look(7_000 + gap) == jump)
        // Seen once; and a sleep that was asked for excuses only the look after it.
        #expect(clockWatch.look(7_000 + gap) == nil)
        #expect(clockWatch.look(7_000 + gap + 1_001) == 1_001)
    }

    @Test("A clock that goes back is no jump, nor is the end of its range")
    func extremes() {
        var clockWatch = ClockWatch(at: 7_000, tolerance: 1_000)
        #expect(clockWatch.look(1) == nil)
        clockWatch.willSleep(.max)
        #expect(clockWatch.look(.max) == nil)
    }

    /// Sleeps as a waiter does, until the patience is over; the moments at which it looked.
    private static func wait(_ whole: UInt64, from start: UInt64, stops: [(at: UInt64, length: UInt64)]) -> [UInt64] {
        var now = start
        var span = WaitSpan(whole, at: now)
        var looks: [UInt64] = []
        var left = stops
        while looks.count < 10_000 {
            let remaining = span.remaining(now)
            looks.append(now)
            if remaining == 0 { break }
            let end = now + span.sleep(remaining)
            now = end
            // A stop that begins during the sleep ends the sleep no earlier than itself.
            while let stop = left.first, stop.at < end {
                now = max(now, stop.at + stop.length)
                left.removeFirst()
            }
        }
        return looks
    }

    @Test(
        "A wait that is not disturbed lasts as long as its patience, and looks eight times",
        arguments: [2, 60] as [UInt64])
    func undisturbed(seconds: UInt64) {
        let looks = Self.wait(seconds * Self.second, from: 5, stops: [])
        #expect(looks.last == 5 + seconds * Self.second)
        #expect(looks.count == 9)
    }

    @Test(
        "A waiter that was stopped for longer than its patience starts it anew",
        arguments: [2, 60] as [UInt64], [0, 100, 900, 1_999] as [UInt64])
    func stopped(seconds: UInt64, at milliseconds: UInt64) {
        let whole = seconds * Self.second
        let stop = (at: milliseconds * 1_000_000, length: whole + 3 * Self.second)
        let looks = Self.wait(whole, from: 0, stops: [stop])
        #expect(looks.last == stop.at + stop.length + whole)
    }

    @Test("Two stops are two beginnings")
    func twice() {
        let whole = 2 * Self.second
        let looks = Self.wait(
            whole, from: 0, stops: [(Self.second, 10 * Self.second), (12 * Self.second, 5 * Self.second)])
        #expect(looks.last == 19 * Self.second)
    }

    @Test("A stop too short to be seen costs less than half of the patience, wherever it falls", arguments: 0..<40)
    func unseen(place: UInt64) {
        let whole = 4 * Self.second
        // An eighth of the patience in a sleep, and a tolerance of a second: what is not seen is shorter than both together.
        let stop = (at: place * 100_000_000, length: UInt64(1_400_000_000))
        let looks = Self.wait(whole, from: 0, stops: [stop])
        let last = looks.last ?? 0
        #expect(last == whole || last == stop.at + stop.length || last >= whole + stop.length)
        #expect(last - stop.length >= whole / 2)
    }

    @Test("A wait without patience is over at once")
    func none() {
        var span = WaitSpan(0, at: 9)
        #expect(span.remaining(9) == 0)
        #expect(span.remaining(9 + 100 * Self.second) == 0)
    }

    @Test("A deadline moves by the time its process has lost, which two threads that saw the same jump count once")
    func deadline() {
        let deadline = Deadline(after: .seconds(3_600))
        let now = Monotonic.now()
        let before = LostTime.nanoseconds
        LostTime.note(from: now - 5_000_000, to: now)
        let once = LostTime.nanoseconds
        LostTime.note(from: now - 4_000_000, to: now)
        LostTime.note(from: now - 9_000_000, to: now - 1)
        #expect(once > before && once - before <= 5_000_000)
        #expect(LostTime.nanoseconds == once)
        #expect(deadline.remaining >= 3_600 * Self.second - 2 * Self.second)
    }
}
