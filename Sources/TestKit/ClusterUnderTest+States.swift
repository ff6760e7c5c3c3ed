internal import Foundation
internal import Glibc
internal import Workers

// States a cluster is started in, and waited for.

extension ClusterUnderTest {
    /// A setup that starts the program through `inheriting`: with calls denied or signals blocked.
    public static func inheriting(_ words: String) throws -> String {
        "set -- '\(try helper("inheriting"))' \(words) -- \"$@\""
    }

    /// A setup that gives the program a standard stream (1 or 2) that is a full pipe which is never read. It breaks when the cluster is gone.
    public static func blocked(_ stream: Int) -> String {
        """
        mkfifo $TMPDIR/full; exec 8<>$TMPDIR/full; rm $TMPDIR/full; \
        dd if=/dev/zero of=/dev/fd/8 bs=4096 count=16 2>/dev/null; exec \(stream)>&8
        """
    }

    /// A setup that starts the program as a user without privileges, with a shell command before it.
    public static func unprivileged(_ command: String) throws -> String {
        """
        cp '\(try executable())' $TMPDIR/program; chown -R 65534:65534 $TMPDIR; shift; \
        set -- setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '\(command); exec "$@"' sh $TMPDIR/program "$@"
        """
    }

    /// A setup that starts the program in a mount namespace of its own, with a shell command before it.
    public static func mounting(_ command: String) -> String {
        "set -- unshare -m sh -c '\(command); exec \"$@\"' sh \"$@\""
    }

    /// Why states that take root cannot be made here; nil if they can.
    public static let privilegeObstacle: String? = {
        guard getuid() == 0 else { return "needs root" }
        let trial = Foundation.Process()
        trial.executableURL = URL(fileURLWithPath: "/bin/sh")
        trial.arguments = ["-c", "unshare -m true && setpriv --reuid 65534 --regid 65534 --clear-groups true"]
        trial.standardError = FileHandle.nullDevice
        do { try trial.run() } catch { return "no shell: \(error)" }
        trial.waitUntilExit()
        return trial.terminationStatus == 0 ? nil : "mount namespaces or other users are not allowed here"
    }()

    /// Waits until a process of the cluster is in one of these states (letters as in proc(5)).
    public func state(of process: Int32, oneOf letters: String) throws {
        while true {
            let state = ProcessControl.state(of: process)
            if let state, letters.contains(state) { return }
            try checkPatience(
                "process \(process) is in state \(state.map(String.init) ?? "gone") and not in one of \(letters)")
            guard state != nil else {
                throw HarnessError("process \(process) is gone:\n" + lines.joined(separator: "\n"))
            }
            _ = read(milliseconds: 1)
        }
    }

    /// Waits until a number of its processes are left.
    public func remain(_ count: Int) throws {
        while marked().count > count {
            try checkPatience("more than \(count) processes are left: \(marked())")
            _ = read(milliseconds: 1)
        }
    }
}
