internal import Foundation

/// A folder of a test's own files, gone with it.
public final class TestFolder {
    /// Where it is.
    public let path: String

    /// Makes one.
    public init() throws {
        path = NSTemporaryDirectory() + "softpod-files-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // A test's own folder: nothing to report.

    /// Writes a file and returns its path.
    public func file(_ name: String, _ text: String) throws -> String {
        let place = path + "/" + name
        try text.write(toFile: place, atomically: false, encoding: .utf8)
        return place
    }

    /// Writes a shell script and returns its path.
    ///
    /// Another process writes it: a file is not executed while a descriptor for writing it is open anywhere (ETXTBSY, execve(2)), and one
    /// of this process could have been inherited by whatever another test starts at the same moment, until that has become its program.
    public func script(_ name: String, _ text: String) throws -> String {
        let place = path + "/" + name
        try shell("printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\"", [place, text])
        return place
    }

    /// Runs a line of shell with its `$0`, `$1` and so on.
    private func shell(_ line: String, _ arguments: [String]) throws {
        let command = try Process.run(URL(fileURLWithPath: "/bin/sh"), arguments: ["-c", line] + arguments)
        command.waitUntilExit()
        guard command.terminationStatus == 0 else {
            throw ClusterUnderTest.HarnessError("cannot make \(arguments.first ?? "a file")")
        }
    }

    /// Makes a pipe with a name and returns its path.
    public func pipe(_ name: String) throws -> String {
        let place = path + "/" + name
        try shell("mkfifo \"$0\"", [place])
        return place
    }
}
