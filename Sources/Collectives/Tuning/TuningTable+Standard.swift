extension TuningTable {
    /// The table that ships: what `softpod bench collectives --tune` chose on a machine of two cores, simplified.
    ///
    /// Where dies outnumber cores every wait is a turn of the processor, so one meeting beats n of them at any size.
    public static let standard = TuningTable(
        CollectiveOperation.allCases.map { Rule($0, otherwise($0)) })
}
