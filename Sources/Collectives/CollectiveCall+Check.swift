internal import Fabric
internal import Tensors

// What a member can see to be wrong with its own call is a programmer error.

extension CollectiveCall {
    /// Stops the process if the arguments do not fit together or do not lie in the heap.
    func check(_ team: Team, _ workspace: CollectiveWorkspace) {
        algorithm.check()
        let size = team.size
        let me = team.rank
        precondition((0..<size).contains(root), "the root is a member")
        let block = blockByteCount(size)
        switch operation {
        case .barrier: return
        case .broadcast:
            if me == root { checkLengths(block, block) }
            checkOverlap(me == root ? source == destination : nil)
        case .allGather:
            checkLengths(block, Self.product(size, block))
            checkOverlap(source.offset == destination.offset + me * block)
        case .allGatherV:
            precondition(receiveOffsets.count == size + 1, "one length for each member")
            precondition(
                source.byteCount == receiveOffsets[me + 1] - receiveOffsets[me],
                "the source is as long as the list says")
            checkLengths(source.byteCount, receiveOffsets[size])
            checkOverlap(source.offset == destination.offset + receiveOffsets[me])
        case .reduceScatter:
            checkLengths(Self.product(size, block), block)
            checkElements()
            checkOverlap(destination.offset == source.offset + me * block)
        case .allReduce:
            checkLengths(block, block)
            checkElements()
            checkOverlap(source == destination)
        case .reduce:
            if me == root { checkLengths(block, block) }
            checkElements()
            checkOverlap(me == root ? source == destination : nil)
        case .allToAll:
            precondition(source.byteCount % size == 0, "the source is one block for each member")
            checkLengths(source.byteCount, source.byteCount)
            checkOverlap(false)
        case .allToAllV:
            precondition(
                sendOffsets.count == size + 1 && receiveOffsets.count == size + 1, "one length for each member")
            precondition(
                sendOffsets[me + 1] - sendOffsets[me] == receiveOffsets[me + 1] - receiveOffsets[me],
                "what a member sends to itself it receives")
            checkLengths(sendOffsets[size], receiveOffsets[size])
            checkOverlap(false)
        case .gather:
            if me == root { checkLengths(block, Self.product(size, block)) }
            checkOverlap(me == root ? source.offset == destination.offset + me * block : nil)
        case .scatter:
            if me == root { checkLengths(Self.product(size, block), block) }
            checkOverlap(me == root ? destination.offset == source.offset + me * block : nil)
        case .sendReceive:
            precondition((target == me) == (origin == me), "who sends to itself receives from itself")
            precondition(
                (target.map((0..<size).contains) ?? true) && (origin.map((0..<size).contains) ?? true),
                "partners are members")
            if target == me { checkLengths(source.byteCount, source.byteCount) }
            checkOverlap(target != nil && origin != nil ? false : nil)
        }
        checkPlace(source, workspace, "the source is not inside the window's heap, or overlaps the workspace")
        checkPlace(destination, workspace, "the destination is not inside the window's heap, or overlaps the workspace")
    }

    private func checkLengths(_ sourceByteCount: Int, _ destinationByteCount: Int) {
        precondition(source.byteCount == sourceByteCount, "the source has another length than the operation needs")
        precondition(
            destination.byteCount == destinationByteCount, "the destination has another length than the operation needs"
        )
    }

    /// Regions are apart, or lie exactly as the operation allows; nil where one of them does not matter.
    private func checkOverlap(_ isInPlace: Bool?) {
        guard let isInPlace else { return }
        precondition(
            isInPlace || source.byteCount == 0 || destination.byteCount == 0 || !source.overlaps(destination),
            "source and destination overlap in a way this operation does not allow")
    }

    /// Whole elements, aligned to their size.
    private func checkElements() {
        checkElements(source)
        checkElements(destination)
    }

    private func checkElements(_ region: Region) {
        precondition(
            region.byteCount % type.byteCount == 0 && region.offset % type.byteCount == 0 || region.byteCount == 0,
            "a reduction works on whole elements, aligned to their size")
    }

    private func checkPlace(_ region: Region, _ workspace: CollectiveWorkspace, _ what: StaticString) {
        guard region.byteCount > 0 else { return }
        let endpoint = workspace.endpoint
        precondition(
            region.offset >= endpoint.reservedByteCount
                && region.offset <= endpoint.windowByteCount - region.byteCount
                && !region.overlaps(workspace.region), "\(what)")
    }

    /// A product that is a length, or a programmer error.
    private static func product(_ first: Int, _ second: Int) -> Int {
        let (value, overflow) = first.multipliedReportingOverflow(by: second)
        precondition(first >= 0 && second >= 0 && !overflow, "a length that is no length")
        return value
    }
}
