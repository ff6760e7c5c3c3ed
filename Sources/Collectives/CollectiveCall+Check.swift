internal import Fabric
internal import Tensors

// What a member can see to be wrong with its own call is a programmer error.

extension CollectiveCall {
    /// Stops the process if the arguments do not fit together or do not lie in the heap.
    func check(_ team: Team, _ workspace: CollectiveWorkspace) {
        let size = team.size
        let me = team.rank
        precondition((0..<size).contains(root), "the root is a member")
        guard operation != .barrier else { return }
        checkLists(size, me)
        let gives = operation.onlyRootGives ? me == root : operation != .sendReceive || target != nil
        let takes = operation.onlyRootTakes ? me == root : operation != .sendReceive || origin != nil
        if operation != .sendReceive {
            precondition(
                !gives || source.byteCount == lengths(size, me).source,
                "the source has another length than the operation needs")
            precondition(
                !takes || destination.byteCount == lengths(size, me).destination,
                "the destination has another length than the operation needs")
        }
        precondition(
            !gives || !takes || source.byteCount == 0 || destination.byteCount == 0 || isInPlace(size, me)
                || !source.overlaps(destination),
            "source and destination overlap in a way this operation does not allow")
        checkPlace(source, workspace)
        checkPlace(destination, workspace)
    }

    private func checkPlace(_ region: Region, _ workspace: CollectiveWorkspace) {
        guard region.byteCount > 0 else { return }
        precondition(
            !operation.isReduction || region.byteCount % type.byteCount == 0 && region.offset % type.byteCount == 0,
            "a reduction works on whole elements, aligned to their size")
        precondition(
            region.offset >= workspace.endpoint.reservedByteCount
                && region.offset <= workspace.endpoint.windowByteCount - region.byteCount
                && !region.overlaps(workspace.region),
            "a region is not inside the window's heap, or overlaps the workspace")
    }

    /// What only some operations have beside regions.
    private func checkLists(_ size: Int, _ me: Int) {
        switch operation {
        case .allToAll: precondition(source.byteCount % size == 0, "the source is one block for each member")
        case .allGatherV: precondition(receiveOffsets.count == size + 1, "one length for each member")
        case .allToAllV:
            precondition(
                sendOffsets.count == size + 1 && receiveOffsets.count == size + 1, "one length for each member")
            precondition(
                sendOffsets[me + 1] - sendOffsets[me] == receiveOffsets[me + 1] - receiveOffsets[me],
                "what a member sends to itself it receives")
        case .sendReceive:
            precondition((target == me) == (origin == me), "a member that sends to itself receives from itself")
            precondition(
                (target.map((0..<size).contains) ?? true) && (origin.map((0..<size).contains) ?? true),
                "partners are members")
            precondition(
                target != me || source.byteCount == destination.byteCount, "what a member sends to itself it receives")
        default: break
        }
    }

    /// Bytes of source and destination that the operation needs at a member that has them.
    private func lengths(_ size: Int, _ me: Int) -> (source: Int, destination: Int) {
        let block = blockByteCount(size)
        switch operation {
        case .allGatherV: return (receiveOffsets[me + 1] - receiveOffsets[me], receiveOffsets[size])
        case .allToAllV: return (sendOffsets[size], receiveOffsets[size])
        default:
            let (all, overflow) = size.multipliedReportingOverflow(by: block)
            precondition(block >= 0 && !overflow, "a length that is no length")
            return (operation.source == .oneOfEach ? all : block, operation.destination == .oneOfEach ? all : block)
        }
    }

    /// Whether the regions lie in each other exactly as the operation allows: a member's own block in its place among all.
    private func isInPlace(_ size: Int, _ me: Int) -> Bool {
        switch (operation.source, operation.destination) {
        case (.one, .one): operation != .sendReceive && source == destination
        case (.one, .oneOfEach): source.offset == destination.offset + incoming(from: me, size, me: me).start
        case (.oneOfEach, .one): destination.offset == source.offset + me * blockByteCount(size)
        default: false
        }
    }
}
