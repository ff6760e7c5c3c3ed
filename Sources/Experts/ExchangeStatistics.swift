/// What one exchange has done since it was made, as seen by this rank.
public struct ExchangeStatistics: Sendable, Equatable {
    /// Dispatches that ended well.
    public var dispatches: UInt64 = 0
    /// Combines that ended well.
    public var combines: UInt64 = 0
    /// Rows sent to experts, this rank's own included.
    public var rowsSent: UInt64 = 0
    /// Rows received for this rank's experts.
    public var rowsReceived: UInt64 = 0
    /// Bytes put by dispatches: headers, payloads and counts.
    public var dispatchBytes: UInt64 = 0
    /// Bytes put by combines.
    public var combineBytes: UInt64 = 0
    /// Tokens each local expert has received: the cumulative expert load.
    public var expertLoad: [UInt64]
    /// Nanoseconds this rank has waited for each source's dispatch flag. Measured, in the order of the waits: time that
    /// passes while waiting for one source is not counted again for the next.
    public var dispatchWaitNanoseconds: [UInt64]
    /// The same for each expert rank's combine flag.
    public var combineWaitNanoseconds: [UInt64]

    init(layout: ExpertLayout) {
        expertLoad = Array(repeating: 0, count: layout.localExpertCount)
        dispatchWaitNanoseconds = Array(repeating: 0, count: layout.rankCount)
        combineWaitNanoseconds = dispatchWaitNanoseconds
    }
}
