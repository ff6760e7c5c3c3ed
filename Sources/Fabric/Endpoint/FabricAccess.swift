public import Faults
internal import SharedMemory

/// How far a peer's memory is, in the words of the machine that is emulated; and whether it is on this machine at all.
public enum Tier: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    /// This die's own window.
    case die
    /// The other die of the NPU.
    case npu
    /// Another NPU of the server: one hop over its L1 switches.
    case server
    /// Another server: two hops.
    case supernode
    /// A window on another host, wherever the die sits: reached through the switches of both hosts.
    case host

    /// The name in reports.
    public var description: String {
        switch self {
        case .die: "same die"
        case .npu: "same NPU"
        case .server: "same server"
        case .supernode: "same supernode"
        case .host: "other host"
        }
    }
}

/// One access to a window, as the point that all of them pass sees it: ``Endpoint/observer`` is shown it.
public struct FabricAccess: Sendable, Equatable {
    /// What is done.
    public var operation: FabricOperation
    /// The rank whose window it is.
    public var peer: Rank
    /// Where in the window it starts, in bytes.
    public var offset: Int
    /// Bytes that are read or written.
    public var byteCount: Int
    /// How far the window is.
    public var tier: Tier

    /// Bytes of payload: what ``OperationCounts/bytes`` sums. Words of signals, atomics and meetings are none.
    public var payloadByteCount: Int { operation.movesPayload ? byteCount : 0 }
}

/// What is shown each access of a die before it happens: counts, histories, faults.
public protocol AccessObserver: AnyObject {
    /// Called by the die's own thread, before the access. What it does to the window is done before the access.
    func willAccess(_ access: FabricAccess)
    /// Called by the die's own thread when it passes a named point; toward a rank where the point is about one.
    func willPass(_ point: FaultPoint, toward peer: Rank?)
    /// Called by the die's own thread before it enters a phase.
    func willEnter(phase: String)
}

extension AccessObserver {
    /// Most observers count accesses alone.
    public func willPass(_ point: FaultPoint, toward peer: Rank?) {}
    /// Likewise.
    public func willEnter(phase: String) {}
}

/// Payload by tier in the counters of the die's control block, where the summary of a run finds it.
final class TierCounters: AccessObserver {
    private let control: ControlBlock

    init(_ control: ControlBlock) { self.control = control }

    func willAccess(_ access: FabricAccess) {
        // One writer.
        let counter = control.counter(OperationCounts.tierIndex + Int(access.tier.rawValue))
        counter.storeRelaxed(counter.loadRelaxed() &+ UInt64(access.payloadByteCount))
    }
}
