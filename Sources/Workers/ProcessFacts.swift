internal import CLinux
internal import Glibc
internal import SharedMemory

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
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0, name[0] != 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Sets an environment variable for the processes started from now on. Before other threads read variables.
    public static func setVariable(_ name: String, _ value: String) {
        _ = unsafe setenv(name, value, 1)  // Fails only without memory.
    }

    /// The program this process runs, for starting it again: also when its file has been moved or deleted since, where there is /proc.
    public static var ownProgram: String {
        unsafe access("/proc/self/exe", X_OK) == 0 ? "/proc/self/exe" : executable
    }

    /// Where this program lies in the file system.
    public static var executable: String {
        var path = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        if count > 0 { return String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        // Without /proc: by the path it was started with, which is relative to the folder it was started in.
        guard let started = unsafe softpod_started_path(), let whole = unsafe realpath(started, nil) else {
            return "softpod"
        }
        defer { unsafe free(whole) }
        return unsafe String(cString: whole)
    }

    /// The arguments this process was started with, its name first. Bytes that are no UTF-8 are replaced.
    public static var arguments: [String] {
        (0..<softpod_argument_count()).compactMap { index in
            unsafe softpod_argument(index).map { unsafe String(cString: $0) }
        }
    }

    /// Puts right what the parent may have left: blocked signals, ignored ones that must not be, a umask that takes the owner's rights.
    ///
    /// Call it first of all. What a parent ignores on purpose (SIGHUP by `nohup`, SIGINT of a background job) stays ignored.
    public static func settleInheritance() { softpod_settle_inheritance() }

    /// Has the process say a line and end with this status where a library calls `abort`, as the messaging library does when the system
    /// refuses it a thread.
    public static func explainAborts(status: Int32) { softpod_explain_aborts(status) }

    /// The signal of a terminal's Ctrl-Z.
    public static let suspendSignal = SIGTSTP
    /// The signal that lets a stopped process go on.
    public static let continueSignal = SIGCONT
    /// The signal that tells of a child that ended, was stopped, or goes on again.
    public static let childSignal = SIGCHLD

    /// Stops this process as a terminal's SIGTSTP does, and returns when it is continued. In a process group without a shell that could
    /// continue it, it returns at once.
    public static func stopSelf() { softpod_stop_self() }

    /// Ends this process as another one could, at once and without a word: for fault plans.
    public static func killSelf() { _ = Glibc.kill(getpid(), SIGKILL) }  // It does not return.

    /// Bytes free for segments, where they would lie now; nil where that cannot be told.
    public static func sharedMemoryFreeByteCount() -> Int? { SegmentMemory.outlook.freeByteCount }

    /// The processor's model, as the system names it.
    public static var processorName: String {
        let text = String(decoding: read("/proc/cpuinfo", limit: 4096), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("model name") {
            return line.split(separator: ":", maxSplits: 1).last.map { $0.drop { $0 == " " } }.map(String.init)
                ?? "unknown"
        }
        return "unknown"
    }

    /// Writes a new file, mode 0600, that must not exist yet. False if that was not possible; there is none then.
    public static func writeNewFile(_ path: String, _ bytes: [UInt8]) -> Bool {
        do { try PrivateFile.create(path: path, bytes) } catch { return false }
        return true
    }

    /// Writes a file of mode 0600 in the place of what is there, a link itself and not what it leads to, as a whole. False if that was not
    /// possible; what was there is then there still.
    public static func replaceFile(_ path: String, _ bytes: [UInt8]) -> Bool {
        let draft = "\(path).\(getpid())"
        guard writeNewFile(draft, bytes) else { return false }
        if unsafe rename(draft, path) == 0 { return true }
        _ = unsafe unlink(draft)  // Ours a moment ago.
        return false
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
