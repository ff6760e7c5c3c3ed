internal import CLinux
internal import Glibc
internal import Mutants
internal import Synchronization

/// What a segment is to hold.
public struct SegmentPlan: Sendable, Equatable {
    /// Dies on this host; each has one window.
    public var dieCount: Int
    /// Bytes of each window.
    public var windowByteCount: Int
    /// Dies each rank process runs as threads.
    public var diesPerProcess: Int
    /// Two random words that tell this run from every other.
    public var nonce: (UInt64, UInt64)
    /// Digest of the topology all processes must share; 0 where none is used.
    public var topologyDigest: UInt64
    /// Cluster rank of this host's first die.
    public var firstRank: Int
    /// Dies of the whole cluster, on all hosts.
    public var rankCount: Int
    /// Dies of the host that has the most of them: the same number on all hosts.
    public var widestHostDieCount: Int

    /// The epoch its members begin in: the number of the membership that the plan describes.
    public var firstEpoch: UInt64
    /// The machine that the dies stand in for: dies of an NPU, and of a server.
    public var diesPerNPU: Int
    /// Dies of a server; a multiple of those of an NPU.
    public var diesPerServer: Int
    /// Cores that this host's dies share, as the process that made the segment saw them. How ranks meet depends on it, so they do not count
    /// for themselves: one with an affinity of its own would come to another form than its peers.
    public var coreCount: Int

    /// The most dies a server can have.
    public static let maximumServerDieCount = 1 << 20
    /// The most cores a host can have.
    static let maximumCoreCount = 1 << 20

    /// The ranks whose windows lie in this segment.
    public var ranks: Range<Int> { firstRank..<firstRank + dieCount }
    /// Whether there are ranks on other hosts.
    public var hasFarRanks: Bool { rankCount != dieCount }

    /// Numbers are checked when the segment is made.
    public init(
        dieCount: Int, windowByteCount: Int, diesPerProcess: Int = 1, nonce: (UInt64, UInt64)? = nil,
        topologyDigest: UInt64 = 0, firstRank: Int = 0, rankCount: Int? = nil,
        widestHostDieCount: Int? = nil, firstEpoch: UInt64 = 0, diesPerNPU: Int = 2, diesPerServer: Int = 16,
        coreCount: Int = WaitPolicy.usableCores
    ) {
        self.dieCount = dieCount
        self.windowByteCount = windowByteCount
        self.diesPerProcess = diesPerProcess
        var generator = SystemRandomNumberGenerator()
        self.nonce = nonce ?? (generator.next(), generator.next())
        self.topologyDigest = topologyDigest
        self.firstRank = firstRank
        self.rankCount = rankCount ?? dieCount
        self.widestHostDieCount = widestHostDieCount ?? dieCount
        self.firstEpoch = firstEpoch
        self.diesPerNPU = diesPerNPU
        self.diesPerServer = diesPerServer
        self.coreCount = coreCount
    }

    /// Plans are equal when every field is.
    public static func == (left: SegmentPlan, right: SegmentPlan) -> Bool {
        left.dieCount == right.dieCount && left.windowByteCount == right.windowByteCount
            && left.diesPerProcess == right.diesPerProcess && left.nonce == right.nonce
            && left.topologyDigest == right.topologyDigest && left.firstRank == right.firstRank
            && left.rankCount == right.rankCount && left.widestHostDieCount == right.widestHostDieCount
            && left.firstEpoch == right.firstEpoch && left.diesPerNPU == right.diesPerNPU
            && left.diesPerServer == right.diesPerServer && left.coreCount == right.coreCount
    }
}

/// The shared memory of one host and one run, mapped into this process.
///
/// Made by the agent under a name that is unlinked before `create` returns, and handed to children as an inherited
/// descriptor: nothing can be left behind, whichever process is killed. Pages are touched lazily. The mapping ends when the last
/// reference goes.
@safe
public final class Segment: @unchecked Sendable {
    /// What this segment holds.
    public let plan: SegmentPlan
    /// The inherited descriptor; close-on-exec unless a spawn says otherwise.
    public let descriptor: Int32
    package let base: UnsafeMutableRawPointer
    let byteCount: Int
    /// Where its memory comes from.
    public let memory: SegmentMemory
    private let watch: MappingWatch
    /// What wakes the host's switch while it sleeps: an event descriptor, or nil where there is no switch.
    public let switchEvent: Int32?

    private init(
        plan: SegmentPlan, descriptor: Int32, memory: SegmentMemory, base: UnsafeMutableRawPointer, byteCount: Int,
        switchEvent: Int32?
    ) {
        self.plan = plan
        self.memory = memory
        self.switchEvent = switchEvent
        self.descriptor = descriptor
        unsafe self.base = base
        self.byteCount = byteCount
        watch = unsafe MappingWatch(
            base, byteCount: byteCount, descriptor: descriptor, memory == .shared ? .sharedMemory : .memoryFile)
    }

    deinit {
        watch.end()
        _ = unsafe munmap(base, byteCount)  // Nothing can be done about a failure here, and none is possible.
        _ = close(descriptor)  // Likewise.
        if let switchEvent { _ = close(switchEvent) }  // Likewise.
    }

    /// Makes the segment and writes its first page: in /dev/shm, or as a memory file where that cannot be.
    ///
    /// Header, cluster block, control blocks, ports and the first page of every window are reserved and not only checked: a touch of
    /// them cannot fail later, whatever else fills the memory.
    ///
    /// - Parameter memory: where it must lie; nil leaves the choice.
    /// - Throws: `.badPlan`, `.notEnoughSharedMemory` (with bytes needed and free), or `.system`.
    public static func create(
        _ plan: SegmentPlan, in memory: SegmentMemory? = nil
    ) throws(SharedMemoryError) -> Segment {
        try check(plan)
        let byteCount = byteCount(of: plan)
        let object = try SegmentObject.make(plan, byteCount: byteCount, reserved: certainBytes(of: plan), in: memory)
        let event = plan.hasFarRanks ? softpod_event_descriptor() : 0
        guard event >= 0 else {
            _ = close(object.descriptor)  // The object has no name; closing frees it.
            throw SharedMemoryError(.system, "cannot make an event: \(errorText(-event))", errno: -event)
        }
        let base = try unsafe map(object.descriptor, byteCount)
        let segment = unsafe Segment(
            plan: plan, descriptor: object.descriptor, memory: object.memory, base: base, byteCount: byteCount,
            switchEvent: plan.hasFarRanks ? event : nil)
        segment.cluster.epoch.storeRelaxed(plan.firstEpoch)
        segment.writeHeader()
        return segment
    }

    /// What every run touches: all before the windows, and of each window the world's team slot.
    private static func certainBytes(of plan: SegmentPlan) -> [Range<Int>] {
        let start = SegmentLayout.windowsOffset(dieCount: plan.dieCount, rankCount: plan.rankCount)
        let stride = SegmentLayout.windowStride(windowByteCount: plan.windowByteCount)
        return [0..<start]
            + (0..<plan.dieCount).map { die in
                start + die * stride..<start + die * stride + SegmentLayout.pageByteCount
            }
    }

    /// Gives the segment its length back if a process outside has truncated it, so that the verdict can be told in it.
    ///
    /// What was in the pages that were cut off is lost; the run must end. Only a segment in /dev/shm can be truncated at all.
    /// - Returns: whether it had been truncated.
    @discardableResult
    public func mend() -> Bool {
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0, Int(info.st_size) < byteCount else { return false }
        guard ftruncate(descriptor, byteCount) == 0 else { return true }
        // Its first pages again, for who attaches or looks from now on. They cannot be reserved where there is no space; then this
        // process says so and dies of it.
        writeHeader()
        return true
    }

    /// Maps a segment received as a descriptor, after checking its first page against this build and the file's size.
    ///
    /// The descriptor belongs to the segment from here on, and is closed with it, or at once if the segment is refused.
    /// - Throws: `.refused` with the field and both values, or `.system`.
    ///
    /// - Parameter switchEvent: the inherited event of the host's switch, where there are ranks on other hosts; likewise owned.
    public static func attach(
        descriptor: Int32, switchEvent: Int32? = nil
    ) throws(SharedMemoryError) -> Segment {
        do {
            return try attachOpened(descriptor, switchEvent)
        } catch {
            _ = close(descriptor)  // The descriptor was refused; there is nothing else to do with it.
            if let switchEvent { _ = close(switchEvent) }  // Likewise.
            throw error
        }
    }

    private static func attachOpened(
        _ descriptor: Int32, _ switchEvent: Int32?
    ) throws(SharedMemoryError) -> Segment {
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else {
            throw SharedMemoryError(
                .system, "descriptor \(descriptor) is not a segment: \(errorText(errno))", errno: errno)
        }
        let fileByteCount = Int(info.st_size)
        guard fileByteCount >= SegmentLayout.controlOffset else {
            throw SharedMemoryError(.refused, "the segment has \(fileByteCount) bytes, less than its first pages")
        }
        let base = try unsafe map(descriptor, fileByteCount)
        do throws(SharedMemoryError) {
            let plan = try unsafe readHeader(base, fileByteCount: fileByteCount)
            guard plan.hasFarRanks == (switchEvent != nil) else {
                throw SharedMemoryError(
                    .refused,
                    "the segment holds \(plan.dieCount) of \(plan.rankCount) ranks, and "
                        + (switchEvent == nil ? "no event of a switch came with it" : "a switch's event came with it"))
            }
            return unsafe Segment(
                plan: plan, descriptor: descriptor,
                memory: softpod_has_sealed_size(descriptor) != 0 ? .file : .shared, base: base,
                byteCount: fileByteCount, switchEvent: switchEvent)
        } catch {
            _ = unsafe munmap(base, fileByteCount)  // The mapping is ours and whole.
            throw error
        }
    }

    private static func byteCount(of plan: SegmentPlan) -> Int {
        SegmentLayout.segmentByteCount(
            dieCount: plan.dieCount, windowByteCount: plan.windowByteCount, rankCount: plan.rankCount)
    }

    /// Epochs are below this, so that the next can always be counted.
    static let mostEpochs: UInt64 = 1 << 40

    private static func check(_ plan: SegmentPlan) throws(SharedMemoryError) {
        guard (1...SegmentLayout.maximumDieCount).contains(plan.dieCount) else {
            throw SharedMemoryError(
                .badPlan, "\(plan.dieCount) dies: a segment holds 1 to \(SegmentLayout.maximumDieCount)")
        }
        guard plan.windowByteCount >= 1, plan.windowByteCount <= SegmentLayout.maximumWindowByteCount else {
            throw SharedMemoryError(
                .badPlan,
                "a window of \(plan.windowByteCount) bytes: it must have 1 to \(SegmentLayout.maximumWindowByteCount)")
        }
        guard (plan.dieCount...max(plan.rankCount, plan.dieCount)).contains(plan.widestHostDieCount) else {
            throw SharedMemoryError(
                .badPlan,
                "\(plan.widestHostDieCount) dies on the host with the most: it has \(plan.dieCount) to \(plan.rankCount)"
            )
        }
        guard plan.rankCount >= plan.dieCount, plan.rankCount <= SegmentLayout.maximumDieCount,
            plan.firstRank >= 0, plan.firstRank <= plan.rankCount - plan.dieCount
        else {
            throw SharedMemoryError(
                .badPlan,
                "\(plan.dieCount) dies from rank \(plan.firstRank) of \(plan.rankCount): a cluster holds its hosts' ranks, and "
                    + "at most \(SegmentLayout.maximumDieCount)")
        }
        guard plan.firstEpoch < Self.mostEpochs else {
            throw SharedMemoryError(
                .badPlan, "a first epoch of \(plan.firstEpoch): it must be below \(Self.mostEpochs)")
        }
        guard plan.diesPerNPU >= 1, plan.diesPerServer >= plan.diesPerNPU,
            plan.diesPerServer <= SegmentPlan.maximumServerDieCount,
            plan.diesPerServer % plan.diesPerNPU == 0
        else {
            throw SharedMemoryError(
                .badPlan,
                "\(plan.diesPerNPU) dies an NPU and \(plan.diesPerServer) a server: a server has whole NPUs of at least one"
            )
        }
        guard (1...SegmentPlan.maximumCoreCount).contains(plan.coreCount) else {
            throw SharedMemoryError(
                .badPlan, "\(plan.coreCount) cores: a host has 1 to \(SegmentPlan.maximumCoreCount)")
        }
        guard (1...plan.dieCount).contains(plan.diesPerProcess) else {
            throw SharedMemoryError(
                .badPlan, "\(plan.diesPerProcess) dies per process: must be 1 to \(plan.dieCount), the number of dies")
        }
    }

    private static func map(
        _ descriptor: Int32, _ byteCount: Int
    ) throws(SharedMemoryError) -> UnsafeMutableRawPointer {
        // SAFETY: a fresh shared mapping of a descriptor we hold; the result is checked.
        let address = unsafe mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw SharedMemoryError(.system, "cannot map \(byteCount) bytes: \(errorText(errno))", errno: errno)
        }
        return unsafe address
    }

    private func writeHeader() {
        word(at: SegmentLayout.versionOffset).storeRelaxed(UInt64(SegmentLayout.version))
        word(at: SegmentLayout.abiDigestOffset).storeRelaxed(SegmentLayout.abiDigest)
        word(at: SegmentLayout.nonceOffset).storeRelaxed(plan.nonce.0)
        word(at: SegmentLayout.nonceOffset + 8).storeRelaxed(plan.nonce.1)
        word(at: SegmentLayout.topologyDigestOffset).storeRelaxed(plan.topologyDigest)
        word(at: SegmentLayout.dieCountOffset).storeRelaxed(UInt64(plan.dieCount))
        word(at: SegmentLayout.diesPerProcessOffset).storeRelaxed(UInt64(plan.diesPerProcess))
        word(at: SegmentLayout.segmentByteCountOffset).storeRelaxed(UInt64(byteCount))
        word(at: SegmentLayout.windowByteCountOffset).storeRelaxed(UInt64(plan.windowByteCount))
        word(at: SegmentLayout.firstRankOffset).storeRelaxed(UInt64(plan.firstRank))
        word(at: SegmentLayout.rankCountOffset).storeRelaxed(UInt64(plan.rankCount))
        word(at: SegmentLayout.widestHostOffset).storeRelaxed(UInt64(plan.widestHostDieCount))
        word(at: SegmentLayout.firstEpochOffset).storeRelaxed(plan.firstEpoch)
        word(at: SegmentLayout.diesPerNPUOffset).storeRelaxed(UInt64(plan.diesPerNPU))
        word(at: SegmentLayout.diesPerServerOffset).storeRelaxed(UInt64(plan.diesPerServer))
        word(at: SegmentLayout.coreCountOffset).storeRelaxed(UInt64(plan.coreCount))
        word(at: SegmentLayout.agentProcessOffset).storeRelaxed(UInt64(getpid()))
        // Releases the header; acquired in readHeader.
        word(at: SegmentLayout.magicOffset).storeReleasing(SegmentLayout.magic)
    }

    static func readHeader(
        _ base: UnsafeMutableRawPointer, fileByteCount: Int
    ) throws(SharedMemoryError) -> SegmentPlan {
        func field(_ offset: Int) -> UInt64 { unsafe Word(base + offset).loadAcquiring() }
        func expect(_ name: String, _ offset: Int, _ wanted: UInt64) throws(SharedMemoryError) {
            let found = field(offset)
            guard found == wanted || Mutated.layoutDigest else {
                throw SharedMemoryError(
                    .refused, "the segment's \(name) is \(found), this process needs \(wanted): mixed builds or runs")
            }
        }
        try expect("magic", SegmentLayout.magicOffset, SegmentLayout.magic)
        try expect("layout version", SegmentLayout.versionOffset, UInt64(SegmentLayout.version))
        try expect("ABI digest", SegmentLayout.abiDigestOffset, SegmentLayout.abiDigest)
        try expect("byte count", SegmentLayout.segmentByteCountOffset, UInt64(fileByteCount))
        let counts = [
            field(SegmentLayout.dieCountOffset), field(SegmentLayout.windowByteCountOffset),
            field(SegmentLayout.diesPerProcessOffset), field(SegmentLayout.firstRankOffset),
            field(SegmentLayout.rankCountOffset), field(SegmentLayout.widestHostOffset),
            field(SegmentLayout.diesPerNPUOffset), field(SegmentLayout.diesPerServerOffset),
            field(SegmentLayout.coreCountOffset),
        ].map { Int(clamping: $0) }
        let plan = SegmentPlan(
            dieCount: counts[0], windowByteCount: counts[1], diesPerProcess: counts[2],
            nonce: (field(SegmentLayout.nonceOffset), field(SegmentLayout.nonceOffset + 8)),
            topologyDigest: field(SegmentLayout.topologyDigestOffset), firstRank: counts[3], rankCount: counts[4],
            widestHostDieCount: counts[5], firstEpoch: field(SegmentLayout.firstEpochOffset), diesPerNPU: counts[6],
            diesPerServer: counts[7], coreCount: counts[8])
        try check(plan)
        let needed = byteCount(of: plan)
        guard needed == fileByteCount else {
            throw SharedMemoryError(
                .refused, "the segment has \(fileByteCount) bytes, its own counts ask for \(needed)")
        }
        return plan
    }

    /// The process that made the segment.
    public var agentProcess: Int { Int(clamping: word(at: SegmentLayout.agentProcessOffset).loadAcquiring()) }

    package func word(at offset: Int) -> Word {
        precondition(offset >= 0 && offset + 8 <= byteCount && offset % 8 == 0, "a word outside the segment")
        return unsafe Word(base + offset)
    }

    static func errorText(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
