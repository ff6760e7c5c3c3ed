import Fabric
import Foundation
import Launching
import SharedMemory
import TestKit
import Testing

/// Who is to blame, from what ranks say they wait for.
@Suite("Wait graph")
struct WaitGraphTests {
    private static func node(
        _ rank: Int, _ life: WaitGraph.Life = .sleeps, for peer: Int? = nil, word: Int? = nil,
        _ operation: FabricOperation = .combine
    ) -> WaitGraph.Node {
        let record =
            peer == nil && word == nil
            ? nil
            : WaitRecord(
                operation: operation.rawValue, peer: peer, wordOffset: word ?? 64, since: 1_000_000, target: 1)
        return WaitGraph.Node(
            rank: rank, life: life, wait: record.flatMap { WaitGraph.Wait($0, ranks: 8, now: 11_000_000) }, phase: "p")
    }

    @Test("The end of a chain is the root, and all before it are its waiters")
    func chain() {
        let graph = WaitGraph([Self.node(0, for: 1), Self.node(1, for: 2), Self.node(2, .computes), Self.node(3)])
        #expect(graph.root == 2 && graph.cycle == nil)
        #expect(graph.waiters(of: 2) == [0, 1] && graph.waiters(of: 1) == [0] && graph.waiters(of: 3) == [])
        #expect(graph.clause(of: 2) == "ranks 0-1 wait for it, the longest for 10 ms")
        #expect(graph.clause(of: 1) == "rank 0 waits for it, the longest for 10 ms" && graph.clause(of: 3) == "")
    }

    @Test("Ranks in a circle are found, and no one of them is the root")
    func circle() {
        let graph = WaitGraph([Self.node(0, for: 2), Self.node(1, for: 0), Self.node(2, for: 1), Self.node(3, for: 0)])
        #expect(graph.root == nil)
        #expect(graph.cycle.map { Set($0) } == [0, 1, 2])
    }

    @Test(
        "Of a meeting those are missing that do not wait for its word; one that waits in another place is part of a circle"
    )
    func meeting() {
        let graph = WaitGraph([
            Self.node(0, word: 256, .barrier), Self.node(1, word: 256, .barrier), Self.node(2, .computes),
            Self.node(3, word: 256, .barrier),
        ])
        #expect(graph.root == 2 && graph.awaited(by: 0) == [2] && graph.waiters(of: 2) == [0, 1, 3])
        let crossed = WaitGraph([Self.node(0, word: 256, .barrier), Self.node(1, for: 0)])
        #expect(crossed.root == nil && crossed.cycle.map { Set($0) } == [0, 1])
    }

    @Test("One that is gone or stopped is blamed before one that computes, whatever it said last")
    func order() {
        for (life, other) in [
            (WaitGraph.Life.gone, WaitGraph.Life.stopped), (.stopped, .computes), (.absent, .computes),
        ] {
            let graph = WaitGraph([
                Self.node(0, word: 256, .barrier), Self.node(1, life, for: 0), Self.node(2, other),
            ])
            #expect(graph.root == 1, "\(life)")
        }
        let left = WaitGraph([Self.node(0, word: 256, .barrier), Self.node(1, .left), Self.node(2, .computes)])
        #expect(left.root == 2 && left.awaited(by: 0) == [2])
    }

    @Test("Records that no die writes are no waits: unknown operations, ranks that there are not, times to come")
    func hostile() throws {
        let strange = WaitRecord(operation: 999, peer: 1, wordOffset: 0, since: 0, target: 0)
        #expect(WaitGraph.Wait(strange, ranks: 4, now: 1) == nil)
        let far = WaitRecord(
            operation: FabricOperation.put.rawValue, peer: .max, wordOffset: .max, since: .max, target: .max)
        let wait = try #require(WaitGraph.Wait(far, ranks: 4, now: 1))
        #expect(wait.peer == nil && wait.nanoseconds == 0)
        let graph = WaitGraph([
            WaitGraph.Node(rank: 0, life: .sleeps, wait: wait, phase: ""),
            Self.node(1, for: 7), Self.node(2, for: 2),
        ])
        #expect(graph.awaited(by: 1) == [] && graph.awaited(by: 2) == [] && graph.cycle == nil)
    }

    @Test("Ranges of ranks are short")
    func list() {
        #expect(WaitGraph.list([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8")
        #expect(WaitGraph.list(Array(stride(from: 0, to: 40, by: 2))).hasSuffix("10, ..."))
    }
}
