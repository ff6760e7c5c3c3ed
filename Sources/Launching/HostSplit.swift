public import Fabric

/// A cluster over several hosts of which all are this machine: each has a segment and a switch of its own, and nothing else in common with
/// the others than the links between the switches. What tests and `softpod bench link` run on.
public struct HostSplit: Sendable, CustomStringConvertible {
    /// What carries the links.
    public enum Carrier: String, Sendable, CaseIterable {
        case inproc, ipc, tcp
    }

    /// Dies of each host.
    public var dies: [Int]
    /// What carries the links.
    public var carrier: Carrier
    /// What all switches do differently.
    public var options: LinkOptions
    /// Whether the links are secured by keys of each host's own (CURVE). Not with `inproc`, which cannot be.
    public var isSecured: Bool

    /// A split of so many dies a host.
    public init(
        _ dies: [Int], carrier: Carrier = .inproc, options: LinkOptions = LinkOptions(), isSecured: Bool = false
    ) {
        self.dies = dies
        self.carrier = carrier
        self.options = options
        self.isSecured = isSecured
    }

    /// Such as `3+1 tcp`, or `3+1 tcp secured`.
    public var description: String {
        dies.map(String.init).joined(separator: "+") + " " + carrier.rawValue + (isSecured ? " secured" : "")
    }

    /// The dies dealt out over so many hosts; fewer hosts than asked for if there are fewer dies.
    public static func even(dies: Int, hosts: Int) -> HostSplit {
        let hosts = max(min(dies, hosts), 1)
        return HostSplit((0..<hosts).map { dies * ($0 + 1) / hosts - dies * $0 / hosts })
    }

    /// The dies dealt out by weights that are not negative, at least one a host as far as they go.
    public static func weighted(dies: Int, _ weights: [Int]) -> HostSplit {
        let hosts = max(min(dies, weights.count), 1)
        let weights = weights.prefix(hosts)
        let total = max(weights.reduce(0, +), 1)
        // One each, and of the rest what the weights say, rounded so that the sum is right.
        let rest = max(dies - hosts, 0)
        var counts: [Int] = []
        var sum = 0
        for weight in weights {
            let before = rest * sum / total
            sum += weight
            counts.append(1 + rest * sum / total - before)
        }
        return HostSplit(counts)
    }

    /// All dies on one host, whatever a test run asks for: for what is true of one segment only.
    public static func oneHost(dies: Int) -> HostSplit { HostSplit([dies]) }

    /// The hosts' names and ranks; nil if a host has no dies or there are too many.
    public var plan: LinkPlan? {
        var hosts: [LinkPlan.Host] = []
        for (index, count) in dies.enumerated() {
            guard count > 0 else { return nil }
            let first = hosts.last?.ranks.upperBound ?? 0
            hosts.append(LinkPlan.Host(name: "host-\(index)", ranks: first..<first + count))
        }
        return LinkPlan(hosts: hosts)
    }
}
