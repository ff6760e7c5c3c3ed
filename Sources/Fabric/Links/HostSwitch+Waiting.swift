internal import Glibc
internal import Messaging
internal import SharedMemory

// What a switch does when there is nothing to do: it looks for a moment, giving way to others; then it sleeps.

extension HostSwitch {
    /// Looks for work for a while, giving the processor to whoever wants it. Whether some came.
    func looksAgain() -> Bool {
        guard patience.nanoseconds > 0, !sockets.contains(where: \.mayHoldMessage) else { return false }
        let end = Monotonic.now() + patience.nanoseconds
        repeat {
            sched_yield()
            if hasPosted || look(nanoseconds: 0) {
                patience.foundWork()
                return true
            }
        } while Monotonic.now() < end
        patience.foundNothing()
        return false
    }

    /// Waits a moment for a message, without asking the dies to ring: as long as a batch is held for an acknowledgement, what they post may
    /// join it, and a system call for each of their operations would cost more than it saves.
    func nap() {
        otherStatistics.sleeps += 1
        look(nanoseconds: Self.napNanoseconds)
    }

    private static let napNanoseconds: UInt64 = 50_000

    /// Sleeps until a die rings, a socket has something, or a link's clock asks for something.
    func sleep() {
        bell.announceSleep()
        defer { bell.announceAwake() }
        // Looked at once more after the announcement: who posted before it did not ring.
        guard !hasPosted, !sockets.contains(where: \.mayHoldMessage) else { return }
        if segment.cluster.epoch.loadSequentially() != segment.plan.firstEpoch,
            links.contains(where: { $0.map(owesVerdict) ?? false })
        {
            return
        }
        let now = clock.now()
        let until = links.reduce(UInt64.max) { min($0, $1?.nextTick ?? .max) }
        guard until > now else { return }
        otherStatistics.sleeps += 1
        let time = min(until - now, LinkClock.longestSleep)
        clock.willSleep(time)
        look(nanoseconds: time)
        patience.slept(clock.now() - now)
    }

    /// Looks at the bell and the sockets until one can be read or the time is over; notes which. Whether there is any.
    @discardableResult
    private func look(nanoseconds: UInt64) -> Bool {
        guard bell.sleep(descriptors, nanoseconds: nanoseconds, readable: &readable) else { return false }
        for index in sockets.indices where readable[index + 1] != 0 { sockets[index].mayHoldMessage = true }
        return true
    }

    private var hasPosted: Bool {
        segment.plan.ranks.contains { rank in
            let index = rank - segment.plan.firstRank
            return !rings[index].isBlocked && segment.port(of: rank).posted.loadSequentially() != rings[index].consumed
        }
    }
}
