public import Fabric
internal import Hashing
public import Tensors

/// One call of one operation with made-up arguments and data, the same at every member: what tests, `softpod verify` and
/// benchmarks run for a catalog entry.
///
/// All lengths, roots and bytes follow from the values here, so each member can compute the input of all, and an oracle the
/// result, without talking.
public struct CollectiveTrial: Sendable, CustomStringConvertible {
    /// The operation.
    public var operation: CollectiveOperation
    /// Members of the team.
    public var size: Int
    /// Elements of a block; lengths of the v-forms vary around it.
    public var count: Int
    /// Element type; for operations without arithmetic it is only a width.
    public var type: ElementType
    /// Matters to reductions only.
    public var reduction: Reduction
    /// Makes data, lengths, roots.
    public var seed: UInt64
    /// Whether source and destination share memory, where the operation allows that.
    public var isInPlace: Bool
    /// Whether one real in sixteen is a NaN, an infinity, a zero or a subnormal; benchmarks want none, as some
    /// processors are slow with them.
    public var hasSpecials = true

    /// A trial of one operation.
    public init(
        _ operation: CollectiveOperation, size: Int, count: Int, type: ElementType = .float32,
        reduction: Reduction = .sum, seed: UInt64 = 1, isInPlace: Bool = false
    ) {
        precondition(size > 0 && count >= 0, "a team has members, and a block no negative length")
        self.operation = operation
        self.size = size
        self.count = count
        self.type = type
        self.reduction = reduction
        self.seed = seed
        self.isInPlace = isInPlace
    }

    /// All values, so that a message replays the trial.
    public var description: String {
        "\(operation) of \(count) \(type) (\(reduction)) among \(size), seed \(seed)\(isInPlace ? ", in place" : "")"
    }

    /// The member that is the root, where there is one.
    public var root: Int { Int(mix(1, 0) % UInt64(size)) }

    /// How many members on each member sends, for send/receive.
    public var shift: Int { Int(mix(2, 0) % UInt64(size)) }

    /// Bytes of a plain block.
    public var blockByteCount: Int { count * type.byteCount }

    /// Bytes that go from one member to another where lengths differ: many zeros, a hot member, odd lengths.
    ///
    /// For an all-gather the second member does not matter.
    public func byteCount(from: Int, to: Int) -> Int {
        let isGather = operation == .allGatherV
        let hash = mix(3, UInt64(isGather ? from : from * size + to))
        let isHot = !isGather && to == root
        let elements: Int =
            switch hash % 4 {
            case _ where isHot: count
            case 0, 1: isGather ? count / 2 : 0
            case 2: min(count, 3)
            default: count
            }
        return elements * type.byteCount
    }

    /// Bytes that go from one member to another, or would if blocks were not folded.
    private func part(from: Int, to: Int) -> Int {
        operation == .allGatherV || operation == .allToAllV ? byteCount(from: from, to: to) : blockByteCount
    }

    /// Bytes a member gives.
    public func sourceByteCount(_ member: Int) -> Int {
        if operation.onlyRootGives, member != root { return 0 }
        return switch operation.source {
        case .none: 0
        case .one: part(from: member, to: 0)
        case .oneOfEach: (0..<size).reduce(0) { $0 + part(from: member, to: $1) }
        }
    }

    /// Bytes a member gets.
    public func destinationByteCount(_ member: Int) -> Int {
        if operation.onlyRootTakes, member != root { return 0 }
        return switch operation.destination {
        case .none: 0
        case .one: blockByteCount
        case .oneOfEach: (0..<size).reduce(0) { $0 + part(from: $1, to: member) }
        }
    }

    /// Bytes of heap that source and destination of any member need together.
    public var areaByteCount: Int {
        (0..<size).map { Self.padded(sourceByteCount($0)) + Self.padded(destinationByteCount($0)) }.max() ?? 0
    }

    /// Where source and destination of a member lie in an area of ``areaByteCount``.
    public func regions(of member: Int, in area: Region) -> (source: Region, destination: Region) {
        let source = area.slice(0, sourceByteCount(member))
        let destination = area.slice(Self.padded(source.byteCount), destinationByteCount(member))
        let isPlain = operation.isRooted && member != root || operation == .sendReceive
        guard isInPlace, !isPlain else { return (source, destination) }
        switch (operation.source, operation.destination) {
        case (.one, .one): return (source, source)
        case (.oneOfEach, .one): return (source, source.slice(member * blockByteCount, blockByteCount))
        case (.one, .oneOfEach):
            let before = (0..<member).reduce(0) { $0 + part(from: $1, to: member) }
            return (destination.slice(before, source.byteCount), destination)
        default: return (source, destination)
        }
    }

    /// The call at a member, with its arguments.
    public func call(
        _ me: Int, source: Region, destination: Region, algorithm: CollectiveAlgorithm
    ) -> CollectiveCall {
        let all = 0..<size
        return CollectiveCall(
            operation, source, destination, root: operation.isRooted ? root : 0, type: type, reduction: reduction,
            sendByteCounts: operation == .allToAllV ? all.map { byteCount(from: me, to: $0) } : [],
            receiveByteCounts: all.map { part(from: $0, to: me) },
            target: operation == .sendReceive ? (me + shift) % size : nil,
            origin: operation == .sendReceive ? (me + size - shift) % size : nil, algorithm: algorithm,
            site: CallSite(#fileID, #line))
    }

    /// Calls the operation.
    public func run(
        on collective: Collective, source: Region, destination: Region, algorithm: CollectiveAlgorithm
    ) throws(FabricError) {
        try collective.run(
            call(collective.team.rank, source: source, destination: destination, algorithm: algorithm))
    }

    static func padded(_ byteCount: Int) -> Int { (byteCount + 63) / 64 * 64 }

    /// SplitMix64's finish over seed, stream and index.
    func mix(_ stream: UInt64, _ index: UInt64) -> UInt64 {
        SplitMix64.finish(seed &+ stream &* 0xD1B5_4A32_D192_ED03 &+ (index &+ 1) &* SplitMix64.increment)
    }
}
