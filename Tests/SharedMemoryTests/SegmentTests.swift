import Glibc
import SharedMemory
import Testing

@Suite("Segments")
struct SegmentTests {
    @Test("A segment has no name, mode 0600, and is gone when closed")
    func unlinked() throws {
        let before = try entries()
        let segment = try Segment.create(SegmentPlan(dieCount: 4, windowByteCount: 1 << 20))
        var info = stat()
        let status = unsafe fstat(segment.descriptor, &info)
        #expect(status == 0)
        #expect(info.st_mode & 0o777 == 0o600)
        #expect(info.st_nlink == 0)
        #expect(try entries().subtracting(before).allSatisfy { !$0.hasPrefix("softpod-") })
    }

    @Test(
        "Who attaches learns the cores of the host from the segment, whatever the process itself may use",
        arguments: [1, 64])
    func cores(count: Int) throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 8192, coreCount: count))
        let other = try Segment.attach(descriptor: dup(segment.descriptor))
        #expect(other.plan.coreCount == count)
        #expect(throws: SharedMemoryError.self) {
            try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 8192, coreCount: 0))
        }
    }

    @Test("A duplicated descriptor attaches to the same memory")
    func attach() throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 3, windowByteCount: 8192))
        let other = try Segment.attach(descriptor: dup(segment.descriptor))
        #expect(other.plan == segment.plan)
        segment.control(of: 2).phase = "somewhere"
        #expect(other.control(of: 2).phase == "somewhere")
        #expect(other.agentProcess == Int(getpid()))
    }

    @Test(
        "A first page that differs in any checked field is refused",
        arguments: [
            (0, "magic"), (8, "layout version"), (16, "ABI digest"), (48, "dies"), (64, "byte count"), (72, "window"),
            (88, "first rank"), (96, "ranks"),
        ])
    func refused(offset: Int, field: String) throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 3, windowByteCount: 8192))
        var wrong: UInt64 = 0xFFFF_FFFF_FFFF
        let written = unsafe pwrite(segment.descriptor, &wrong, 8, off_t(offset))
        #expect(written == 8)
        let error = #expect(throws: SharedMemoryError.self) {
            try Segment.attach(descriptor: dup(segment.descriptor))
        }
        #expect(error?.code == .refused || error?.code == .badPlan, "\(field): \(String(describing: error))")
    }

    @Test("A truncated or empty object is refused, not mapped beyond its end")
    func truncated() throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 3, windowByteCount: 1 << 20))
        for byteCount in [0, 100, 8192, 1 << 20] {
            let copy = dup(segment.descriptor)
            #expect(ftruncate(copy, byteCount) == 0)
            #expect(throws: SharedMemoryError.self) { try Segment.attach(descriptor: copy) }
        }
    }

    @Test("More memory than there is is refused with both numbers")
    func tooLarge() throws {
        let error = #expect(throws: SharedMemoryError.self) {
            try Segment.create(SegmentPlan(dieCount: 4096, windowByteCount: 16 << 30))
        }
        #expect(error?.code == .notEnoughSharedMemory)
        #expect(error?.description.contains("free") == true)
    }

    @Test(
        "Plans outside their ranges are refused",
        arguments: [
            (0, 4096, 1), (-1, 4096, 1), (5000, 4096, 1), (2, 0, 1), (2, Int.max, 1), (2, 4096, 0), (2, 4096, 3),
        ])
    func badPlans(dies: Int, window: Int, each: Int) throws {
        let error = #expect(throws: SharedMemoryError.self) {
            try Segment.create(SegmentPlan(dieCount: dies, windowByteCount: window, diesPerProcess: each))
        }
        #expect(error?.code == .badPlan)
    }

    @Test(
        "A host's share lies within its cluster, and comes with its switch's event",
        arguments: [(-1, 4), (2, 3), (0, 1), (0, 5000)])
    func badShares(first: Int, ranks: Int) throws {
        let error = #expect(throws: SharedMemoryError.self) {
            try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 4096, firstRank: first, rankCount: ranks))
        }
        #expect(error?.code == .badPlan)
        let good = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 4096, firstRank: 1, rankCount: 4))
        #expect(throws: SharedMemoryError.self) { try Segment.attach(descriptor: dup(good.descriptor)) }
        let event = try #require(good.switchEvent)
        let other = try Segment.attach(descriptor: dup(good.descriptor), switchEvent: dup(event))
        #expect(other.plan == good.plan && other.plan.ranks == 1..<3 && other.plan.hasFarRanks)
        good.port(of: 2).posted.storeReleasing(7)
        #expect(other.port(of: 2).posted.loadAcquiring() == 7 && other.port(of: 1).posted.loadAcquiring() == 0)
    }

    @Test("The first verdict wins and reads back whole; the epoch rises once")
    func verdict() throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 4096))
        #expect(segment.cluster.verdict == nil)
        let first = Verdict(.rankKilled, rank: 1, detail: 9, process: 77, text: String(repeating: "é", count: 200))
        #expect(segment.publish(first))
        #expect(!segment.publish(Verdict(.agentLost, text: "late")))
        let read = try #require(segment.cluster.verdict)
        #expect(read.code == .rankKilled)
        #expect(read.rank == 1)
        #expect(read.detail == 9)
        #expect(read.process == 77)
        #expect(read.text == String(repeating: "é", count: 76))
        #expect(segment.cluster.epoch.loadAcquiring() == 1)
    }

    @Test("A verdict whose writer was killed before it was published is written by the next", arguments: [false, true])
    func orphanedVerdict(isStopped: Bool) throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 4096))
        // The claim of a process that cannot exist, or of one that lives and says nothing more.
        let writer = isStopped ? UInt64(getpid()) : UInt64(Int32.max)
        unsafe Word(segment.base + 4096 + 64).storeReleasing(writer)
        #expect(segment.publish(Verdict(.agentLost, process: 5, text: "the agent is gone")))
        #expect(!segment.publish(Verdict(.rankKilled, rank: 1, text: "late")))
        #expect(segment.cluster.verdict?.code == .agentLost)
        #expect(segment.cluster.epoch.loadAcquiring() == 1)
    }

    @Test("Phases and wait records survive any text and say nothing when there is nothing to say")
    func control() throws {
        let segment = try Segment.create(SegmentPlan(dieCount: 1, windowByteCount: 4096))
        let control = segment.control(of: 0)
        #expect(control.phase == "")
        #expect(control.waiting == nil)
        #expect(control.state == .absent)
        control.phase = String(repeating: "x", count: 300)
        #expect(control.phase == String(repeating: "x", count: 56))
        control.phase = ""
        #expect(control.phase == "")
    }

    private func entries() throws -> Set<String> {
        guard let directory = unsafe opendir("/dev/shm") else { return [] }
        defer { unsafe closedir(directory) }
        var names: Set<String> = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            names.insert(name)
        }
        return names
    }
}
