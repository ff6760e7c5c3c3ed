internal import FoundationEssentials
internal import Launching
internal import NodeRuntime

/// What the dies of a run handed in, as values.
enum RunResults {
    /// Every die's result, by rank.
    ///
    /// - Throws: what names the first die that gave none, or none that can be read.
    static func all<Value: Decodable>(_ type: Value.Type, of outcome: ClusterOutcome) throws -> [Value] {
        try outcome.results.indices.map { try one(type, of: outcome, rank: $0) }
    }

    /// One die's result.
    static func one<Value: Decodable>(_ type: Value.Type, of outcome: ClusterOutcome, rank: Int) throws -> Value {
        guard outcome.results.indices.contains(rank), let bytes = outcome.results[rank] else {
            throw InputError(.rankLost, "rank \(rank) ended without a result")
        }
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw InputError(.software, "the result of rank \(rank) cannot be read: \(error)")
        }
    }
}
