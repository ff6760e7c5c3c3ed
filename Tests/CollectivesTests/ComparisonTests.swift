import Collectives
import Fabric
import SharedMemory
import Tensors
import TestKit
import Testing

/// The mode in which members compare their calls, and the record of what each called last.
@Suite("Compared calls and flight recorders")
struct ComparisonTests {
    typealias Call = @Sendable (Collective, Region, Bool) throws -> Void

    /// What one member calls otherwise, by what differs.
    static let differences: [(what: String, call: Call)] = [
        (
            "operation",
            { (collective, area, odd) in
                if odd {
                    try collective.barrier()
                } else {
                    try collective.run(.allGather(area.slice(0, 64), into: area.slice(64, 192)))
                }
            }
        ),
        (
            "size",
            { (collective, area, odd) in
                let block = odd ? 64 : 128
                try collective.run(.allGather(area.slice(0, block), into: area.slice(512, 3 * block)))
            }
        ),
        (
            "type",
            { (collective, area, odd) in
                try collective.run(
                    .allReduce(
                        area.slice(0, 64), into: area.slice(64, 64), type: odd ? .int32 : .float32, reduction: .sum))
            }
        ),
        (
            "reduction",
            { (collective, area, odd) in
                try collective.run(
                    .reduceScatter(
                        area.slice(0, 192), into: area.slice(256, 64), type: .float32, reduction: odd ? .max : .sum))
            }
        ),
        (
            "root",
            { (collective, area, odd) in
                try collective.run(.broadcast(area.slice(0, 64), into: area.slice(64, 64), root: odd ? 1 : 0))
            }
        ),
        (
            "algorithm family",
            { (collective, area, odd) in
                if odd {
                    _ = try collective.allReduce(UInt64(1), .sum)
                } else {
                    try collective.run(.allToAll(area.slice(0, 192), into: area.slice(256, 192), algorithm: .push))
                }
            }
        ),
    ]

    @Test(
        "A member that calls something else is found before anything moves, with both places in the program",
        arguments: differences.map(\.what), TransportCatalog.all.map(\.name))
    func difference(what: String, route: String) throws {
        let call = try #require(Self.differences.first { $0.what == what }).call
        let entry = try #require(TransportCatalog.all.first { $0.name == route })
        let outcome = try ThreadCluster.run(dies: 3, timeout: .seconds(60), route: entry) { world in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            workspace.comparesCalls = true
            let area = try world.allocate(byteCount: 2048)
            try call(Collective(world, workspace), area, world.rank == 1)
        }
        #expect(outcome.fabricErrors.count == 3, "\(outcome.errors)")
        for (rank, error) in outcome.fabricErrors {
            #expect(error.code == .mismatch, "rank \(rank): \(error)")
            #expect(error.peers == [1], "rank \(rank): \(error)")
        }
        // Whoever found it by itself, and did not hear it from another, names both places.
        let places = outcome.errors.values.filter { $0.contains("ComparisonTests.swift:") }
        #expect(!places.isEmpty, "\(outcome.errors)")
        for text in places { #expect(text.split(separator: "ComparisonTests.swift:").count == 3, "\(text)") }
    }

    @Test("Equal calls pass the comparison, on any route and team", arguments: TransportCatalog.all.map(\.name))
    func equal(route: String) throws {
        let entry = try #require(TransportCatalog.all.first { $0.name == route })
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try judge(
            .rowsAndColumns(dies: 6, width: 3), route: entry, algorithms: [.automatic, .pull], compares: true
        ) {
            CollectiveConformanceTests.sample($0, counts: [0, 5, 600], seed: seed)
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
    }

    @Test("The flight recorder keeps the last operations with their numbers, sizes, teams and ends")
    func flights() throws {
        let outcome = try ThreadCluster.run(dies: 2) { world in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            workspace.timeout = .milliseconds(100)
            let collective = Collective(world, workspace)
            let area = try world.allocate(byteCount: 1024)
            for _ in 0..<FlightRecorder.capacity + 3 { try collective.barrier() }
            try collective.run(
                .allReduce(area.slice(0, 64), into: area.slice(64, 64), type: .bfloat16, reduction: .max))
            if world.rank == 0 {
                #expect(throws: FabricError.self) {
                    try collective.run(.broadcast(area.slice(0, 256), into: area.slice(256, 256), root: 1))
                }
            }
            return world.endpoint.control.flight.records
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for (rank, records) in outcome.values.enumerated() {
            let records = try #require(records)
            #expect(records.count == FlightRecorder.capacity)
            #expect(zip(records, records.dropFirst()).allSatisfy { $1.number == $0.number + 1 })
            let reduce = try #require(records.last { $0.operation == CollectiveOperation.allReduce.rawValue })
            #expect(reduce.state == .ended && reduce.sourceByteCount == 64 && reduce.memberCount == 2)
            #expect(reduce.number == UInt64(FlightRecorder.capacity + 4))
            #expect(reduce.type == ElementType.bfloat16.rawValue && reduce.reduction == Reduction.max.rawValue)
            if rank == 0 {
                #expect(records.last?.operation == CollectiveOperation.broadcast.rawValue)
                #expect(records.last?.state == .failed && records.last?.root == 1)
            }
        }
    }
}
