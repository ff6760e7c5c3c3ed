/// Why the membership changed: who was lost, and how. Published by moving the epoch.
///
/// Lies in the cluster block, 256 bytes behind the epoch's line. It has one writer for each epoch: the process that claimed it by
/// compare-exchange on the claim word, or inherited the claim of a writer that was killed. It is written before the epoch is stored, so a reader that acquired the new epoch
/// reads it whole.
///
/// ```
/// 0   claim   u64   0: free, else the process id of the writer
/// 8   given   u64   1 once the rest is written: epochs also move without a verdict, where a run goes on without its dead
/// 64  code    u64
/// 72  rank    i64   -1 if none
/// 80  detail  i64   signal number, exit code, or 0
/// 88  process i64   the lost process, or -1
/// 96  length  u64   bytes of text
/// 104 text    152 bytes, UTF-8
/// ```
public struct Verdict: Sendable, Equatable {
    static let byteCount = 256
    static let claimOffset = 0
    static let givenOffset = 8
    static let codeOffset = 64
    static let rankOffset = 72
    static let detailOffset = 80
    static let processOffset = 88
    static let lengthOffset = 96
    static let textOffset = 104
    static let textByteCount = 152

    /// What happened to the cluster.
    public enum Code: UInt64, Sendable {
        /// A rank process was killed by a signal; `detail` is the signal.
        case rankKilled = 1
        /// A rank process exited before its time; `detail` is its exit code.
        case rankExited = 2
        /// A rank reported an error of its own.
        case rankFailed = 3
        /// The agent of this host is gone.
        case agentLost = 4
        /// The user asked the run to stop (SIGINT, SIGTERM).
        case interrupted = 5
        /// The run ended as it should; late waiters may leave.
        case finished = 6
        /// A link to another host was given up; `detail` is that host's place in the plan.
        case linkLost = 7
    }

    /// What happened.
    public var code: Code
    /// The lowest rank concerned, if one is.
    public var rank: Int?
    /// Signal number or exit code, by ``code``.
    public var detail: Int
    /// Process id of the lost process, if known.
    public var process: Int?
    /// One sentence, cut to 152 bytes.
    public var text: String

    /// A verdict about one rank, the agent, or the run.
    public init(_ code: Code, rank: Int? = nil, detail: Int = 0, process: Int? = nil, text: String) {
        self.code = code
        self.rank = rank
        self.detail = detail
        self.process = process
        self.text = text
    }
}
