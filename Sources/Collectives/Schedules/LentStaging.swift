internal import Fabric

/// Pieces of this member's staging that non-blocking puts to other hosts may still have to read.
///
/// A schedule writes each place of a source or a destination once, so what is put out of those needs no watching until the operation ends.
/// Staging is written again: by this member, or by another after an event that allows it. Before either, the puts are completed.
struct LentStaging {
    private var pieces: InlineArray<8, (start: Int, end: Int, peer: Rank)> = .init(repeating: (0, 0, 0))
    private var count = 0

    /// Whether there is no room to note one more.
    var isFull: Bool { count == pieces.count }

    /// Notes a piece that has been put to a rank. There is room.
    mutating func add(_ transfer: Transfer) {
        pieces[count] = (transfer.source, transfer.source + transfer.byteCount, transfer.peer)
        count += 1
    }

    /// Whether bytes that are to be written lie in such a piece.
    func covers(_ offset: Int, byteCount: Int) -> Bool {
        (0..<count).contains { offset < pieces[$0].end && offset + byteCount > pieces[$0].start }
    }

    /// Whether a put goes to another rank than this: an event to this one may come before that put.
    func goesElsewhere(than peer: Rank) -> Bool { (0..<count).contains { pieces[$0].peer != peer } }

    /// All have been read.
    mutating func clear() { count = 0 }
}
