extension Segment {
    /// The window of a die of this host, by its rank in the cluster.
    public func window(of rank: Int) -> Window {
        precondition(plan.ranks.contains(rank), "no such die here")
        let offset =
            SegmentLayout.windowsOffset(dieCount: plan.dieCount, rankCount: plan.rankCount)
            + (rank - plan.firstRank) * SegmentLayout.windowStride(windowByteCount: plan.windowByteCount)
        return unsafe Window(base: base + offset, byteCount: plan.windowByteCount)
    }

    /// Bytes between one die's window and the next one's.
    public var windowStride: Int { SegmentLayout.windowStride(windowByteCount: plan.windowByteCount) }

    /// The control block of a die of this host, by its rank in the cluster.
    public func control(of rank: Int) -> ControlBlock {
        precondition(plan.ranks.contains(rank), "no such die here")
        return unsafe ControlBlock(
            base: base + SegmentLayout.controlOffset + (rank - plan.firstRank) * SegmentLayout.controlByteCount)
    }

    /// What a die of this host posts to the switch, by its rank in the cluster. Only where there are ranks on other hosts.
    public func port(of rank: Int) -> Port {
        precondition(plan.ranks.contains(rank) && plan.hasFarRanks, "no such port here")
        return unsafe Port(
            base: base + SegmentLayout.portsOffset(dieCount: plan.dieCount, rankCount: plan.rankCount)
                + (rank - plan.firstRank) * PortLayout.byteCount)
    }

    /// What wakes the host's switch. Only where there are ranks on other hosts.
    public var switchBell: SwitchBell? {
        guard let switchEvent else { return nil }
        return unsafe SwitchBell(word: Word(base + SegmentLayout.switchBellOffset), event: switchEvent)
    }

    /// The block all dies watch: epoch and verdict.
    public var cluster: ClusterBlock {
        unsafe ClusterBlock(base: base + SegmentLayout.clusterOffset, firstEpoch: plan.firstEpoch)
    }

    /// Moves the epoch with a verdict, and wakes every die of this host that sleeps.
    ///
    /// The first caller wins; later verdicts of the same run are dropped, so that the first cause is the one reported.
    /// - Returns: whether this call was the first.
    @discardableResult
    public func publish(_ verdict: Verdict) -> Bool {
        let first = cluster.publish(verdict)
        if first {
            for rank in plan.ranks { control(of: rank).wakeAnyway() }
            switchBell?.wakeSwitch()
        }
        return first
    }
}

/// A die's memory: the same offsets on every rank, readable and writable by all.
@safe
public struct Window: @unchecked Sendable, BitwiseCopyable {
    /// First byte.
    @usableFromInline package let base: UnsafeMutableRawPointer
    /// Bytes in the window.
    public let byteCount: Int

    @inlinable
    package init(base: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe self.base = base
        self.byteCount = byteCount
    }
}

extension Segment {
    /// First control block and the distance between neighbours, for the shared-memory transport.
    package var controlBase: UnsafeMutableRawPointer { unsafe base + SegmentLayout.controlOffset }
    package var controlStride: Int { SegmentLayout.controlByteCount }
}

extension ControlBlock {
    @inlinable @inline(__always)
    package init(address: UnsafeMutableRawPointer) { unsafe base = address }
}
