internal import CLinux
internal import Glibc

/// The folder where the agent's socket lives until all ranks have connected: mode 0700, and locked while its owner lives.
///
/// It is removed as soon as everybody has connected (connected sockets go on), by ranks that see their agent die before that,
/// and at the next start by whoever finds one whose lock nobody holds.
public final class RunFolder: Sendable {
    /// Where it is.
    public let path: String
    private let lock: Descriptor

    private init(path: String, lock: Descriptor) {
        self.path = path
        self.lock = lock
    }

    /// Where run folders go: `$XDG_RUNTIME_DIR`, else `$TMPDIR`, else `/tmp`.
    ///
    /// A socket's path may have 107 bytes, so a longer folder is passed over.
    public static var parent: String {
        for name in ["XDG_RUNTIME_DIR", "TMPDIR"] {
            guard let value = unsafe getenv(name) else { continue }
            let path = unsafe String(cString: value)
            if path.hasPrefix("/"), path.utf8.count <= 60, unsafe access(path, W_OK | X_OK) == 0 { return path }
        }
        return "/tmp"
    }

    private static var prefix: String { "softpod-\(getuid())-" }

    /// Makes a fresh folder, after removing those whose owners are gone.
    public static func create() throws(SystemError) -> RunFolder {
        let parent = parent
        removeAbandoned(in: parent)
        var template = Array((parent + "/" + prefix + String(repeating: "X", count: 6)).utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw SystemError("cannot make a run folder in \(parent)", errno)
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Locked under another name first: who sees the name "lock" sees it locked.
        let number = unsafe open(path + "/new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard number >= 0, softpod_try_lock(number) == 0, unsafe rename(path + "/new", path + "/lock") == 0 else {
            let code = errno
            unsafe unlink(path + "/new")
            unsafe rmdir(path)
            throw SystemError("cannot lock the run folder \(path)", code)
        }
        return RunFolder(path: path, lock: Descriptor(number))
    }

    /// The address of the agent's socket in it.
    public var address: String { "ipc://\(path)/agent" }

    /// Removes it and what it holds.
    public func remove() { Self.remove(path) }

    /// Removes a run folder by its path; anything that is not one is left alone.
    public static func remove(_ path: String) {
        guard (path.split(separator: "/").last ?? "").hasPrefix(prefix) else { return }
        unsafe unlink(path + "/agent")
        unsafe unlink(path + "/lock")
        unsafe rmdir(path)
    }

    /// Whether a folder was made more than a minute ago.
    private static func isOld(_ path: String) -> Bool {
        var info = stat()
        return unsafe lstat(path, &info) == 0 && time(nil) - info.st_ctim.tv_sec > 60
    }

    private static func removeAbandoned(in parent: String) {
        guard let directory = unsafe opendir(parent) else { return }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { start in
                unsafe start.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasPrefix(prefix) { names.append(parent + "/" + name) }
        }
        unsafe closedir(directory)
        for path in names {
            let number = unsafe open(path + "/lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard number >= 0 else {
                // No lock yet, or never: an owner needs microseconds from the folder to the lock. Goes only if it is empty.
                if isOld(path) { remove(path) }
                continue
            }
            // The owner holds the lock as long as it lives; a lock that can be had has no owner.
            if softpod_try_lock(number) == 0 { remove(path) }
            close(number)
        }
    }
}
