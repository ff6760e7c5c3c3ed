internal import Fabric
internal import SharedMemory

/// Something that may arrive, or happen, when a scheduler decides so: things that may be next go by numbers.
protocol Arrivals: AnyObject {
    /// What may be next.
    var items: [Int] { get }
    /// Lets one of them be.
    func land(_ item: Int)
    /// When something may be next by the clock; the end of time if nothing may.
    var nextMoment: UInt64 { get }
}

/// What a rank has put or signalled and others have not seen yet: puts into mapped windows, or messages of a network.
final class UnderWay: Arrivals, @unchecked Sendable {
    private let memory: LatePuts
    private let ranks: Int
    /// The rank's network, once it has one. Set by the rank's own thread.
    var network: DeferredTransport?

    init(segment: Segment, rank: Rank) {
        memory = LatePuts(segment: segment, rank: rank)
        ranks = segment.plan.rankCount
    }

    /// Choices at one moment are bounded, so that a search ends.
    private static let mostItems = 6

    /// What may arrive next.
    var items: [Int] {
        guard let network else { return Array(memory.landable.prefix(Self.mostItems)) }
        return (0..<ranks).flatMap { peer in
            (0..<min(network.deliverable(to: peer), Self.mostItems)).map { $0 * ranks + peer }
        }
    }

    /// Lets one of them arrive.
    func land(_ item: Int) {
        guard let network else { return memory.land(item) }
        network.deliver(item / ranks, to: item % ranks)
    }

    var nextMoment: UInt64 { .max }

    /// Whether a put into a mapped window, about to be made, may be seen late.
    func canDelay(_ access: FabricAccess) -> Bool { network == nil && memory.canDelay(access) }
    /// It will be.
    func hold(_ access: FabricAccess) { memory.hold(access) }
    /// The put that was held has been made.
    func settle() { memory.settle() }
    /// An access is about to be made that others' sight may follow from.
    func release(before access: FabricAccess) { memory.release(before: access) }

    /// Drops everything.
    func loseAll() {
        memory.loseAll()
        network?.loseAll()
    }
}
