/// Where and why a text is not JSON.
public struct JSONError: Error, Sendable, Equatable {
    /// Bytes from the start of the text.
    public var offset: Int
    /// What is wrong there.
    public var rule: String
}

/// A strict reader of JSON (RFC 8259): UTF-8, no duplicate keys, nesting up to 64, one pass.
public struct JSONParser {
    private static let maximumDepth = 64
    private let bytes: [UInt8]
    private var offset = 0
    /// Where values begin, in the order they begin, for those who want to name a line.
    private var starts: [Int] = []

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Parses a whole text; anything but white space after the value is an error.
    public static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue { try parseLocated(bytes).value }

    /// The same, with the byte offset of every value, in the order the values begin (a container before what it holds).
    public static func parseLocated(_ bytes: [UInt8]) throws(JSONError) -> (value: JSONValue, starts: [Int]) {
        var parser = JSONParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.offset == bytes.count else { throw parser.error("there is something after the end of the value") }
        return (value, parser.starts)
    }

    private func error(_ rule: String) -> JSONError { JSONError(offset: offset, rule: rule) }

    private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        offset += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw error("nested deeper than \(Self.maximumDepth)") }
        skipWhitespace()
        starts.append(offset)
        switch current {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case nil: throw error("the text ends where a value should be")
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte): return try number()
        default: throw error("no JSON value begins here")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in word.description.utf8 {
            guard take(byte) else { throw error("not a JSON value") }
        }
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        offset += 1
        var result = JSONObject()
        skipWhitespace()
        if take(UInt8(ascii: "}")) { return result }
        while true {
            skipWhitespace()
            let start = offset
            guard current == UInt8(ascii: "\"") else { throw error("a key in quotes should be here") }
            let key = try string()
            skipWhitespace()
            guard take(UInt8(ascii: ":")) else { throw error("a colon should be here") }
            let member = try value(depth: depth + 1)
            guard result.append(key, member) else {
                throw JSONError(offset: start, rule: "the key \"\(key)\" is there twice")
            }
            skipWhitespace()
            if take(UInt8(ascii: "}")) { return result }
            guard take(UInt8(ascii: ",")) else { throw error("a comma or } should be here") }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        offset += 1
        var result: [JSONValue] = []
        skipWhitespace()
        if take(UInt8(ascii: "]")) { return result }
        while true {
            result.append(try value(depth: depth + 1))
            skipWhitespace()
            if take(UInt8(ascii: "]")) { return result }
            guard take(UInt8(ascii: ",")) else { throw error("a comma or ] should be here") }
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = offset
        var isInteger = true
        _ = take(UInt8(ascii: "-"))  // The sign is optional.
        let leadingZero = current == UInt8(ascii: "0")
        let digits = skipDigits()
        guard digits > 0, !(leadingZero && digits > 1) else { throw error("not a JSON number") }
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard skipDigits() > 0 else { throw error("a digit should follow the point") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            offset += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
            guard skipDigits() > 0 else { throw error("a digit should follow the exponent sign") }
        }
        guard offset - start <= 512 else {
            throw JSONError(offset: start, rule: "a number of more than 512 characters")
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let integer = Int(text) { return .integer(integer) }
        guard let double = Double(text), double.isFinite else {
            throw JSONError(offset: start, rule: "a number outside the range of float64")
        }
        return .number(double)
    }

    private mutating func skipDigits() -> Int {
        let start = offset
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
        return offset - start
    }

    private mutating func string() throws(JSONError) -> String {
        let start = offset
        offset += 1
        var text: [UInt8] = []
        var run = offset
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                text.append(contentsOf: bytes[run..<offset])
                offset += 1
                guard let result = String(validating: text, as: UTF8.self) else {
                    throw JSONError(offset: start, rule: "a string that is not UTF-8")
                }
                return result
            case UInt8(ascii: "\\"):
                text.append(contentsOf: bytes[run..<offset])
                offset += 1
                try escape(into: &text)
                run = offset
            case 0..<0x20: throw error("a control character in a string")
            default: offset += 1
            }
        }
        throw JSONError(offset: start, rule: "a string without an end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = current else { throw error("the text ends in an escape") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800...0xDBFF).contains(code) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw error("half a surrogate pair") }
                let low = try hexadecimal()
                guard (0xDC00...0xDFFF).contains(low) else { throw error("half a surrogate pair") }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("half a surrogate pair") }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw error("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw error("four hexadecimal digits should be here")
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
