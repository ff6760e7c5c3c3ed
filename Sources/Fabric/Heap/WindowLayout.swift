internal import SharedMemory

/// What lies where in a window: team slots first, then boards, then the symmetric heap.
///
/// ```
/// 0        team slots: 64 of 2,048 bytes        words of barriers and meetings, one line each
/// 131072   boards: records of 256 bytes         what members of the teams this die leads post when they meet; the first ones,
///                                              one a die, are the world's; touched only in leaders' windows
/// ...      line of the switch: words through which the host's switch answers this die; see LinkWords
/// ...      symmetric heap
/// ```
///
/// A team slot (offsets inside it; one writer a line unless said; *leader*: only the leader's copy is used):
/// ```
/// 0    arrivals    u64   leader: rises by one for each arrival (fetch-add by all members)
/// 64   release     u64   generation released, sealed, signalled by the last arriver; teams with members on other hosts
/// 128  arrived     u64   this member's own meetings: tells a late member apart from the others
///      working     u64   not zero while this member has taken a piece of work and not finished it
///      finished    u64   the last meeting of whose work this member has done a part
///      waits       u64   the last meeting at which this member was not the last to arrive
/// 192  exchange    4 x u64   this member's contribution to a split or an allocation check; teams as for release
/// 256  gate        u64   leader: 2 m - 1: meeting m is open; 2 m: it is over; all ones: a member has given up, see fault
///                        (compare-exchange by the last arriver, then by the member that completes; any member stores all ones)
///      spoken      u64   leader: the last meeting whose last arriver posted; written by it
/// 320  sleepers    u64   leader: members that may be asleep waiting for the gate (fetch-add by all)
/// 384  claims      u64   leader: pieces of work taken (fetch-add by all); cleared by the last arriver
/// 448  completed   u64   leader: pieces finished (fetch-add by all); cleared by the last arriver
/// 768  answer      8 x u64   leader: what the last arriver or the completer found
/// 832  fault       u64   leader: code, milliseconds and whom to blame (first compare-exchange wins)
///      seen        u64   leader: meetings that were over for a member that gave up, plus one (first compare-exchange wins)
///      flagged     u64   this member's own: flag rounds it had arrived at when it gave up
/// 896  board       u64   leader: offset of the team's board, written once when the team is made
///      leavers     u64   leader: members that have destroyed the team (fetch-add by all)
/// 960  groups      u64   member 16 k of a large team: arrivals of its group of sixteen (fetch-add by the group); the first member of each
///                        host of a team on several: arrivals of that host's members (fetch-add by them)
/// 1024 flags       4 records: record k is written by member k of a team of at most four that spins, into every member's window; its first
///                        word is the sealed round
/// ```
///
/// A record, written by one member, for meetings of one parity each half:
/// ```
/// 0    u64 meeting, 7 x u64 words        64    64 bytes of payload
/// 128  the same for odd meetings
/// ```
enum WindowLayout {
    static let teamSlotCount = 64
    static let teamSlotByteCount = 2048
    static let arrivalsOffset = 0
    static let releaseOffset = 64
    static let arrivedOffset = 128
    static let waitsOffset = 152
    static let exchangeOffset = 192
    static let gateOffset = 256
    static let sleepersOffset = 320
    static let claimsOffset = 384
    static let completedOffset = 448
    static let flagsOffset = 1024
    static let answerOffset = 768
    static let faultOffset = 832
    static let boardWordOffset = 896
    static let leaversOffset = 904
    static let groupOffset = 960

    static let recordByteCount = 256
    static let boardsOffset = teamSlotCount * teamSlotByteCount

    static func slot(_ index: Int) -> Int { index * teamSlotByteCount }

    /// Records of the boards area of each window.
    static func recordCount(dies: Int) -> Int { dies + max(2 * dies, 128) }

    /// Where the symmetric heap starts.
    static func heapOffset(dies: Int) -> Int { linkWordsOffset(dies: dies) + LinkWords.byteCount }

    /// Where the words of the host's switch are.
    static func linkWordsOffset(dies: Int) -> Int { boardsOffset + recordCount(dies: dies) * recordByteCount }
}
