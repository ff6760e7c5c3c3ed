// Where the keys are. A page holds `pageSize` consecutive tokens of one sequence; pages lie anywhere:
//
//     sequence's block table   [ 7 | 2 | 9 ]            token t is in page table[t / pageSize], slot t % pageSize
//     storage, row-major       page 0 | page 1 | page 2 | ...      row number = page * pageSize + slot
//     row                      [ latent (kv_lora) | rope ]          Float or BFloat16
//
// Rows never written hold NaN on purpose: a result that used one shows it at once.

internal import Kernels
internal import Mutants
internal import Tensors

/// A sequence's handle in a ``PagedLatentCache``; valid until it is released.
public struct CachedSequence: Hashable, Sendable {
    let index: Int
    let generation: Int
}

/// Latent keys of many sequences, in pages.
///
/// A value: a copy is a second cache. Handles and token ranges are checked on every call; a wrong one is a programmer
/// error and stops the process. One cache serves one layer.
public struct PagedLatentCache: Sendable {
    /// How rows are stored.
    public enum Element: String, Sendable, CaseIterable {
        /// Four bytes a column, as given.
        case float32
        /// Two bytes a column; appended values are rounded, halves to even.
        case bfloat16
    }

    private struct Entry: Sendable {
        var pages: [Int32] = []
        var count = 0
        var generation = 0
        var isLive = false
    }

    /// How rows are stored.
    public let element: Element
    /// Columns of a row: latent and rope.
    public let width: Int
    /// Tokens in a page.
    public let pageSize: Int
    /// Pages in all.
    public let pageCount: Int

    // One of the two is empty; an enumeration's payload could not be changed in place.
    private var floats: [Float] = []
    private var halves: [BFloat16] = []
    private var freePages: [Int32]
    private var entries: [Entry] = []
    private var freeEntries: [Int] = []

    /// An empty cache.
    ///
    /// - Parameters:
    ///   - pageSize: tokens in a page, any positive number; 1, 16, 64 and 128 are usual.
    ///   - pageCount: pages; all memory is taken here.
    /// - Throws: ``AttentionError`` `.invalidShape` for sizes that are not positive, or more than 2^31 - 1 rows.
    public init(element: Element, width: Int, pageSize: Int, pageCount: Int) throws(AttentionError) {
        guard width > 0, width <= 1 << 21, pageSize > 0, pageCount > 0 else {
            throw AttentionError(
                .invalidShape, "a cache of \(pageCount) pages of \(pageSize) rows of \(width) columns; all are positive"
            )
        }
        let (rows, tooMany) = pageSize.multipliedReportingOverflow(by: pageCount)
        guard !tooMany, rows <= Int(Int32.max) else {
            throw AttentionError(
                .invalidShape, "\(pageCount) pages of \(pageSize) rows; a cache has at most \(Int32.max) rows")
        }
        self.element = element
        self.width = width
        self.pageSize = pageSize
        self.pageCount = pageCount
        freePages = (0..<Int32(pageCount)).reversed()
        switch element {
        case .float32: floats = Array(repeating: .nan, count: rows * width)
        case .bfloat16: halves = Array(repeating: BFloat16(.nan), count: rows * width)
        }
    }

    /// Pages no sequence holds.
    public var freePageCount: Int { freePages.count }

    /// Bytes one row occupies.
    public var rowByteCount: Int { width * (element == .float32 ? 4 : 2) }

    /// A new, empty sequence; it takes pages as rows come.
    public mutating func makeSequence() -> CachedSequence {
        if let index = freeEntries.popLast() {
            entries[index].isLive = true
            return CachedSequence(index: index, generation: entries[index].generation)
        }
        entries.append(Entry(isLive: true))
        return CachedSequence(index: entries.count - 1, generation: 0)
    }

    /// Tokens of a sequence.
    public func count(of sequence: CachedSequence) -> Int { entry(sequence).count }

    /// The pages of a sequence, in token order.
    public func blockTable(of sequence: CachedSequence) -> [Int32] { entry(sequence).pages }

    /// Appends whole rows to a sequence: all of them, or none.
    ///
    /// - Parameter rows: `[count, width]`.
    /// - Throws: ``AttentionError`` `.outOfPages`, and the cache is as before.
    public mutating func append(_ rows: Span<Float>, to sequence: CachedSequence) throws(AttentionError) {
        precondition(rows.count % width == 0, "Rows are appended whole.")
        let first = entry(sequence).count, added = rows.count / width
        let needed = (first + added + pageSize - 1) / pageSize - entry(sequence).pages.count
        guard needed <= freePages.count else {
            throw AttentionError(
                .outOfPages, "\(added) more tokens need \(needed) pages of \(pageSize), \(freePages.count) are free")
        }
        if needed > 0 {
            entries[sequence.index].pages.append(contentsOf: freePages.suffix(needed).reversed())
            freePages.removeLast(needed)
        }
        for token in 0..<added {
            let to = rowNumber(of: first + token, in: entries[sequence.index].pages) * width
            for column in 0..<width {
                let value = rows[token * width + column]
                switch element {
                case .float32: floats[to + column] = value
                case .bfloat16: halves[to + column] = BFloat16(value)
                }
            }
        }
        entries[sequence.index].count += added
    }

    /// Forgets the tokens from `count` on; pages that become empty are free again.
    public mutating func truncate(_ sequence: CachedSequence, to count: Int) {
        let old = entry(sequence)
        precondition(count >= 0 && count <= old.count, "A sequence is only ever shortened.")
        let keep = (count + pageSize - 1) / pageSize
        freePages.append(contentsOf: old.pages[keep...].reversed())
        entries[sequence.index].pages.removeLast(old.pages.count - keep)
        entries[sequence.index].count = count
    }

    /// Gives a sequence's pages back; the handle is invalid from now on.
    public mutating func release(_ sequence: CachedSequence) {
        truncate(sequence, to: 0)
        entries[sequence.index].isLive = false
        entries[sequence.index].generation += 1
        freeEntries.append(sequence.index)
    }

    /// One stored row, as floats.
    public func row(_ token: Int, of sequence: CachedSequence) -> [Float] {
        precondition(token >= 0 && token < count(of: sequence), "A token outside its sequence.")
        let from = rowNumber(of: token, in: entry(sequence).pages) * width
        switch element {
        case .float32: return Array(floats[from..<from + width])
        case .bfloat16: return halves[from..<from + width].map(\.float)
        }
    }

    /// Copies a range of a sequence's rows to consecutive padded rows of floats.
    ///
    /// - Parameters:
    ///   - numbers: scratch for at least as many row numbers as tokens.
    ///   - narrow: round float rows to bfloat16 (bfloat16 rows are narrow already).
    func gather(
        _ tokens: Range<Int>, of sequence: CachedSequence, narrow: Bool, kernels: AttentionKernels,
        numbers: inout [Int32], into output: inout [Float]
    ) {
        let from = entry(sequence)
        precondition(tokens.lowerBound >= 0 && tokens.upperBound <= from.count, "Tokens outside their sequence.")
        precondition(tokens.count <= numbers.count, "More tokens than room for their row numbers.")
        for (index, token) in tokens.enumerated() {
            numbers[index] = Int32(rowNumber(of: token, in: from.pages))
        }
        let rows = numbers.span.extracting(0..<tokens.count)
        var output = output.mutableSpan
        switch element {
        case .float32: kernels.gather(floats.span, rows: rows, width: width, narrow: narrow, into: &output)
        case .bfloat16: kernels.gather(halves.span, rows: rows, width: width, into: &output)
        }
    }

    private func entry(_ sequence: CachedSequence) -> Entry {
        precondition(
            entries.indices.contains(sequence.index) && entries[sequence.index].isLive
                && entries[sequence.index].generation == sequence.generation, "A sequence that is not in this cache.")
        return entries[sequence.index]
    }

    private func rowNumber(of token: Int, in pages: [Int32]) -> Int {
        Int(pages[Mutated.pageTable ? 0 : token / pageSize]) * pageSize + token % pageSize
    }
}
