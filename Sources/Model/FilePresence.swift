internal import Glibc

/// Whether a path leads anywhere; the file may still be unreadable, which opening it will tell.
enum FilePresence {
    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}
