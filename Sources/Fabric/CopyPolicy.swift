internal import CKernels
internal import Glibc

/// How large copies are made, decided once from the machine's caches.
///
/// Up to ``chunkByteCount`` a copy is one `memcpy`. Above, it is one `memcpy` a chunk: a chunk fits the second-level cache,
/// and the C library's own switch to other methods for large copies, made for one process that has the machine to itself,
/// never happens. Copies above ``streamByteCount`` bypass the caches: their bytes would not stay anyway, and ordinary stores
/// would read each line before they write it.
public struct CopyPolicy: Sendable, Equatable {
    /// Bytes of a chunk.
    @inlinable public static var chunkByteCount: Int { 256 << 10 }
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

/// Copies too large for one `memcpy`.
@usableFromInline
enum LargeCopy {
    /// Copies in chunks, or past the caches. The ranges may overlap: then it is one `memmove`.
    ///
    /// A copy past the caches ends with a store fence (see `softpod_copy_stream`), so a flag stored afterwards with release
    /// order is behind all its bytes, as it is with ordinary stores.
    @usableFromInline
    @inline(never)
    static func run(
        _ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, _ byteCount: Int, streamByteCount: Int
    ) {
        let distance = UInt(bitPattern: destination) &- UInt(bitPattern: source)
        let overlaps = distance < UInt(byteCount) || 0 &- distance < UInt(byteCount)
        if overlaps {
            unsafe destination.copyMemory(from: source, byteCount: byteCount)
        } else if byteCount > streamByteCount {
            unsafe softpod_copy_stream(destination, source, byteCount)
        } else {
            var at = 0
            while at < byteCount {
                let count = min(CopyPolicy.chunkByteCount, byteCount - at)
                unsafe (destination + at).copyMemory(from: source + at, byteCount: count)
                at += count
            }
        }
    }
}
