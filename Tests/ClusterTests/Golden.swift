import Foundation
import TestKit

/// The figures that came with the model; nobody here made them up.
struct Golden: Decodable {
    struct Prompt: Decodable {
        var prompt: String
        var ids: [Int]
        var greedy: [Int]
    }
    struct Perplexity: Decodable {
        var value: Double
        var top1: Double
    }
    var prompts: [Prompt]
    var perplexity: Perplexity

    static func read() throws -> Golden {
        let data = try Data(contentsOf: URL(fileURLWithPath: ClusterUnderTest.austen + "/golden.json"))
        return try JSONDecoder().decode(Golden.self, from: data)
    }
}

/// One line of `generate --json`.
struct Generated: Decodable {
    var prompt: String
    var promptIds: [Int]
    var ids: [Int]
    var text: String
}

extension ClusterUnderTest.Ended {
    /// The requests of `generate --json`, in order, without the summary.
    func generated() throws -> [Generated] {
        try outputLines.dropLast().map { try JSONDecoder().decode(Generated.self, from: Data($0.utf8)) }
    }

    /// A line of output as a JSON object.
    func object(_ line: Substring?) throws -> [String: Any] {
        guard let line, let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
            throw ClusterUnderTest.HarnessError("not a JSON object: \(line ?? "nothing")")
        }
        return row
    }
}
