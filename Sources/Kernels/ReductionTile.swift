import CKernels
public import Tensors

/// A small piece of a reduction in progress: accumulators for the elements of a few cache lines from every rank.
///
/// Take the first rank's elements with ``load(_:from:)``, fold in the others in rank order with
/// ``accumulate(_:_:from:)``, and write the result with ``store(_:into:)``. ``Reduction`` says what comes out, to the bit;
/// all tables agree. Belongs to one thread; allocates once.
///
/// - Complexity: for n ranks, n reads and one write of each element; n - 1 operations.
@safe
public final class ReductionTile {
    /// Bytes of accumulators: half a first-level cache, so that they stay there while sources stream past.
    public static let byteCount = 16384

    let accumulators: UnsafeMutableRawPointer
    private let kernels: UnsafePointer<softpod_kernels>
    private(set) var count = 0

    /// A tile that runs on the kernels of a set.
    public init(on instructions: InstructionSet = .best) {
        unsafe accumulators = UnsafeMutableRawPointer.allocate(byteCount: Self.byteCount, alignment: 64)
        unsafe kernels = instructions.table
    }

    deinit { unsafe accumulators.deallocate() }

    /// Elements of a type that fit; a tile shorter than this is fine.
    public static func capacity(_ type: ElementType) -> Int {
        switch type {
        case .float16, .bfloat16: byteCount / MemoryLayout<Float>.size
        default: byteCount / type.byteCount
        }
    }

    /// Bytes of one accumulator of a type: more than the element's where sums of it are rounded only once, at the end.
    public static func accumulatorByteCount(_ type: ElementType) -> Int { byteCount / capacity(type) }

    /// Starts with the elements of the first rank: at most ``capacity(_:)``, aligned to their size.
    public func load(_ type: ElementType, from source: RawSpan) {
        count = source.byteCount / type.byteCount
        precondition(count <= Self.capacity(type), "a tile holds only so many elements")
        check(type, source.byteCount)
        unsafe source.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            Self.checkAlignment(type, UInt(bitPattern: start))
            unsafe kernels.pointee.reduce.load(Int32(type.rawValue), accumulators, start, count)
        }
    }

    /// Folds in the elements of the next rank: as many as were loaded.
    public func accumulate(_ type: ElementType, _ reduction: Reduction, from source: RawSpan) {
        check(type, source.byteCount)
        unsafe source.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            Self.checkAlignment(type, UInt(bitPattern: start))
            unsafe kernels.pointee.reduce.accumulate(
                Int32(type.rawValue), Int32(reduction.rawValue), accumulators, start, count)
        }
    }

    /// The same for bytes of one's own, as measurements have them.
    public func load(_ type: ElementType, from source: Span<UInt8>) { unsafe load(type, from: source.bytes) }

    /// The same for bytes of one's own, as measurements have them.
    public func accumulate(_ type: ElementType, _ reduction: Reduction, from source: Span<UInt8>) {
        unsafe accumulate(type, reduction, from: source.bytes)
    }

    /// Rounds to the element type and writes as many elements as were loaded.
    public func store(_ type: ElementType, into destination: inout MutableRawSpan) {
        check(type, destination.byteCount)
        unsafe destination.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            Self.checkAlignment(type, UInt(bitPattern: start))
            unsafe kernels.pointee.reduce.store(Int32(type.rawValue), start, accumulators, count)
        }
    }

    /// Starts with the accumulators of a fold that another rank began: its ``storeAccumulators(_:into:)``, at most
    /// ``capacity(_:)``, aligned to their size.
    public func loadAccumulators(_ type: ElementType, from source: RawSpan) {
        let each = Self.accumulatorByteCount(type)
        count = source.byteCount / each
        precondition(count <= Self.capacity(type), "a tile holds only so many elements")
        precondition(source.byteCount == count * each, "every rank gives the same number of whole elements")
        unsafe source.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe accumulators.copyMemory(from: start, byteCount: bytes.count)
        }
    }

    /// The same for bytes of one's own.
    public func store(_ type: ElementType, into destination: inout MutableSpan<UInt8>) {
        var bytes = unsafe destination.mutableBytes
        store(type, into: &bytes)
    }

    /// Writes the accumulators as they are, not rounded, for ``loadAccumulators(_:from:)``.
    public func storeAccumulators(_ type: ElementType, into destination: inout MutableRawSpan) {
        precondition(
            destination.byteCount == count * Self.accumulatorByteCount(type),
            "every rank gives the same number of whole elements")
        unsafe destination.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe start.copyMemory(from: accumulators, byteCount: bytes.count)
        }
    }

    private func check(_ type: ElementType, _ byteCount: Int) {
        precondition(byteCount == count * type.byteCount, "every rank gives the same number of whole elements")
    }

    private static func checkAlignment(_ type: ElementType, _ address: UInt) {
        precondition(address & UInt(type.byteCount - 1) == 0, "elements are aligned to their size")
    }
}
