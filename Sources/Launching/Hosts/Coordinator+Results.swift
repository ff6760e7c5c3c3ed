internal import Fabric
internal import NodeRuntime
internal import SharedMemory

extension Coordinator {
    /// Every host says that its dies are done: a success, if every die has handed in its result.
    func finish() {
        let missing = results.indices.filter { results[$0] == nil }
        guard let first = missing.first else { return leave(nil, within: .seconds(20)) }
        let hosts =
            plan.map { plan in plan.hosts.filter { host in missing.contains { host.ranks.contains($0) } } } ?? []
        let place = hosts.isEmpty ? "" : " on host \(hosts.prefix(4).map(\.name).joined(separator: ", "))"
        let text = "\(HandedIn.names(missing))\(place) ended without a result"
        fail(
            HostFailure(verdict: Verdict(.rankFailed, rank: first, text: text), status: .rankLost, report: text))
    }
}
