internal import FoundationEssentials
internal import SharedMemory
internal import StrictJSON
internal import Tensors

/// A model's tensors: one safetensors file, or several with an index.
public struct Checkpoint: Sendable {
    /// The directory, for messages.
    public let directory: String
    /// The files it consists of, the index among them.
    public let paths: [String]
    private let files: [SafetensorsFile]
    private let homes: [String: Int]

    /// Opens `model.safetensors`, or the files that `model.safetensors.index.json` lists.
    ///
    /// - Throws: ``ModelFileError`` if there is neither, or if a file or the index breaks a rule.
    public init(directory: String) throws(ModelFileError) {
        self.directory = directory
        let indexPath = directory + "/model.safetensors.index.json"
        guard let index = try Self.readIndex(indexPath) else {
            let path = directory + "/model.safetensors"
            let file = try SafetensorsFile(path: path)
            files = [file]
            paths = [path]
            homes = file.entries.mapValues { _ in 0 }
            return
        }
        var files: [SafetensorsFile] = []
        var numbers: [String: Int] = [:]
        var homes: [String: Int] = [:]
        for (tensor, value) in index.object.members {
            guard case .string(let name) = value, Self.isPlainName(name) else {
                throw index.error(tensor, "must be the name of a .safetensors file in the same directory")
            }
            if numbers[name] == nil {
                guard files.count < 4096 else { throw index.error(tensor, "more than 4096 files") }
                numbers[name] = files.count
                files.append(try SafetensorsFile(path: directory + "/" + name))
            }
            let number = numbers[name, default: 0]
            guard files[number].entries[tensor] != nil else {
                throw index.error(tensor, "is not in \(name)")
            }
            homes[tensor] = number
        }
        self.files = files
        self.homes = homes
        paths = [indexPath] + numbers.keys.sorted().map { directory + "/" + $0 }
    }

    /// Throws if a file is no longer what it was when it was opened: weights that were read since may be anything.
    public func checkUnchanged() throws(ModelFileError) {
        for file in files {
            if let change = file.mapping.change { throw ModelFileError(file: file.mapping.path, rule: change) }
        }
    }

    /// All tensor names, sorted.
    public var names: [String] { homes.keys.sorted() }

    /// What the header says about a tensor; nil if there is none of that name.
    public func entry(_ name: String) -> SafetensorsFile.Entry? { homes[name].flatMap { files[$0].entries[name] } }

    /// The tensor, which must have this shape and be BF16 or float32.
    ///
    /// - Throws: ``ModelFileError`` if it is missing, or of another shape or type.
    public func tensor(_ name: String, shape: [Int]) throws(ModelFileError) -> MappedTensor {
        guard let home = homes[name], let entry = files[home].entries[name] else {
            throw ModelFileError(file: directory, place: name, rule: "the tensor is missing")
        }
        let file = files[home]
        guard entry.shape == shape else {
            throw ModelFileError(
                file: file.mapping.path, place: name,
                rule: "has shape \(entry.shape), the configuration asks for \(shape)")
        }
        switch entry.type {
        case "BF16":
            return MappedTensor(mapping: file.mapping, range: entry.range, type: .bfloat16, shape: shape)
        case "F32":
            return MappedTensor(mapping: file.mapping, range: entry.range, type: .float32, shape: shape)
        default:
            throw ModelFileError(
                file: file.mapping.path, place: name, rule: "has type \(entry.type); weights must be BF16 or F32")
        }
    }

    /// The members of the index's `weight_map`; nil if there is no index.
    private static func readIndex(_ path: String) throws(ModelFileError) -> JSONFile? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let index = try JSONFile.read(path, maximumByteCount: SafetensorsFile.maximumHeaderByteCount)
        guard let map = try index.member("weight_map") else { throw index.error("weight_map", "is missing") }
        return map
    }

    /// An index must not lead out of its directory.
    private static func isPlainName(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && !name.contains("/") && !name.contains("\0") && !name.hasPrefix(".")
    }
}
