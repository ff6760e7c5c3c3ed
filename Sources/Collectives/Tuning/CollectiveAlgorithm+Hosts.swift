extension CollectiveAlgorithm {
    /// What `automatic` stands for where members are on several hosts: what crosses a link should cross it once, so leaders speak for the
    /// dies of their hosts. What has one way for each byte anyhow, and is long, goes straight.
    ///
    /// Measured over two hosts of 8 dies (docs/RESULTS.md): against the pull it stood for before, two levels took from 0.01 (all-to-all of
    /// 16 KiB) to 0.9 of the time (all-to-all of 4 MiB); rooted operations gain least.
    ///
    /// - Parameters:
    ///   - byteCount: ``CollectiveCall/sharedByteCount(_:)``.
    ///   - group: members that follow each other and may share a host, ``Fabric/Team/hostGroup``.
    static func acrossHosts(
        _ operation: CollectiveOperation, byteCount: Int?, group: Int
    ) -> CollectiveAlgorithm {
        let isLong = (byteCount ?? 0) >= straightByteCount
        switch operation {
        case .allToAllV, .sendReceive: return .push
        case .gather, .scatter: return isLong ? .push : .twoLevel(group: group)
        case .allToAll: return (byteCount ?? 0) >= 4 * straightByteCount ? .push : .twoLevel(group: group)
        default: return .twoLevel(group: group)
        }
    }

    private static let straightByteCount = 1 << 20
}
