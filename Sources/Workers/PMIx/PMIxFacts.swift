/// What a PMIx server told about a job: plain numbers, so that what follows from them needs no server.
public struct PMIxFacts: Sendable, Equatable {
    /// The job's name.
    public var namespace: String
    /// This task's rank in the job.
    public var rank: Int
    /// Tasks of the job.
    public var size: Int
    /// Rank among this node's tasks; nil where the server does not tell.
    public var localRank: Int?
    /// Tasks on this node; nil where the server does not tell.
    public var localSize: Int?
    /// The server's number for this node; nil where it does not tell. It need not follow the order of the ranks.
    public var nodeID: Int?
    /// Nodes, as the server counts them; nil where it does not tell. Nothing follows from it: PRRTE 3 counts more than have ranks.
    public var nodeCount: Int?
    /// Ranks on this node, rising; nil where the server does not tell.
    public var localPeers: [Int]?
    /// A number for the node of each rank; nil where the server does not tell for all.
    public var nodeOfRank: [Int]?

    /// Takes what was told as it is; ``check()`` judges it.
    public init(
        namespace: String, rank: Int, size: Int, localRank: Int? = nil, localSize: Int? = nil, nodeID: Int? = nil,
        nodeCount: Int? = nil, localPeers: [Int]? = nil, nodeOfRank: [Int]? = nil
    ) {
        (self.namespace, self.rank, self.size) = (namespace, rank, size)
        (self.localRank, self.localSize) = (localRank, localSize)
        (self.nodeID, self.nodeCount) = (nodeID, nodeCount)
        (self.localPeers, self.nodeOfRank) = (localPeers, nodeOfRank)
    }

    /// The ranks of each node, nodes ordered by their lowest rank; nil where the server does not tell. O(size).
    public var nodes: [[Int]]? {
        guard let nodeOfRank else {
            // One node needs no map.
            return localPeers?.count == size ? localPeers.map { [$0] } : nil
        }
        var indices: [Int: Int] = [:]
        var nodes: [[Int]] = []
        for (rank, node) in nodeOfRank.enumerated() {
            if let index = indices[node] {
                nodes[index].append(rank)
            } else {
                indices[node] = nodes.count
                nodes.append([rank])
            }
        }
        return nodes
    }

    /// Ranks on this node, rising, from whatever the server told; nil if from nothing.
    public var tasksOfNode: [Int]? {
        if let localPeers { return localPeers }
        if let nodes { return nodes.first { $0.contains(rank) } }
        return localSize == 1 ? [rank] : localSize == size ? Array(0..<size) : nil
    }

    /// The lowest rank on this node; nil where nothing tells.
    public var lowestRankOfNode: Int? { tasksOfNode?.first ?? (localRank == 0 ? rank : nil) }

    /// `0,1,5` as rising numbers; nil for anything else.
    package static func ranks(_ list: String) -> [Int]? {
        var ranks: [Int] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard (1...7).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let rank = Int(part)
            else { return nil }
            ranks.append(rank)
        }
        return ranks.sorted()
    }

    /// Refuses what contradicts itself: a server's word decides who starts what.
    ///
    /// - Throws: ``PMIxError`` with both sides of the contradiction.
    public func check() throws(PMIxError) {
        guard rank >= 0, rank < size else { throw Self.wrong("rank \(rank) is not below the job's size, \(size)") }
        if let peers = localPeers {
            guard zip(peers, peers.dropFirst()).allSatisfy({ $0 < $1 }), peers.contains(rank),
                peers.allSatisfy({ (0..<size).contains($0) })
            else { throw Self.wrong("rank \(rank) of \(size) has the local peers \(peers)") }
        }
        if let nodeOfRank, nodeOfRank.count != size {
            throw Self.wrong("nodes are told for \(nodeOfRank.count) of \(size) ranks")
        }
        if let nodes, let peers = localPeers, nodes.first(where: { $0.contains(rank) }) != peers {
            throw Self.wrong("the local peers of rank \(rank) are \(peers), but its node has others")
        }
        if let tasks = tasksOfNode {
            if let localSize, localSize != tasks.count {
                throw Self.wrong("\(localSize) ranks are said to be on this node, \(tasks.count) are listed")
            }
            // The standard orders local ranks by rank, as Slurm does; PRRTE orders them as it maps them, by package for example.
            let isOrdered = namespace.hasPrefix("slurm.")
            if let localRank, isOrdered ? tasks.firstIndex(of: rank) != localRank : localRank >= tasks.count {
                throw Self.wrong("local rank \(localRank) is not the place of rank \(rank) among \(tasks)")
            }
        }
    }

    private static func wrong(_ text: String) -> PMIxError {
        PMIxError(.wrong, "the server contradicts itself: " + text)
    }
}
