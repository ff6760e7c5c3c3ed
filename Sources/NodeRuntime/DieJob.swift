internal import Fabric
internal import Faults
internal import Histories
internal import SharedMemory
internal import Workers

/// One die's work, from the first touch of its window to its last word. Nothing it does ends the process.
struct DieJob: Sendable {
    let die: Int
    let workload: (any Workload.Type)?
    let name: String
    let payload: [UInt8]
    let segment: Segment
    let outbox: Outbox
    let timeout: Duration
    let route: TransportCatalog.Entry
    let instruments: Instruments

    func run() {
        defer { outbox.dieEnded() }
        guard let workload else {
            return fail(ExitStatus.mismatch, status: .mismatch, text: "this build has no workload named \(name)")
        }
        let endpoint = Endpoint(segment: segment, rank: Rank(die), timeout: timeout, route: route)
        endpoint.isProtected = instruments.integrity
        let history: HistoryWriter?
        do { history = try attach(to: endpoint) } catch {
            fail(error, status: .inputOutput)
            return endpoint.leave()
        }
        let die = die
        let outbox = outbox
        let hasTimeline = !instruments.isEmpty
        endpoint.requestRevocation = { outbox.post(.revoke(die: die, epoch: $0)) }
        let context = DieContext(endpoint: endpoint) {
            outbox.post(.event(die: die, bytes: $0))
        } tell: { note in
            if hasTimeline { outbox.post(.note(die: die, note)) }
        }
        if inject(.misreport(.early)) { outbox.post(.result(die: die, bytes: [])) }
        do {
            let result = try workload.init(payload: payload).run(on: context)
            context.setPhase("done")
            history?.record(HistoryEntry(.end))
            if let fault = history?.fault {
                fail(fault, status: .inputOutput)
                return endpoint.leave()
            }
            say(.result(die: die, bytes: result))
        } catch let error as any FabricCaused where error.fabricCause != nil {
            let cause = error.fabricCause
            let failure = ControlMessage.Failure(
                isConsequence: cause.map { $0.code == .linkLost || $0.code == .membershipChanged || $0.isSurvivable }
                    ?? false,
                peers: (cause?.peers ?? []).map(\.index),
                status: ExitStatus.rankLost.rawValue, text: cause?.description ?? "\(error)")
            say(.failure(die: die, failure))
        } catch {
            fail(error, status: (error as? any StatusError)?.exitStatus ?? .software)
        }
        endpoint.leave()
    }

    /// Attaches what the run has besides its workload; nothing where it has nothing.
    private func attach(to endpoint: Endpoint) throws(SystemError) -> HistoryWriter? {
        let faults = instruments.faults.filter { $0.rank == die }
        if !faults.isEmpty {
            let (die, outbox) = (die, outbox)
            endpoint.observer = FaultInjector(faults, endpoint, next: endpoint.observer) {
                outbox.post(.note(die: die, $0))
            }
        }
        guard let folder = instruments.historyFolder else { return nil }
        let history = try HistoryWriter(folder: folder, endpoint)
        endpoint.history = history
        return history
    }

    /// Says how the die ended, unless a fault keeps it from that.
    private func say(_ message: ControlMessage) {
        if inject(.mute) { return }
        if inject(.misreport(.twice)) { outbox.post(message) }
        outbox.post(message)
    }

    /// Notes that a fault of the die's reports is injected, if there is such a one.
    private func inject(_ action: FaultAction) -> Bool {
        guard let fault = instruments.faults.first(where: { $0.rank == die && $0.action == action }) else {
            return false
        }
        let note = RunNote(.injected, at: Monotonic.now(), fault: fault.number, text: fault.description)
        outbox.post(.note(die: die, note))
        return true
    }

    /// Reports an error that is not the fabric's.
    func fail(_ error: any Error, status: ExitStatus, text: String? = nil) {
        say(
            .failure(
                die: die,
                ControlMessage.Failure(
                    isConsequence: false, peers: [], status: status.rawValue, text: text ?? "rank \(die): \(error)")))
    }
}
