public import Fabric
internal import Hashing
public import Tensors

/// One call of a collective at one member: the operation, its arguments, and how to carry it out.
///
/// Made by the functions named after the operations, which say what each argument means; run by ``Collective/run(_:)`` or begun by
/// ``Collective/start(_:)``.
public struct CollectiveCall: Sendable {
    /// The operation.
    public let operation: CollectiveOperation
    /// What this member gives; empty where it gives nothing.
    public var source: Region
    /// What this member gets; empty where it gets nothing.
    public var destination: Region
    /// The member that plays another part, in rooted operations.
    public var root: Int
    /// Element type and reduction, where elements are folded.
    public var type: ElementType
    /// See ``type``.
    public var reduction: Reduction
    /// How to carry it out.
    public var algorithm: CollectiveAlgorithm
    /// Where in the program the call was made.
    public var site: CallSite

    /// For the v-forms.
    private let lists: Lists?

    /// Where the block for or of each member starts, and one past the last end. For an all-gather the second only. In one box, so that
    /// calls without lists are copied without counting references to two.
    private final class Lists: Sendable {
        let send: [Int]
        let receive: [Int]

        init(send: [Int], receive: [Int]) {
            self.send = send
            self.receive = receive
        }
    }

    var sendOffsets: [Int] { lists?.send ?? [] }
    var receiveOffsets: [Int] { lists?.receive ?? [] }
    /// For send/receive.
    var target: Int?
    var origin: Int?

    init(
        _ operation: CollectiveOperation, _ source: Region, _ destination: Region, root: Int = 0,
        type: ElementType = .int8, reduction: Reduction = .sum, sendByteCounts: [Int] = [],
        receiveByteCounts: [Int] = [], target: Int? = nil, origin: Int? = nil, algorithm: CollectiveAlgorithm,
        site: CallSite
    ) {
        self.operation = operation
        self.source = source
        self.destination = destination
        self.root = root
        self.type = type
        self.reduction = reduction
        self.algorithm = algorithm
        self.site = site
        lists =
            operation == .allGatherV || operation == .allToAllV
            ? Lists(send: Self.offsets(sendByteCounts), receive: Self.offsets(receiveByteCounts)) : nil
        self.target = target
        self.origin = origin
    }

    /// What members compare to see that they make the same call: all that must be equal everywhere but lengths, which are compared
    /// as numbers.
    func digest(_ size: Int) -> UInt64 {
        var digest = FNV1a()
        digest.add(whole: Int(operation.rawValue))
        digest.add(whole: algorithm.digest)
        digest.add(whole: size)
        digest.add(whole: root)
        if operation.isReduction { digest.add(whole: Int(type.rawValue) << 8 | Int(reduction.rawValue)) }
        if operation == .allGatherV { for offset in receiveOffsets { digest.add(whole: offset) } }
        return digest.value
    }

    /// The call without what the operation ignores at this member.
    func normalised(at me: Int) -> CollectiveCall {
        var call = self
        let nothing = Region(offset: 0, byteCount: 0)
        if operation.onlyRootGives && me != root || operation == .sendReceive && target == nil { call.source = nothing }
        if operation.onlyRootTakes && me != root || operation == .sendReceive && origin == nil {
            call.destination = nothing
        }
        return call
    }

    /// Running sums of lengths, each not negative.
    private static func offsets(_ byteCounts: [Int]) -> [Int] {
        guard !byteCounts.isEmpty else { return [] }
        var offsets = [0]
        offsets.reserveCapacity(byteCounts.count + 1)
        var total = 0
        for byteCount in byteCounts {
            let (sum, overflow) = total.addingReportingOverflow(byteCount)
            precondition(byteCount >= 0 && !overflow, "lengths are not negative and their sum is a number")
            total = sum
            offsets.append(total)
        }
        return offsets
    }
}

/// A place in the source of a program.
public struct CallSite: Sendable, CustomStringConvertible {
    /// Module and file, as `#fileID` gives them.
    public let file: StaticString
    /// Line.
    public let line: UInt

    /// A place, as `#fileID` and `#line` give it.
    public init(_ file: StaticString, _ line: UInt) {
        self.file = file
        self.line = line
    }

    /// File and line.
    public var description: String { "\(file):\(line)" }
}
