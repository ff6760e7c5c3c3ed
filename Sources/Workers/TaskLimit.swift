internal import CLinux
internal import Glibc

/// A limit on the number of threads, and how many of them are in use.
public struct TaskLimit: Sendable {
    /// What limits, as a user finds it.
    public let name: String
    /// Threads there may be.
    public let most: Int
    private let used: @Sendable () -> Int

    /// How many more there may be; `needed` or more where that is plain without counting.
    public func free(atLeast needed: Int) -> Int {
        // Counting reads a file a process: only where it can matter.
        most - needed > Self.surelyUnused ? needed : max(0, most - used())
    }

    /// More threads than a machine has in use.
    private static let surelyUnused = 1 << 20

    /// The limits that hold for this process.
    public static var all: [TaskLimit] { ([ofUser].compactMap { $0 }) + ofContainers }

    /// `ulimit -u`; it does not hold for a user who may raise it.
    private static var ofUser: TaskLimit? {
        let most = softpod_task_limit()
        guard most != UInt64.max, !mayExceed else { return nil }
        let user = getuid()
        return TaskLimit(name: "the limit on this user's processes (ulimit -u)", most: Int(clamping: most)) {
            threadCount(of: user)
        }
    }

    /// Whether the kernel lets this process go beyond the user's limit: CAP_SYS_ADMIN or CAP_SYS_RESOURCE (fork(2), EAGAIN).
    private static var mayExceed: Bool {
        guard getuid() != 0 else { return true }
        let held = field("CapEff", of: "/proc/self/status").flatMap { UInt64($0, radix: 16) } ?? 0
        return held & (1 << 21 | 1 << 24) != 0
    }

    /// Threads of all processes of a user, as far as /proc shows them.
    private static func threadCount(of user: UInt32) -> Int {
        var count = 0
        guard let folder = unsafe opendir("/proc") else { return 0 }
        defer { _ = unsafe closedir(folder) }  // Nothing was written.
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { start in
                unsafe start.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard Int32(name) != nil, field("Uid", of: "/proc/\(name)/status") == "\(user)" else { continue }
            count += field("Threads", of: "/proc/\(name)/status").flatMap { Int($0) } ?? 0
        }
        return count
    }

    /// First word behind a name in a file of lines `name: words`.
    private static func field(_ name: String, of path: String) -> String? {
        let text = String(decoding: ProcessControl.read(path, limit: 8192), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return line?.dropFirst(name.count + 1).split(whereSeparator: { $0 == " " || $0 == "\t" }).first.map(String.init)
    }

    /// `pids.max` of the control groups this process is in (cgroups(7)), from its own to the outermost that is seen.
    private static var ofContainers: [TaskLimit] {
        var limits: [TaskLimit] = []
        for line in String(decoding: ProcessControl.read("/proc/self/cgroup", limit: 65536), as: UTF8.self)
            .split(separator: "\n")
        {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1].isEmpty || parts[1].split(separator: ",").contains("pids") else {
                continue
            }
            let root = parts[1].isEmpty ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids"
            var folders = parts[2].split(separator: "/")
            while true {
                let place = root + folders.map { "/" + $0 }.joined()
                if let most = number(place + "/pids.max") {
                    limits.append(
                        TaskLimit(name: "the container's pids.max (\(place))", most: most) {
                            number(place + "/pids.current") ?? 0
                        })
                }
                if folders.popLast() == nil { break }
            }
        }
        return limits
    }

    private static func number(_ path: String) -> Int? {
        let text = String(decoding: ProcessControl.read(path, limit: 64), as: UTF8.self)
        return text.split(separator: "\n").first.flatMap { Int($0) }
    }
}
