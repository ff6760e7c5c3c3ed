public import Fabric
public import Tensors

// The operations. All members call the same ones in the same order with arguments that fit together, and run or start them:
// `try collective.run(.allReduce(source, into: destination, type: .float32, reduction: .sum))`.

extension CollectiveCall {
    /// All members have come this far, and what they put before is visible to all.
    ///
    /// A barrier moves no bytes, so there is nothing to split: pushed, each member sends one event to each other; otherwise it is the
    /// team's own, one arrival and one wait a member.
    public static func barrier(
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        let nothing = Region(offset: 0, byteCount: 0)
        return CollectiveCall(.barrier, nothing, nothing, algorithm: algorithm, site: CallSite(file, line))
    }

    /// Copies the root's source to every member's destination, the root's own included.
    ///
    /// - Parameters:
    ///   - source: at the root, as long as the destination; ignored elsewhere. May be the destination itself.
    ///   - destination: the same length at every member.
    ///   - root: number of the member in the team; the same at every member.
    public static func broadcast(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.broadcast, source, destination, root: root, algorithm: algorithm, site: CallSite(file, line))
    }

    /// Every member gets the blocks of all, in member order.
    ///
    /// - Parameters:
    ///   - source: this member's block, at any offset. May be its own place in the destination.
    ///   - byteCounts: the length of each member's block, the same list at every member, zeros are fine; nil where all are as long as
    ///     the source.
    ///   - destination: all blocks, one behind the other.
    /// - Throws: when run, `.mismatch` also where the lists differ.
    public static func allGather(
        _ source: Region, byteCounts: [Int]? = nil, into destination: Region,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            byteCounts == nil ? .allGather : .allGatherV, source, destination, receiveByteCounts: byteCounts ?? [],
            algorithm: algorithm, site: CallSite(file, line))
    }

    /// Every member gets its block of the element-wise reduction of all sources, folded in member order.
    ///
    /// - Parameters:
    ///   - source: n blocks of one length, the same at every member; aligned to the element size.
    ///   - destination: one block; apart from the source, or exactly this member's block of it.
    public static func reduceScatter(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .reduceScatter, source, destination, type: type, reduction: reduction, algorithm: algorithm,
            site: CallSite(file, line))
    }

    /// Every member gets the element-wise reduction of all sources, folded in member order.
    ///
    /// - Parameters:
    ///   - source: the same length at every member; aligned to the element size.
    ///   - destination: as long; the source itself or apart from it.
    public static func allReduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .allReduce, source, destination, type: type, reduction: reduction, algorithm: algorithm,
            site: CallSite(file, line))
    }

    /// Block j of member i goes to block i of member j.
    ///
    /// - Parameters:
    ///   - source: n blocks of one length, the same at every member.
    ///   - destination: as long, and apart from the source.
    public static func allToAll(
        _ source: Region, into destination: Region, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.allToAll, source, destination, algorithm: algorithm, site: CallSite(file, line))
    }

    /// As ``allToAll(_:into:algorithm:file:line:)`` with a length for each pair: blocks lie one behind the other, in member order.
    ///
    /// - Parameters:
    ///   - sendByteCounts: what goes to each member; zeros are fine.
    ///   - receiveByteCounts: what comes from each member; what that member says it sends.
    /// - Throws: when run, `.mismatch` naming a member that sends or takes another number of bytes than is expected here.
    public static func allToAllV(
        _ source: Region, sendByteCounts: [Int], into destination: Region, receiveByteCounts: [Int],
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .allToAllV, source, destination, sendByteCounts: sendByteCounts, receiveByteCounts: receiveByteCounts,
            algorithm: algorithm, site: CallSite(file, line))
    }

    /// The root gets the element-wise reduction of all sources, folded in member order.
    ///
    /// - Parameters:
    ///   - source: the same length at every member; aligned to the element size.
    ///   - destination: as long, at the root, and the source itself or apart from it; ignored and untouched elsewhere.
    public static func reduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction, root: Int,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .reduce, source, destination, root: root, type: type, reduction: reduction, algorithm: algorithm,
            site: CallSite(file, line))
    }

    /// The root gets the blocks of all, in member order.
    ///
    /// - Parameters:
    ///   - source: this member's block, one length everywhere. At the root it may be its own place in the destination.
    ///   - destination: n blocks at the root; ignored elsewhere.
    public static func gather(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.gather, source, destination, root: root, algorithm: algorithm, site: CallSite(file, line))
    }

    /// Every member gets its block of the root's source.
    ///
    /// - Parameters:
    ///   - source: n blocks at the root, in member order; ignored elsewhere.
    ///   - destination: this member's block, one length everywhere. At the root it may be its own place in the source.
    public static func scatter(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.scatter, source, destination, root: root, algorithm: algorithm, site: CallSite(file, line))
    }

    /// Sends one block to one member and receives one from another, as rings and pipelines do.
    ///
    /// Only members that talk take part: one that neither sends nor receives need not call.
    /// - Parameters:
    ///   - source: what to send.
    ///   - target: to whom, or nil to send nothing. May be this member itself, if it is the origin as well.
    ///   - destination: where to receive; apart from the source.
    ///   - origin: from whom, or nil to receive nothing.
    /// - Throws: when run, `.mismatch` also where the partner sends or takes another number of bytes.
    public static func sendReceive(
        _ source: Region, to target: Int?, into destination: Region, from origin: Int?,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .sendReceive, source, destination, target: target, origin: origin, algorithm: algorithm,
            site: CallSite(file, line))
    }
}
