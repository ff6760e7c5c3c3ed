import TestKit
import Testing
import Workers

@Suite("Scripts of tests")
struct ScriptTests {
    @Test("A script can be run as soon as it is written, whatever other threads start meanwhile")
    func busy() throws {
        // A process started while a descriptor for writing the script is open here holds a copy of it until it has become its program,
        // and until then the system refuses to run the script: "Text file busy".
        let stop = try Event()
        let starters = try (0..<3).map { _ in
            try Worker.start(name: "starter") {
                while !Descriptor.poll([stop.descriptor.number], milliseconds: 0)[0] {
                    // Only that something is started matters.
                    guard let child = try? ChildProcess.start(command: ["/bin/true"], input: 0) else { continue }
                    _ = Descriptor.poll([child.descriptor.number], milliseconds: -1)
                    _ = child.reap()  // How it ended does not matter either.
                }
            }
        }
        let folder = try TestFolder()
        var failed = 0
        for number in 0..<300 {
            let script = try folder.script("script\(number)", "exit 7")
            let child = try ChildProcess.start(command: [script], input: 0)
            _ = Descriptor.poll([child.descriptor.number], milliseconds: 60_000)
            if child.reap() != .exited(7) { failed += 1 }
        }
        stop.raise()
        for starter in starters { starter.join() }
        #expect(failed == 0)
    }
}
