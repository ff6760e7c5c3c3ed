/// Why a model's files were refused: one sentence with the file, the place in it and the rule it breaks.
public struct ModelFileError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The file's path.
    public var file: String
    /// The tensor, key or byte the rule is about; empty when it is the file as a whole.
    public var place: String
    /// What is wrong and what would be right.
    public var rule: String

    /// Names the file, the place and the rule.
    public init(file: String, place: String = "", rule: String) {
        self.file = file
        self.place = place
        // A rule that names the file itself need not say it twice.
        self.rule = rule.hasPrefix(file + " ") ? String(rule.dropFirst(file.count + 1)) : rule
    }

    /// One line: `file: place: rule`, with the unprintable replaced and long names cut.
    public var description: String {
        ([file] + (place.isEmpty ? [] : [place]) + [rule]).map(Self.oneLine).joined(separator: ": ")
    }

    /// A hostile file names its own keys; they must not break the line or flood the terminal.
    private static func oneLine(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(512) {
            let isControl =
                scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                || scalar.value == 0x2028 || scalar.value == 0x2029
            line.append(isControl ? "?" : scalar)
        }
        return String(line)
    }
}
