/// Which ranks run on which host, and where each host's agent is reached.
///
/// Ranks are dies, numbered through the hosts in order; every host has one contiguous range. A value only: nothing here
/// starts anything or looks up a name.
public struct HostPlan: Sendable, Equatable {
    /// A host and what runs there.
    public struct Host: Sendable, Equatable {
        /// The name it is called by.
        public var name: String
        /// Where its agent is reached: a name or an address, by default its name.
        public var address: String
        /// The agent's port; nil lets the system choose.
        public var port: Int?
        /// The ranks it runs.
        public var ranks: Range<Int>

        /// Takes the fields as they are.
        public init(name: String, address: String? = nil, port: Int? = nil, ranks: Range<Int>) {
            self.name = name
            self.address = address ?? name
            self.port = port
            self.ranks = ranks
        }
    }

    /// The hosts that run at least one rank, in rank order.
    public let hosts: [Host]

    /// Ranks, that is dies, in all.
    public var rankCount: Int { hosts.last?.ranks.upperBound ?? 0 }

    /// The place of a rank's host in ``hosts``; nil if there is no such rank. O(log hosts).
    public func hostIndex(ofRank rank: Int) -> Int? {
        guard rank >= 0, rank < rankCount else { return nil }
        var (low, high) = (0, hosts.count)
        while low < high {
            let middle = (low + high) / 2
            if hosts[middle].ranks.upperBound <= rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// A host that offers to run dies, as a hostfile or a cluster file lists it.
public struct HostOffer: Sendable, Equatable {
    /// The name it is called by.
    public var name: String
    /// Where its agent is reached; nil for its name.
    public var address: String?
    /// The agent's port; nil lets the system choose.
    public var port: Int?
    /// Dies it should run.
    public var slots: Int
    /// Dies it may run when more are asked for than there are slots; nil where that is not said.
    public var maximumSlots: Int?

    /// Takes the fields as they are.
    public init(name: String, address: String? = nil, port: Int? = nil, slots: Int, maximumSlots: Int? = nil) {
        self.name = name
        self.address = address
        self.port = port
        self.slots = slots
        self.maximumSlots = maximumSlots
    }
}

/// Why ranks could not be placed on hosts.
public struct HostPlanError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The offer it is about, if it is about one.
    public var index: Int?
    /// What is wrong, with names and numbers.
    public var rule: String

    /// The rule.
    public var description: String { rule }

    init(_ index: Int? = nil, _ rule: String) {
        self.index = index
        self.rule = rule
    }
}

extension HostPlan {
    /// The most hosts of a plan.
    public static let maximumHostCount = 4096
    /// The most dies of a plan.
    public static let maximumDieCount = Machine.maximumDieCount

    /// Fills hosts in their order, each to its slots; if that is not enough and `usingMaximum`, each to its maximum.
    ///
    /// - Parameters:
    ///   - offers: the hosts, each once.
    ///   - dies: dies to place; nil for every slot.
    /// - Throws: ``HostPlanError`` for a host that is there twice, no slots, a maximum below the slots, or too few of them.
    public init(filling offers: [HostOffer], dies: Int? = nil, usingMaximum: Bool = false) throws(HostPlanError) {
        try Self.check(offers)
        let slots = offers.map { usingMaximum ? $0.maximumSlots ?? $0.slots : $0.slots }
        let total = slots.reduce(0, +)
        let wanted = dies ?? offers.map(\.slots).reduce(0, +)
        guard wanted > 0 else { throw HostPlanError(nil, "no dies were asked for") }
        guard wanted <= total else {
            throw HostPlanError(
                nil,
                "\(wanted) dies were asked for, \(offers.count) hosts have \(total) slots: \(wanted - total) too few")
        }
        guard wanted <= Self.maximumDieCount else {
            throw HostPlanError(nil, "\(wanted) dies, more than the \(Self.maximumDieCount) allowed")
        }
        // Maxima are only drawn on for what the slots do not hold.
        var counts = offers.map(\.slots)
        var missing = wanted - counts.reduce(0, +)
        for index in offers.indices where missing > 0 {
            let extra = min(missing, slots[index] - counts[index])
            counts[index] += extra
            missing -= extra
        }
        var hosts: [Host] = []
        var next = 0
        for (offer, count) in zip(offers, counts) {
            let last = min(next + count, wanted)
            guard last > next else { break }
            hosts.append(Host(name: offer.name, address: offer.address, port: offer.port, ranks: next..<last))
            next = last
        }
        self.hosts = hosts
    }

    private static func check(_ offers: [HostOffer]) throws(HostPlanError) {
        guard !offers.isEmpty else { throw HostPlanError(nil, "there are no hosts") }
        guard offers.count <= maximumHostCount else {
            throw HostPlanError(nil, "\(offers.count) hosts, more than the \(maximumHostCount) allowed")
        }
        var names: [String: Int] = [:]
        var places: [String: Int] = [:]
        for (index, offer) in offers.enumerated() {
            guard names.updateValue(index, forKey: offer.name) == nil else {
                throw HostPlanError(index, "the host \"\(offer.name)\" is there twice")
            }
            if let port = offer.port {
                let place = "\(offer.address ?? offer.name):\(port)"
                if let other = places.updateValue(index, forKey: place) {
                    throw HostPlanError(
                        index, "\"\(offer.name)\" and \"\(offers[other].name)\" both have their agent at \(place)")
                }
            }
            guard (1...maximumDieCount).contains(offer.slots) else {
                throw HostPlanError(
                    index,
                    "\"\(offer.name)\" has \(offer.slots) slots; a host has 1 to \(maximumDieCount), or is left out")
            }
            if let maximum = offer.maximumSlots {
                guard (offer.slots...maximumDieCount).contains(maximum) else {
                    throw HostPlanError(
                        index, "\"\(offer.name)\" may have at most \(maximum) slots, but has \(offer.slots)")
                }
            }
        }
    }

    /// Keeps the named hosts only, in the order of `names`.
    ///
    /// - Throws: ``HostPlanError`` for a name that is not among the offers.
    public static func choose(_ names: [String], from offers: [HostOffer]) throws(HostPlanError) -> [HostOffer] {
        var chosen: [HostOffer] = []
        for name in names {
            guard let offer = offers.first(where: { $0.name == name }) else {
                throw HostPlanError(nil, "the host \"\(name)\" is not among the \(offers.count) listed")
            }
            chosen.append(offer)
        }
        return chosen
    }

    /// Checks the plan against a machine: rank r is die r, so a host must run exactly the dies of the servers it stands in for.
    ///
    /// A machine whose one host is `*` leaves the hosts open and is checked by count only.
    ///
    /// - Throws: ``HostPlanError`` for more dies than the machine has, a host the machine does not know or that the plan lacks,
    ///   or other dies than those of its servers.
    public func check(against machine: Machine) throws(HostPlanError) {
        guard rankCount <= machine.shape.dieCount else {
            throw HostPlanError(
                nil, "\(rankCount) dies were asked for, \(machine.name) has \(machine.shape.dieCount)")
        }
        guard machine.hosts.map(\.name) != ["*"] else { return }
        for (index, host) in hosts.enumerated() {
            guard let place = machine.hosts.first(where: { $0.name == host.name }) else {
                throw HostPlanError(index, "the host \"\(host.name)\" is not in the topology \(machine.name)")
            }
            let dies = machine.dies(of: place)
            guard host.ranks == dies else {
                throw HostPlanError(
                    index,
                    "\"\(host.name)\" runs ranks \(host.ranks.lowerBound)-\(host.ranks.upperBound - 1), but stands in for "
                        + "servers \(place.servers.lowerBound)-\(place.servers.upperBound), "
                        + "dies \(dies.lowerBound)-\(dies.upperBound - 1)")
            }
        }
        if let missing = machine.hosts.first(where: { place in !hosts.contains { $0.name == place.name } }) {
            throw HostPlanError(nil, "the topology \(machine.name) has a host \"\(missing.name)\" that is not listed")
        }
    }
}

extension Machine {
    /// The dies of the servers that a host stands in for.
    public func dies(of host: MachineHost) -> Range<Int> {
        host.servers.lowerBound * shape.diesPerServer..<(host.servers.upperBound + 1) * shape.diesPerServer
    }
}
