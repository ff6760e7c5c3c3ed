internal import CLinux
internal import Glibc

extension ProcessControl {
    /// Proportional set size of this process in bytes: private pages, and shared pages divided by their users. 0 if unknown.
    public static func proportionalByteCount() -> Int {
        let text = String(decoding: read("/proc/self/smaps_rollup", limit: 8192), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("Pss:") {
            return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
        }
        return 0
    }

    /// Bytes of this process in memory, shared ones included; 0 if unknown.
    public static func residentByteCount() -> Int {
        let words = String(decoding: read("/proc/self/statm", limit: 256), as: UTF8.self).split(separator: " ")
        return words.dropFirst().first.flatMap { Int($0) }.map { $0 * 4096 } ?? 0
    }

    /// Bytes of this process's page tables; 0 if the system does not say.
    public static func pageTableByteCount() -> Int {
        let text = String(decoding: read("/proc/self/status", limit: 8192), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("VmPTE:") {
            let number = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
            return (number.flatMap { Int($0) } ?? 0) * 1024
        }
        return 0
    }

    /// Bytes of a small file of the system; empty if it cannot be read.
    static func read(_ path: String, limit: Int) -> [UInt8] {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        return unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            initialized = unsafe max(0, Glibc.read(file, buffer.baseAddress, limit))
        }
    }

    /// The host's name.
    public static var hostName: String {
        let text = String(decoding: read("/proc/sys/kernel/hostname", limit: 256), as: UTF8.self)
        return text.split(separator: "\n").first.map(String.init) ?? "unknown"
    }

    /// Sets an environment variable for the processes started from now on. Before other threads read variables.
    public static func setVariable(_ name: String, _ value: String) {
        _ = unsafe setenv(name, value, 1)  // Fails only without memory.
    }

    /// Where this program lies in the file system.
    public static var executable: String {
        var path = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        return String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Bytes free for segments; nil where that cannot be told.
    public static func sharedMemoryFreeByteCount() -> Int? {
        let descriptor = softpod_anonymous_shared_memory()
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let free = softpod_free_bytes(descriptor)
        return free == UInt64.max ? nil : Int(clamping: free)
    }

    /// The processor's model, as the system names it.
    public static var processorName: String {
        let text = String(decoding: read("/proc/cpuinfo", limit: 4096), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("model name") {
            return line.split(separator: ":", maxSplits: 1).last.map { $0.drop { $0 == " " } }.map(String.init)
                ?? "unknown"
        }
        return "unknown"
    }

    /// Writes a new file, mode 0600, that must not exist yet. False if that was not possible.
    public static func writeNewFile(_ path: String, _ bytes: [UInt8]) -> Bool {
        let file = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        return count == bytes.count
    }

    /// A signal's name, such as `SIGKILL`.
    public static func signalName(_ signal: Int32) -> String {
        let names: [Int32: String] = [
            SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
            SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV",
            SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM", SIGXCPU: "SIGXCPU",
            SIGSTOP: "SIGSTOP", SIGTSTP: "SIGTSTP",
        ]
        return names[signal] ?? "signal \(signal)"
    }
}
