public import SharedMemory
internal import StrictJSON

/// One safetensors file: its checked header and its mapping.
///
/// ```
/// 0         8              8 + N                               end
/// | N (u64) | JSON header  | tensor | tensor | … (no holes)     |
/// ```
/// The header is taken as hostile: its length, its JSON, every type, shape and offset are checked before use, in time
/// linear in the header (n log n in the number of tensors).
///
/// ## Source
/// `format.md` of the safetensors project: offsets count from the first data byte, tensors touch and cover the data.
public struct SafetensorsFile: Sendable {
    /// What the header says about one tensor.
    public struct Entry: Sendable, Equatable {
        /// The type's name in the file, such as `BF16`.
        public var type: String
        /// Elements along each dimension, the innermost last.
        public var shape: [Int]
        /// Where its bytes lie in the file.
        public var range: Range<Int>
    }

    /// The mapping that all tensors view.
    public let mapping: FileMapping
    /// The tensors by name.
    public let entries: [String: Entry]

    /// The reference reader's limit for the header.
    static let maximumHeaderByteCount = 100_000_000

    /// Bytes an element of each known type takes.
    static let elementByteCounts: [String: Int] = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2,
        "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8,
    ]

    /// Maps a file and checks its header.
    ///
    /// - Throws: ``ModelFileError`` with the tensor and the rule it breaks.
    public init(path: String) throws(ModelFileError) {
        let mapping: FileMapping
        do { mapping = try FileMapping(path: path) } catch {
            throw ModelFileError(file: path, rule: error.description)
        }
        entries = try Self.entries(ofFile: path, byteCount: mapping.byteCount) { mapping.copyBytes($0) }
        self.mapping = mapping
    }

    /// Checks the header of a file of so many bytes, wherever they are; `bytes` gives those of a range within them.
    package static func entries(
        ofFile path: String, byteCount: Int, bytes: (Range<Int>) -> [UInt8]
    ) throws(ModelFileError) -> [String: Entry] {
        guard byteCount >= 8 else {
            throw ModelFileError(file: path, rule: "\(byteCount) bytes; the header's length alone takes 8")
        }
        let length = bytes(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(maximumHeaderByteCount) else {
            throw ModelFileError(
                file: path, rule: "a header of \(length) bytes; at most \(maximumHeaderByteCount) are allowed")
        }
        let dataStart = 8 + Int(length)
        guard dataStart <= byteCount else {
            throw ModelFileError(
                file: path, rule: "a header of \(length) bytes does not fit the file's \(byteCount)")
        }
        let json = try JSONFile.parse(bytes(8..<dataStart), file: path)
        var entries: [String: Entry] = [:]
        for (name, value) in json.object.members {
            if name == "__metadata__" {
                try checkMetadata(value, path)
            } else {
                entries[name] = try entry(name, value, path, dataByteCount: byteCount - dataStart, dataStart: dataStart)
            }
        }
        try checkCover(entries, dataStart: dataStart, end: byteCount, path)
        return entries
    }

    private static func checkMetadata(_ value: JSONValue, _ path: String) throws(ModelFileError) {
        guard case .object(let object) = value else {
            throw ModelFileError(file: path, place: "__metadata__", rule: "must be an object, is \(value.kind)")
        }
        for (key, value) in object.members {
            guard case .string = value else {
                throw ModelFileError(file: path, place: "__metadata__.\(key)", rule: "must be a string")
            }
        }
    }

    private static func entry(
        _ name: String, _ value: JSONValue, _ path: String, dataByteCount: Int, dataStart: Int
    ) throws(ModelFileError) -> Entry {
        guard case .object(let object) = value else {
            throw ModelFileError(file: path, place: name, rule: "must be an object, is \(value.kind)")
        }
        let json = JSONFile(file: path, object: object, path: name)
        for (key, _) in object.members where !["dtype", "shape", "data_offsets"].contains(key) {
            throw json.error(key, "is an unknown key")
        }
        let type = try json.string("dtype")
        guard let elementByteCount = elementByteCounts[type] else {
            throw json.error("dtype", "\"\(type)\" is not a known type")
        }
        let shape = try integers(json, "shape")
        let offsets = try integers(json, "data_offsets")
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw json.error("data_offsets", "must be [begin, end] with begin <= end")
        }
        guard offsets[1] <= dataByteCount else {
            throw json.error(
                "data_offsets", "end at \(offsets[1]), past the file's \(dataByteCount) data bytes")
        }
        var byteCount = elementByteCount
        for extent in shape {
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: extent)
            guard !overflow else { throw json.error("shape", "\(shape) has more than 2^63 bytes") }
            byteCount = product
        }
        guard byteCount == offsets[1] - offsets[0] else {
            throw json.error(
                "data_offsets", "span \(offsets[1] - offsets[0]) bytes, shape \(shape) of \(type) takes \(byteCount)")
        }
        return Entry(type: type, shape: shape, range: dataStart + offsets[0]..<dataStart + offsets[1])
    }

    private static func integers(_ json: JSONFile, _ key: String) throws(ModelFileError) -> [Int] {
        let array = try json.array(key)
        guard array.count <= 16 else { throw json.error(key, "has \(array.count) numbers, more than 16") }
        var result: [Int] = []
        for value in array {
            guard case .integer(let integer) = value, integer >= 0 else {
                throw json.error(key, "must hold integers from 0 to 2^63 - 1")
            }
            result.append(integer)
        }
        return result
    }

    /// Tensors must touch and cover the data: no overlap, no hole, nothing after the last.
    private static func checkCover(
        _ entries: [String: Entry], dataStart: Int, end: Int, _ path: String
    ) throws(ModelFileError) {
        let ordered = entries.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
                < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
        }
        var next = dataStart
        for (name, entry) in ordered {
            guard entry.range.lowerBound >= next else {
                throw ModelFileError(file: path, place: name, rule: "overlaps the tensor before it")
            }
            guard entry.range.lowerBound == next else {
                throw ModelFileError(
                    file: path, place: name, rule: "leaves \(entry.range.lowerBound - next) bytes unused before it")
            }
            next = entry.range.upperBound
        }
        guard next == end else {
            throw ModelFileError(file: path, rule: "\(end - next) bytes after the last tensor")
        }
    }
}
