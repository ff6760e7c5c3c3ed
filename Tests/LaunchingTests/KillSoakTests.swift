import Foundation
import TestKit
import Testing

extension RealClusters {
    /// Attacks on real clusters, drawn from a seed: who is hit, by what, in which run, at which moment.
    ///
    /// What may come of one: the right result, or a failure that a line explains, and nothing is left either way. `SOFTPOD_TEST_ATTACK` with the
    /// number of an attack (and its seed in `SOFTPOD_TEST_SEED`) replays that one alone.
    @Suite("Soak of kills and stops", .enabled(if: Soak.isOn))
    struct KillSoakTests {
        @Test("1,000 kills and stops: the right result or a named cause, and nothing left")
        func attacks() throws {
            let only = ProcessInfo.processInfo.environment["SOFTPOD_TEST_ATTACK"].flatMap { Int($0) }
            let count = Soak.count(1_000)
            Soak.say("kills and stops: seed \(Soak.seed), \(count) attacks")
            var tally: [String: Int] = [:]
            for number in only.map({ $0...$0 }) ?? 0...count - 1 {
                let attack = Attack(seed: Soak.seed, number: number)
                let outcome: Outcome
                do { outcome = try attack.carryOut() } catch {
                    Issue.record("\(attack): \(error)")
                    continue
                }
                tally[outcome.name, default: 0] += 1
                for fault in outcome.faults { Issue.record("\(attack): \(fault)\n\(outcome.text)") }
                if number % 50 == 49 { Soak.say("kills and stops: \(number + 1) of \(count)") }
            }
            for (name, times) in tally.sorted(by: { $0.key < $1.key }) { Soak.say("kills and stops: \(times) \(name)") }
            #expect(!tally.isEmpty)
        }

        /// The moments that differ.
        enum Moment: CaseIterable { case start, barrier, middle, end }

        /// What is done to a process.
        enum Blow: Equatable {
            case kill, interrupt, terminate, hangUp
            /// For so many milliseconds; for good where there are none.
            case stop(Int?)
        }

        enum Victim: CaseIterable { case rank, twoRanks, agent, rankAndAgent, coordinator }

        /// How an attack ended.
        struct Outcome {
            var name: String
            var faults: [String]
            var text: String
        }
    }
}

extension RealClusters.KillSoakTests {
    /// One attack, the same for the same seed and number.
    struct Attack: CustomStringConvertible {
        let seed: UInt64
        let number: Int
        let isOverHosts: Bool
        let dies: Int
        let moment: Moment
        let victim: Victim
        let blow: Blow
        /// Milliseconds after the moment, and which ranks.
        let delay: Int
        let choice: (Int, Int)

        init(seed: UInt64, number: Int) {
            self.seed = seed
            self.number = number
            var random = SeededGenerator(seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
            isOverHosts = random.next() % 5 == 0
            dies = isOverHosts ? 4 : Int.random(in: 2...8, using: &random)
            moment = Moment.allCases[Int(random.next() % 4)]
            let victims = isOverHosts ? Victim.allCases : Array(Victim.allCases.dropLast())
            victim = victims[Int(random.next() % UInt64(victims.count))]
            let length = random.next() % 2 == 0 ? nil : Int.random(in: 50...3_500, using: &random)
            blow = [.kill, .kill, .kill, .stop(length), .interrupt, .terminate, .hangUp][Int(random.next() % 7)]
            // Starts take some 50 ms where the machine is free, runs up to a second.
            delay = Int.random(in: 0...(moment == .start ? 150 : 700), using: &random)
            choice = (Int.random(in: 0..<1_000, using: &random), Int.random(in: 0..<1_000, using: &random))
        }

        var description: String {
            "seed \(seed), attack \(number): \(dies) dies\(isOverHosts ? " over two hosts" : ""), \(blow) of \(victim) "
                + "\(delay) ms after \(moment)"
        }

        /// A run that ends by itself, or goes on until it is stopped.
        private var arguments: [String] {
            let hosts = RealClusters.loopback.map { $0 + ":2" }.joined(separator: ",")
            let cluster =
                (isOverHosts ? ["--hosts", hosts] : ["--dies", "\(dies)"])
                + ["--deadline", "2", "--start-deadline", "20"]
            switch moment {
            case .start, .barrier: return ["run", "--announce"] + cluster + ["idle"]
            case .middle:
                return Self.generation + cluster
            case .end: return ["run", "--json"] + cluster + ["smoke"]
            }
        }

        private func reach(_ cluster: ClusterUnderTest) throws {
            switch moment {
            case .start, .end: break
            case .barrier: for rank in 0..<dies { try cluster.line(containing: "rank \(rank): looping") }
            case .middle: try cluster.output(containing: "the")
            }
            _ = cluster.runs(milliseconds: delay)
        }

        /// The processes there are now: by their parents and arguments, as they may end at any time.
        private func processes(_ cluster: ClusterUnderTest) -> (agents: [Int32], ranks: [(pid: Int32, agent: Int32)]) {
            let found = cluster.family()
            let agents =
                isOverHosts ? found.filter { $0.words.dropFirst().first == "agent" }.map(\.pid) : [cluster.agent]
            let ranks = found.filter { $0.words.dropFirst().first == "rank" && agents.contains($0.parent) }
            return (agents.sorted(), ranks.map { ($0.pid, $0.parent) }.sorted { $0.0 < $1.0 })
        }

        private func victims(_ agents: [Int32], _ ranks: [(pid: Int32, agent: Int32)], _ own: Int32) -> [Int32] {
            func rank(_ choice: Int) -> [Int32] { ranks.isEmpty ? [] : [ranks[choice % ranks.count].pid] }
            func agent(_ choice: Int) -> [Int32] { agents.isEmpty ? [] : [agents[choice % agents.count]] }
            let all: [Int32] =
                switch victim {
                case .rank: rank(choice.0)
                case .twoRanks: rank(choice.0) + rank(choice.1)
                case .agent: agent(choice.0)
                case .rankAndAgent: rank(choice.0) + agent(choice.1)
                case .coordinator: [own]
                }
            return all.count == 2 && all[0] == all[1] ? [all[0]] : all
        }

        private var signal: Int32 {
            switch blow {
            case .kill: RealClusters.kill
            case .interrupt: RealClusters.interrupt
            case .terminate: RealClusters.terminate
            case .hangUp: RealClusters.hangUp
            case .stop: RealClusters.stop
            }
        }

        func carryOut() throws -> Outcome {
            let cluster = try ClusterUnderTest(arguments)
            try reach(cluster)
            let there = processes(cluster)
            let hit = victims(there.agents, there.ranks, cluster.agent)
            for pid in hit { cluster.signal(pid: pid, signal) }
            let isSupervisor = hit.contains { !there.ranks.map(\.pid).contains($0) }
            if case .stop(let length) = blow {
                // A supervisor that is stopped for good is the user's to let go on.
                if length != nil || isSupervisor {
                    _ = cluster.runs(milliseconds: length ?? 3_000)
                    for pid in hit { cluster.signal(pid: pid, RealClusters.ThawTests.goOn) }
                }
            }
            // What does not end by itself, nor by the attack, is stopped as a user would stop it.
            var wasInterrupted = false
            let isEndless = moment == .start || moment == .barrier
            if cluster.runs(milliseconds: isEndless ? (isOverHosts ? 14_000 : 6_000) : 25_000) {
                wasInterrupted = true
                cluster.signalAgent(RealClusters.interrupt)
            }
            let end = try cluster.end()
            return judge(end, hit, there.ranks, cluster.agent, isSupervisor, wasInterrupted)
        }

        private func judge(
            _ end: ClusterUnderTest.Ended, _ hit: [Int32], _ ranks: [(pid: Int32, agent: Int32)], _ own: Int32,
            _ isSupervisor: Bool, _ wasInterrupted: Bool
        ) -> Outcome {
            var faults: [String] = []
            func require(_ holds: Bool, _ rule: String) { if !holds { faults.append(rule) } }
            let text = end.messages.joined(separator: "\n")
            let isKilled = blow == .kill && hit.contains(own)
            let status = end.signal.map { "signal \($0)" } ?? "status \(end.code ?? -1)"
            switch (end.code, end.signal) {
            case (0, nil):
                require(moment == .end || moment == .middle, "a run without end ended as a success")
                require(end.headlines.isEmpty, "a success with a failure's line")
                require(
                    isRight(end.output),
                    "a wrong or missing result with the status of success: \(end.output.suffix(300))")
            case (75, nil): require(!end.headlines.isEmpty, "status 75 without a line that names a cause")
            case (129, nil), (130, nil), (143, nil):
                require(!end.headlines.isEmpty, "stopped by a signal without a line")
                require(
                    wasInterrupted || isSupervisor && [.interrupt, .terminate, .hangUp].contains(blow),
                    "stopped by a signal that was not sent")
            case (nil, RealClusters.kill):
                require(isKilled, "killed, but not by this attack")
                // Ranks that the agent had sent home have nothing to say.
                require(
                    ranks.isEmpty || moment == .end || !end.messages.isEmpty,
                    "the agent was killed and no rank said so")
            default:
                // Before it has blocked them, a signal ends any program.
                let isEarly = moment == .start || moment == .end
                require(isEarly && hit.contains(own) && end.signal == signal, "\(status) is no outcome")
            }
            if blow == .kill, victim == .rank, end.code != 0, let pid = hit.first {
                let isNamed = end.messages.contains {
                    $0.contains("(pid \(pid))") && $0.contains(" was killed by signal 9")
                }
                require(isNamed || wasInterrupted, "the killed rank is not named")
            }
            // An agent that falls before it has ranks leaves its folder to the next start.
            let leftovers = end.leftovers.filter { !(isSupervisor && blow == .kill && $0.hasPrefix("softpod-")) }
            require(leftovers.isEmpty, "left over: \(leftovers)")
            require(!text.contains("Fatal error"), "a trap")
            return Outcome(name: status, faults: faults, text: text)
        }

        /// The result that the run has where it is left alone.
        private func isRight(_ output: String) -> Bool {
            moment == .end ? output.contains("\"wrong\":0") : Self.text(of: output) == Self.undisturbed
        }

        private static let generation = [
            "generate", "--model", ClusterUnderTest.austen, "--max-tokens", "400", "--ignore-end",
        ]

        /// What is generated, without what was measured.
        private static func text(of output: String) -> String? {
            output.range(of: "\nsummary (measured)").map { String(output[..<$0.lowerBound]) }
        }

        /// The text of a run that was left alone; it depends neither on dies nor on hosts.
        private static let undisturbed: String? = {
            let alone = try? ClusterUnderTest(generation + ["--dies", "2"]).end()  // then each success is a fault
            return alone.flatMap { text(of: $0.output) }
        }()
    }
}
