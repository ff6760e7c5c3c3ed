import FoundationEssentials

/// The project's own files, read once.
enum SourceTree {
    /// One file: path from the root, target or folder, and lines.
    struct File {
        var path: String
        var target: String
        var lines: [Substring]

        var name: String { String(path.split(separator: "/").last ?? "") }

        /// Lines without comments and string contents, for rules about code.
        var code: [(number: Int, text: String)] {
            lines.enumerated().map { index, line in
                var text = ""
                var quoted = false
                var previous: Character = " "
                for character in line {
                    if character == "\"", previous != "\\" { quoted.toggle() }
                    if !quoted, character == "/", previous == "/" {
                        text.removeLast()
                        break
                    }
                    if !quoted || character == "\"" { text.append(character) }
                    previous = character
                }
                return (index + 1, text)
            }
        }
    }

    static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    static func read(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: root + "/" + path) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    static func list(_ folder: String) -> [String] {
        guard let found = try? FileManager.default.subpathsOfDirectory(atPath: root + "/" + folder) else { return [] }
        return found.map { folder + "/" + $0 }.sorted()
    }

    static func files(in folder: String, endings: [String]) -> [File] {
        list(folder).filter { path in endings.contains { path.hasSuffix($0) } }.compactMap { path in
            guard let text = read(path) else { return nil }
            let parts = path.split(separator: "/")
            return File(
                path: path, target: parts.count > 1 ? String(parts[1]) : "",
                lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }

    static let swift = files(in: "Sources", endings: [".swift"])
    static let tests = files(in: "Tests", endings: [".swift"])
    static let c = files(in: "Sources", endings: [".c", ".h"])
}

extension SourceTree {
    /// Whether a file or folder of this path is in the project.
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root + "/" + path) }
}
