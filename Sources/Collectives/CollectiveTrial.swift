public import Fabric
public import Tensors

/// One call of one operation with made-up arguments and data, the same at every member: what tests, `softpod verify` and
/// benchmarks run for a catalog entry.
///
/// All lengths, roots and bytes follow from the values here, so each member can compute everybody's input, and an oracle the
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

    /// Bytes a member gives.
    public func sourceByteCount(_ member: Int) -> Int {
        switch operation {
        case .barrier: 0
        case .broadcast: member == root ? blockByteCount : 0
        case .allGather, .allReduce, .reduce, .gather, .sendReceive: blockByteCount
        case .allGatherV: byteCount(from: member, to: 0)
        case .reduceScatter, .allToAll: size * blockByteCount
        case .allToAllV: (0..<size).reduce(0) { $0 + byteCount(from: member, to: $1) }
        case .scatter: member == root ? size * blockByteCount : 0
        }
    }

    /// Bytes a member gets.
    public func destinationByteCount(_ member: Int) -> Int {
        switch operation {
        case .barrier: 0
        case .broadcast, .reduceScatter, .allReduce, .scatter, .sendReceive: blockByteCount
        case .allGather, .allToAll: size * blockByteCount
        case .allGatherV: (0..<size).reduce(0) { $0 + byteCount(from: $1, to: 0) }
        case .allToAllV: (0..<size).reduce(0) { $0 + byteCount(from: $1, to: member) }
        case .reduce: member == root ? blockByteCount : 0
        case .gather: member == root ? size * blockByteCount : 0
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
        guard isInPlace else { return (source, destination) }
        let block = blockByteCount
        switch operation {
        case .broadcast: return member == root ? (source, source) : (source, destination)
        case .allReduce: return (source, source)
        case .reduce: return member == root ? (source, source) : (source, destination)
        case .reduceScatter: return (source, source.slice(member * block, block))
        case .scatter: return member == root ? (source, source.slice(member * block, block)) : (source, destination)
        case .allGather: return (destination.slice(member * block, block), destination)
        case .gather:
            return member == root ? (destination.slice(member * block, block), destination) : (source, destination)
        case .allGatherV:
            let before = (0..<member).reduce(0) { $0 + byteCount(from: $1, to: 0) }
            return (destination.slice(before, source.byteCount), destination)
        case .barrier, .allToAll, .allToAllV, .sendReceive: return (source, destination)
        }
    }

    /// The call at a member, with its arguments.
    public func call(
        _ me: Int, source: Region, destination: Region, algorithm: CollectiveAlgorithm
    ) -> CollectiveCall {
        switch operation {
        case .barrier: .barrier(algorithm: algorithm)
        case .broadcast: .broadcast(source, into: destination, root: root, algorithm: algorithm)
        case .allGather: .allGather(source, into: destination, algorithm: algorithm)
        case .allGatherV:
            .allGatherV(
                source, byteCounts: (0..<size).map { byteCount(from: $0, to: 0) }, into: destination,
                algorithm: algorithm)
        case .reduceScatter:
            .reduceScatter(source, into: destination, type: type, reduction: reduction, algorithm: algorithm)
        case .allReduce:
            .allReduce(source, into: destination, type: type, reduction: reduction, algorithm: algorithm)
        case .allToAll: .allToAll(source, into: destination, algorithm: algorithm)
        case .allToAllV:
            .allToAllV(
                source, sendByteCounts: (0..<size).map { byteCount(from: me, to: $0) }, into: destination,
                receiveByteCounts: (0..<size).map { byteCount(from: $0, to: me) }, algorithm: algorithm)
        case .reduce:
            .reduce(
                source, into: destination, type: type, reduction: reduction, root: root, algorithm: algorithm)
        case .gather: .gather(source, into: destination, root: root, algorithm: algorithm)
        case .scatter: .scatter(source, into: destination, root: root, algorithm: algorithm)
        case .sendReceive:
            .sendReceive(
                source, to: (me + shift) % size, into: destination, from: (me + size - shift) % size,
                algorithm: algorithm)
        }
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
        var z = seed &+ stream &* 0xD1B5_4A32_D192_ED03 &+ (index &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
