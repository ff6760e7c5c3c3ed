public import Fabric
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
    ///   - policy: how dies wait; by default from the census.
    ///   - cores: how many cores the dies are to believe in, which says how large teams count arrivals.
    public static func run<Value: Sendable>(
        dies: Int, windowByteCount: Int = 1 << 20, timeout: Duration = .seconds(60),
        route: TransportCatalog.Entry = TransportCatalog.sharedMemory, policy: WaitPolicy? = nil,
        cores: Int = WaitPolicy.usableCores, _ body: @escaping @Sendable (Team) throws -> Value
    ) throws -> Outcome<Value> {
        let segment = try Segment.create(SegmentPlan(dieCount: dies, windowByteCount: windowByteCount))
        let results = Mutex<[Result<Value, any Error>?]>(Array(repeating: nil, count: dies))
        let workers = try (0..<dies).map { rank in
            try Worker.start(name: "die \(rank)") {
                let endpoint = Endpoint(
                    segment: segment, rank: rank, timeout: timeout, policy: policy, route: route, cores: cores)
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
