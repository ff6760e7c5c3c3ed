import Fabric
import Launching
import SharedMemory
import TestKit
import Testing
import Workers

/// One cluster over several hosts: segments and switches of their own, links between them.
@Suite("Links between hosts")
struct LinkTests {
    static let splits: [HostSplit] = HostSplit.Carrier.allCases.flatMap { carrier in
        [[1, 1], [2, 2], [3, 1], [1, 2, 1]].flatMap { dies in
            [false, true].filter { !$0 || carrier != .inproc }
                .map { HostSplit(dies, carrier: carrier, isSecured: $0) }
        }
    }

    @Test("Links within a process cannot be secured, and that is said")
    func inprocSecured() {
        let split = HostSplit([1, 1], carrier: .inproc, isSecured: true)
        #expect(throws: SystemError.self) { _ = try SplitCluster(split, windowByteCount: 1 << 20) }
    }

    @Test("A put and the signal after it arrive at every rank of every host", arguments: splits)
    func putAndSignal(split: HostSplit) throws {
        let dies = split.dies.reduce(0, +)
        let outcome = try ThreadCluster.run(dies: dies, timeout: .seconds(20), split: split) { world in
            let area = try world.allocate(byteCount: dies * 128)
            let words = try world.allocate(byteCount: dies * 64)
            let endpoint = world.endpoint
            for peer in 0..<dies {
                let values = (0..<16).map { UInt64(world.rank * 1000 + peer * 100 + $0) }
                try endpoint.putSignal(
                    values.span, to: Rank(peer), at: area.offset + world.rank * 128, signal: .set, 1,
                    at: words.offset + world.rank * 64)
            }
            var wrong = 0
            for peer in 0..<dies {
                try endpoint.wait(at: words.offset + peer * 64, until: .equal, 1, peer: Rank(peer))
                let got = endpoint.values(UInt64.self, at: area.offset + peer * 128, count: 16)
                for index in got.indices where got[index] != UInt64(peer * 1000 + world.rank * 100 + index) {
                    wrong += 1
                }
            }
            try world.barrier()
            return wrong
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == 0 })
    }
}
