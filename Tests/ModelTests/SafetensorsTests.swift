import FoundationEssentials
import Model
import Tensors
import TestKit
import Testing

@Suite("Safetensors files")
struct SafetensorsTests {
    /// A file with this header text and this many data bytes.
    private static func file(_ header: String, data: Int, length: UInt64? = nil) -> [UInt8] {
        let count = length ?? UInt64(header.utf8.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * UInt64($0))) } + Array(header.utf8)
            + (0..<data).map { UInt8(truncatingIfNeeded: $0) }
    }

    private static func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
        let directory = try TemporaryDirectory()
        return try SafetensorsFile(path: directory.write("model.safetensors", bytes))
    }

    @Test("the shipped model holds the tensors its configuration asks for")
    func shippedFile() throws {
        let checkpoint = try Checkpoint(directory: SmallModel.directory)
        #expect(checkpoint.names.count == 459)
        let tensor = try checkpoint.tensor("model.norm.weight", shape: [256])
        #expect(tensor.floats.count == 256 && tensor.floats.allSatisfy { $0.isFinite })
        let bias = try checkpoint.tensor("model.layers.1.mlp.gate.e_score_correction_bias", shape: [32])
        #expect(bias.type == .float32 && bias.floats.contains { $0 != 0 })
    }

    @Test("a good file with metadata, padding, an empty tensor and an odd offset reads")
    func goodFile() throws {
        let file = try Self.open(
            Self.file(
                """
                {"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[1,9]},\
                "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"c":{"dtype":"F32","shape":[0,7],"data_offsets":[9,9]}}  \n
                """, data: 9))
        #expect(file.entries.count == 3)
        #expect(file.entries["b"]?.shape == [2, 2])
    }

    @Test(
        "a header that lies is refused, with the tensor and the rule",
        arguments: [
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "a.data_offsets"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "past the file"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "after the last tensor"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "begin <= end"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "begin <= end"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "integers from 0"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "integers from 0"),
            ("{\"a\":{\"dtype\":\"Q4\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "not a known type"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "2^63"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807],\"data_offsets\":[0,8]}}", 8, "2^63"),
            (
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[18446744073709551615,0]}}", 1,
                "integers from 0"
            ),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "data_offsets: is missing"),
            ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8, "unknown key"),
            ("{\"a\":[]}", 0, "must be an object"), ("{\"__metadata__\":{\"x\":1}}", 0, "must be a string"),
            ("[1]", 0, "must be a JSON object"), ("{\"a\"", 0, "byte 4"), ("", 0, "byte 0"),
            (
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                    + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6, "overlaps"
            ),
            (
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                    + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[5,9]}}", 9, "unused before it"
            ),
            (
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                    + "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "twice"
            ),
        ])
    func lyingHeader(header: String, data: Int, words: String) {
        let error = #expect(throws: ModelFileError.self) { try Self.open(Self.file(header, data: data)) }
        #expect(error.map { $0.description.contains(words) } == true, "\(String(describing: error))")
    }

    @Test("a length of the header that does not fit is refused", arguments: [9, 1 << 20, 100_000_001, UInt64.max])
    func lyingLength(length: UInt64) {
        #expect(throws: ModelFileError.self) { try Self.open(Self.file("{}", data: 4, length: length)) }
    }

    @Test("files of 0 to 7 bytes are refused", arguments: 0..<8)
    func tinyFile(count: Int) {
        #expect(throws: ModelFileError.self) { try Self.open(Array(repeating: 0, count: count)) }
    }

    @Test("random damage to a header is refused or harmless, never a trap")
    func randomDamage() throws {
        let whole = [UInt8](try Data(contentsOf: URL(filePath: SmallModel.directory + "/model.safetensors")))
        let small = Array(whole[..<3000])
        for seed in UInt64(1)...200 {
            var random = SeededGenerator(seed: seed)
            var bytes = small
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? Self.open(bytes)  // Either outcome is right; arriving here is the test.
        }
    }

    @Test("a needed tensor that is missing, or of another shape or type, is refused by name")
    func wrongTensor() throws {
        let directory = try TemporaryDirectory()
        let header = """
            {"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}
            """
        _ = try directory.write("model.safetensors", Self.file(header, data: 16))
        let checkpoint = try Checkpoint(directory: directory.path)
        func message(_ name: String, _ shape: [Int]) -> String {
            let error = #expect(throws: ModelFileError.self) { try checkpoint.tensor(name, shape: shape) }
            return error?.description ?? ""
        }
        #expect(message("c", [2]).contains("missing"))
        #expect(message("a", [2, 2]).contains("F16"))
        #expect(message("b", [3]).contains("[2]"))
        #expect(try checkpoint.tensor("b", shape: [2]).floats.count == 2)
    }

    @Test("a checkpoint in several files reads through its index, and a lying index is refused")
    func shards() throws {
        let directory = try TemporaryDirectory()
        let header = "{\"NAME\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
        for name in ["a", "b"] {
            let text = header.replacing("NAME", with: name)
            _ = try directory.write("\(name).safetensors", Self.file(text, data: 4))
        }
        func open(_ map: String) throws -> Checkpoint {
            _ = try directory.write("model.safetensors.index.json", Array("{\"weight_map\":\(map)}".utf8))
            return try Checkpoint(directory: directory.path)
        }
        let good = try open("{\"a\":\"a.safetensors\",\"b\":\"b.safetensors\"}")
        #expect(good.names == ["a", "b"])
        #expect(try good.tensor("b", shape: [1]).floats == [Float(bitPattern: 0x0302_0100)])
        for map in [
            "{\"a\":\"b.safetensors\"}", "{\"a\":\"../a.safetensors\"}", "{\"a\":\"/etc/x.safetensors\"}", "{\"a\":1}",
            "{\"a\":\"c.safetensors\"}", "{\"a\":\"a.safetensors\",\"a\":\"b.safetensors\"}", "[]",
        ] {
            #expect(throws: ModelFileError.self, "\(map)") { try open(map) }
        }
    }
}
