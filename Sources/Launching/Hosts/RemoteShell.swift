/// How an agent is started on another machine: `ssh -x` or something that is called like it, with a host and a command line for its shell.
public struct RemoteShell: Sendable, Equatable {
    /// The shell's program and arguments, before the host's name.
    public var words: [String]
    /// The program to run there.
    public var program: String
    /// Where to run it.
    public var directory: String

    /// `ssh` without X11 and without questions.
    public static let standard = ["ssh", "-x", "-o", "BatchMode=yes"]

    /// A shell, and what to run there.
    public init(words: [String] = standard, program: String, directory: String) {
        self.words = words
        self.program = program
        self.directory = directory
    }

    /// The whole command for a host.
    public func command(_ host: String) -> [String] {
        let place = Self.quoted(directory)
        return words + [host, "cd \(place) 2>/dev/null; exec \(Self.quoted(program)) agent"]
    }

    /// A word as a shell takes it literally.
    static func quoted(_ word: String) -> String {
        "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
