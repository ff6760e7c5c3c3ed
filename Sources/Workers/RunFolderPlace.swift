internal import Glibc

extension RunFolder {
    /// Where run folders go: `$XDG_RUNTIME_DIR`, else `$TMPDIR`, else `/tmp`, else `/var/tmp`: the first in which no other user can rename
    /// or remove what is ours.
    ///
    /// A socket's path may have 107 bytes, so a longer folder is passed over.
    public static var parent: String {
        for name in ["XDG_RUNTIME_DIR", "TMPDIR"] {
            // Not believed where the program has more rights than the user who started it.
            guard getuid() == geteuid(), let value = unsafe getenv(name) else { continue }
            let path = unsafe String(cString: value)
            if path.hasPrefix("/"), path.utf8.count <= 60, RunFolderPlace.obstacle(path) == nil { return path }
        }
        return RunFolderPlace.obstacle("/tmp") != nil && RunFolderPlace.obstacle("/var/tmp") == nil
            ? "/var/tmp" : "/tmp"
    }

    /// Keeps bytes in a new file of mode 0600 beside the run folders, under a name that cannot have been planted, and returns its path; nil
    /// if that was not possible.
    public static func keep(_ bytes: [UInt8], name: String, ending: String, in parent: String = parent) -> String? {
        let path = "\(parent)/\(name)-\(randomText())\(ending)"
        return ProcessControl.writeNewFile(path, bytes) ? path : nil
    }
}

/// Whether a folder is a place where something of ours stays what it is under its name.
package enum RunFolderPlace {
    /// What makes it unfit, in a clause; nil for nothing.
    static func obstacle(_ path: String) -> String? {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return "it cannot be examined (\(text(errno)))" }
        guard info.st_mode & S_IFMT == S_IFDIR else { return "it is not a folder" }
        // With the rights of the effective user, unlike access().
        guard unsafe faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0 else {
            return "it may not be written (\(text(errno)))"
        }
        return obstacle(owner: info.st_uid, mode: info.st_mode, user: geteuid(), hasStrangers: hasUnmappedUsers)
    }

    /// The same of what the system says of a folder.
    ///
    /// - Parameter hasStrangers: whether this is a user namespace in which some users, such as the machine's root, have no number.
    package static func obstacle(owner: UInt32, mode: UInt32, user: UInt32, hasStrangers: Bool) -> String? {
        let isTrusted = owner == 0 || owner == user || (hasStrangers && owner == unmappedUser)
        guard isTrusted else { return "its owner (user \(owner)) could put something else under our names" }
        guard mode & 0o022 == 0 || mode & UInt32(S_ISVTX) != 0 else {
            let octal = String(mode & 0o7777, radix: 8)
            return "others may rename what is in it (mode \(octal), without the sticky bit)"
        }
        return nil
    }

    /// How the system shows users that have no number here.
    private static let unmappedUser: UInt32 = 65534

    private static var hasUnmappedUsers: Bool {
        let map = String(decoding: ProcessControl.read("/proc/self/uid_map", limit: 512), as: UTF8.self)
        let words = map.split(whereSeparator: \.isWhitespace)
        return !words.isEmpty && words != ["0", "0", "4294967295"]
    }

    private static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
