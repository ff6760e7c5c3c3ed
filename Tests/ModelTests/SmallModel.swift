import FoundationEssentials
import Model

/// The model shipped with the project, and what an independent implementation made of it.
enum SmallModel {
    static let directory: String = {
        let here = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return here.joined(separator: "/") + "/cluster/models/austen"
    }()

    static func configuration() throws -> ModelConfiguration {
        try ModelConfiguration(file: directory + "/config.json")
    }
    static func tokenizer() throws -> Tokenizer { try Tokenizer(file: directory + "/tokenizer.json") }
    static func golden() throws -> Golden {
        try JSONDecoder().decode(Golden.self, from: Data(contentsOf: URL(filePath: directory + "/golden.json")))
    }

    struct Golden: Decodable {
        struct Prompt: Decodable {
            var prompt: String
            var ids: [Int]
            var greedy: [Int]
            var text: String
            // swift-format-ignore: AlwaysUseLowerCamelCase
            var first_top5: [[Double]]
        }
        struct Perplexity: Decodable {
            var text: String
            // swift-format-ignore: AlwaysUseLowerCamelCase
            var ids_count: Int
            var window: Int
            var tokens: Int
            var value: Double
            var top1: Double
        }
        struct Router: Decodable {
            var experts: [[Int]]
            var weights: [[Double]]
        }
        struct Layers: Decodable {
            var ids: [Int]
            // swift-format-ignore: AlwaysUseLowerCamelCase
            var hidden_first8: [[Double]]
            var router: [String: Router]
        }
        var prompts: [Prompt]
        var perplexity: Perplexity
        var layers: Layers
    }
}

/// A directory that is removed when the last reference goes.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path(percentEncoded: false) + "/softpod-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // Nothing depends on it any more.

    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }
}
