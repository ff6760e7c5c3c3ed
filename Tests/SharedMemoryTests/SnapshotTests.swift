import Foundation
import SharedMemory
import TestKit
import Testing

/// What is read of another process's segment: everything in it may be wrong.
@Suite("Segment snapshots")
struct SnapshotTests {
    private static func path(_ segment: Segment) -> String { "/proc/self/fd/\(segment.descriptor)" }

    @Test("A segment is read from outside: its counts, and what each die says")
    func good() throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 3, windowByteCount: 1 << 16))
        segment.control(of: 1).phase = "layer 7 combine"
        segment.control(of: 1).process = 4711
        let snapshot = try SegmentSnapshot.read(path: Self.path(segment))
        #expect(
            snapshot.plan.dieCount == 3 && snapshot.dies.count == 3 && snapshot.epoch == 0 && snapshot.verdict == nil)
        #expect(snapshot.agentProcess == Int(getpid()))
        #expect(snapshot.dies[1].phase == "layer 7 combine" && snapshot.dies[1].process == 4711)
        #expect(
            snapshot.dies.map(\.rank) == [0, 1, 2] && snapshot.dies[0].waiting == nil && snapshot.dies[0].flight == [])
        #expect(try SegmentSnapshot.read(path: Self.path(segment)).file == snapshot.file)
    }

    @Test(
        "Each word of the header may be anything: refused, or read within its bounds", arguments: [1, 2, 3] as [UInt64])
    func scribbled(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 1 << 14))
            for _ in 0..<3 {
                let place = 8 * Int.random(in: 0..<(8192 + 2 * 4096) / 8, using: &random)
                let value = [0, 1, .max, random.next(), 1 << 63].randomElement(using: &random) ?? 0
                segment.word(at: Bool.random(using: &random) ? place : place % 136).storeRelaxed(value)
            }
            do {
                let snapshot = try SegmentSnapshot.read(path: Self.path(segment))
                #expect(snapshot.dies.count == snapshot.plan.dieCount)
                for die in snapshot.dies { #expect(die.phase.utf8.count <= 3 * 56) }
            } catch { #expect(error.code == .refused || error.code == .badPlan, "seed \(seed): \(error)") }
        }
    }

    @Test("What is no segment is refused: empty, short, zeros, a pipe, a device, nothing")
    func refused() throws {
        let folder = try TestFolder()
        for (name, count) in [("empty", 0), ("short", 100), ("zeros", 1 << 16)] {
            let path = "\(folder.path)/\(name)"
            try Data(count: count).write(to: URL(fileURLWithPath: path))
            #expect(throws: SharedMemoryError.self, "\(name)") { try SegmentSnapshot.read(path: path) }
        }
        let pipe = folder.path + "/pipe"
        let code = unsafe mkfifo(pipe, 0o600)
        #expect(code == 0)
        for path in [pipe, "/dev/zero", "/nowhere", folder.path] {
            let error = #expect(throws: SharedMemoryError.self, "\(path)") { try SegmentSnapshot.read(path: path) }
            #expect(error?.code == .badFile, "\(path)")
        }
    }
}
