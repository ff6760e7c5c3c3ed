internal import Fabric
internal import SharedMemory

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

    func run() {
        defer { outbox.dieEnded() }
        guard let workload else {
            return fail(ExitStatus.mismatch, status: .mismatch, text: "this build has no workload named \(name)")
        }
        let endpoint = Endpoint(segment: segment, rank: Rank(die), timeout: timeout, route: route)
        let die = die
        let outbox = outbox
        let context = DieContext(endpoint: endpoint) { outbox.post(.event(die: die, bytes: $0)) }
        do {
            let result = try workload.init(payload: payload).run(on: context)
            context.setPhase("done")
            outbox.post(.result(die: die, bytes: result))
        } catch let error as any FabricCaused where error.fabricCause != nil {
            let cause = error.fabricCause
            let failure = ControlMessage.Failure(
                isConsequence: cause?.code == .membershipChanged || cause?.code == .linkLost,
                peers: (cause?.peers ?? []).map(\.index),
                status: ExitStatus.rankLost.rawValue, text: cause?.description ?? "\(error)")
            outbox.post(.failure(die: die, failure))
        } catch {
            fail(error, status: (error as? any StatusError)?.exitStatus ?? .software)
        }
        endpoint.leave()
    }

    /// Reports an error that is not the fabric's.
    func fail(_ error: any Error, status: ExitStatus, text: String? = nil) {
        outbox.post(
            .failure(
                die: die,
                ControlMessage.Failure(
                    isConsequence: false, peers: [], status: status.rawValue, text: text ?? "rank \(die): \(error)")))
    }
}
