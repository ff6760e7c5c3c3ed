import Foundation
import TestKit
import Testing

/// The user whose things the tests plant.
private enum OtherUser {
    /// Why there can be none; nil if there can.
    static let obstacle: String? = {
        guard getuid() == 0 else { return "not root" }
        do {
            let end = try ClusterUnderTest(
                ["--version"], setup: "setpriv --reuid 65534 --regid 65534 --clear-groups true || exit 3"
            ).end()
            return end.code == 0 ? nil : "no setpriv"
        } catch { return "\(error)" }
    }()
}

extension RealClusters {
    /// What another user can put where run folders are made.
    @Suite("Other users", .enabled(if: OtherUser.obstacle == nil, "needs root and setpriv"))
    struct OtherUserTests {
        @Test(
            "Another user's links and folders in /tmp cost nothing outside a run's own folder",
            arguments: ["run", "killed"])
        func planted(how: String) throws {
            let shared = try TestFolder()
            let (victim, planted) = (shared.path + "/victim", shared.path + "/t")
            for (path, mode) in [(shared.path, 0o755), (victim, 0o755), (planted, 0o1777)] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            }
            for name in ["agent", "lock", "new"] { _ = try shared.file("victim/" + name, "precious") }
            let plant = """
                umask 0; cd \(planted); ln -s \(victim) softpod-0-EVILaa; mkdir softpod-0-EVILbb softpod-0-EVILcc; \
                ln -s \(victim)/lock softpod-0-EVILbb/lock; mkfifo softpod-0-EVILcc/lock softpod-0-EVILdd; \
                mkdir -m 700 softpod-0-EVILee; touch softpod-0-EVILee/lock softpod-0-EVILee/agent
                """
            let words = how == "run" ? ["smoke"] : ["--announce", "idle"]
            let cluster = try ClusterUnderTest(
                ["run", "--dies", "2"] + words,
                setup: """
                    setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '\(plant)' || exit 3; \
                    export TMPDIR=\(planted) XDG_RUNTIME_DIR=\(planted)
                    """)
            if how == "killed" {
                _ = try cluster.rank(0)
                cluster.signalAgent(RealClusters.kill)
            }
            let end = try cluster.end()
            if how == "run" { #expect(end.code == 0 && end.messages == [], "\(end.messages)") }
            #expect(end.leftovers == [])
            #expect(try FileManager.default.contentsOfDirectory(atPath: victim).sorted() == ["agent", "lock", "new"])
            // All that was planted is there, and nothing besides.
            let left = try FileManager.default.contentsOfDirectory(atPath: planted).sorted()
            #expect(left == ["aa", "bb", "cc", "dd", "ee"].map { "softpod-0-EVIL" + $0 })
            for name in ["bb", "cc"] {
                let inside = try FileManager.default.contentsOfDirectory(atPath: planted + "/softpod-0-EVIL" + name)
                #expect(inside == ["lock"])
            }
        }
    }
}
