internal import CKernels
internal import Glibc

/// How copies are made, decided once from the machine's caches.
///
/// Below ``shortByteCount`` a copy is the compiler's: loads and stores where the length is constant, else one `memcpy`. Above, it is a
/// loop over the widest vectors the processor has, or the C library's in pieces where that is as good (see `softpod_copy`). Copies
/// above ``streamByteCount`` bypass the caches: their bytes would not stay anyway, and ordinary stores would read each line before
/// they write it.
public struct CopyPolicy: Sendable, Equatable {
    /// Copies from this length on go through the fabric's own routine.
    @inlinable public static var shortByteCount: Int { 2048 }
    /// From which length on a loop of the fabric's own copies, and what it is; nil where the C library copies all.
    public static var loop: (byteCount: Int, name: String)? {
        let vector = softpod_copy_vector_bytes()
        return vector > 0 ? (shortByteCount, "a loop over vectors of \(vector) bytes") : nil
    }
    /// Copies longer than this bypass the caches.
    public var streamByteCount: Int

    /// A policy of one's own, for tests and measurements.
    public init(streamByteCount: Int) {
        precondition(streamByteCount >= 0, "a threshold is not negative")
        self.streamByteCount = streamByteCount
    }

    /// The third-level cache divided by the cores that share it; at least 1 MiB, which second-level caches hold.
    public static let machine = CopyPolicy(streamByteCount: max(thirdLevelShare ?? 8 << 20, 1 << 20))

    /// Whether the processor has stores that bypass the caches.
    public static var canStream: Bool { softpod_copy_streams() != 0 }

    /// Bytes of third-level cache for each core that shares it; nil where the system does not tell.
    static let thirdLevelShare: Int? = {
        let folder = "/sys/devices/system/cpu/cpu0/cache/index3/"
        if let size = byteCount(read(folder + "size")), let cores = coreCount(read(folder + "shared_cpu_list")) {
            return size / cores
        }
        let size = sysconf(Int32(_SC_LEVEL3_CACHE_SIZE))
        let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        return size > 0 && cores > 0 ? size / cores : nil
    }()

    /// "32768K" as bytes; nil for anything else.
    package static func byteCount(_ text: String) -> Int? {
        let digits = text.prefix { $0.isNumber }
        guard let number = Int(digits), number > 0, number <= 1 << 30 else { return nil }
        switch text.dropFirst(digits.count) {
        case "": return number
        case "K": return number << 10
        case "M": return number << 20
        default: return nil
        }
    }

    /// Cores in a list such as "0-3,8"; nil if it is not one.
    package static func coreCount(_ text: String) -> Int? {
        var count = 0
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-").map { Int($0) }
            guard let first = ends.first, let first, let last = ends.last, let last, (1...2).contains(ends.count),
                first >= 0, last >= first, last < 1 << 20
            else { return nil }
            count += last - first + 1
        }
        return count > 0 ? count : nil
    }

    private static func read(_ path: String) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 256) { buffer, initialized in
            initialized = unsafe max(0, Glibc.read(file, buffer.baseAddress, 256))
        }
        return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
    }
}

/// The one routine by which the fabric copies bytes: into and out of windows, staging and messages.
@usableFromInline
enum FabricCopy {
    /// Copies bytes; the ranges may overlap. On return all of them are ordered before whatever flag is stored next.
    ///
    /// - Parameter streamByteCount: copies longer than this bypass the caches.
    @inlinable @inline(__always)
    static func run(
        _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ byteCount: Int, streamByteCount: Int
    ) {
        if byteCount < CopyPolicy.shortByteCount {
            unsafe destination.copyMemory(from: source, byteCount: byteCount)
        } else {
            unsafe long(destination, source, byteCount, streamByteCount)
        }
    }

    /// The same, with this machine's policy.
    static func run(_ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ byteCount: Int) {
        unsafe run(destination, source, byteCount, streamByteCount: CopyPolicy.machine.streamByteCount)
    }

    /// Arguments in the order of the C routine, so that this is a jump.
    @usableFromInline
    @inline(never)
    static func long(
        _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ byteCount: Int, _ streamByteCount: Int
    ) {
        unsafe softpod_copy(destination, source, byteCount, streamByteCount)
    }
}
