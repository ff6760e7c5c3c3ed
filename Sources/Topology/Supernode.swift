/// The shape of a CloudMatrix384-class supernode, in its own words: servers, NPUs, dies.
///
/// An NPU is a package of two dies; a die is what SoftPod calls a rank. Every count says which of the two it means.
public struct Supernode: Sendable, Equatable {
    /// Servers behind the second-level switches.
    public var serverCount: Int
    /// NPU packages in a server, behind its first-level switches.
    public var npusPerServer: Int
    /// Dies in an NPU package.
    public var diesPerNPU: Int

    /// A shape of at least one of each.
    public init(serverCount: Int, npusPerServer: Int, diesPerNPU: Int) {
        precondition(serverCount > 0 && npusPerServer > 0 && diesPerNPU > 0, "a supernode has servers, NPUs and dies")
        self.serverCount = serverCount
        self.npusPerServer = npusPerServer
        self.diesPerNPU = diesPerNPU
    }

    /// 48 servers of 8 NPUs of 2 dies: published in arXiv 2506.12708, section 3.
    public static let cloudMatrix384 = Supernode(serverCount: 48, npusPerServer: 8, diesPerNPU: 2)

    /// NPUs in all.
    public var npuCount: Int { serverCount * npusPerServer }
    /// Dies in all.
    public var dieCount: Int { npuCount * diesPerNPU }
    /// Dies of one server.
    public var diesPerServer: Int { npusPerServer * diesPerNPU }

    /// Where a die sits.
    public func place(of die: Int) -> DiePlace {
        precondition((0..<dieCount).contains(die), "no such die in the supernode")
        return DiePlace(
            server: die / diesPerServer, npu: die / diesPerNPU, dieInNPU: die % diesPerNPU)
    }

    /// The nearest thing two dies have in common.
    public func tier(between first: Int, and second: Int) -> LinkTier {
        let (a, b) = (place(of: first), place(of: second))
        if first == second { return .die }
        if a.npu == b.npu { return .package }
        return a.server == b.server ? .server : .supernode
    }
}

/// Where a die sits in the supernode.
public struct DiePlace: Sendable, Equatable {
    /// Server, from 0.
    public var server: Int
    /// NPU in the whole supernode, from 0.
    public var npu: Int
    /// 0 or 1: which die of the package.
    public var dieInNPU: Int
}

/// How far two dies are apart.
public enum LinkTier: Int, Sendable, Comparable, CaseIterable {
    /// The same die.
    case die
    /// The other die of the package.
    case package
    /// Another package behind the same first-level switches: one hop.
    case server
    /// Another server: two hops.
    case supernode

    /// Nearer tiers are smaller.
    public static func < (left: LinkTier, right: LinkTier) -> Bool { left.rawValue < right.rawValue }
}
