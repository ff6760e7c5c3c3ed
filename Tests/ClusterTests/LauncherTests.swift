import Foundation
import TestKit
import Testing

/// Real launchers of other people, brought up on this machine by the scripts and taken down again.
///
/// They install Debian packages and fetch a wheel, so they run only when asked: `SOFTPOD_TEST_LAUNCHERS=1 swift test --filter
/// LauncherTests`.
@Suite(
    "Other people's launchers", .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["SOFTPOD_TEST_LAUNCHERS"] == "1",
        "they install Slurm and Open MPI: set SOFTPOD_TEST_LAUNCHERS=1 to run them"))
struct LauncherTests {
    /// The scripts' code for "not to be had here".
    static let skipped: Int32 = 125

    /// Each launcher's command in front of what it starts as eight tasks on several nodes.
    static let launchers = [
        "slurm-local --nodes 4 -- srun -N4 --ntasks-per-node=2 --mpi=pmix",
        "slurm-local --nodes 3 -- srun -N3 -n8 --distribution=cyclic --mpi=pmix",
        "prrte-local --nodes 3 -- prterun -n 8", "prrte-local --nodes 2 --runner mpirun -- mpirun -n 8",
    ]

    /// Runs a script in the place of the program; nil, and a note, if it skips.
    private func run(_ command: String, setup: String = ":") throws -> ClusterUnderTest.Ended? {
        let end = try ClusterUnderTest([], setup: "\(setup); exec \(ClusterUnderTest.root)/scripts/\(command)").end()
        #expect(end.leftovers == [] && end.files == [], "\(command): \(end.messages)")
        guard end.code == Self.skipped else { return end }
        guard let reason = end.messages.first(where: { $0.hasPrefix("skipped: ") }) else { return end }
        try Test.cancel("\(reason)")
    }

    @Test("PMIx carries bytes between all tasks, and each task knows its part", arguments: launchers)
    func parts(launcher: String) throws {
        let softpod = try ClusterUnderTest.executable()
        guard let end = try run("\(launcher) \(softpod) info --environment --meet --json") else { return }
        #expect(end.code == 0, "\(end.messages)")
        let rows = end.outputLines.filter { $0.hasPrefix("{\"role\"") }
        #expect(rows.count == 8)
        #expect(rows.filter { $0.contains("\"role\":\"coordinator\"") && $0.contains("\"task\":0,") }.count == 1)
        let agents = rows.filter { $0.contains("\"role\":\"agent\"") }
        let nodes = launcher.split(separator: " ")[2]
        #expect(agents.count + 1 == Int(nodes))
        #expect(agents.allSatisfy { $0.contains("\"met\":\"read: rank 0 on ") })
        for task in 0..<8 {
            #expect(
                rows.contains {
                    $0.contains("\"task\":\(task),") && $0.contains("\"ring\":\"read task \((task + 1) % 8)\"")
                })
        }
        #expect(rows.allSatisfy { $0.contains("\"nodes\":\(nodes),") })
    }

    @Test("Slurm without PMIx, and with it but without its library, tells parts and a place by its variables")
    func plainSlurm() throws {
        let softpod = try ClusterUnderTest.executable()
        for (flags, setup) in [("", ":"), ("--mpi=pmix", "export SOFTPOD_PMIX_LIBRARY=/nowhere")] {
            let command = "slurm-local --nodes 2 -- srun -N2 --ntasks-per-node=2 \(flags) \(softpod)"
            guard let end = try run("\(command) info --environment --json", setup: setup) else { return }
            let rows = end.outputLines.filter { $0.hasPrefix("{\"role\"") }
            // Job 1, step 0 of a Slurm that has just come up.
            #expect(end.code == 0 && rows.count == 4 && rows.allSatisfy { $0.contains("\"rendezvous\":\"n1:20097\"") })
            #expect(rows.allSatisfy { $0.contains("/nowhere") } == !flags.isEmpty)
        }
    }

    @Test("A task that never comes to the fence ends the others' wait at their deadline, with the reason")
    func absentTask() throws {
        let softpod = try ClusterUnderTest.executable()
        let command = "prrte-local --nodes 1 --runner mpirun -- mpirun"
        let asking = "-n 1 \(softpod) info --environment --meet --deadline 2"
        guard let end = try run("\(command) \(asking) : -n 1 true") else { return }
        #expect(end.code == 69)
        #expect(end.messages.contains { $0.contains("PMIx_Fence did not end in time") }, "\(end.messages)")
    }

    /// In front of a command line, and what a shell has to do before: PMIx, Slurm's variables with a known place and a key file, ssh.
    static let ways =
        launchers.map { ($0 + " \"$softpod\"", ":") } + [
            (
                "slurm-local --nodes 4 -- srun -N4 --ntasks-per-node=2 \"$softpod\"",
                """
                export SOFTPOD_RENDEZVOUS=127.0.0.1:$(bash -c '\(freePort)') SOFTPOD_KEYS="$keys"
                "$softpod" keys write "$keys" >/dev/null
                """
            ), ("ssh-local --hosts 3 --", ":"),
        ]

    /// A port that nobody listens on, below those that systems hand out by themselves.
    private static let freePort = """
        while port=$((20000 + RANDOM % 10000)); grep -qiE ": [0-9A-F]+:$(printf %04X $port) " /proc/net/tcp; do :; done; echo $port
        """

    /// Runs a command line under a launcher; nil, and a note, if its script skips.
    private func run(_ arguments: String, under way: (String, String)) throws -> ClusterUnderTest.Ended? {
        let keys = NSTemporaryDirectory() + "softpod-keys-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: keys) }  // Only one way writes it.
        let names = "export softpod='\(try ClusterUnderTest.executable())' keys='\(keys)'"
        return try run("\(way.0) \(arguments)", setup: "\(names); \(way.1)")
    }

    @Test("Golden text, the same line by line as one host's, also with two dies a task", arguments: ways)
    func golden(way: (String, String)) throws {
        let prompts = try Golden.read().prompts
        let arguments =
            "generate --json --ignore-end --precision float32 --max-tokens 20 --model '\(ClusterUnderTest.austen)'"
            + prompts.map { " --prompt '\($0.prompt)'" }.joined()
        let one = try ClusterUnderTest([], setup: "exec \(try ClusterUnderTest.executable()) \(arguments) --dies 8")
            .end()
        #expect(one.code == 0, "\(one.messages)")
        for dies in [8, 16] {
            guard let end = try run("\(arguments) --dies \(dies)", under: way) else { return }
            #expect(end.code == 0, "\(end.messages)")
            let lines = end.outputLines.filter { $0.hasPrefix("{\"prompt\"") }
            #expect(lines == one.outputLines.filter { $0.hasPrefix("{\"prompt\"") })
            try #require(lines.count == prompts.count)
            for (line, golden) in zip(lines, prompts) {
                let text = try JSONDecoder().decode(Generated.self, from: Data(line.utf8))
                #expect(text.promptIds == golden.ids && text.ids == Array(golden.greedy.prefix(20)))
            }
        }
    }

    @Test("The smoke run and all checks pass over a launcher's nodes", arguments: ways)
    func checks(way: (String, String)) throws {
        for command in ["run smoke --dies 8", "verify --dies 8"] {
            guard let end = try run(command, under: way) else { return }
            #expect(end.code == 0, "\(command): \(end.messages)")
        }
    }

    @Test("A coordinator that cannot begin ends all tasks at once, with its own exit code", arguments: ways.dropLast())
    func withdrawal(way: (String, String)) throws {
        for (arguments, code) in [("--model /nowhere", 66), ("--model /nowhere --dies 9", 64)] as [(String, Int32)] {
            let options = way.1 == ":" ? "" : " --start-deadline 2"
            guard let end = try run("generate \(arguments)\(options)", under: way) else { return }
            // Slurm gives the highest code of all tasks, and those without PMIx have waited in vain.
            #expect(end.code == (way.1 == ":" ? code : 75), "\(end.messages)")
            let text =
                code == 66
                ? "softpod: /nowhere/config.json" : "softpod: environment: 9 dies are no multiple of the 8 tasks"
            #expect(end.messages.filter { $0.hasPrefix(text) }.count == 1, "\(end.messages)")
        }
    }

    @Test("A command's exit code passes through", arguments: ["slurm-local --nodes 1", "prrte-local --runner mpirun"])
    func codes(script: String) throws {
        guard let end = try run("\(script) -- sh -c 'exit 7'") else { return }
        #expect(end.code == 7)
    }
}
