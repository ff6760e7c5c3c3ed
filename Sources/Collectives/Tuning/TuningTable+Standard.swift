extension TuningTable {
    /// The table that ships: what `softpod bench collectives --tune` and the rows behind it say on a machine of two
    /// cores, simplified.
    ///
    /// Where dies outnumber cores every wait is a turn of the processor, so one meeting beats n of them; it does so as
    /// well for very small blocks, which ride in the posts, and for large ones, of which whoever runs takes pieces. In
    /// between, two dies with a core each lose no time to a meeting they do not need: the side that need not wait for
    /// the other moves the bytes. Larger teams with a core each could not be measured there, so they have no rules of
    /// their own.
    public static let standard = TuningTable(
        [
            pair(.broadcast, 256, .cooperative), pair(.broadcast, 256 << 10, .pull),
            pair(.allGather, 64, .cooperative), pair(.allGather, 1 << 20, .push),
            pair(.allGatherV, 1 << 20, .push), pair(.reduceScatter, 1 << 20, .pull),
            pair(.allToAll, 1 << 20, .pull), pair(.allToAllV, .max, .push), pair(.reduce, 32 << 10, .pull),
            pair(.gather, 64, .cooperative), pair(.gather, 1 << 20, .push), pair(.scatter, 1 << 20, .pull),
        ] + CollectiveOperation.allCases.map { Rule($0, otherwise($0)) })

    /// A rule for two dies with a core each.
    private static func pair(
        _ operation: CollectiveOperation, _ byteCount: Int, _ algorithm: CollectiveAlgorithm
    ) -> Rule {
        Rule(operation, byteCount: byteCount, members: 2, cores: .own, algorithm)
    }
}
