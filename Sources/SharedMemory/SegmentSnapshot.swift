internal import Glibc

/// What the dies of a segment say of themselves at one moment, as another process of the user reads it: copied out, compared, and never mapped.
///
/// Nothing of it is believed before it was compared with what there can be: a file that is no segment of this build, is too short, or is
/// shortened meanwhile, is refused. Copied while its dies write, so a record may be half old and half new, as for every reader.
public struct SegmentSnapshot: Sendable {
    /// A die's control block.
    public struct Die: Sendable {
        /// The rank in the cluster.
        public var rank: Int
        /// Whether it has joined, runs, or has left.
        public var state: ControlBlock.DieState
        /// The process it says it runs in; the reader compares it with the system's.
        public var process: Int
        /// Rises while it lives.
        public var heartbeat: UInt64
        /// What it does.
        public var phase: String
        /// What it waits for, if it says so.
        public var waiting: WaitRecord?
        /// Its last operations, oldest first.
        public var flight: [FlightRecord]
        /// Its counters: they rise with everything it does.
        public var counters: [UInt64]
    }

    /// What the segment holds.
    public let plan: SegmentPlan
    /// The process that made it, as the header says.
    public let agentProcess: Int
    /// The epoch.
    public let epoch: UInt64
    /// Why the epoch moved, if it did.
    public let verdict: Verdict?
    /// The dies, in the order of their ranks.
    public let dies: [Die]
    /// When it was copied, on the ``Monotonic`` clock.
    public let takenAt: UInt64
    /// Device and number of the file: two names of one segment have the same.
    public let file: FileIdentity

    /// What tells one file from all others of the machine.
    public struct FileIdentity: Sendable, Hashable {
        var device: UInt64
        var number: UInt64
    }

    /// Copies the head of a segment out of a file, such as another process's descriptor under /proc.
    ///
    /// - Throws: `.badFile` for what cannot be opened, is no plain file, or is another user's; `.refused` for what is no segment of this build.
    public static func read(path: String) throws(SharedMemoryError) -> SegmentSnapshot {
        // A pipe or a device of that name must not hold its reader.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            throw SharedMemoryError(.badFile, "\(path): \(Segment.errorText(errno))", errno: errno)
        }
        defer { _ = close(descriptor) }  // Only read from.
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid()
        else { throw SharedMemoryError(.badFile, "\(path): is no plain file of this user") }
        let byteCount = Int(clamping: status.st_size)
        guard byteCount >= SegmentLayout.controlOffset else {
            throw SharedMemoryError(.refused, "\(path): \(byteCount) bytes are no segment")
        }
        let head = UnsafeMutableRawPointer.allocate(byteCount: SegmentLayout.controlOffset, alignment: 4096)
        defer { unsafe head.deallocate() }
        try unsafe copy(descriptor, 0, SegmentLayout.controlOffset, to: head, path)
        let plan = try unsafe Segment.readHeader(head, fileByteCount: byteCount)
        // The plan's counts are those of a segment, and so is the length: the blocks lie inside it.
        let blockBytes = plan.dieCount * SegmentLayout.controlByteCount
        let blocks = UnsafeMutableRawPointer.allocate(byteCount: blockBytes, alignment: 4096)
        defer { unsafe blocks.deallocate() }
        try unsafe copy(descriptor, SegmentLayout.controlOffset, blockBytes, to: blocks, path)
        let cluster = unsafe ClusterBlock(
            base: head + SegmentLayout.clusterOffset, firstEpoch: plan.firstEpoch)
        return SegmentSnapshot(
            plan: plan, agentProcess: unsafe Int(clamping: Word(head + SegmentLayout.agentProcessOffset).loadRelaxed()),
            epoch: cluster.epoch.loadRelaxed(), verdict: cluster.verdict,
            dies: (0..<plan.dieCount).map { index in
                unsafe die(
                    plan.firstRank + index, ControlBlock(base: blocks + index * SegmentLayout.controlByteCount))
            }, takenAt: Monotonic.now(),
            file: FileIdentity(device: UInt64(status.st_dev), number: UInt64(status.st_ino)))
    }

    private static func die(_ rank: Int, _ block: ControlBlock) -> Die {
        Die(
            rank: rank, state: block.state, process: block.process, heartbeat: block.heartbeat, phase: block.phase,
            waiting: block.waiting, flight: block.flight.records,
            counters: (0..<ControlBlock.counterCount).map { block.counter($0).loadRelaxed() })
    }

    /// Copies bytes of a file; one that ends before them is refused.
    private static func copy(
        _ descriptor: Int32, _ offset: Int, _ byteCount: Int, to target: UnsafeMutableRawPointer, _ path: String
    ) throws(SharedMemoryError) {
        var done = 0
        while done < byteCount {
            let count = unsafe pread(descriptor, target + done, byteCount - done, offset + done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SharedMemoryError(.refused, "\(path): ends within its own counts") }
            done += count
        }
    }
}
