public import Fabric
internal import Foundation
public import Launching
public import SharedMemory
internal import Synchronization
internal import Workers

/// A cluster whose dies are threads of this process: what conformance suites and ThreadSanitizer run on.
///
/// The segment, the fabric and the waits are those of real processes; only the address space is shared.
public enum ThreadCluster {
    /// What a die left behind.
    public struct Outcome<Value: Sendable>: Sendable {
        /// Results by rank; nil where the die threw.
        public var values: [Value?]
        /// Errors by rank, as text.
        public var errors: [Int: String]
        /// Errors of the fabric by rank.
        public var fabricErrors: [Int: FabricError]
    }

    /// Runs `body` once on each of `dies` dies and returns what each returned or threw.
    ///
    /// - Parameters:
    ///   - windowByteCount: bytes of each window, team slots included.
    ///   - timeout: the longest any wait lasts, so that a broken protocol ends as an error and not as a hang.
    ///   - route: the transport under test.
    ///   - cores: cores the dies are to believe they have.
    ///   - policy: how dies wait; by default from the census.
    ///   - split: over which hosts; by default one, or two halves where the transport under test is one between hosts.
    public static func run<Value: Sendable>(
        dies: Int, windowByteCount: Int = 1 << 20, timeout: Duration = .seconds(60),
        route: TransportCatalog.Entry = TransportCatalog.sharedMemory, policy: WaitPolicy? = nil,
        cores: Int = WaitPolicy.usableCores, split: HostSplit? = nil,
        _ body: @escaping @Sendable (Team) throws -> Value
    ) throws -> Outcome<Value> {
        let split = split ?? (route.crossesHosts ? HostSplit.even(dies: dies, hosts: 2) : standardSplit(dies, route))
        if let split, split.dies.count > 1 {
            precondition(split.dies.reduce(0, +) == dies, "a split of all dies")
            let cluster = try SplitCluster(split, windowByteCount: windowByteCount)
            defer { cluster.stop() }
            let outcome = try run(cluster, timeout: timeout, policy: policy, body)
            guard cluster.drain(timeout: timeout) else {
                throw ClusterUnderTest.HarnessError("a switch does not come to rest")
            }
            return outcome
        }
        let segment = try Segment.create(SegmentPlan(dieCount: dies, windowByteCount: windowByteCount))
        return try run(
            (0..<dies).map { _ in segment }, timeout: timeout, route: route, policy: policy, cores: cores,
            body)
    }

    /// Runs `body` once on each die of a cluster over several hosts, and leaves its switches running.
    public static func run<Value: Sendable>(
        _ cluster: SplitCluster, timeout: Duration, policy: WaitPolicy? = nil,
        _ body: @escaping @Sendable (Team) throws -> Value
    ) throws -> Outcome<Value> {
        try run(
            (0..<cluster.plan.rankCount).map { cluster.segments[cluster.plan.host(of: $0)] }, timeout: timeout,
            route: TransportCatalog.standard,
            policy: policy, body)
    }

    /// Where every cluster of a test run is to be split, the environment says how: into so many equal parts (`2`), or by the weights of the
    /// hosts (`3+1`, `1+2+1`), of which each gets at least a die as far as they go.
    private static func standardSplit(_ dies: Int, _ route: TransportCatalog.Entry) -> HostSplit? {
        guard route.name == TransportCatalog.sharedMemory.name,
            let text = ProcessInfo.processInfo.environment["SOFTPOD_TEST_HOSTS"]
        else { return nil }
        let weights = text.split(separator: "+").compactMap { Int($0) }.filter { (1...64).contains($0) }
        guard weights.count > 1 else {
            return weights.first.flatMap { $0 > 1 ? HostSplit.even(dies: dies, hosts: $0) : nil }
        }
        return HostSplit.weighted(dies: dies, weights)
    }

    private static func run<Value: Sendable>(
        _ segments: [Segment], timeout: Duration, route: TransportCatalog.Entry, policy: WaitPolicy?,
        cores: Int = WaitPolicy.usableCores, _ body: @escaping @Sendable (Team) throws -> Value
    ) throws -> Outcome<Value> {
        let dies = segments.count
        let results = Mutex<[Result<Value, any Error>?]>(Array(repeating: nil, count: dies))
        let workers = try (0..<dies).map { rank in
            try Worker.start(name: "die \(rank)") {
                let endpoint = Endpoint(
                    segment: segments[rank], rank: Rank(rank), timeout: timeout, policy: policy, route: route,
                    cores: cores)
                let result = Result { try body(Team.world(endpoint)) }
                results.withLock { $0[rank] = result }
                endpoint.leave()
            }
        }
        for worker in workers { worker.join() }
        var outcome = Outcome<Value>(values: Array(repeating: nil, count: dies), errors: [:], fabricErrors: [:])
        for (rank, result) in results.withLock({ $0 }).enumerated() {
            switch result {
            case .success(let value): outcome.values[rank] = value
            case .failure(let error):
                outcome.errors[rank] = "\(error)"
                if let error = error as? FabricError { outcome.fabricErrors[rank] = error }
            case nil: outcome.errors[rank] = "the die never ended"
            }
        }
        return outcome
    }
}
