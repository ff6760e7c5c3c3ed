import Fabric
import Glibc
import Launching
import SharedMemory
import Synchronization
import TestKit
import Testing

@Suite("Waits and their failures")
struct WaitTests {
    @Test("A barrier that one rank never reaches names that rank at everybody else")
    func missing() throws {
        let outcome = try ThreadCluster.run(dies: 5, timeout: .milliseconds(300)) { world in
            world.endpoint.phase = "test"
            if world.rank != 3 { try world.barrier() }
        }
        #expect(outcome.fabricErrors.keys.sorted() == [0, 1, 2, 4])
        for error in outcome.fabricErrors.values {
            #expect(error.code == .timedOut)
            #expect(error.peers == [3])
            #expect(error.phase == "test")
            #expect(error.description.contains("rank 3"))
        }
    }

    @Test("A moved epoch ends spinning, yielding and sleeping waits at once, with the verdict", arguments: [0, 1, 2])
    func epoch(mode: Int) throws {
        let policies = [
            WaitPolicy(spinCount: 1 << 30, yieldNanoseconds: 1 << 40),
            WaitPolicy(spinCount: 1, yieldNanoseconds: 1 << 40),
            WaitPolicy(spinCount: 1, yieldNanoseconds: 0),
        ]
        // On one host, as it looks into the others' control blocks.
        let outcome = try ThreadCluster.run(dies: 3, policy: policies[mode], split: .oneHost(dies: 3)) { world in
            let endpoint = world.endpoint
            let word = try world.allocate(byteCount: 64)
            if world.rank == 0 {
                // Until the others say that they wait, or spin (which no record shows).
                while mode > 0, (1..<3).contains(where: { endpoint.segment.control(of: $0).waiting == nil }) {}
                endpoint.segment.publish(
                    Verdict(.rankKilled, rank: 0, detail: 9, text: "rank 0 was killed by signal 9"))
            } else {
                try endpoint.wait(at: word.offset, until: .equal, 1, peer: 0)
            }
        }
        #expect(outcome.fabricErrors.count == 2)
        for error in outcome.fabricErrors.values {
            #expect(error.code == .membershipChanged)
            #expect(error.scope == .cluster)
            #expect(error.peers == [0])
            #expect(error.description.contains("killed by signal 9"))
        }
    }

    @Test("A verdict wakes a die whose doorbell was taken back by a die that then died")
    func halfWoken() throws {
        let timeout = Duration.seconds(20)
        let outcome = try ThreadCluster.run(
            dies: 2, timeout: timeout, policy: WaitPolicy(spinCount: 0, yieldNanoseconds: 0),
            split: .oneHost(dies: 2)  // As it takes back another's doorbell, which is in their segment.
        ) { world in
            let endpoint = world.endpoint
            let word = try world.allocate(byteCount: 64)
            guard world.rank == 0 else {
                try endpoint.wait(at: word.offset, until: .equal, 1, peer: 0)
                return
            }
            let sleeper = endpoint.segment.control(of: 1)
            while sleeper.waiting?.wordOffset != word.offset {}
            // A die that is not yet asleep sets its doorbell again; one that is cannot.
            var quiet = 0
            while quiet < 1000 {
                let bell = unsafe sleeper.doorbell.pointee.exchange(0, ordering: .sequentiallyConsistent)
                quiet = bell == 0 ? quiet + 1 : 0
                sched_yield()
            }
            endpoint.segment.publish(Verdict(.rankKilled, rank: 0, detail: 9, text: "rank 0 was killed by signal 9"))
        }
        let error = try #require(outcome.fabricErrors[1])
        #expect(error.code == .membershipChanged)
        #expect(error.elapsedNanoseconds < 10_000_000_000, "it slept until its deadline")
    }

    @Test("A barrier that failed once never lets anybody through later")
    func failedTeam() throws {
        // Rank 2 never comes. Rank 0 times out and tries again, so three have arrived when rank 1 comes.
        let outcome = try ThreadCluster.run(dies: 3, timeout: .milliseconds(50)) { world in
            let endpoint = world.endpoint
            let passed = Region(offset: endpoint.reservedByteCount, byteCount: 64)
            switch world.rank {
            case 0:
                #expect(throws: FabricError.self) { try world.sync() }
                try endpoint.signal(.set, 1, at: 1, passed.offset)
                try world.sync()
            case 1:
                try endpoint.wait(at: passed.offset, until: .equal, 1, deadline: endpoint.deadline(after: .seconds(20)))
                try world.sync()
            default: break
            }
        }
        #expect(outcome.fabricErrors[0]?.peers == [1, 2])
        #expect(outcome.fabricErrors[1]?.peers == [2])
    }

    @Test("No sleeper is ever lost: two dies that always sleep pass a token back and forth")
    func sleepers() throws {
        let policy = WaitPolicy(spinCount: 0, yieldNanoseconds: 0)
        let outcome = try ThreadCluster.run(dies: 2, policy: policy) { world in
            let word = try world.allocate(byteCount: 64)
            for turn in 1...20_000 {
                if world.rank == 0 { try world.endpoint.signal(.set, UInt64(turn), at: 1, word.offset) }
                try world.endpoint.wait(
                    at: word.offset, until: .greaterOrEqual, UInt64(turn), peer: world[1 - world.rank])
                if world.rank == 1 { try world.endpoint.signal(.set, UInt64(turn), at: 0, word.offset) }
            }
            return world.endpoint.counts.sleeps
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.compactMap { $0 }.reduce(0, +) > 0)
    }

    @Test("A signal to another word does not satisfy, and does not lose, a sleeping wait")
    func otherWord() throws {
        let policy = WaitPolicy(spinCount: 0, yieldNanoseconds: 0)
        let outcome = try ThreadCluster.run(dies: 3, policy: policy) { world in
            let words = try world.allocate(byteCount: 128)
            if world.rank == 0 {
                for turn in 1...2000 {
                    try world.endpoint.wait(at: words.offset, until: .greaterOrEqual, UInt64(turn), peer: 1)
                    try world.endpoint.signal(.set, UInt64(turn), at: 1, words.offset)
                }
            } else if world.rank == 1 {
                for turn in 1...2000 {
                    try world.endpoint.signal(.set, UInt64(turn), at: 0, words.offset)
                    try world.endpoint.wait(at: words.offset, until: .greaterOrEqual, UInt64(turn), peer: 0)
                }
            } else {
                for turn in 1...5000 { try world.endpoint.signal(.set, UInt64(turn), at: 0, words.offset + 64) }
            }
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    }

    @Test("A store with nobody asleep makes no sleep and no system call on either side when values are there already")
    func alreadyThere() throws {
        let outcome = try ThreadCluster.run(dies: 1) { world in
            let word = try world.allocate(byteCount: 64)
            for turn in 1...1000 {
                try world.endpoint.signal(.set, UInt64(turn), at: 0, word.offset)
                try world.endpoint.wait(at: word.offset, until: .equal, UInt64(turn))
            }
            return world.endpoint.counts.slowWaits
        }
        #expect(outcome.values == [0])
    }
}
