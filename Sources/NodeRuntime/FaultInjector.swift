internal import Fabric
internal import Faults
internal import SharedMemory
internal import Workers

/// The faults of one die, set off by what the die does: it watches the die's accesses, points and phases, and is not there in a run without
/// faults.
///
/// What concerns the process (kill, stop) is the agent's: the die says that it is due, and holds still at that place until it is done. Words it
/// overwrites itself, past every check, as a process that went mad would.
final class FaultInjector: AccessObserver {
    /// A fault that has not come yet, and how often what sets it off has been.
    private struct Pending {
        var fault: ScheduledFault
        var count = 0
    }

    /// Bytes that were put since the last flag.
    private struct Put {
        var peer: Int
        var offset: Int
        var byteCount: Int
    }

    private let next: (any AccessObserver)?
    private let segment: Segment
    private let rank: Int
    /// Bytes of a row before its payload.
    private let headerByteCount: Int
    private let post: (RunNote) -> Void
    private var pending: [Pending]
    private var puts: [Put] = []
    /// Faults of the next flag.
    private var armed: [ScheduledFault] = []

    /// Longest that a die holds still for the agent, in milliseconds: for a kill it does not go on, for a stop it is stopped meanwhile.
    private static let killPatience = 5_000
    private static let stopPatience = 50
    /// How long a false flag stands before the true one follows.
    private static let flagMilliseconds = 20
    /// Puts that are remembered; those of a longer message are its last.
    private static let mostPuts = 256
    /// From so many bytes on a put is a row and not counts.
    private static let leastRow = 32

    /// For the faults of the endpoint's rank; `next` is shown everything too. Notes carry the clock's time.
    init(
        _ faults: [ScheduledFault], _ endpoint: Endpoint, next: (any AccessObserver)?, post: @escaping (RunNote) -> Void
    ) {
        pending = faults.filter(\.trigger.isDeed).map { Pending(fault: $0) }
        segment = endpoint.segment
        rank = endpoint.rank.index
        headerByteCount = endpoint.isProtected ? 32 : 16
        self.next = next
        self.post = post
    }

    func willAccess(_ access: FabricAccess) {
        next?.willAccess(access)
        let isFlag = access.operation == .signal
        for index in pending.indices.reversed() {
            guard case .access(let kind, let peer, let tier, let entry) = pending[index].fault.trigger,
                kind.rawValue == "\(access.operation)", peer.map({ $0 == access.peer.index }) ?? true,
                tier.map({ $0 == FaultTier(access.tier) }) ?? true
            else { continue }
            advance(index, to: entry)
        }
        if isFlag {
            for fault in armed { overwriteFlag(access, fault) }
            armed = []
        }
        if access.operation == .put || access.operation == .store {
            if puts.count == Self.mostPuts { puts.removeFirst() }
            puts.append(Put(peer: access.peer.index, offset: access.offset, byteCount: access.byteCount))
        } else if isFlag {
            puts = []
        }
    }

    func willPass(_ point: FaultPoint, toward peer: Rank?) {
        next?.willPass(point, toward: peer)
        for index in pending.indices.reversed() {
            guard case .point(point, let wanted, let entry) = pending[index].fault.trigger,
                wanted == nil || wanted == peer?.index
            else { continue }
            advance(index, to: entry, at: point)
        }
    }

    func willEnter(phase: String) {
        next?.willEnter(phase: phase)
        for index in pending.indices.reversed() {
            guard case .phase(let name, let entry) = pending[index].fault.trigger, phase.hasPrefix(name) else {
                continue
            }
            advance(index, to: entry)
        }
    }

    /// Counts once more, and injects the fault if it is time.
    private func advance(_ index: Int, to entry: Int, at point: FaultPoint? = nil) {
        let fault = pending[index].fault
        // Where nothing has been put there is nothing to overwrite: such a pass does not count.
        if case .store(let place, _) = fault.action, place.followsAccess, place != .flag,
            target(place, at: point) == nil
        {
            return
        }
        pending[index].count += 1
        guard pending[index].count == entry else { return }
        pending.remove(at: index)
        switch fault.action {
        case .kill: hold(fault, Self.killPatience)
        case .stop, .slow: hold(fault, Self.stopPatience)
        case .store(.flag, _): armed.append(fault)
        case .store(let place, let value): overwrite(place, value, fault, at: point)
        case .hang:
            say(fault, "it neither waits nor goes on")
            while Monotonic.now() > 0 {}  // Until its agent ends it.
        case .killAgent: hold(fault, Self.killPatience)
        case .truncate: hold(fault, Self.stopPatience)
        case .jump(let nanoseconds):
            say(fault, "now")
            Monotonic.jump(by: nanoseconds)
        // Set off by the die's end; done by the host's switch; of the start.
        case .mute, .misreport, .wire, .shortage, .falsify, .stale: break
        }
    }

    /// Tells the agent that a fault is due, and holds still meanwhile.
    private func hold(_ fault: ScheduledFault, _ milliseconds: Int) {
        post(RunNote(.due, at: Monotonic.now(), fault: fault.number, text: fault.description))
        _ = Descriptor.poll([], milliseconds: milliseconds)  // There is nothing to read: it only takes the time.
    }

    /// Where a place that follows the die's accesses is now.
    private func target(_ place: FaultPlace, at point: FaultPoint?) -> Put? {
        // What was put last before the flag of a dispatch are its counts.
        let rows = point == .dispatchFlag ? puts.dropLast() : puts[...]
        let row = rows.last { $0.byteCount >= Self.leastRow }
        switch place {
        case .count: return puts.last
        case .header: return row
        case .payload:
            return row.map { row in
                Put(
                    peer: row.peer, offset: row.offset + headerByteCount,
                    byteCount: row.byteCount - headerByteCount)
            }
        default: return nil
        }
    }

    private func overwrite(
        _ place: FaultPlace, _ value: FaultValue, _ fault: ScheduledFault, at point: FaultPoint?
    ) {
        if let target = target(place, at: point) {
            return overwrite(target.peer, target.offset, value, fault)
        }
        guard let word = segment.word(of: place, rank: rank) else {
            return say(fault, "there is no such word on this host, so nothing was stored")
        }
        let old = word.loadRelaxed()
        word.storeSequentially(value.applied(to: old))
        say(fault, "\(old) -> \(value.applied(to: old))")
    }

    /// Overwrites the word of a window that holds an offset.
    private func overwrite(_ peer: Int, _ offset: Int, _ value: FaultValue, _ fault: ScheduledFault) {
        guard segment.plan.ranks.contains(peer) else {
            return say(fault, "the window of rank \(peer) is on another host, so nothing was stored")
        }
        let aligned = offset & ~7
        let word = segment.word(at: segment.windowOffset(of: peer) + aligned)
        let old = word.loadRelaxed()
        word.storeSequentially(value.applied(to: old))
        say(fault, "at rank \(peer), window byte \(aligned): \(old) -> \(value.applied(to: old))")
    }

    /// Stores a false flag, lets its reader see it, and then lets the true one follow.
    private func overwriteFlag(_ access: FabricAccess, _ fault: ScheduledFault) {
        guard case .store(_, let value) = fault.action else { return }
        overwrite(access.peer.index, access.offset, value, fault)
        if segment.plan.ranks.contains(access.peer.index) {
            segment.control(of: access.peer.index).wakeIfWaiting(wordOffset: access.offset)
        }
        _ = Descriptor.poll([], milliseconds: Self.flagMilliseconds)  // Likewise.
    }

    private func say(_ fault: ScheduledFault, _ detail: String) {
        post(
            RunNote(
                .injected, at: Monotonic.now(), fault: fault.number, text: "\(fault.description) (\(detail))"))
    }
}

extension FaultTier {
    /// The tier of an access, in the words of plans.
    init(_ tier: Tier) {
        switch tier {
        case .die: self = .die
        case .npu: self = .npu
        case .server: self = .server
        case .supernode: self = .supernode
        case .host: self = .host
        }
    }
}

extension Segment {
    /// The word of a named place of a rank; nil for one that has no place of its own.
    fileprivate func word(of place: FaultPlace, rank: Int) -> Word? {
        let kinds: [FaultPlace: (kind: SegmentWord.Kind, index: Int)] = [
            .doorbell: (.doorbell, 0), .state: (.state, 0), .process: (.state, 2), .wait: (.wait, 0),
            .phase: (.phase, 0),
        ]
        if place == .epoch { return words(.epoch).first.map { word(at: $0.offset) } }
        if let (kind, index) = kinds[place] {
            // Words of a kind stand rank by rank.
            let all = words(kind)
            let each = all.count / plan.dieCount
            return word(at: all[(rank - plan.firstRank) * each + index].offset)
        }
        let names: [FaultPlace: (name: String, ofLeader: Bool)] = [
            .teamGate: ("gate", true), .teamArrivals: ("arrivals", true), .teamRelease: ("release", false),
            .teamClaims: ("claims", true), .teamCompleted: ("completed", true),
        ]
        guard let (name, ofLeader) = names[place] else { return nil }
        let owner = ofLeader ? plan.firstRank : rank
        let wanted = "\(name) of slot 0 of rank \(owner)"
        return windowWords(.teamSlot).first { $0.name == wanted }.map { word(at: $0.offset) }
    }
}
