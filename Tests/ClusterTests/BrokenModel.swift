import Foundation
import TestKit

/// A model folder with one thing wrong in it; everything else is the shipped model's, by links.
struct BrokenModel: ~Copyable {
    let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "softpod-test-model-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["config.json", "model.safetensors", "tokenizer.json"] {
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/" + name, withDestinationPath: ClusterUnderTest.austen + "/" + name)
        }
    }

    // The test's own folder; a failure to remove it cannot be helped here.
    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: folder + "/" + name) }

    func replace(_ name: String, _ contents: Data) throws {
        try remove(name)
        try contents.write(to: URL(fileURLWithPath: folder + "/" + name))
    }

    /// Replaces a file's text.
    func edit(_ name: String, _ change: (String) -> String) throws {
        let text = try String(contentsOfFile: ClusterUnderTest.austen + "/" + name, encoding: .utf8)
        try replace(name, Data(change(text).utf8))
    }

    /// Makes one weight a NaN, in whichever of the 16 and 32-bit types it is stored.
    func spoil(_ tensor: String) throws {
        var file = try Data(contentsOf: URL(fileURLWithPath: ClusterUnderTest.austen + "/model.safetensors"))
        let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: Data(file[8..<8 + count])) as? [String: Any] ?? [:]
        guard let entry = header[tensor] as? [String: Any], let place = (entry["data_offsets"] as? [Int])?.first,
            let type = entry["dtype"] as? String
        else { throw ClusterUnderTest.HarnessError("the shipped model has no \(tensor)") }
        let high = 8 + count + place + (type == "F32" ? 2 : 0)
        file.replaceSubrange(high..<high + 2, with: [0xC0, 0xFF])
        try replace("model.safetensors", file)
    }

    /// Writes a weights file with another header; its numbers are zeros, because nobody gets to read them.
    func header(_ change: (inout [String: [String: Any]], _ name: String) throws -> Void) throws {
        let file = try Data(
            contentsOf: URL(fileURLWithPath: ClusterUnderTest.austen + "/model.safetensors"), options: .alwaysMapped)
        let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let json = try JSONSerialization.jsonObject(with: Data(file[8..<8 + count])) as? [String: Any] ?? [:]
        var tensors = json.compactMapValues { $0 as? [String: Any] }.filter { $0.key != "__metadata__" }
        guard let name = tensors.keys.sorted().first(where: { $0.contains("layers.1") && $0.contains("q_a_proj") })
        else { throw ClusterUnderTest.HarnessError("the shipped model has changed") }
        try change(&tensors, name)
        let header = try JSONSerialization.data(withJSONObject: tensors)
        var start = Data((0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) })
        start += header
        try replace("model.safetensors", start)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/model.safetensors"))
        try handle.truncate(atOffset: UInt64(start.count + file.count - 8 - count))
        try handle.close()
    }
}
