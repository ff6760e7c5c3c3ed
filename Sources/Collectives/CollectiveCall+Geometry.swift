internal import Fabric

// Which bytes go from where to where. All lengths are in bytes, all starts are relative to a member's source or destination.

extension CollectiveCall {
    /// Bytes of a plain block, for a team of `size`.
    func blockByteCount(_ size: Int) -> Int {
        switch operation {
        case .allToAll: source.byteCount / size
        case .reduceScatter, .scatter, .broadcast: destination.byteCount
        default: source.byteCount
        }
    }

    /// The size of a call as tables and benchmarks count it, equal at every member: of broadcast, reduce and all-reduce
    /// the block; of all-gather, reduce-scatter, all-to-all, gather and scatter the whole buffer of all blocks. Nil
    /// where members do not share a number.
    func sharedByteCount(_ size: Int) -> Int? {
        switch operation {
        case .barrier: 0
        case .broadcast, .allGatherV: destination.byteCount
        case .allReduce, .reduce, .reduceScatter, .allToAll: source.byteCount
        case .allGather, .gather: source.byteCount.multipliedReportingOverflow(by: size).partialValue
        case .scatter: destination.byteCount.multipliedReportingOverflow(by: size).partialValue
        case .allToAllV, .sendReceive: nil
        }
    }

    /// This member's bytes for another: where they start in its source, and how many they are.
    func outgoing(to member: Int, _ size: Int, me: Int) -> (start: Int, byteCount: Int) {
        switch operation {
        case .allGather: (0, source.byteCount)
        case .allGatherV: (0, source.byteCount)
        case .broadcast: me == root ? (0, destination.byteCount) : (0, 0)
        case .gather: member == root ? (0, source.byteCount) : (0, 0)
        case .scatter: me == root ? (member * destination.byteCount, destination.byteCount) : (0, 0)
        case .allToAll: (member * (source.byteCount / size), source.byteCount / size)
        case .allToAllV: (sendOffsets[member], sendOffsets[member + 1] - sendOffsets[member])
        case .sendReceive: member == target ? (0, source.byteCount) : (0, 0)
        case .barrier, .reduceScatter, .allReduce, .reduce: (0, 0)
        }
    }

    /// Another member's bytes for this one: where they go in its destination, and how many they are.
    func incoming(from member: Int, _ size: Int, me: Int) -> (start: Int, byteCount: Int) {
        switch operation {
        case .allGather: (member * source.byteCount, source.byteCount)
        case .allGatherV, .allToAllV: (receiveOffsets[member], receiveOffsets[member + 1] - receiveOffsets[member])
        case .broadcast: member == root ? (0, destination.byteCount) : (0, 0)
        case .gather: me == root ? (member * source.byteCount, source.byteCount) : (0, 0)
        case .scatter: member == root ? (0, destination.byteCount) : (0, 0)
        case .allToAll: (member * (source.byteCount / size), source.byteCount / size)
        case .sendReceive: member == origin ? (0, destination.byteCount) : (0, 0)
        case .barrier, .reduceScatter, .allReduce, .reduce: (0, 0)
        }
    }

    /// Whether two members say anything to each other when they deal pairwise.
    func arePartners(_ first: Int, _ second: Int) -> Bool {
        guard first != second else { return false }
        return operation.isRooted ? first == root || second == root : true
    }

    /// Bytes all members move together, own blocks included: for tables, and to see when caches will not hold them.
    func totalByteCount(_ size: Int) -> Int {
        switch operation {
        case .barrier: 0
        // The same at every member, of which one has more in rooted operations.
        case .gather, .reduce: size * source.byteCount
        case .broadcast, .scatter: size * destination.byteCount
        case .allGather, .allReduce, .reduceScatter, .allToAll: size * max(source.byteCount, destination.byteCount)
        case .allGatherV: size * destination.byteCount
        case .allToAllV: size * max(source.byteCount, destination.byteCount)
        case .sendReceive: size * source.byteCount
        }
    }
}
