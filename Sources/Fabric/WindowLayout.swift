internal import SharedMemory

/// What lies where in a window: team slots first, then the symmetric heap.
///
/// ```
/// 0        team slots: 64 of 512 bytes     words of barriers and splits, one line each
/// 32768    symmetric heap
/// ```
///
/// A team slot (offsets inside it; one writer a line unless said):
/// ```
/// 0    arrivals   u64   at the leader: rises by one for each arrival (fetch-add by all members)
/// 64   release    u64   generation released, signalled by the last arriver
/// 128  arrived    u64   this member's own generation: tells a late member apart from the others
/// 192  exchange   4 x u64   this member's contribution to a split or an allocation check
/// ```
enum WindowLayout {
    static let teamSlotCount = 64
    static let teamSlotByteCount = 512
    static let arrivalsOffset = 0
    static let releaseOffset = 64
    static let arrivedOffset = 128
    static let exchangeOffset = 192
    static let heapOffset = teamSlotCount * teamSlotByteCount

    static func slot(_ index: Int) -> Int { index * teamSlotByteCount }
}
