internal import SharedMemory

/// The text of one file, whole: UTF-8, without byte order mark, lines ended by LF or CRLF.
public struct TextFile: Sendable, Equatable {
    /// The most bytes a configuration file may have: a rank table of 768 dies takes some 200 KB.
    public static let maximumByteCount = 4 << 20

    /// The path, or whatever else names the text in messages.
    public let file: String
    /// The text, CRLF turned into LF.
    public let text: String

    /// Reads a regular file.
    ///
    /// - Throws: `.unreadable` if it cannot be mapped, `.refused` if it is over `maximumByteCount` (before it is read) or not
    ///   UTF-8.
    public init(path: String, maximumByteCount: Int = TextFile.maximumByteCount) throws(ClusterFileError) {
        let mapping: FileMapping
        do { mapping = try FileMapping(path: path) } catch {
            var rule = error.description
            if rule.hasPrefix(path + " ") { rule = String(rule.dropFirst(path.count + 1)) }
            throw ClusterFileError(.unreadable, file: path, rule: rule)
        }
        guard mapping.byteCount <= maximumByteCount else {
            throw ClusterFileError(
                file: path, rule: "has \(mapping.byteCount) bytes, more than the \(maximumByteCount) allowed")
        }
        try self.init(bytes: mapping.copyBytes(), file: path)
    }

    /// Takes bytes that are already here.
    public init(bytes: [UInt8], file: String) throws(ClusterFileError) {
        self.file = file
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let body = bytes.starts(with: mark) ? bytes[mark.count...] : bytes[...]
        var clean: [UInt8] = []
        clean.reserveCapacity(body.count)
        var line = 1
        var index = body.startIndex
        while index < body.endIndex {
            let byte = body[index]
            index += 1
            if byte == 0x0D, index < body.endIndex, body[index] == 0x0A { continue }
            if byte == 0x0A { line += 1 }
            guard byte >= 0x20 || byte == 0x0A || byte == 0x09 else {
                throw ClusterFileError(file: file, line: line, rule: "holds the control character \(byte)")
            }
            clean.append(byte)
        }
        guard let text = String(validating: clean, as: UTF8.self) else {
            throw ClusterFileError(file: file, line: Self.badLine(clean), rule: "is not UTF-8")
        }
        self.text = text
    }

    /// The lines, numbered from 1.
    public var lines: [(number: Int, text: Substring)] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { ($0.offset + 1, $0.element) }
    }

    /// A file's path read from another file: relative paths start at that file's folder.
    public static func path(_ path: String, besideFile file: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }

    private static func badLine(_ bytes: [UInt8]) -> Int {
        for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
        where String(validating: line, as: UTF8.self) == nil {
            return index + 1
        }
        return 1
    }
}
