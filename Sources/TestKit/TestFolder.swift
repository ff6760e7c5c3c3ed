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

    deinit { try? FileManager.default.removeItem(atPath: path) }  // A test's own folder; there is nobody to tell.

    /// Writes a file and returns its path.
    public func file(_ name: String, _ text: String) throws -> String {
        let place = path + "/" + name
        try text.write(toFile: place, atomically: false, encoding: .utf8)
        return place
    }

    /// Writes a shell script and returns its path.
    public func script(_ name: String, _ text: String) throws -> String {
        let place = try file(name, "#!/bin/sh\n" + text + "\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place)
        return place
    }

    /// Makes a pipe with a name and returns its path.
    public func pipe(_ name: String) throws -> String {
        let place = path + "/" + name
        let command = try Process.run(URL(fileURLWithPath: "/bin/sh"), arguments: ["-c", "mkfifo \"$0\"", place])
        command.waitUntilExit()
        guard command.terminationStatus == 0 else { throw ClusterUnderTest.HarnessError("cannot make \(place)") }
        return place
    }
}
