internal import Messaging
internal import SharedMemory

// When to send again, and when to give up: UB's ladder (specification 2.0: 20 us x 8^n, 7 retries, then an error).
//
// Steps shorter than what the link has shown to need pass without a retransmission; the time from the first sending to giving up stays
// the ladder's own. A time-out repeats only the oldest message: one that is not missing is answered by an acknowledgement,
// and the rest is sent again only when that shows it to be missing.

extension HostLink {
    /// What an answer may take: four times the usual, as far as that is known.
    private var patience: UInt64 { max(2 * roundTrip + 4 * roundTripSpread, 200_000) }

    /// Starts the ladder at its first step that is worth a retransmission.
    func arm(_ now: UInt64) {
        step = 0
        deadline = now + timing.step(0)
        skipShortSteps()
    }

    private func skipShortSteps() {
        while step < timing.retries - 1, timing.step(step) < patience {
            step += 1
            deadline += timing.step(step)
        }
    }

    /// What the clock asks for; a reason if the link is to be given up.
    func tick(_ now: UInt64) -> String? {
        switch state {
        case .lost: return nil
        case .waiting: return tickWaiting(now)
        case .up: break
        }
        if unacknowledged.isEmpty {
            // Silent for long: ask for a sign of life. The ladder then decides.
            if now >= lastHeard + silence, batch.isEmpty, mayStartMessage { seal() }
            return nil
        }
        connectAnewIfSilent(now)
        guard now >= deadline else { return nil }
        if step >= timing.retries {
            return "no answer in \((now - unacknowledged[0].at) / 1_000_000) ms, \(timing.retries) retries"
                + (refusal.map { "; \($0)" } ?? "")
        }
        isRecovering = true
        repeatMessage(0)
        step += 1
        deadline = now + timing.step(step < timing.retries ? step : max(timing.retries - 2, 0))
        return nil
    }

    /// Connects anew when nothing has been heard for long though an answer is due.
    ///
    /// TCP itself sends again after 0.2, 0.6, 1.4, 3.0 and 6.2 s, each pause twice the one before (RFC 6298): whether a connection would live again
    /// before the ladder ends, some seconds after its wire was mended, would be luck. A new one is tried several times a second.
    private func connectAnewIfSilent(_ now: UInt64) {
        guard let address, let oldest = unacknowledged.first else { return }
        guard now >= max(lastHeard, oldest.at, lastConnect) + Self.silenceOfConnection else { return }
        lastConnect = now
        statistics.reconnections += 1
        guard (try? socket.reconnect(address)) != nil else { return }  // the link stays silent, which the ladder ends
        isRecovering = true
        repeatMessage(0)
    }

    /// Longer than an answer takes on a busy machine; so short that three new connections fit before the ladder ends.
    private static let silenceOfConnection: UInt64 = 1_250_000_000

    /// Notes that the other end was heard. After a silence what it has not acknowledged may have been lost with a connection: the oldest is sent again
    /// at once, for the ladder's next step may be too late.
    func heard(_ now: UInt64) {
        let wasSilent = now >= lastHeard + Self.silenceOfConnection
        lastHeard = now
        guard wasSilent, state == .up, !unacknowledged.isEmpty else { return }
        isRecovering = true
        repeatMessage(0)
    }

    /// Starts over after a stop of this switch: the silence meanwhile was its own.
    func resume(_ now: UInt64) {
        lastHeard = now
        lastConnect = now
        if !unacknowledged.isEmpty { arm(now) }
    }

    private func tickWaiting(_ now: UInt64) -> String? {
        if now >= contactDeadline {
            return "it did not answer at all" + (refusal.map { "; \($0)" } ?? "")
        }
        if now >= deadline {
            acknowledge()
            deadline = now + Self.greetingInterval
        }
        return nil
    }

    private static let greetingInterval: UInt64 = 20_000_000

    private var silence: UInt64 {
        UInt64(timing.silence.components.seconds) * 1_000_000_000
            + UInt64(timing.silence.components.attoseconds / 1_000_000_000)
    }

    /// When `tick` has something to do next.
    var nextTick: UInt64 {
        switch state {
        case .lost: .max
        case .waiting: min(deadline, contactDeadline)
        case .up:
            unacknowledged.first.map {
                address == nil
                    ? deadline : min(deadline, max(lastHeard, $0.at, lastConnect) + Self.silenceOfConnection)
            } ?? (lastHeard + silence)
        }
    }

    /// Takes what the other end says it has carried out.
    ///
    /// - Returns: the descriptors that are acknowledged by it; nil if it acknowledges what was never sent.
    func acknowledged(before next: UInt64, hasGap: Bool, _ now: UInt64) -> [LinkCompletion]? {
        guard next >= 1, next <= nextSequence else { return nil }
        var completions: [LinkCompletion] = []
        var done = 0
        for message in unacknowledged {
            guard message.sequence < next else { break }
            completions += message.completions
            unacknowledgedByteCount -= message.byteCount
            done += 1
            if !message.wasRepeated, message.sequence + 1 == next { sample(now - min(message.at, now)) }
        }
        unacknowledged.removeFirst(done)
        if done > 0 {
            let wasRecovering = isRecovering
            isRecovering = false
            if !unacknowledged.isEmpty {
                arm(now)
                if wasRecovering { goBack(now) }
            }
        }
        if hasGap, !unacknowledged.isEmpty, now >= lastGoBack + roundTrip { goBack(now) }
        return completions
    }

    /// Sends everything again that has not been acknowledged.
    private func goBack(_ now: UInt64) {
        lastGoBack = now
        for index in unacknowledged.indices { repeatMessage(index) }
    }

    /// Smoothed as in RFC 6298.
    private func sample(_ time: UInt64) {
        let difference = time > roundTrip ? time - roundTrip : roundTrip - time
        roundTripSpread = (3 * roundTripSpread + difference) / 4
        roundTrip = (7 * roundTrip + time) / 8
    }
}
