/// Why a file of the cluster was refused: one sentence with file, line and rule.
public struct ClusterFileError: Error, CustomStringConvertible, Sendable, Equatable {
    /// Why recovery might differ: a file that is not there is another matter than one that lies.
    public enum Code: Sendable, Equatable {
        /// The file is missing or cannot be read.
        case unreadable
        /// The file's contents break a rule.
        case refused
    }

    /// What went wrong.
    public var code: Code
    /// The file's path, or the name of whatever else the text came from.
    public var file: String
    /// The line, from 1; nil when the rule is about the file as a whole.
    public var line: Int?
    /// The keys that lead to the value, such as `hosts[2].dies`; empty when there are none.
    public var place: String
    /// What is wrong and what would be right.
    public var rule: String

    /// Names the file, the line and the rule.
    public init(_ code: Code = .refused, file: String, line: Int? = nil, place: String = "", rule: String) {
        self.code = code
        self.file = file
        self.line = line
        self.place = place
        self.rule = rule
    }

    /// One line: `file:line: place: rule`, with the unprintable replaced and long texts cut.
    public var description: String {
        let head = Printable.line(file) + (line.map { ":\($0)" } ?? "")
        return ([head] + (place.isEmpty ? [] : [Printable.line(place)]) + [Printable.line(rule)])
            .joined(separator: ": ")
    }
}

/// Text from outside, made fit for one line of a terminal.
public enum Printable {
    /// The first 512 characters, with control and format characters replaced by `?`.
    public static func line(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(512) {
            let category = scalar.properties.generalCategory
            let breaks = category == .control || category == .format || scalar.value == 0x2028 || scalar.value == 0x2029
            line.append(breaks ? "?" : scalar)
        }
        return String(line)
    }
}
