import Fabric
import Simulation
import Testing

/// That a simulation finds what is wrong: protocols with a fault in them.
@Suite("Simulated schedules of planted faults")
struct PlantedTests {
    /// A pair of ranks with a place in each window.
    static func pair(
        _ road: Road, _ body: @escaping @Sendable (_ world: Team, _ place: Region) throws -> String?
    ) -> Scenario {
        Scenario("planted", road, ranks: 2...2, heapByteCount: { _ in 256 }) { _, _ in
            { world in
                let place = try world.allocate(byteCount: 256)
                try world.barrier()
                return try body(world, place)
            }
        }
    }

    static func finding(_ scenario: Scenario, count: Int = 400) throws -> ScheduleSearch.Finding {
        try #require(try ScheduleSearch(core: 0).random([scenario], count: count, seed: 3).finding)
    }

    /// Waits for the notification and looks at what came with it.
    static func read(_ world: Team, _ place: Region) throws -> String? {
        let endpoint = world.endpoint
        _ = try endpoint.awaitNotification(1, at: place.offset, from: 0, operation: .wait)
        return endpoint.values(UInt64.self, at: place.offset + 64, count: 1)[0] == 7 ? nil : "the number is not there"
    }

    @Test(
        "A flag before its payload is found on every road, and shrunk to at most three decisions",
        arguments: [Road.board, .network, .links])
    func earlyFlag(road: Road) throws {
        let scenario = Self.pair(road) { world, place in
            guard world.rank == 0 else { return try Self.read(world, place) }
            let number: [UInt64] = [7]
            try world.endpoint.notify(1, at: 1, place.offset)
            try world.endpoint.put(number.span, to: 1, at: place.offset + 64)
            return nil
        }
        let finding = try Self.finding(scenario)
        #expect(finding.violation.contains("the number is not there"))
        #expect(finding.plan.decisions.count <= 3, "\(finding.plan)")
        let replay = try ScheduleSearch(core: 0).replay(finding.simulated, finding.plan)
        #expect(replay.violation == finding.violation && replay.outcomes == finding.outcomes)
    }

    @Test("A flag that is put beside its payload, without order, is found", arguments: [Road.board, .network])
    func unordered(road: Road) throws {
        let scenario = Self.pair(road) { world, place in
            guard world.rank == 0 else { return try Self.read(world, place) }
            let number: [UInt64] = [7]
            // A word that is put, and not signalled: it may be seen before the number, and wakes no rank.
            let word = [world.endpoint.notification(1)]
            try world.endpoint.put(number.span, to: 1, at: place.offset + 64)
            try world.endpoint.put(word.span, to: 1, at: place.offset)
            return nil
        }
        #expect(try Self.finding(scenario).plan.decisions.count <= 3)
    }

    @Test("A source that is written again too early is found")
    func lent() throws {
        let scenario = Self.pair(.network) { world, place in
            guard world.rank == 0 else { return try Self.read(world, place) }
            let endpoint = world.endpoint
            let (number, other): ([UInt64], [UInt64]) = ([7], [8])
            try endpoint.put(number.span, to: 0, at: place.offset + 128)
            try endpoint.putNonBlocking(from: place.offset + 128, byteCount: 8, to: 1, at: place.offset + 64)
            try endpoint.notify(1, at: 1, place.offset)
            try endpoint.put(other.span, to: 0, at: place.offset + 128)
            return nil
        }
        #expect(try Self.finding(scenario).violation.contains("the number is not there"))
    }

    @Test("Ranks that wait for each other are found at once, with what each waits for")
    func circle() throws {
        let scenario = Self.pair(.board) { world, place in
            let other = Rank(1 - world.rank)
            _ = try world.endpoint.awaitNotification(1, at: place.offset, from: other, operation: .wait)
            return nil
        }
        let finding = try Self.finding(scenario)
        #expect(finding.plan.decisions.isEmpty && finding.violation.hasPrefix("no rank can go on"))
        #expect(finding.violation.contains("of rank 1") && finding.violation.contains("of rank 0"))
    }

    @Test("Ranks that run in circles are found")
    func livelock() throws {
        let scenario = Self.pair(.board) { world, place in
            let endpoint = world.endpoint
            while try endpoint.fetch(at: 0, place.offset) == 0 { try endpoint.checkMembership() }
            return nil
        }
        #expect(try Self.finding(scenario, count: 1).violation.contains("in circles"))
    }

    @Test("A death that is passed over is found")
    func swallowed() throws {
        let scenario = Self.pair(.board) { world, place in
            let endpoint = world.endpoint
            guard world.rank == 1 else {
                let number: [UInt64] = [7]
                try endpoint.put(number.span, to: 1, at: place.offset + 64)
                try endpoint.notify(1, at: 1, place.offset)
                return nil
            }
            do { return try Self.read(world, place) } catch {
                return endpoint.values(UInt64.self, at: place.offset + 64, count: 1)[0] == 7
                    ? nil : "went on with nothing"
            }
        }
        let finding = try Self.finding(scenario)
        #expect(finding.violation == "went on with nothing")
        #expect(finding.plan.decisions.contains { $0.place.kind == .crash } && finding.plan.decisions.count <= 3)
    }
}
