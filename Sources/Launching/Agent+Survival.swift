internal import Membership
internal import NodeRuntime
internal import SharedMemory
internal import Workers

// Going on without ranks that are lost. The agent knows of a death by the descriptor of its child, and of a stop by SIGCHLD; what is suspected it
// kills, and waits for the death before it publishes the epoch without the rank. So no rank that is not a member runs, or ever will.

/// What an agent keeps for a run that survives.
struct Survival {
    var authority: MembershipAuthority
    var leases: LeaseDetector
    /// The first loss, told if the survivors turn out not to know how to go on.
    var firstLoss: (verdict: Verdict, report: String)?
    /// Processes that are stopped, by their place in the agent's list.
    var stopped: Set<Int> = []
    /// Processes whose first stop was noted.
    var told: Set<Int> = []
    /// When it must be looked again; at once after a signal that tells of a child.
    var lookAt: UInt64 = 0
    /// Why the agent killed a process, by its place.
    var fenced: [Int: LeaseDetector.Suspicion] = [:]

    /// A rank may compute for itself this share of the deadline of a wait; what waits for it would give up at the whole.
    private static let shareOfDeadline: UInt64 = 2

    init(_ segment: Segment, _ configuration: ClusterConfiguration) {
        authority = MembershipAuthority(segment)
        let deadline = UInt64(max(1, configuration.deadline / .nanoseconds(1)))
        leases = LeaseDetector(
            dies: segment.plan.dieCount, lease: UInt64(max(1, configuration.lease / .nanoseconds(1))),
            patience: max(deadline / Self.shareOfDeadline, 1_000_000_000), at: Monotonic.now())
    }

    /// Milliseconds until leases must be looked at.
    var pollMilliseconds: Int {
        let now = Monotonic.now()
        return lookAt <= now ? 0 : Int((lookAt - now) / 1_000_000) + 1
    }
}

extension Agent {
    /// Takes a rank process that has ended out of the membership, if the run goes on without it.
    ///
    /// - Returns: false where the run ends by it: it is not one that survives, it does not run, or no rank is left.
    func survives(_ index: Int, _ cause: Verdict, report: String) -> Bool {
        guard state == .running, var survival, verdict == nil,
            !Set(survival.authority.members.present).isSubset(of: slots[index].dies)
        else { return false }
        let (why, detail): (MemberSet.Cause, Int) =
            switch survival.fenced[index] {
            case .stopped(let time): (.stopped, Int(time / 1_000_000))
            case .hung(let time): (.hung, Int(time / 1_000_000))
            case nil: (cause.code == .rankKilled ? .killed : .exited, cause.detail)
            }
        guard let members = survival.authority.lose(slots[index].dies, why, detail: detail) else { return false }
        // Who was killed by its agent was stopped, or hung: that is the cause.
        let first = slots[index].dies.lowerBound
        let fate = members.losses.first { $0.rank == first }.map(\.fate) ?? ""
        let report =
            survival.fenced[index] == nil ? report : "\(slots[index].ranks) (pid \(slots[index].child.id)) \(fate)"
        survival.firstLoss = survival.firstLoss ?? (cause, report)
        self.survival = survival
        for die in slots[index].dies { handedIn.note(resultOf: die) }
        slots[index].hasLeft = true
        note(.decided, slots[index].dies.lowerBound, "the agent\(place) publishes \(members)")
        onEvent(.lost(epoch: members.epoch, ranks: slots[index].dies, report: report))
        return true
    }

    /// A rank gives up an epoch.
    func revoke(_ epoch: UInt64, by die: Int) {
        guard survival != nil else {
            let text = "rank \(die)\(place) revoked epoch \(epoch), and the run does not survive"
            return end(Verdict(.rankFailed, rank: die, text: text), status: .rankLost, report: text)
        }
        guard state == .running, let members = survival?.authority.revoke(epoch, by: die) else { return }
        note(.decided, die, "the agent\(place) publishes \(members), since rank \(die) revoked epoch \(epoch)")
    }

    /// A die failed because the membership changed, and did not go on: then the loss is what ended the run.
    func endByLoss() -> Bool {
        guard let loss = survival?.firstLoss else { return false }
        end(loss.verdict, status: .rankLost, report: loss.report)
        return true
    }

    /// Looks who is stopped or hangs, and kills who has been so for longer than a lease.
    func watchLeases() {
        guard state == .running, var survival, case let now = Monotonic.now(), now >= survival.lookAt else { return }
        let longestWait =
            slots.filter { $0.end == nil }.flatMap(\.dies).compactMap { segment.control(of: $0).waiting?.since }
            .map { now > $0 ? now - $0 : 0 }.max() ?? 0
        for index in slots.indices where slots[index].end == nil && survival.fenced[index] == nil {
            takeStop(index, &survival)
            for die in slots[index].dies {
                let control = segment.control(of: die)
                let sight = LeaseDetector.Sight(
                    isStopped: survival.stopped.contains(index), progress: control.progress,
                    isWaiting: control.waiting != nil || control.state != .running)
                guard let suspicion = survival.leases.see(die - segment.plan.firstRank, sight, at: now) else {
                    continue
                }
                // Of a rank that computes for long it is only known that it hangs when others have waited for as long.
                if case .hung = suspicion, longestWait < survival.leases.patience { continue }
                // It may have gone on a moment ago: what the system says now decides.
                if case .stopped = suspicion, !RankSlot.stopped([slots[index]]).contains(slots[index].dies.lowerBound) {
                    continue
                }
                survival.fenced[index] = suspicion
            }
        }
        survival.lookAt = now + survival.leases.untilNext(at: now)
        let isNew = survival.fenced.keys.filter { self.survival?.fenced[$0] == nil }.sorted()
        self.survival = survival
        for index in isNew {
            note(
                .noticed, slots[index].dies.lowerBound, "the agent\(place): the lease of \(slots[index].ranks) is over")
            slots[index].child.kill()
        }
    }

    /// Takes what the system has to say of a process's stops. Those of one that is stopped over and over are noted once.
    private func takeStop(_ index: Int, _ survival: inout Survival) {
        guard let isStopped = slots[index].child.takeStop() else { return }
        if isStopped { survival.stopped.insert(index) } else { survival.stopped.remove(index) }
        guard isStopped, survival.told.insert(index).inserted else { return }
        note(.noticed, slots[index].dies.lowerBound, "the agent\(place): \(slots[index].ranks) is stopped")
    }
}
