public import Fabric
internal import Faults
public import SharedMemory

// Agreement among the members of a world that may die in it, at any step.
//
// Each member has two words in its control block, for agreements of even and of odd numbers; the cluster has two words for what was decided. A
// member says its number and flag in its own word (one writer), and looks at the words of all that are members of the present epoch. If all
// have spoken, it decides: one compare-exchange, from the value that it saw before it looked, to number, epoch and the AND of the flags. Else it waits
// for the decision, which the member that speaks last makes; if that one is lost instead, the epoch moves, all wait no longer, look again, and
// any of them decides. So:
//
//   - uniform: there is one compare-exchange for each number that succeeds, and all return what it stored, whichever ranks die before, in or after it;
//   - the flags are of the members of the decided epoch, all of which have spoken; a member that was lost counts not;
//   - it ends as long as every member either speaks or is found to be lost, with one store and n loads a member, and one wait.
//
// Speaking and looking are sequentially consistent: of two members that speak last at least one sees both. A decision acquires what each
// member did before it spoke, and releases it to all that see the decision. Two words do: a member speaks to agreement n + 2 only when all
// have spoken to n + 1, which they do when they have read the decision of n. One that was taken for lost and goes on finds the word changed.
//
//     what a member says   63 ... 44 number   43 ... 32 what it calls   31 ... 0 flag
//     a decision           63 ... 44 number   43 ... 33 epoch (low bits)   32 calls differ   31 ... 0 flag
//
// Over several hosts the two words of the decision would have to be on a host that lives, by a majority of hosts: not there yet.
//
// Source: the uniform agreement of User-Level Failure Mitigation (MPI Forum, MPIX_Comm_agree), with shared memory in place of its messages.

/// What the members of a world have agreed on: the same at each of them.
public struct Agreement: Sendable, Equatable {
    /// The AND of the flags of ``members``.
    public let flag: UInt32
    /// Those whose flags count, in the epoch that was decided: the team's own unless a rank was lost meanwhile.
    public let members: MemberSet
}

/// What a member calls: all must call the same.
enum AgreementCall: UInt64 {
    case agree = 1
    case shrink = 2
}

extension Team {
    /// Agrees on a flag with all members that live: the AND of theirs, bit by bit, and the same at all that return.
    ///
    /// Collective over the world of an epoch. A member that dies in it, before or after it has spoken, is either counted by all or by none, and does
    /// not make it fail: look at ``Agreement/members``. What each did before is visible to all after.
    ///
    /// - Throws: `.timedOut` naming those that have not come and live; `.membershipChanged` where others shrink the team instead, or the run ends;
    ///   `.evicted`.
    /// - Complexity: a store, and a load for each rank of the cluster; one wait.
    public func agree(_ flag: UInt32, deadline: Deadline? = nil) throws(FabricError) -> Agreement {
        let (agreement, isMixed) = try settle(flag, .agree, deadline)
        guard isMixed else { return agreement }
        guard agreement.members.epoch == endpoint.epoch else { throw endpoint.interrupted(.agree) }
        throw FabricError(
            .mismatch, scope: .cluster, operation: .agree, rank: endpoint.rank, epoch: endpoint.epoch,
            context: "others shrink the team, which no rank has left")
    }

    /// One agreement; also says whether members called differently.
    func settle(
        _ flag: UInt32, _ call: AgreementCall, _ deadline: Deadline?
    ) throws(FabricError) -> (agreement: Agreement, isMixed: Bool) {
        precondition(slot == 0, "the world of an epoch agrees")
        let endpoint = endpoint
        guard isNear else {
            throw FabricError(
                .unsupported, scope: .operation, operation: .agree, rank: endpoint.rank, epoch: endpoint.epoch,
                context: "ranks of several hosts do not agree yet")
        }
        endpoint.pass(.agreeEntry)
        let number = AgreementWord.next(after: endpoint.control)
        let block = endpoint.segment.memberBlock
        let decision = block.decision(Int(number))
        let until = deadline ?? endpoint.deadline()
        // 1. Speak. Releases all that this die did before.
        endpoint.control.agreement(Int(number)).storeSequentially(AgreementWord.said(number, call, flag))
        endpoint.pass(.agreePost)
        while true {
            // 2. Is it decided? Acquires what the others did before they spoke.
            let seen = decision.loadSequentially()
            if let decided = AgreementWord.decided(seen, number, newest: block.published) {
                endpoint.pass(.agreeReturn)
                let members = block.members(at: decided.epoch)
                guard members.contains(endpoint.rank.index) else { throw evicted(members) }
                return (Agreement(flag: decided.flag, members: members), decided.isMixed)
            }
            // 3. Who is a member now?
            guard endpoint.segment.cluster.verdict == nil, let members = endpoint.members else {
                throw endpoint.interrupted(.agree)
            }
            guard members.contains(endpoint.rank.index) else { throw evicted(members) }
            let (said, missing) = look(members, number)
            if missing.isEmpty {
                // 4. All have spoken: decide, unless another has.
                endpoint.pass(.agreeDecide)
                let calls = Set(said.map { $0.call })
                let word = AgreementWord.decision(
                    number, members.epoch, isMixed: calls.count > 1, said.reduce(.max) { $0 & $1.flag })
                if block.decide(from: seen, to: word, number) { wake(number, decision) }
                continue
            }
            // 5. Wait for the decision, or for a new epoch.
            let outcome = endpoint.waiter.wait(
                decision, at: 0, until: .notEqual, seen, epoch: members.epoch, deadline: until,
                timeout: endpoint.timeout, operation: FabricOperation.agree.rawValue, peer: missing[0].index,
                crowd: crowd(number))
            if case .timedOut(let elapsed) = outcome {
                throw FabricError(
                    .timedOut, scope: .peer, operation: .agree, rank: endpoint.rank, peers: missing,
                    elapsedNanoseconds: elapsed, epoch: endpoint.epoch, phase: endpoint.phase)
            }
        }
    }

    /// What the members have said to an agreement, and which of them have not.
    private func look(_ members: MemberSet, _ number: UInt64) -> (said: [AgreementWord.Said], missing: [Rank]) {
        var said: [AgreementWord.Said] = []
        var missing: [Rank] = []
        for member in 0..<size where members.contains(self[member].index) {
            let word = endpoint.segment.control(of: self[member].index).agreement(Int(number)).loadSequentially()
            if let words = AgreementWord.Said(word, number) { said.append(words) } else { missing.append(self[member]) }
        }
        return (said, missing)
    }

    private func evicted(_ members: MemberSet) -> FabricError {
        FabricError(
            .evicted, scope: .peer, operation: .agree, rank: endpoint.rank, epoch: members.epoch,
            phase: endpoint.phase, context: members.description)
    }

    private func crowd(_ number: UInt64) -> Crowd {
        Crowd(sleepers: endpoint.segment.memberBlock.sleepers, number: AgreementWord.crowd + Int(number & 1))
    }

    private func wake(_ number: UInt64, _ decision: Word) {
        let crowd = crowd(number)
        guard crowd.mayBeAsleep, crowd.wakeAll(decision) else { return }
        for member in 0..<size where member != rank {
            endpoint.segment.control(of: self[member].index).wakeIfWaiting(in: crowd)
        }
    }
}

extension MemberBlock {
    /// Stores a decision over the value that was seen before the members were looked at. False if another was faster.
    func decide(from seen: UInt64, to word: UInt64, _ number: UInt64) -> Bool {
        decision(Int(number)).compareExchange(expected: seen, desired: word)
    }
}

/// The words of agreements; the head of this file draws them.
enum AgreementWord {
    private static let numberLimit: UInt64 = 1 << 20
    private static let epochLimit: UInt64 = 1 << 11
    /// A number of a crowd that no team has.
    static let crowd = 0x3FFF_FF00

    /// What a member has said.
    struct Said {
        let call: UInt64
        let flag: UInt32

        /// Nil if the word is of another agreement.
        init?(_ word: UInt64, _ number: UInt64) {
            guard word >> 44 == number, word >> 32 & 0xFFF != 0 else { return nil }
            call = word >> 32 & 0xFFF
            flag = UInt32(truncatingIfNeeded: word)
        }
    }

    /// The number of a die's next agreement: one more than the last to which it has spoken.
    static func next(after control: ControlBlock) -> UInt64 {
        let (even, odd) = (control.agreement(0).loadRelaxed(), control.agreement(1).loadRelaxed())
        guard even >> 32 != 0 || odd >> 32 != 0 else { return 0 }
        let (first, second) = (even >> 44, odd >> 44)
        // Neighbours, but where the numbers start again.
        if odd >> 32 == 0 { return (first + 1) % numberLimit }
        return ((first + 1) % numberLimit == second ? second + 1 : first + 1) % numberLimit
    }

    static func said(_ number: UInt64, _ call: AgreementCall, _ flag: UInt32) -> UInt64 {
        number << 44 | call.rawValue << 32 | UInt64(flag)
    }

    static func decision(_ number: UInt64, _ epoch: UInt64, isMixed: Bool, _ flag: UInt32) -> UInt64 {
        // Told from the word of a cluster that has decided nothing yet by the bits of the number, which begin at one there.
        ((number + 1) % numberLimit) << 44 | (epoch % epochLimit) << 33 | (isMixed ? 1 << 32 : 0) | UInt64(flag)
    }

    /// What a word has decided; nil if it is of another agreement.
    ///
    /// - Parameter newest: an epoch that is not older than the decided one, and newer by less than 2,048.
    static func decided(
        _ word: UInt64, _ number: UInt64, newest: UInt64
    ) -> (epoch: UInt64, isMixed: Bool, flag: UInt32)? {
        guard word >> 44 == (number + 1) % numberLimit else { return nil }
        let behind = (newest &- word >> 33) % epochLimit
        return (newest &- behind, word >> 32 & 1 == 1, UInt32(truncatingIfNeeded: word))
    }
}
