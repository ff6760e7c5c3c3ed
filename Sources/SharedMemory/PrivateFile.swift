internal import CLinux
internal import Glibc

/// Files that no other user may read, such as keys.
public enum PrivateFile {
    /// Reads a whole file, after checking on the open descriptor that it is a regular file of this user without a permission for group or
    /// others. The last part of the path must not be a symbolic link.
    ///
    /// - Throws: ``SharedMemoryError`` `.badFile` if it cannot be opened or read, `.refused` if it breaks one of these rules or has more
    ///   bytes than allowed. The description starts with the rule, not with the path.
    public static func read(path: String, maximumByteCount: Int) throws(SharedMemoryError) -> [UInt8] {
        // O_NONBLOCK: opening a FIFO by mistake must not hang.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ELOOP { throw refusal("is a symbolic link; name the file itself") }
            throw failure("cannot be opened", errno)
        }
        defer { _ = close(descriptor) }  // Nothing was written.
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { throw failure("cannot be examined", errno) }
        guard info.st_mode & S_IFMT == S_IFREG else { throw refusal("is not a regular file") }
        guard info.st_uid == geteuid() else { throw refusal("belongs to another user") }
        guard info.st_mode & 0o077 == 0 else {
            let mode = String(info.st_mode & 0o777, radix: 8)
            throw refusal("has mode \(mode): group and others must have no permission (chmod 600)")
        }
        guard info.st_size <= maximumByteCount else { throw tooLong(Int(info.st_size), maximumByteCount) }
        // One byte more shows a file that grows meanwhile.
        var bytes = [UInt8](repeating: 0, count: maximumByteCount + 1)
        var count = 0
        while count < bytes.count {
            let room = bytes.count - count
            let code = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress.map { unsafe $0 + count }, room)
            }
            if code < 0, errno == EINTR { continue }
            guard code >= 0 else { throw failure("cannot be read", errno) }
            if code == 0 { break }
            count += code
        }
        guard count <= maximumByteCount else { throw tooLong(count, maximumByteCount) }
        return Array(bytes.prefix(count))
    }

    /// Writes a new file of mode 0600, which must not be there yet. Leaves none behind that is not whole.
    ///
    /// The folder is opened once, and the file made in it and, if need be, removed from it relative to that: what the path's other parts
    /// lead to may change meanwhile, and nothing there is touched. A link in the file's place is not followed.
    ///
    /// - Throws: ``SharedMemoryError`` `.badFile` with the system's reason.
    public static func create(path: String, _ bytes: [UInt8]) throws(SharedMemoryError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let name = parts.last.map(String.init) ?? ""
        let parent = parts.count > 1 ? parts.dropLast().joined(separator: "/") + "/" : "."
        let folder = unsafe softpod_open_folder(-1, parent)
        guard folder >= 0 else { throw failure("cannot be made", -folder) }
        defer { _ = close(folder) }  // Nothing was written to it.
        let descriptor = unsafe openat(folder, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw errno == EEXIST
                ? SharedMemoryError(.badFile, "is there already", errno: EEXIST)
                : failure("cannot be made", errno)
        }
        // The umask may have taken the owner's bits too.
        var code = fchmod(descriptor, 0o600) == 0 ? 0 : errno
        var written = 0
        while code == 0, written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            if count >= 0 { written += count } else if errno != EINTR { code = errno }
        }
        if code == 0, fsync(descriptor) != 0 { code = errno }
        if close(descriptor) != 0, code == 0 { code = errno }
        guard code == 0 else {
            _ = unsafe unlinkat(folder, name, 0)  // Ours a moment ago, and of no use.
            throw failure("cannot be written", code)
        }
    }

    private static func refusal(_ rule: String) -> SharedMemoryError { SharedMemoryError(.refused, rule) }

    private static func tooLong(_ count: Int, _ limit: Int) -> SharedMemoryError {
        refusal("has \(count) bytes, more than the \(limit) allowed")
    }

    private static func failure(_ what: String, _ code: Int32) -> SharedMemoryError {
        SharedMemoryError(.badFile, "\(what): \(unsafe String(cString: strerror(code)))", errno: code)
    }
}
