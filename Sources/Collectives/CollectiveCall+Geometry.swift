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
        if operation.sharesNoLength { return nil }
        if operation == .allGatherV { return destination.byteCount }
        let isOne = operation.source != .oneOfEach && operation.destination != .oneOfEach
        return blockByteCount(size).multipliedReportingOverflow(by: isOne ? 1 : size).partialValue
    }

    /// Bytes all members move together, own blocks included: to see when caches will not hold them.
    func totalByteCount(_ size: Int) -> Int {
        size * (operation.isRooted ? blockByteCount(size) : max(source.byteCount, destination.byteCount))
    }

    /// Bytes of an all-reduce or a reduce that one member folds for all, where members divide it: whole lines.
    func sliceByteCount(_ size: Int) -> Int { ((source.byteCount + size - 1) / size + 63) / 64 * 64 }

    /// This member's bytes for another: where they start in its source, and how many they are.
    func outgoing(to member: Int, _ size: Int, me: Int) -> (start: Int, byteCount: Int) {
        if isSilent(from: me, to: member) { return (0, 0) }
        switch operation {
        case .allToAllV: return (sendOffsets[member], sendOffsets[member + 1] - sendOffsets[member])
        case .sendReceive: return member == target ? (0, source.byteCount) : (0, 0)
        default:
            let block = blockByteCount(size)
            return (operation.source == .oneOfEach ? member * block : 0, block)
        }
    }

    /// Another member's bytes for this one: where they go in its destination, and how many they are.
    func incoming(from member: Int, _ size: Int, me: Int) -> (start: Int, byteCount: Int) {
        if isSilent(from: member, to: me) { return (0, 0) }
        switch operation {
        case .allGatherV, .allToAllV:
            return (receiveOffsets[member], receiveOffsets[member + 1] - receiveOffsets[member])
        case .sendReceive: return member == origin ? (0, destination.byteCount) : (0, 0)
        default:
            let block = blockByteCount(size)
            return (operation.destination == .oneOfEach ? member * block : 0, block)
        }
    }

    /// Whether no plain bytes go from one member to another: reductions move none that are not folded.
    private func isSilent(from member: Int, to other: Int) -> Bool {
        operation.isReduction || operation == .barrier || operation.onlyRootGives && member != root
            || operation.onlyRootTakes && other != root
    }

    /// Whether two members say anything to each other when they deal pairwise; `first` is the caller.
    func arePartners(_ first: Int, _ second: Int) -> Bool {
        guard first != second else { return false }
        if operation == .sendReceive { return second == target || second == origin }
        return operation.isRooted ? first == root || second == root : true
    }
}
