internal import NodeRuntime

/// A check that failed: what was wrong, and the command that does the same again, each in a line; then the exit status for it.
enum WrongResult {
    /// Tells the user, and returns what to throw.
    ///
    /// - Parameters:
    ///   - what: what was wrong, a line each.
    ///   - options: flags and values that a replay needs beside those given, such as a seed that was drawn. Those that were given stay.
    static func told(_ what: [String], replay options: [(flag: String, value: String)]) -> ExitStatus {
        for line in what.prefix(mostLines) { Report.remark("wrong: \(line)") }
        if what.count > mostLines { Report.remark("wrong: \(what.count - mostLines) more of the kind") }
        Report.remark("replay: \(command(with: options))")
        return .wrongResult
    }

    private static let mostLines = 8

    /// The command line of this process, as a shell reads it, with options it lacks.
    static func command(
        _ arguments: [String] = CommandLine.arguments, with options: [(flag: String, value: String)]
    ) -> String {
        var words = ["softpod"] + arguments.dropFirst()
        for (flag, value) in options where !words.contains(where: { $0 == flag || $0.hasPrefix(flag + "=") }) {
            words += [flag, value]
        }
        return words.map(quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-")...UInt8(ascii: "/"), UInt8(ascii: ":"),
                UInt8(ascii: "="), UInt8(ascii: "_"), UInt8(ascii: ","), UInt8(ascii: "@"):
                true
            default: false
            }
        }
        if isPlain, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
