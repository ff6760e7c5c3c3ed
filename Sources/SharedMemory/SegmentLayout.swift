internal import Hashing

/// Where everything lies in a segment.
///
/// One segment serves one host and one run. All numbers are little-endian, fixed-size integers; every group that has its own
/// writer has its own 64-byte line. Offsets are from the start of the segment:
///
/// ```
/// 0      header page (4096): magic, version, digests, counts, offsets     written once by the agent before any child starts
/// 4096   cluster block (4096): epoch, verdict                             written by the agent, or by the first rank that
///                                                                          sees the agent die (claimed by compare-exchange)
///        at 1024: the switch's bell (u64), 1 while it sleeps               set by the switch, taken back by the rank that wakes it
/// 8192   control blocks, 4096 bytes a die: doorbell, state, wait record, phase, counters, flight recorder     one writer: the die
/// ...    members: who was lost in which epoch, and what members agree on: see MemberBlock
/// ...    ports, one a die, only where the cluster has ranks on other hosts: see PortLayout
/// ...    windows, one a die at a fixed stride, page-aligned; the stride has one guard page that is never touched
/// ```
///
/// Changing anything here is a version bump.
public enum SegmentLayout {
    /// "SOFTPOD1" read as a little-endian number.
    public static let magic: UInt64 = 0x3144_4F50_5446_4F53
    /// Raised whenever a byte of the layout changes its meaning.
    public static let version: UInt32 = 7
    /// Bytes in a page.
    public static let pageByteCount = 4096
    /// Bytes in a cache line.
    public static let lineByteCount = 64

    // Header page.
    static let magicOffset = 0
    static let versionOffset = 8
    static let abiDigestOffset = 16
    static let nonceOffset = 24
    static let topologyDigestOffset = 40
    static let dieCountOffset = 48
    static let diesPerProcessOffset = 56
    static let segmentByteCountOffset = 64
    static let windowByteCountOffset = 72
    static let agentProcessOffset = 80
    static let firstRankOffset = 88
    static let rankCountOffset = 96
    static let widestHostOffset = 104
    static let firstEpochOffset = 112
    static let diesPerNPUOffset = 120
    static let diesPerServerOffset = 128
    static let coreCountOffset = 136

    // Cluster block.
    static let clusterOffset = 4096
    static let epochOffset = clusterOffset
    static let verdictOffset = clusterOffset + 64
    static let switchBellOffset = clusterOffset + 1024

    // Control blocks.
    static let controlOffset = 8192
    static let controlByteCount = 4096

    /// At most this many dies share a segment: the supernode has 768, and tests go a little beyond.
    public static let maximumDieCount = 4096
    /// A doorbell names a word by a 32-bit index of eight bytes, so a window is at most 16 GiB.
    public static let maximumWindowByteCount = 16 << 30

    /// Start of the members.
    static func membersOffset(dieCount: Int) -> Int {
        roundUp(controlOffset + dieCount * controlByteCount, to: pageByteCount)
    }

    /// Start of the first port.
    static func portsOffset(dieCount: Int, rankCount: Int) -> Int {
        roundUp(membersOffset(dieCount: dieCount) + MemberBlock.byteCount(ranks: rankCount), to: pageByteCount)
    }

    /// Start of the first window.
    static func windowsOffset(dieCount: Int, rankCount: Int) -> Int {
        portsOffset(dieCount: dieCount, rankCount: rankCount)
            + (rankCount != dieCount ? dieCount * PortLayout.byteCount : 0)
    }

    /// Distance between the windows of neighbours.
    static func windowStride(windowByteCount: Int) -> Int {
        roundUp(windowByteCount, to: pageByteCount) + pageByteCount
    }

    /// Bytes of the whole segment.
    static func segmentByteCount(dieCount: Int, windowByteCount: Int, rankCount: Int) -> Int {
        windowsOffset(dieCount: dieCount, rankCount: rankCount)
            + dieCount * windowStride(windowByteCount: windowByteCount)
    }

    /// The next multiple of `alignment`, a power of two.
    @inlinable
    public static func roundUp(_ value: Int, to alignment: Int) -> Int {
        (value + alignment - 1) & ~(alignment - 1)
    }

    /// A number that differs between builds whose shared structures differ.
    ///
    /// FNV-1a over every constant two processes must agree on.
    public static let abiDigest: UInt64 = {
        let facts: [Int] = [
            Int(version), pageByteCount, lineByteCount, clusterOffset, epochOffset, verdictOffset, controlOffset,
            controlByteCount, ControlBlock.doorbellOffset, ControlBlock.stateOffset, ControlBlock.waitOffset,
            ControlBlock.phaseOffset, ControlBlock.countersOffset, FlightRecorder.offset, PortLayout.entryCount,
            PortLayout.stagingOffset, PortLayout.byteCount, switchBellOffset, MemberBlock.entriesOffset,
            MemberBlock.entryByteCount, ControlBlock.agreementOffset, Verdict.byteCount, Int.bitWidth,
            MemoryLayout<Int>.alignment,
        ]
        var hash = FNV1a()
        for fact in facts { hash.add(UInt64(truncatingIfNeeded: fact)) }
        return hash.value
    }()
}
