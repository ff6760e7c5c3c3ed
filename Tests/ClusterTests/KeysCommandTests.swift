import Foundation
import TestKit
import Testing

extension Commands {
    /// `softpod keys`: what is written, shown, and never shown.
    @Suite("Key files by command")
    struct KeysCommandTests {
        private func end(_ arguments: [String], setup: String = ":") throws -> ClusterUnderTest.Ended {
            let end = try ClusterUnderTest(["keys"] + arguments, setup: "cd $TMPDIR; " + setup).end()
            #expect(!end.messages.contains { $0.contains("Fatal error") })
            return end
        }

        /// A shell command that makes a key file before the program starts.
        private static func made(_ file: String, _ rest: String = "") throws -> String {
            "\"\(try ClusterUnderTest.executable())\" keys write \(file) \(rest) >printed 2>&1"
        }

        private static let other = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

        @Test("A new file has mode 0600 under any umask, and its public key is printed")
        func write() throws {
            for umask in ["022", "000", "077", "777"] {
                let setup = "umask \(umask); \(try Self.made("k")); umask 022; stat -c %a k >mode"
                let end = try end(["show", "k"], setup: setup + "; cat mode printed")
                #expect(end.code == 0, "\(end.messages)")
                #expect(end.outputLines.count == 3 && end.outputLines[0] == "600", "\(end.output)")
                #expect(end.outputLines[2] == "public  " + end.outputLines[1])
                #expect(end.outputLines[1].utf8.count == 40)
            }
        }

        @Test("Allowed keys are in the file, also one that begins with a hyphen, and shown without the secret")
        func show() throws {
            let hyphen = "-" + Self.other.dropFirst()
            let setup = try Self.made("k", "--allow '\(Self.other)' --allow '\(hyphen)'") + "; grep secret: k"
            let end = try end(["show", "k"], setup: setup)
            #expect(end.code == 0, "\(end.messages)")
            let lines = end.outputLines
            #expect(lines.count == 4 && lines[2...].elementsEqual(["allow   " + Self.other, "allow   " + hyphen]))
            let secret = try #require(lines.first?.split(separator: "\"").dropFirst().first)
            #expect(secret.utf8.count == 40)
            #expect(!lines.dropFirst().joined().contains(secret))
            let check = try self.end(["check", "k"], setup: setup)
            #expect(check.code == 0 && check.output.contains("2 further keys; no rule is broken"), "\(check)")
        }

        @Test("A file that is there is not replaced, and one that cannot be made is told")
        func exclusive() throws {
            let there = try end(["write", "k"], setup: "echo mine >k; ln -s nowhere l")
            #expect(there.code == 74 && there.output == "")
            #expect(there.messages.contains { $0.contains("k is there already") }, "\(there.messages)")
            #expect(try end(["write", "l"], setup: "ln -s nowhere l").code == 74)
            #expect(try end(["write", "no/k"]).messages.contains { $0.contains("No such file") })
        }

        @Test("What is wrong with a file, or with a key to allow, is told, and repeats no key")
        func wrong() throws {
            let cases: [(arguments: [String], setup: String, code: Int32, text: String)] = [
                (["check", "k"], try Self.made("k") + "; chmod 640 k", 65, "has mode 640"),
                (["show", "k"], try Self.made("k") + "; chmod 604 k", 65, "has mode 604"),
                (["check", "k"], ":", 66, "No such file"), (["check", "."], ":", 65, "not a regular file"),
                (["check", "l"], try Self.made("k") + "; ln -s k l", 65, "symbolic link"),
                (["check", "k"], try Self.made("k") + "; echo 'also: 1' >>k", 65, "is not a key of this mapping"),
                (["write", "k", "--allow", "hunter2"], ":", 64, "--allow number 1 must be a public key"),
                (["write", "k", "--allow", Self.other, "--allow", Self.other], ":", 64, "names a key twice"),
            ]
            for (arguments, setup, code, text) in cases {
                let end = try end(arguments, setup: setup)
                #expect(end.code == code && end.output == "", "\(arguments): \(end.messages)")
                #expect(end.messages.contains { $0.contains(text) }, "\(end.messages)")
                #expect(!end.messages.contains { $0.contains("hunter2") || $0.contains(Self.other) })
            }
        }

        @Test("Help names every subcommand and option")
        func help() throws {
            let top = try end(["--help"]).output
            for word in ["write", "show", "check", "CURVE"] { #expect(top.contains(word)) }
            #expect(try end(["write", "--help"]).output.contains("--allow <key>"))
        }
    }
}
