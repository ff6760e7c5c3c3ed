internal import Glibc

/// How much memory a segment may count on where it does not lie in /dev/shm: memory files count against memory alone.
public enum MemoryBudget {
    /// Bytes: the least of what the system calls available and of what each control group above this process has left. Nil where nothing
    /// of that can be read.
    public static func availableByteCount() -> Int? {
        let system = availableByteCount(meminfo: text("/proc/meminfo"))
        let groups = groupFolders(text("/proc/self/cgroup")).compactMap { folder in
            remainder(
                limit: text(folder + "/memory.max") + text(folder + "/memory.limit_in_bytes"),
                usage: text(folder + "/memory.current") + text(folder + "/memory.usage_in_bytes"),
                statistics: text(folder + "/memory.stat"))
        }
        return (groups + (system.map { [$0] } ?? [])).min()
    }

    /// `MemAvailable` of the system's table, in bytes.
    package static func availableByteCount(meminfo: String) -> Int? {
        for line in meminfo.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            guard let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
            let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
            return overflow ? nil : bytes
        }
        return nil
    }

    /// The folders of the groups this process is in, each with those above it, for both generations of control groups.
    package static func groupFolders(_ groups: String) -> [String] {
        var folders: [String] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[0] == "0" && parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
            var path = parts[2].split(separator: "/")
            let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            while true {
                folders.append(([Substring(root)] + path).joined(separator: "/"))
                guard !path.isEmpty else { break }
                path.removeLast()
            }
        }
        return folders
    }

    /// What a group has left: its limit, without what it uses, but with the file pages it can give up at once. Nil without a limit.
    package static func remainder(limit: String, usage: String, statistics: String) -> Int? {
        func number(_ text: some StringProtocol) -> Int? {
            text.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
        }
        guard let limit = number(limit), let usage = number(usage), limit >= 0, usage >= 0 else { return nil }
        var files = 0
        for line in statistics.split(separator: "\n") {
            for name in ["inactive_file ", "total_inactive_file "] where line.hasPrefix(name) {
                files = max(files, number(line.dropFirst(name.count)) ?? 0)
            }
        }
        return max(0, limit - max(0, usage - files))
    }

    /// A small file of the system; empty if it cannot be read.
    private static func text(_ path: String) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { _ = close(file) }  // Nothing was written.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 8192) { buffer, initialized in
            initialized = unsafe max(0, Glibc.read(file, buffer.baseAddress, 8192))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
