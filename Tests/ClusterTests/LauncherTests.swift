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

    @Test("A command's exit code passes through", arguments: ["slurm-local --nodes 1", "prrte-local --runner mpirun"])
    func codes(script: String) throws {
        guard let end = try run("\(script) -- sh -c 'exit 7'") else { return }
        #expect(end.code == 7)
    }
}
