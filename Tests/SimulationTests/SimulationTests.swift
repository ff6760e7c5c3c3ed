import Fabric
import Simulation
import TestKit
import Testing

/// The project's own protocols under a scheduler that decides which rank runs, what arrives, and which rank dies.
@Suite("Simulated schedules", .serialized)
struct SimulationTests {
    static let small = [
        "team.barrier.board/2/1", "team.barrier.board/3/1", "team.barrier.flags/2/1", "team.barrier.flags/3/1",
        "notification.ring.board/2/1", "notification.lent.network/2/1", "team.barrier.network/2/1",
    ]

    static func simulated(_ text: String) throws -> SimulatedCase { try #require(SimulatedCase(text: text)) }

    @Test("Random schedules of every scenario break nothing: right bits, typed failures, no hang, invariants kept")
    func random() throws {
        let seed = Soak.seed
        Soak.say("simulated schedules, seed \(seed)")
        let count = 8 * ScenarioCatalog.all.count
        let report = try ScheduleSearch(core: 0).random(ScenarioCatalog.all, count: count, seed: seed)
        #expect(
            report.finding == nil, "seed \(seed): \(report.finding?.violation ?? ""), \(report.finding?.text ?? "")")
        #expect(report.schedules == count && report.crashes > count / 8 && report.failures > count / 8)
    }

    @Test("All schedules with at most two decisions of small cases break nothing", arguments: small)
    func exhaustive(text: String) throws {
        let report = try ScheduleSearch(core: 0).exhaustive(Self.simulated(text), decisions: 2)
        #expect(report.finding == nil, "\(report.finding?.violation ?? ""), \(report.finding?.text ?? "")")
        #expect(report.schedules > 100)
    }

    @Test(
        "A rank may die at any step: the others are right, or fail in time and name it",
        arguments: [
            "team.barrier.board/3/1", "team.barrier.flags/3/1", "team.barrier.network/3/1",
            "experts.int8.bfloat16.board/3/3", "experts.float32.float32.network/2/1",
            "collective.allreduce.push.board/3/5", "collective.allreduce.cooperative.board/3/5",
            "channel.push.board/2/1", "channel.lines.network/2/1", "team.barrier.links/3/1",
            "experts.float32.bfloat16.links/2/1",
        ])
    func deaths(text: String) throws {
        let report = try ScheduleSearch(core: 0).everyDeath(Self.simulated(text))
        #expect(report.finding == nil, "\(report.finding?.violation ?? ""), \(report.finding?.text ?? "")")
        #expect(report.crashes > 20 && report.failures > 10)
    }

    @Test("The same seed gives the same schedules, and a plan replays one of them bit for bit")
    func replays() throws {
        let search = ScheduleSearch(core: 0)
        let scenarios = Array(ScenarioCatalog.all.prefix(12))
        let (one, other) = (
            try search.random(scenarios, count: 40, seed: 11), try search.random(scenarios, count: 40, seed: 11)
        )
        #expect(one.digest == other.digest && one.steps == other.steps)
        #expect(try search.random(scenarios, count: 40, seed: 12).digest != one.digest)
        let simulated = try Self.simulated("team.barrier.board/3/1")
        let plan = try #require(SchedulePlan(text: "run0.2=1,crash1.6=1,tell1.6=1"))
        let runs = try (0..<3).map { _ in try search.replay(simulated, plan) }
        #expect(Set(runs.map(\.digest)).count == 1 && runs[0].crashed == 1)
        #expect(runs[0].outcomes == runs[1].outcomes)
        #expect(try search.replay(simulated, runs[0].plan).digest == runs[0].digest)
        #expect(SchedulePlan(text: runs[0].plan.description) == runs[0].plan)
    }

    @Test("Texts that are no plan and no case are refused")
    func texts() {
        for text in ["run", "run1=2", "walk1.2=3", "run1.2", "run1.2=x", "run1.2.3.4=5", "run-1.2=1"] {
            #expect(SchedulePlan(text: text) == nil, "\(text)")
        }
        for text in ["", "team.barrier.board", "team.barrier.board/99/1", "team.barrier.board/2/x", "no.such/2/1"] {
            #expect(SimulatedCase(text: text) == nil, "\(text)")
        }
    }
}
