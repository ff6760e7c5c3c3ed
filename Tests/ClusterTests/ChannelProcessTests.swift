import Glibc
import TestKit
import Testing

/// Channels between real processes, one of which is killed.
@Suite("Channels between processes", .serialized)
struct ChannelProcessTests {
    @Test("Whoever is killed, at the start or while messages flow, is named, and the run ends", arguments: 0..<6)
    func killed(turn: Int) throws {
        let cluster = try ClusterUnderTest([
            "bench", "ordering", "--dies", "2", "--repetitions", "10000", "--bytes", "8", "--bytes", "4K",
        ])
        let victim = turn % 2
        _ = try cluster.rank(1 - victim)
        // Later turns kill later: from the start to the middle of the streams.
        for _ in 0..<turn * 20_000 { sched_yield() }
        try cluster.signal(process: victim, SIGKILL)
        let ended = try cluster.end()
        #expect(ended.code == 75, "\(ended)")
        #expect(ended.messages.contains { $0.contains("rank \(victim)") && $0.contains("SIGKILL") }, "\(ended)")
        #expect(ended.leftovers == [])
    }

    @Test("Every mechanism is measured, and each row names its limit")
    func rows() throws {
        let cluster = try ClusterUnderTest([
            "bench", "ordering", "--dies", "4", "--repetitions", "3", "--bytes", "8", "--bytes", "64K", "--json",
        ])
        let ended = try cluster.end()
        #expect(ended.code == 0, "\(ended)")
        for mechanism in [
            "channel push", "channel pull", "channel concurrent 0.4", "data-as-flag lines", "relay a", "relay b",
            "relay c", "placed", "bare copy to peer",
        ] {
            #expect(ended.outputLines.contains { $0.contains(mechanism) }, "\(mechanism)")
        }
        #expect(ended.outputLines.allSatisfy { $0.contains("\"limit\":\"") })
    }
}
