import ClusterFiles
import Faults
import FoundationEssentials
import TestKit
import Testing

@Suite("Fault plans")
struct FaultPlanTests {
    static let good = """
        format: softpod-faults/1
        name: many
        promise: [O1, O2]
        faults:
          - {kind: kill, rank: 3, at: {point: combine.flag, peer: 1, entry: 7}}
          - {kind: pause, rank: any, within: 500 ms, for: 200 ms}
          - {kind: slow, rank: 0, after: 1 s, share: 10, for: 2 s}
          - {kind: store, rank: any, at: {access: signal, tier: npu}, word: flag, value: bit}
          - {kind: store, rank: 1, at: {phase: layer 3, entry: 2}, word: team.gate, value: ones}
          - {kind: flip, rank: 1, at: {point: dispatch.flag}, bit: 5}
          - {kind: mute, rank: 2}
          - {kind: lose, rank: any, share: 20}
          - {kind: cut, rank: 1, messages: 100}

        """

    static func parse(_ text: String) throws -> FaultPlan {
        try FaultPlanFile.parse(TextFile(bytes: Array(text.utf8), file: "plan.yaml"))
    }

    @Test("A plan gives its faults, with what each kind takes")
    func reads() throws {
        let plan = try Self.parse(Self.good)
        #expect(plan.name == "many" && plan.promises == [.right, .failed])
        #expect(plan.rules.map(\.kind) == ["kill", "pause", "slow", "store", "store", "flip", "mute", "lose", "cut"])
        #expect(plan.rules.map(\.rank) == [3, nil, 0, nil, 1, 1, 2, nil, 1])
        #expect(plan.rules.map(\.line) == Array(5...13))
        #expect(plan.rules[0].trigger == .point(.combineFlag, peer: 1, entry: 7) && plan.rules[0].action == .kill)
        #expect(plan.rules[1].trigger == .within(nanoseconds: 500_000_000))
        #expect(plan.rules[1].action == .stop(nanoseconds: 200_000_000))
        #expect(plan.rules[2].action == .slow(percent: 10, nanoseconds: 2_000_000_000))
        #expect(plan.rules[3].trigger == .access(.signal, peer: nil, tier: .npu, entry: 1))
        #expect(plan.rules[3].action == .store(.flag, .bit(-1)))
        #expect(plan.rules[4].action == .store(.teamGate, .ones))
        #expect(plan.rules[4].trigger == .phase("layer 3", entry: 2))
        #expect(plan.rules[5].action == .store(.payload, .bit(5)))
        #expect(plan.rules[6].trigger == .always)
        #expect(plan.rules[7].action == .wire(.lose, amount: 20, seed: 0))
        #expect(plan.rules[8].action == .wire(.cut, amount: 100, seed: 0))
    }

    @Test("What the seed draws follows from it alone, and no rank is drawn twice while there are others")
    func drawn() throws {
        let plan = try Self.parse(Self.good)
        func draw(_ seed: UInt64, _ ranks: Int = 8) throws -> [ScheduledFault] {
            var generator = SeededGenerator(seed: seed)
            return try plan.drawn(ranks: ranks, using: &generator)
        }
        #expect(try draw(7) == draw(7))
        #expect(try Set((0..<20).map { try draw($0)[1].rank }).count > 2)
        for seed in 0..<50 as Range<UInt64> {
            let faults = try draw(seed)
            #expect(Set([faults[0].rank, faults[1].rank, faults[2].rank, faults[3].rank]).count == 4, "seed \(seed)")
            guard case .after(let time) = faults[1].trigger, case .store(.flag, .bit(let bit)) = faults[3].action else {
                Issue.record("seed \(seed): not drawn: \(faults)")
                continue
            }
            #expect(time <= 500_000_000 && (0..<64).contains(bit), "seed \(seed)")
        }
        #expect(try draw(7).allSatisfy { (0..<8).contains($0.rank) })
    }

    @Test("A rank that the cluster does not have is an error at the fault's line")
    func misfit() throws {
        let plan = try Self.parse(Self.good)
        var generator = SeededGenerator(seed: 1)
        let error = #expect(throws: ClusterFileError.self) {
            try FaultPlanFile.draw(plan, file: "plan.yaml", ranks: 3, using: &generator)
        }
        #expect(error?.description == "plan.yaml:5: faults[0]: rank is 3, and the cluster has ranks 0 to 2")
    }

    @Test("Every shipped plan is read, says what it is for, and goes with four ranks")
    func shipped() throws {
        let folder = ClusterUnderTest.root + "/cluster/faults"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(names.count >= 15)
        for name in names {
            let text = try TextFile(path: folder + "/" + name)
            let plan = try FaultPlanFile.parse(text)
            #expect(plan.name + ".yaml" == name)
            #expect(text.text.hasPrefix("# "), "\(name) says what it is for")
            var generator = SeededGenerator(seed: 3)
            #expect(try plan.drawn(ranks: 4, using: &generator).count == plan.rules.count)
        }
    }

    @Test(
        "A plan's mistakes are refused with the line",
        arguments: [
            ("softpod-faults/1", "softpod-faults/2", 1, "must be \"softpod-faults/1\""),
            ("name: many", "name: many\nmore: 1", 3, "not a key"), ("[O1, O2]", "[O1, O5]", 3, "O1, O2, O3, O4"),
            ("[O1, O2]", "O1", 3, "must be a list"), ("kind: kill", "kind: explode", 5, "known are kill, crash"),
            ("kind: kill, rank: 3", "kind: kill", 5, "is missing"), ("rank: 3", "rank: -1", 5, "0 to 4095"),
            ("rank: 3", "rank: 4096", 5, "0 to 4095"), ("rank: 3", "rank: some", 5, "or any"),
            ("point: combine.flag, peer: 1", "point: combine.flags", 5, "combine.flag"),
            ("entry: 7", "entry: 0", 5, "1 to 1000000000"), ("peer: 1", "peer: 5000", 5, "0 to 4095"),
            ("peer: 1", "per: 1", 5, "not a key"), ("peer: 1", "tier: npu", 5, "goes with access"),
            ("point: combine.flag, peer: 1", "entry: 7, peer: 1", 5, "there twice"),
            ("within: 500 ms, for", "within: 500 ms, after: 1 s, for", 6, "and has 2"),
            ("within: 500 ms, for", "for", 6, "and has 0"), ("within: 500 ms", "within: 500", 6, "with its unit"),
            ("for: 200 ms", "for: 0 ms", 6, "with its unit"), (", for: 200 ms", "", 6, "is missing"),
            ("share: 10", "share: 100", 7, "1 to 99"), ("share: 10, ", "", 7, "is missing"),
            ("tier: npu", "tier: moon", 8, "die or npu"), ("access: signal", "access: smoke", 8, "put or get"),
            ("value: bit", "value: 7", 8, "must be a text"), ("value: bit", "value: two", 8, "zero or one"),
            ("value: bit", "value: more, bit: 3", 8, "goes with value: bit"),
            ("word: flag", "word: flags", 8, "epoch or"),
            ("at: {access: signal, tier: npu}, word: flag", "at: {phase: x}, word: flag", 8, "a point or an access"),
            ("at: {access: signal, tier: npu}", "after: 1 s", 8, "give at"),
            ("word: flag, value", "word: count, value", 8, "at point dispatch.flag"),
            ("phase: layer 3, entry: 2", "phase: layer 3, peer: 2", 9, "goes with point or access"),
            ("bit: 5", "bit: 64", 10, "0 to 63"), ("bit: 5", "share: 5", 10, "not a key of a fault of kind flip"),
            ("messages: 100", "messages: -1", 13, "0 to 1000000000"), (", messages: 100", "", 13, "is missing"),
            ("kind: mute, rank: 2", "kind: mute, rank: 2, after: 1 s", 11, "has no time"),
            (
                "kind: kill, rank: 3, at: {point: combine.flag, peer: 1", "kind: crash, rank: 3, at: {access: put", 5,
                "needs a point"
            ),
        ])
    func refused(old: String, new: String, line: Int, rule: String) {
        let text = Self.good.replacing(old, with: new)
        #expect(text != Self.good)
        let error = #expect(throws: ClusterFileError.self) { try Self.parse(text) }
        #expect(error?.line == line && error?.description.contains(rule) == true, "\(String(describing: error))")
    }

    @Test("Every kind of the catalog can be planned, and a plan of each names all it needs")
    func catalog() throws {
        #expect(Set(FaultCatalog.all.map(\.name)).count == FaultCatalog.all.count)
        for kind in FaultCatalog.all {
            var keys = "kind: \(kind.name), rank: any"
            if kind.time != .none { keys += ", at: {point: dispatch.flag}" }
            if kind.needs.contains(.duration) { keys += ", for: 1 ms" }
            if kind.needs.contains(.share) { keys += ", share: 50" }
            if kind.needs.contains(.messages) { keys += ", messages: 5" }
            if kind.needs.contains(.bytes) { keys += ", bytes: 5" }
            if kind.needs.contains(.rate) { keys += ", rate: 5" }
            if kind.needs.contains(.call) { keys += ", call: fork, entry: 2" }
            if kind.needs.contains(.field) { keys += ", field: nonce" }
            if kind.needs.contains(.word) { keys += ", word: epoch" }
            if kind.needs.contains(.value) { keys += ", value: zero" }
            let text = "format: softpod-faults/1\nname: one\nfaults:\n  - {\(keys)}\n"
            #expect(try Self.parse(text).rules.count == 1, "\(kind.name)")
        }
    }
}
