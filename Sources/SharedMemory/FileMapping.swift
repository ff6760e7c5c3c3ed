internal import Glibc

/// A whole file mapped read-only, shared by all who hold a reference; unmapped when the last one goes.
///
/// Pages come from the page cache, so every process that maps a model file shares its memory. The file must not shrink
/// while it is mapped: the system answers a read past its new end with SIGBUS, which no program can turn into an error, but
/// which ``BusErrors`` explains. A file that is overwritten gives other bytes from one read to the next; ``change`` tells.
@safe
public final class FileMapping: @unchecked Sendable {
    /// The path it was opened by, for messages.
    public let path: String
    /// The file's length when it was mapped.
    public let byteCount: Int
    private let base: UnsafeRawPointer?
    /// Kept to ask what has become of the file, whatever its name leads to now.
    private let descriptor: Int32
    private let modified: timespec
    private let watch: MappingWatch?

    /// Maps the regular file at `path`.
    ///
    /// - Throws: ``SharedMemoryError`` `.badFile` if it is missing, unreadable or not a regular file.
    public init(path: String) throws(SharedMemoryError) {
        // O_NONBLOCK: opening a FIFO by mistake must not hang.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.failure(path, "cannot be opened", errno) }
        var info = stat()
        do throws(SharedMemoryError) {
            guard unsafe fstat(descriptor, &info) == 0 else { throw Self.failure(path, "cannot be examined", errno) }
            guard info.st_mode & S_IFMT == S_IFREG else {
                throw SharedMemoryError(.badFile, "\(path) is not a regular file")
            }
            unsafe base = try unsafe Self.map(descriptor, Int(info.st_size), path)
        } catch {
            _ = close(descriptor)  // Nothing was written.
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        byteCount = Int(info.st_size)
        modified = info.st_mtim
        let (count, place) = (byteCount, path)
        watch = unsafe base.map {
            unsafe MappingWatch($0, byteCount: count, descriptor: descriptor, .file, path: place)
        }
    }

    private static func map(
        _ descriptor: Int32, _ byteCount: Int, _ path: String
    ) throws(SharedMemoryError) -> UnsafeRawPointer? {
        guard byteCount > 0 else { return nil }
        // SAFETY: a fresh read-only mapping of a file we hold open; the result is checked.
        let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw failure(path, "cannot be mapped", errno)
        }
        return UnsafeRawPointer(address)
    }

    /// What has happened to the file since it was mapped, in a clause; nil if it is what it was, as far as its length and the time of
    /// its last change tell.
    public var change: String? {
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { return nil }
        if Int(info.st_size) != byteCount {
            let what = Int(info.st_size) < byteCount ? "truncated" : "made longer"
            return "was \(what) while it was mapped, from \(byteCount) to \(info.st_size) bytes"
        }
        let isSame = info.st_mtim.tv_sec == modified.tv_sec && info.st_mtim.tv_nsec == modified.tv_nsec
        return isSame ? nil : "was overwritten while it was mapped"
    }

    deinit {
        watch?.end()
        _ = close(descriptor)  // Nothing was written.
        guard let base = unsafe base else { return }
        _ = unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)  // A whole mapping of ours cannot fail.
    }

    /// The file's bytes, for as long as the mapping is held.
    public var bytes: RawSpan {
        @_lifetime(borrow self) get {
            // SAFETY: the mapping is `byteCount` long and lives as long as `self`.
            guard let base = unsafe base else { return RawSpan() }
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Copies part of the file; traps if `range` is outside it.
    public func copyBytes(_ range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes outside the file")
        // SAFETY: bytes of the span are copied before it ends.
        return unsafe bytes.extracting(range).withUnsafeBytes { unsafe Array($0) }
    }

    /// Copies the whole file.
    public func copyBytes() -> [UInt8] { copyBytes(0..<byteCount) }

    private static func failure(_ path: String, _ what: String, _ code: Int32) -> SharedMemoryError {
        let reason = unsafe String(cString: strerror(code))
        return SharedMemoryError(.badFile, "\(path) \(what): \(reason)", errno: code)
    }
}
