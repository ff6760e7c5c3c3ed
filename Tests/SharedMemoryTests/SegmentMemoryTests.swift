import Glibc
import SharedMemory
import TestKit
import Testing

@Suite("Where a segment's memory comes from")
struct SegmentMemoryTests {
    static let plan = SegmentPlan(dieCount: 3, windowByteCount: 1 << 20)

    @Test("A memory file has the size it was sealed with, mode 0600, and attaches as such")
    func sealed() throws {
        let segment = try Segment.create(Self.plan, in: .file)
        #expect(segment.memory == .file)
        #expect(ftruncate(segment.descriptor, 4096) != 0 && errno == EPERM)
        #expect(ftruncate(segment.descriptor, segment.objectByteCount + 4096) != 0 && errno == EPERM)
        var info = stat()
        let status = unsafe fstat(segment.descriptor, &info)
        #expect(status == 0 && info.st_mode & 0o777 == 0o600)
        let other = try Segment.attach(descriptor: dup(segment.descriptor))
        #expect(other.plan == segment.plan && other.memory == .file)
        segment.control(of: 2).phase = "somewhere"
        #expect(other.control(of: 2).phase == "somewhere")
        #expect(!segment.mend())
    }

    @Test(
        "Pages before the windows, and the first of each, are there before they are touched",
        arguments: [(SegmentMemory.shared, 3), (.shared, 5), (.file, 3), (.file, 5)])
    func reserved(memory: SegmentMemory, ranks: Int) throws {
        let plan = SegmentPlan(dieCount: 3, windowByteCount: 1 << 20, rankCount: ranks)
        let segment = try Segment.create(plan, in: memory)
        #expect(segment.memory == memory)
        var info = stat()
        let status = unsafe fstat(segment.descriptor, &info)
        #expect(status == 0)
        let start = unsafe segment.window(of: 0).base - segment.base
        #expect(Int(info.st_blocks) * 512 == start + 3 * 4096)
    }

    @Test(
        "A truncated segment gets its length back, so that the verdict can be told in it", arguments: [0, 4096, 9000])
    func mended(byteCount: Int) throws {
        let segment = try Segment.create(Self.plan, in: .shared)
        #expect(!segment.mend())
        #expect(ftruncate(segment.descriptor, byteCount) == 0)
        #expect(segment.mend())
        #expect(!segment.mend())
        #expect(segment.publish(Verdict(.rankKilled, rank: 1, text: "rank 1 was killed")))
        let other = try Segment.attach(descriptor: dup(segment.descriptor))
        #expect(other.plan == segment.plan && other.cluster.verdict?.rank == 1)
    }

    @Test("A mapped file knows when it was truncated, made longer or overwritten, whatever its name leads to")
    func changes() throws {
        let folder = try TestFolder()
        func mapped(_ name: String) throws -> FileMapping {
            let mapping = try FileMapping(path: try folder.file(name, "some text"))
            #expect(mapping.change == nil)
            return mapping
        }
        let cut = try mapped("cut")
        #expect(unsafe truncate(cut.path, 4) == 0)
        #expect(cut.change == "was truncated while it was mapped, from 9 to 4 bytes")
        let longer = try mapped("longer")
        #expect(unsafe truncate(longer.path, 40) == 0)
        #expect(longer.change == "was made longer while it was mapped, from 9 to 40 bytes")
        let written = try mapped("written")
        let file = unsafe open(written.path, O_WRONLY)
        // The time of a change has the clock's resolution; another time is set by hand.
        let times = [timespec(tv_sec: 5, tv_nsec: 0), timespec(tv_sec: 5, tv_nsec: 0)]
        #expect(unsafe pwrite(file, "other", 5, 0) == 5 && futimens(file, times) == 0 && close(file) == 0)
        #expect(written.change == "was overwritten while it was mapped")
        // A new file under the name leaves the old one what it was.
        let replaced = try mapped("replaced")
        let fresh = try folder.file("fresh", "something else")
        #expect(unsafe rename(fresh, replaced.path) == 0)
        #expect(replaced.change == nil)
        #expect(replaced.copyBytes() == Array("some text".utf8))
    }

    @Test("The explanation of a bus error is found in what the process wrote, and only its own")
    func clause() {
        let log = "noise\nsoftpod: rank process 3 (pid 77) ran out of shared memory: /dev/shm is full\nmore\n"
        #expect(BusErrors.clause(of: 77, in: Array(log.utf8)) == "ran out of shared memory: /dev/shm is full")
        #expect(BusErrors.clause(of: 7, in: Array(log.utf8)) == nil)
        #expect(BusErrors.clause(of: 77, in: []) == nil)
        #expect(BusErrors.clause(of: 77, in: [0xFF, 10, 0xFE]) == nil)
    }
}

@Suite("Memory budgets")
struct MemoryBudgetTests {
    @Test("The system's table gives what is available in bytes, or nothing")
    func table() {
        #expect(MemoryBudget.availableByteCount(meminfo: "MemTotal: 9 kB\nMemAvailable:   1024 kB\n") == 1 << 20)
        for text in ["", "MemAvailable:", "MemAvailable: x kB", "MemAvailable: 9223372036854775807 kB"] {
            #expect(MemoryBudget.availableByteCount(meminfo: text) == nil, "\(text)")
        }
        #expect(MemoryBudget.availableByteCount() ?? 1 > 0)
    }

    @Test("The groups of a process are those of both generations, each with those above it")
    func groups() {
        #expect(
            MemoryBudget.groupFolders("5:cpu,memory:/a/b\n2:devices:/a\n0::/\nrubbish\n")
                == [
                    "/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory", "/sys/fs/cgroup",
                ])
        #expect(MemoryBudget.groupFolders("0::/x\n") == ["/sys/fs/cgroup/x", "/sys/fs/cgroup"])
        #expect(MemoryBudget.groupFolders("") == [])
    }

    @Test(
        "A group has left what its limit leaves, file pages counted as free; without a limit it says nothing",
        arguments: [
            ("1000\n", "400\n", "", 600), ("1000", "400", "anon 9\ninactive_file 100\n", 700),
            ("1000", "400", "total_inactive_file 900\n", 1000), ("1000", "4000", "", 0), ("max", "400", "", nil),
            ("", "", "", nil), ("-1", "4", "", nil),
        ] as [(String, String, String, Int?)])
    func remainder(limit: String, usage: String, statistics: String, left: Int?) {
        #expect(MemoryBudget.remainder(limit: limit, usage: usage, statistics: statistics) == left)
    }
}
