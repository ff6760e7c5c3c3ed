import TestKit
import Testing

/// The parent of all suites that start clusters: one at a time, so that each has the machine to itself.
@Suite("Real clusters", .serialized)
enum RealClusters {
    static let interrupt: Int32 = 2
    static let kill: Int32 = 9
    static let terminate: Int32 = 15
    static let hangUp: Int32 = 1
    static let stop: Int32 = 19

    /// A cluster in barriers without end; every die is in the loop when this returns.
    static func looping(_ dies: Int, diesPerProcess: Int = 1, _ more: [String] = []) throws -> ClusterUnderTest {
        let cluster = try starting(dies, diesPerProcess: diesPerProcess, more)
        for rank in 0..<dies { try cluster.line(containing: "rank \(rank): looping") }
        return cluster
    }

    /// The same, without waiting for anything.
    static func starting(_ dies: Int, diesPerProcess: Int = 1, _ more: [String] = []) throws -> ClusterUnderTest {
        try ClusterUnderTest(
            ["run", "--announce", "--dies", "\(dies)", "--dies-per-process", "\(diesPerProcess)"] + more + ["idle"])
    }
}
