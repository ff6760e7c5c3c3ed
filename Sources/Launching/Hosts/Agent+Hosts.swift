internal import Fabric
internal import Membership
internal import NodeRuntime
internal import SharedMemory
internal import Workers

// How the agent of one host follows the coordinator of several.

extension Agent {
    /// Does what the coordinator says, and notices when it is gone, or when the switch has given a link up.
    func followCoordinator() {
        guard let membership else { return }
        while let message = membership.next() { follow(message, membership) }
        if let loss = membership.loss, verdict == nil { lineEnded(loss, membership) }
        if membership.takeLoss(), let cause = segment.cluster.verdict, cause.code == .linkLost, verdict == nil {
            end(cause, status: .rankLost, report: "\(cause.text) (seen from host \(membership.hostName))")
        }
    }

    private func follow(_ message: HostMessage, _ membership: HostMembership) {
        switch message {
        case .links(let run, let links) where run == membership.run:
            do { try membership.connectSwitch(links) } catch {
                let text = "host \(membership.hostName) cannot link to the others: \(error)"
                end(Verdict(.rankFailed, text: text), status: .system, report: text)
            }
        case .start(let run, let workload, let payload) where run == membership.run:
            if state == .waiting { start(workload, payload) }
        case .stop(let run, let cause) where run == membership.run: stop(cause)
        case .pause(let run) where run == membership.run:
            stopRanks()
            membership.sayPaused()
        case .resume(let run) where run == membership.run: resumeRanks()
        default: break  // Of another run, or not the coordinator's to say.
        }
    }

    /// The coordinator ends the run: as it should, or for a reason that it has told the user.
    private func stop(_ cause: Verdict?) {
        // Two hosts may see the same trouble at once. The one that was not the first still says whom it suspects.
        if let cause, cause.text != verdict?.text {
            membership?.remark = RankSlot.stopped(slots).prefix(4).compactMap(describe).joined(separator: "; ")
        }
        guard verdict == nil else { return }
        guard let cause else { return leave(within: Self.leavingTime) }
        verdict = cause
        note(.decided, segment.plan.firstRank, decision(cause))
        segment.publish(cause)
        leave(within: .seconds(1))
    }

    func stopRanks() { for slot in slots where slot.end == nil { slot.child.stop() } }
    func resumeRanks() {
        for slot in slots where slot.end == nil { slot.child.resume() }
        survival?.leases.forgive(at: Monotonic.now())
    }

    private func lineEnded(_ loss: Uplink.Loss, _ membership: HostMembership) {
        end(Verdict(.agentLost, text: loss.text), status: .rankLost, report: loss.text)
    }
}
