internal import CLinux
internal import Glibc
internal import Synchronization

/// The folder where the agent's socket lives until all ranks have connected: mode 0700, and locked while its owner lives.
///
/// It is removed as soon as all ranks have connected (connected sockets go on), by ranks that see their agent die before that,
/// and at the next start by an agent that finds one whose lock can be had.
///
/// Other users may put anything under any name beside it. So a folder is opened once, without following a link, and is taken for one of
/// ours only if it is a folder of this user with mode 0700; what is in it is removed relative to the opened folder; and its name is
/// removed, which takes an empty folder only, while it still leads to the same one.
public final class RunFolder: Sendable {
    /// Where it is.
    public let path: String
    private let folder: Descriptor
    private let lock: Descriptor
    private let isRemoved = Atomic<Bool>(false)

    private init(path: String, folder: Descriptor, lock: Descriptor) {
        self.path = path
        self.folder = folder
        self.lock = lock
    }

    /// How the names of this user's run folders begin.
    package static var prefix: String { "softpod-\(geteuid())-" }

    /// How many hosts may be played in one process by sockets in a folder.
    public static let mostHosts = 8

    /// Everything that may be in one, the lock last.
    private static let entries = ["agent"] + (0..<mostHosts).map { "host\($0)" } + ["new", "lock"]

    /// Makes a fresh folder, after removing those whose owners are gone.
    ///
    /// - Parameter parent: where; it must be a place in which no other user can rename what is ours.
    public static func create(in parent: String = parent) throws(SystemError) -> RunFolder {
        if let obstacle = RunFolderPlace.obstacle(parent) {
            throw SystemError(rule: "no run folder in \(parent): \(obstacle); set TMPDIR to a folder of your own")
        }
        let number = unsafe Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw SystemError("cannot make a run folder in \(parent)", errno) }
        let opened = Descriptor(number)
        removeAbandoned(in: opened)
        // Another start may take a folder for abandoned before it is locked; then this one makes another.
        for _ in 0..<16 {
            if let made = try make(in: opened, parent) { return made }
        }
        throw SystemError("cannot lock a run folder in \(parent)", EAGAIN)
    }

    /// One attempt; nil if another process was faster.
    private static func make(in parent: Descriptor, _ parentPath: String) throws(SystemError) -> RunFolder? {
        let name = prefix + randomText()
        let path = parentPath + "/" + name
        guard unsafe mkdirat(parent.number, name, 0o700) == 0 else {
            if errno == EEXIST { return nil }
            throw SystemError("cannot make a run folder in \(parentPath)", errno)
        }
        // The umask may have taken the owner's bits too. The parent lets no other user put something else here.
        _ = unsafe fchmodat(parent.number, name, 0o700, 0)
        guard let folder = open(name, in: parent.number) else {
            if errno == ENOENT { return nil }
            throw SystemError("cannot open the run folder \(path)", errno)
        }
        // Locked under another name first: a process that sees the name "lock" sees it locked.
        let number = unsafe openat(folder.number, "new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else {
            let code = errno
            remove(folder, name)
            if code == ENOENT { return nil }
            throw SystemError("cannot lock the run folder \(path)", code)
        }
        let lock = Descriptor(number)
        var code = fchmod(number, 0o600) == 0 ? softpod_try_lock(number) : errno
        if code == 0, unsafe renameat(folder.number, "new", folder.number, "lock") != 0 { code = errno }
        if code == 0, leads(name, folder) { return RunFolder(path: path, folder: folder, lock: lock) }
        // Another start holds the lock and is removing the folder, or has done so.
        if code == 0 || code == EWOULDBLOCK || code == ENOENT { return nil }
        remove(folder, name)
        throw SystemError("cannot lock the run folder \(path)", code)
    }

    /// The address of the agent's socket in it.
    public var address: String { "ipc://\(path)/agent" }

    /// The address of the socket of a host's switch in it, where several hosts are played on one.
    public func address(ofHost host: Int) -> String {
        precondition((0..<Self.mostHosts).contains(host), "a host beyond those a run folder has room for")
        return "ipc://\(path)/host\(host)"
    }

    /// Lets ranks connect to the socket that was bound in it, whatever the umask. Where that fails they do not come, which is told.
    public func admitRanks() { _ = unsafe fchmodat(folder.number, "agent", 0o600, 0) }

    /// Removes it and what it holds. Once: later its name may be another's.
    public func remove() {
        guard !isRemoved.exchange(true, ordering: .relaxed) else { return }
        Self.remove(folder, Self.name(path))
    }

    /// Removes the run folder of a process that is gone, by its path. What is not a run folder of this user, or has a living owner, is left
    /// alone.
    public static func remove(_ path: String) {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        let parent = unsafe softpod_open_folder(-1, String(path[..<end]) + "/")
        guard parent >= 0 else { return }
        let opened = Descriptor(parent)
        removeIfAbandoned(name(path), in: opened)
    }

    private static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }

    /// Six letters and digits that cannot be guessed.
    static func randomText() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        var generator = SystemRandomNumberGenerator()
        return String((0..<6).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
    }

    /// Opens a folder by its name in another; nil, with the system's reason, unless it is a run folder of this user.
    private static func open(_ name: String, in parent: Int32) -> Descriptor? {
        let number = unsafe openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { return nil }
        let folder = Descriptor(number)
        var info = stat()
        guard unsafe fstat(number, &info) == 0 else { return nil }
        guard info.st_mode & S_IFMT == S_IFDIR, info.st_uid == geteuid(), info.st_mode & 0o777 == 0o700 else {
            errno = EPERM
            return nil
        }
        return folder
    }

    /// Whether a name beside the opened folder still leads to it.
    private static func leads(_ name: String, _ folder: Descriptor) -> Bool {
        guard let parent = above(folder) else { return false }
        return leads(name, in: parent.number, to: folder)
    }

    private static func leads(_ name: String, in parent: Int32, to folder: Descriptor) -> Bool {
        var there = stat()
        var here = stat()
        return unsafe fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(folder.number, &here) == 0
            && there.st_dev == here.st_dev && there.st_ino == here.st_ino
    }

    /// The folder in which the opened one lies now, whatever the path to it was.
    private static func above(_ folder: Descriptor) -> Descriptor? {
        let number = unsafe softpod_open_folder(folder.number, "..")
        return number >= 0 ? Descriptor(number) : nil
    }

    /// Removes what an opened folder holds, and its name if that still leads to it.
    private static func remove(_ folder: Descriptor, _ name: String) {
        for entry in entries { _ = unsafe unlinkat(folder.number, entry, 0) }  // Some were never made.
        removeName(folder, name)
    }

    private static func removeName(_ folder: Descriptor, _ name: String) {
        guard let parent = above(folder), leads(name, in: parent.number, to: folder) else { return }
        _ = unsafe unlinkat(parent.number, name, AT_REMOVEDIR)  // Takes an empty folder only, and follows no link.
    }

    /// Removes a run folder whose owner is gone.
    private static func removeIfAbandoned(_ name: String, in parent: Descriptor) {
        guard name.hasPrefix(prefix), let folder = open(name, in: parent.number) else { return }
        for entry in ["lock", "new"] {
            let number = unsafe openat(
                folder.number, entry, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            if number < 0, errno == ENOENT { continue }
            guard number >= 0 else { return }
            let lock = Descriptor(number)
            var info = stat()
            guard unsafe fstat(number, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_uid == geteuid(),
                // The owner holds the lock as long as it lives; a lock that can be had has no owner.
                softpod_try_lock(number) == 0
            else { return }
            return withExtendedLifetime(lock) { remove(folder, name) }
        }
        // Its owner died before it made a lock; or it is about to, finds the folder gone, and makes another. What else is in it stays.
        removeName(folder, name)
    }

    private static func removeAbandoned(in parent: Descriptor) {
        let copy = fcntl(parent.number, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return }
        guard let directory = unsafe fdopendir(copy) else {
            _ = close(copy)  // Nothing was read.
            return
        }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { start in
                unsafe start.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasPrefix(prefix) { names.append(name) }
        }
        _ = unsafe closedir(directory)  // Nothing was written.
        for name in names { removeIfAbandoned(name, in: parent) }
    }
}
