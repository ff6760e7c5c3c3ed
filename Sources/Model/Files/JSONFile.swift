internal import SharedMemory
internal import StrictJSON

/// The members of one object in one JSON file, read with range checks; every error names the file and the key.
struct JSONFile {
    let file: String
    let object: JSONObject
    /// The keys that lead to this object, for messages.
    var path = ""

    /// Reads a file whose value is an object; one over `maximumByteCount` is refused before it is read.
    static func read(_ file: String, maximumByteCount: Int) throws(ModelFileError) -> JSONFile {
        let bytes: [UInt8]
        do {
            let mapping = try FileMapping(path: file)
            guard mapping.byteCount <= maximumByteCount else {
                throw ModelFileError(
                    file: file, rule: "\(mapping.byteCount) bytes, more than the \(maximumByteCount) allowed")
            }
            bytes = mapping.copyBytes()
        } catch let error as SharedMemoryError {
            throw ModelFileError(file: file, rule: error.description)
        } catch {
            throw (error as? ModelFileError) ?? ModelFileError(file: file, rule: "\(error)")
        }
        return try parse(bytes, file: file)
    }

    /// Parses a text whose value is an object.
    static func parse(_ bytes: [UInt8], file: String) throws(ModelFileError) -> JSONFile {
        let value: JSONValue
        do { value = try JSONParser.parse(bytes) } catch {
            throw ModelFileError(file: file, place: "byte \(error.offset)", rule: error.rule)
        }
        guard case .object(let object) = value else {
            throw ModelFileError(file: file, rule: "must be a JSON object, is \(value.kind)")
        }
        return JSONFile(file: file, object: object)
    }

    func error(_ key: String, _ rule: String) -> ModelFileError {
        ModelFileError(file: file, place: place(key), rule: rule)
    }

    func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The member unless it is missing or null.
    func present(_ key: String) -> JSONValue? {
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    func integer(_ key: String, _ range: ClosedRange<Int>, default fallback: Int? = nil) throws(ModelFileError) -> Int {
        guard let value = present(key) ?? fallback.map({ .integer($0) }) else { throw error(key, "is missing") }
        guard case .integer(let integer) = value, range.contains(integer) else {
            throw error(key, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    func number(_ key: String, _ range: ClosedRange<Double>, default fallback: Double? = nil) throws(ModelFileError)
        -> Double
    {
        let rule = "must be a number from \(range.lowerBound) to \(range.upperBound)"
        switch present(key) ?? fallback.map({ .number($0) }) {
        case .integer(let integer) where range.contains(Double(integer)): return Double(integer)
        case .number(let double) where range.contains(double): return double
        case nil: throw error(key, "is missing")
        default: throw error(key, rule)
        }
    }

    func bool(_ key: String, default fallback: Bool? = nil) throws(ModelFileError) -> Bool {
        guard let value = present(key) ?? fallback.map({ .bool($0) }) else { throw error(key, "is missing") }
        guard case .bool(let bool) = value else { throw error(key, "must be true or false, is \(value.kind)") }
        return bool
    }

    func string(_ key: String, default fallback: String? = nil) throws(ModelFileError) -> String {
        guard let value = present(key) ?? fallback.map({ .string($0) }) else { throw error(key, "is missing") }
        guard case .string(let string) = value else { throw error(key, "must be a string, is \(value.kind)") }
        return string
    }

    func array(_ key: String) throws(ModelFileError) -> [JSONValue] {
        guard let value = present(key) else { throw error(key, "is missing") }
        guard case .array(let array) = value else { throw error(key, "must be an array, is \(value.kind)") }
        return array
    }

    /// The object under `key`; nil if it is missing or null.
    func member(_ key: String) throws(ModelFileError) -> JSONFile? {
        guard let value = present(key) else { return nil }
        guard case .object(let object) = value else { throw error(key, "must be an object, is \(value.kind)") }
        return JSONFile(file: file, object: object, path: place(key))
    }

    /// Refuses any value but those listed; missing and null pass.
    func require(_ key: String, oneOf allowed: [String]) throws(ModelFileError) {
        guard present(key) != nil else { return }
        let value = try string(key)
        guard allowed.contains(value) else {
            throw error(
                key, "\"\(value)\" is not supported; must be \(allowed.map { "\"\($0)\"" }.joined(separator: " or "))")
        }
    }

    /// Refuses any value but `expected`; missing and null pass.
    func require(_ key: String, _ expected: Bool) throws(ModelFileError) {
        guard try bool(key, default: expected) == expected else { throw error(key, "must be \(expected)") }
    }
}
