internal import Kernels
internal import Tensors

/// The numbers a schedule is a function of: equal at all members.
package struct ScheduleShape: Sendable {
    /// The operation.
    package var operation: CollectiveOperation
    /// Members of the team.
    package var size: Int
    /// The member that plays another part, in rooted operations.
    package var root: Int
    /// Bytes of a plain block; for an all-reduce, reduce or broadcast all there is.
    package var block: Int
    /// Where blocks start in the destination of an all-gather of differing lengths, and one past the last end.
    package var offsets: [Int] = []
    /// Bytes of an element and of its accumulator, where elements are folded.
    package var element = 1
    package var accumulator = 1
    /// Bytes of staging at each member.
    package var staging: Int
    /// The longest piece that is handed on at once.
    package var pieceLimit = 128 << 10

    package init(operation: CollectiveOperation, size: Int, root: Int, block: Int, staging: Int) {
        self.operation = operation
        self.size = size
        self.root = root
        self.block = block
        self.staging = staging
    }

    /// Where the block of a member goes in each destination, and how long it is.
    func block(of member: Int) -> (start: Int, byteCount: Int) {
        if operation == .broadcast { return (0, member == root ? block : 0) }
        guard operation == .allGatherV else { return (member * block, block) }
        return (offsets[member], offsets[member + 1] - offsets[member])
    }

    /// The part of a block that belongs to a round, if pieces have at most so many bytes: its start in the block, and its length.
    func piece(_ byteCount: Int, _ round: Int, limit: Int) -> (start: Int, byteCount: Int) {
        let start = min(byteCount, round * limit)
        return (start, min(limit, byteCount - start))
    }

    /// Rounds it takes until all pieces of all blocks are through.
    func rounds(limit: Int) -> Int {
        var longest = block
        if operation == .allGatherV {
            longest = 0
            for member in 0..<size { longest = max(longest, block(of: member).byteCount) }
        }
        return Self.quotient(longest, limit)
    }

    /// A quotient rounded up.
    static func quotient(_ dividend: Int, _ divisor: Int) -> Int {
        dividend / divisor + (dividend % divisor == 0 ? 0 : 1)
    }

    /// Bytes of a member's source, at which the operation looks; lengths that only two members know are theirs.
    package func sourceByteCount(_ member: Int) -> Int {
        if operation == .allToAllV || operation.onlyRootGives && member != root { return 0 }
        return switch operation.source {
        case .none: 0
        case .one: block(of: member).byteCount
        case .oneOfEach: size * block
        }
    }

    /// Bytes of a member's destination.
    package func destinationByteCount(_ member: Int) -> Int {
        if operation == .allToAllV || operation.onlyRootTakes && member != root { return 0 }
        return switch operation.destination {
        case .none: 0
        case .one: block
        case .oneOfEach: operation == .allGatherV ? offsets[size] : size * block
        }
    }
}

extension ScheduleShape {
    /// The shape of a call.
    init(_ call: CollectiveCall, size: Int, staging: Int) {
        self.init(
            operation: call.operation, size: size, root: call.root, block: call.blockByteCount(size), staging: staging)
        if call.operation == .allGatherV { offsets = call.receiveOffsets }
        if call.operation.isReduction {
            element = call.type.byteCount
            accumulator = ReductionTile.accumulatorByteCount(call.type)
        }
    }
}
