import Foundation
import TestKit
import Testing

/// `softpod verify --schedules` and `--schedule`, and that the program knows no mutants.
@Suite("Schedules on the command line")
struct ScheduleCommandTests {
    @Test("Random schedules are run, counted and come out the same for the same seed")
    func random() throws {
        let rows = try (0..<2).map { _ -> [String: Any] in
            let end = try ClusterUnderTest(["verify", "--schedules", "300", "--seed", "9", "--json"]).end()
            #expect(end.code == 0 && end.leftovers.isEmpty && end.files.isEmpty, "\(end)")
            return try #require(try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: Any])
        }
        #expect(rows[0]["schedules"] as? Int == 300 && rows[0]["violations"] as? Int == 0)
        #expect(rows[0]["digest"] as? String == rows[1]["digest"] as? String)
    }

    @Test("One schedule is replayed as it is written, every time the same")
    func replay() throws {
        let text = "team.barrier.board/3/1:run0.2=1,crash1.6=1,tell1.6=1"
        let ends = try (0..<2).map { _ in try ClusterUnderTest(["verify", "--schedule", text]).end() }
        #expect(ends[0].code == 0 && ends[0].output.contains("rank 1: died"))
        #expect(ends[0].output == ends[1].output)
    }

    @Test(
        "What is no schedule is refused",
        arguments: [
            ["--schedule", "walk"], ["--schedule", "team.barrier.board/9/1:"],
            ["--schedule", "team.barrier.board/2/1:x"], ["--schedules", "0"],
            ["--schedules", "5", "--only", "nothing"], ["--schedules", "5", "--soak", "1"],
        ])
    func refused(words: [String]) throws {
        let end = try ClusterUnderTest(["verify"] + words).end()
        #expect(end.code == 64 && !end.messages.isEmpty && end.output.isEmpty, "\(end)")
    }

    #if !SOFTPOD_MUTANTS
        @Test("The program has no trace of mutants")
        func noMutants() throws {
            let program = try Data(
                contentsOf: URL(fileURLWithPath: ClusterUnderTest.executable()), options: .alwaysMapped)
            for word in ["SOFTPOD_MUTANT", "linkChecksum", "epochMatch"] {
                #expect(program.range(of: Data(word.utf8)) == nil, "\(word)")
            }
        }
    #endif
}
