extension Segment {
    /// The window of a die, by its rank on this host.
    public func window(of rank: Int) -> Window {
        precondition((0..<plan.dieCount).contains(rank), "no such die")
        let offset =
            SegmentLayout.windowsOffset(dieCount: plan.dieCount)
            + rank * SegmentLayout.windowStride(windowByteCount: plan.windowByteCount)
        return unsafe Window(base: base + offset, byteCount: plan.windowByteCount)
    }

    /// Bytes between one die's window and the next one's.
    public var windowStride: Int { SegmentLayout.windowStride(windowByteCount: plan.windowByteCount) }

    /// The control block of a die.
    public func control(of rank: Int) -> ControlBlock {
        precondition((0..<plan.dieCount).contains(rank), "no such die")
        return unsafe ControlBlock(
            base: base + SegmentLayout.controlOffset + rank * SegmentLayout.controlByteCount)
    }

    /// The block all dies watch: epoch and verdict.
    public var cluster: ClusterBlock { unsafe ClusterBlock(base: base + SegmentLayout.clusterOffset) }

    /// Moves the epoch with a verdict, and wakes every die of this host that sleeps.
    ///
    /// The first caller wins; later verdicts of the same run are dropped, so that the first cause is the one reported.
    /// - Returns: whether this call was the first.
    @discardableResult
    public func publish(_ verdict: Verdict) -> Bool {
        let first = cluster.publish(verdict)
        if first {
            for rank in 0..<plan.dieCount { control(of: rank).wakeAnyway() }
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
