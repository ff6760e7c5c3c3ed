internal import ArgumentParser
internal import ClusterFiles
internal import Messaging
internal import NodeRuntime
internal import SharedMemory

/// Key files: made, shown, checked. The secret stays in the file.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, show and check the key files that secure connections between hosts (CURVE).",
        discussion: """
            A key file holds a host's key pair and the public keys of those it lets in. One file for all hosts of a cluster is enough; \
            with a file of its own for each, the secret never leaves its host, and only public keys are carried to the others. \
            No command shows a secret.
            """,
        subcommands: [Write.self, Show.self, Check.self])

    struct Write: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a new key file (mode 0600) with a new pair, and print its public key.",
            discussion: "A file that is there is not replaced.")

        @Argument(help: "The key file to make.") var file: String
        // A key may begin with a hyphen.
        @Option(
            parsing: .unconditionalSingleValue,
            help: ArgumentHelp(
                "A further public key to let in: 40 characters, in the shell's single quotes. May be given several times.",
                valueName: "key"))
        var allow: [String] = []

        func validate() throws {
            // What is refused may be a secret: it is not repeated.
            for (index, key) in allow.enumerated() where !KeyPair.isPublicKey(key) {
                throw ValidationError(
                    "--allow number \(index + 1) must be a public key: \(KeyPair.keyLength) characters of Z85.")
            }
            guard Set(allow).count == allow.count else { throw ValidationError("--allow names a key twice.") }
            guard allow.count <= KeyFile.maximumAllowCount else {
                throw ValidationError("--allow may be given \(KeyFile.maximumAllowCount) times at most.")
            }
        }

        func run() throws {
            try Failure.guarded {
                let pair = try KeyPair.generate()
                do throws(SharedMemoryError) {
                    try PrivateFile.create(path: file, Array(KeyFile.text(pair, allow: allow).utf8))
                } catch {
                    throw InputError(.inputOutput, "\(Printable.line(file)) \(error)")
                }
                Report(json: false).line(pair.publicKey)
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a key file's public key and those it lets in.")

        @Argument(help: "The key file.") var file: String

        func run() throws {
            try Failure.guarded {
                let keys = try KeyFile.read(path: file)
                let report = Report(json: false)
                report.line("public  \(keys.pair.publicKey)")
                for key in keys.allow { report.line("allow   \(key)") }
            }
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a key file: its owner and mode, its keys, and that the two halves belong together.")

        @Argument(help: "The key file.") var file: String

        func run() throws {
            try Failure.guarded {
                let keys = try KeyFile.read(path: file)
                let others = keys.allow.count == 1 ? "1 further key" : "\(keys.allow.count) further keys"
                Report(json: false).line("\(Printable.line(file)): a key pair, \(others); no rule is broken")
            }
        }
    }
}
