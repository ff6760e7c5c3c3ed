/// A rule that a machine's description breaks.
public struct MachineError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The part it is about, in the words of a topology file, such as `planes[0].fabric`.
    public var place: String
    /// What is wrong, with the numbers.
    public var rule: String

    /// Names the part and the rule.
    public init(place: String, rule: String) {
        self.place = place
        self.rule = rule
    }

    /// `place: rule`.
    public var description: String { "\(place): \(rule)" }
}

extension Machine {
    /// The largest description: 65,536 dies. Products of the shape cannot overflow below it.
    public static let maximumDieCount = 65_536

    /// Checks the description against itself.
    ///
    /// - Throws: the first rule it breaks: sums of links must be what is said of dies and servers, switches must reach every
    ///   server, every server must be on exactly one host, and a plane or path must not be there twice.
    public func check() throws(MachineError) {
        guard shape.dieCount <= Self.maximumDieCount else {
            throw MachineError(
                place: "supernode", rule: "has \(shape.dieCount) dies, more than the \(Self.maximumDieCount) allowed")
        }
        for (index, plane) in planes.enumerated() { try check(plane, at: "planes[\(index)]", before: planes[..<index]) }
        guard planes.contains(where: { $0.kind == .unifiedBus }) else {
            throw MachineError(place: "planes", rule: "has no UB plane")
        }
        for (index, path) in paths.enumerated() { try check(path, at: "paths[\(index)]", before: paths[..<index]) }
        try checkHosts()
    }

    private func check(_ plane: Plane, at place: String, before: ArraySlice<Plane>) throws(MachineError) {
        guard !before.contains(where: { $0.kind == plane.kind }) else {
            throw MachineError(place: place, rule: "\(plane.kind.rawValue) is there twice")
        }
        if let perDie = plane.bandwidthPerDie {
            let (dies, overflow) = perDie.multipliedReportingOverflow(by: shape.diesPerServer)
            guard !overflow, dies == plane.bandwidthPerServer else {
                throw MachineError(
                    place: place,
                    rule:
                        "bandwidthPerServer is \(plane.bandwidthPerServer) B/s, but a server has \(shape.diesPerServer) "
                        + "dies of \(perDie) B/s")
            }
        }
        guard let fabric = plane.fabric else { return }
        try check(fabric, of: plane, at: "\(place).fabric")
    }

    private func check(_ fabric: SwitchFabric, of plane: Plane, at place: String) throws(MachineError) {
        guard let perDie = plane.bandwidthPerDie else {
            throw MachineError(place: place, rule: "switches of a plane without bandwidthPerDie")
        }
        let (links, overflow) = fabric.subPlanes.multipliedReportingOverflow(by: fabric.linkBandwidth)
        guard !overflow, links == perDie else {
            throw MachineError(
                place: place,
                rule: "\(fabric.subPlanes) sub-planes of \(fabric.linkBandwidth) B/s do not make bandwidthPerDie, "
                    + "\(perDie) B/s")
        }
        guard shape.serverCount > 1 else {
            guard fabric.uplinksPerL1 == 0, fabric.l2PerSubPlane == 0, fabric.portsPerL2 == 0 else {
                throw MachineError(place: place, rule: "a machine of one server has no second level of switches")
            }
            return
        }
        guard fabric.uplinksPerL1 == fabric.l2PerSubPlane else {
            throw MachineError(
                place: place,
                rule: "an L1 chip has \(fabric.uplinksPerL1) uplinks for the \(fabric.l2PerSubPlane) L2 chips of its "
                    + "sub-plane; it needs one to each")
        }
        guard fabric.portsPerL2 == shape.serverCount else {
            throw MachineError(
                place: place,
                rule:
                    "an L2 chip has \(fabric.portsPerL2) ports for \(shape.serverCount) servers; it needs one for each")
        }
        guard fabric.uplinksPerL1 == shape.diesPerServer else {
            throw MachineError(
                place: place,
                rule:
                    "\(fabric.uplinksPerL1) uplinks an L1 chip for \(shape.diesPerServer) dies: the fabric would block")
        }
    }

    private func check(_ path: PublishedPath, at place: String, before: ArraySlice<PublishedPath>) throws(MachineError)
    {
        let isThere = before.contains {
            $0.target == path.target && $0.tier == path.tier && $0.operation == path.operation
        }
        if isThere {
            throw MachineError(
                place: place,
                rule: "\(path.operation.rawValue) of \(path.target.rawValue) in \(path.tier.name) is there twice")
        }
        let exists =
            switch path.tier {
            case .die: false
            case .package: shape.diesPerNPU > 1 && path.target == .npu
            case .server: shape.npusPerServer > 1 || path.target == .cpu
            case .supernode: shape.serverCount > 1
            }
        guard exists else {
            throw MachineError(
                place: place, rule: "this machine has no \(path.tier.name) path to a \(path.target.rawValue)")
        }
    }

    private func checkHosts() throws(MachineError) {
        var owner: [Int: Int] = [:]
        var names: Set<String> = []
        for (index, host) in hosts.enumerated() {
            let place = "hosts[\(index)]"
            guard names.insert(host.name).inserted else {
                throw MachineError(place: place, rule: "the host \"\(host.name)\" is there twice")
            }
            guard host.servers.lowerBound >= 0, host.servers.upperBound < shape.serverCount else {
                throw MachineError(
                    place: place,
                    rule:
                        "servers \(host.servers.lowerBound)-\(host.servers.upperBound) are outside 0-\(shape.serverCount - 1)"
                )
            }
            for server in host.servers {
                if let other = owner.updateValue(index, forKey: server) {
                    throw MachineError(
                        place: place, rule: "server \(server) is already on host \"\(hosts[other].name)\"")
                }
            }
        }
        if let orphan = (0..<shape.serverCount).first(where: { owner[$0] == nil }) {
            throw MachineError(place: "hosts", rule: "server \(orphan) is on no host")
        }
    }
}

extension LinkTier {
    /// The tier's word in files and tables.
    public var name: String {
        switch self {
        case .die: "die"
        case .package: "package"
        case .server: "server"
        case .supernode: "supernode"
        }
    }
}
