internal import Foundation
internal import Glibc
internal import SharedMemory
internal import Workers

/// A cluster of real processes, started as a user starts it: the built `softpod`, with a private folder for everything temporary.
///
/// A test waits for lines on standard error, does something to a process, and asks how it all ended. The end is that no process holds
/// the standard error any more, neither the agent nor any rank. Nothing is timed and nothing sleeps; a deadline only turns a hang
/// into an error.
public final class ClusterUnderTest {
    /// A test's patience, or its harness, came to an end.
    public struct HarnessError: Error, CustomStringConvertible {
        /// What went wrong, with what was heard so far.
        public let description: String

        /// An error with its sentence.
        public init(_ description: String) { self.description = description }
    }

    /// How it ended.
    public struct Ended: Sendable {
        /// Exit code of the program; nil if a signal killed it.
        public var code: Int32?
        /// Signal that killed the program, if one did.
        public var signal: Int32?
        /// Everything on standard output.
        public var output: String
        /// Lines on standard error, without the announcements.
        public var messages: [String]
        /// What remained that should not have: processes, run folders, sockets, shared memory.
        public var leftovers: [String]
        /// Files kept in the private folder, such as logs of lost ranks; names only.
        public var files: [String]

        /// Its lines of standard output.
        public var outputLines: [Substring] { output.split(separator: "\n") }
    }

    /// Longest wait for anything; far more than any step takes.
    public static let patience = Duration.seconds(120)

    /// The private folder; `XDG_RUNTIME_DIR` and `TMPDIR` of the cluster.
    public let folder: String
    /// The program's process id.
    public var agent: Int32 { child.id }
    /// Every line of standard error so far.
    public private(set) var lines: [String] = []
    /// Process ids of the rank processes seen so far, by number.
    public private(set) var ranks: [Int: Int32] = [:]

    private let child: ChildProcess
    private let errors: FileHandle
    private var partial = Data()
    private var atEnd = false
    private let deadline = Deadline(after: patience)

    /// Starts `softpod` with these arguments.
    ///
    /// - Parameter setup: a shell command that is run first in the same process, such as `ulimit -n 64`.
    public convenience init(_ arguments: [String], setup: String = ":") throws {
        try self.init(command: [try Self.executable()] + arguments, setup: setup)
    }

    /// The same rates for every cluster, so that none is measured while others run.
    private static let rates = """
        softpod-rates 1
        cores 2
        cache 2097152
        hop 140
        turn 1000
        copyNear 38000
        copyFar 14000
        fillNear 50000
        fillFar 26000
        foldNear 78000
        foldFar 28000
        """

    /// Starts a command that becomes `softpod`.
    init(command: [String], setup: String) throws {
        folder = NSTemporaryDirectory() + "softpod-test-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        guard FileManager.default.createFile(atPath: folder + "/stdout", contents: nil) else {
            throw HarnessError("cannot write in \(folder)")
        }
        let pipe = Foundation.Pipe()
        let nothing = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/null"))
        // The shell becomes the program: one process, one id. It also closes what only rank processes are to inherit.
        let script = """
            exec >\(folder)/stdout 3>&- 4>&-
            export TMPDIR=\(folder) XDG_RUNTIME_DIR=\(folder) XDG_CACHE_HOME=\(folder) SOFTPOD_TEST=\(folder)
            export SOFTPOD_RATES='\(Self.rates)'
            \(setup); exec "$@"
            """
        child = try ChildProcess.start(
            path: "/bin/sh", arguments: ["-c", script, "sh"] + command,
            segment: nothing.fileDescriptor, log: pipe.fileHandleForWriting.fileDescriptor)
        try pipe.fileHandleForWriting.close()
        errors = pipe.fileHandleForReading
    }

    deinit {
        if !atEnd {
            for pid in [agent] + marked() { _ = Glibc.kill(pid, SIGKILL) }
            _ = Descriptor.poll([child.descriptor.number], milliseconds: 10_000)
            _ = child.reap()  // Killed above; how it ended is no longer asked.
        }
        try? FileManager.default.removeItem(atPath: folder)  // A test's own folder: nothing to report.
    }

    /// The program, beside the tests.
    public static func executable() throws -> String {
        for argument in ProcessInfo.processInfo.arguments + ["/proc/self/exe"] where argument.contains("/") {
            var place = URL(fileURLWithPath: argument).resolvingSymlinksInPath().deletingLastPathComponent()
            for _ in 0..<4 {
                let candidate = place.appendingPathComponent("softpod").path
                // A folder of that name is the sources, not the program.
                let kind = try? FileManager.default.attributesOfItem(atPath: candidate)[.type] as? FileAttributeType
                if kind == .typeRegular, FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
                place.deleteLastPathComponent()
            }
        }
        throw HarnessError("no softpod beside the tests; build it first: swift build --product softpod")
    }

    /// A program of the tests, built beside them.
    public static func helper(_ name: String) throws -> String {
        let path = URL(fileURLWithPath: try executable()).deletingLastPathComponent().appendingPathComponent(name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw HarnessError("no \(name) beside the tests: swift build --build-tests")
        }
        return path
    }

    /// The project's folder, where `cluster/` is.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// The model every clone has.
    public static let austen = root + "/cluster/models/austen"
    /// The machines every clone has.
    public static let topologies = root + "/cluster/topologies"

    func checkPatience(_ what: String) throws {
        guard deadline.remaining > 0 else {
            throw HarnessError("\(what); so far:\n" + lines.joined(separator: "\n"))
        }
    }

    /// Reads what there is within some milliseconds; false at the end, when no process can write any more.
    @discardableResult
    public func read(milliseconds: Int = 1000) -> Bool {
        guard !atEnd else { return false }
        guard Descriptor.poll([errors.fileDescriptor], milliseconds: milliseconds)[0] else { return true }
        let data = errors.availableData
        atEnd = data.isEmpty
        partial += data
        while let end = partial.firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(String(decoding: partial[partial.startIndex..<end], as: UTF8.self))
            partial = Data(partial[(end + 1)...])
        }
        if atEnd, !partial.isEmpty { lines.append(String(decoding: partial, as: UTF8.self)) }
        return !atEnd
    }

    /// Waits for a line of standard error that contains a text, and returns the first.
    @discardableResult
    public func line(containing text: String) throws -> String {
        var seen = 0
        while true {
            if let line = lines[seen...].first(where: { $0.contains(text) }) { return line }
            seen = lines.count
            try checkPatience("no line containing \"\(text)\" came")
            guard read() else {
                throw HarnessError(
                    "it ended without a line containing \"\(text)\":\n" + lines.joined(separator: "\n"))
            }
        }
    }

    /// Waits until standard output holds a text.
    public func output(containing text: String) throws {
        while try !String(contentsOfFile: folder + "/stdout", encoding: .utf8).contains(text) {
            try checkPatience("\"\(text)\" did not come on standard output")
            guard read(milliseconds: 2) else {
                throw HarnessError("it ended without \"\(text)\":\n" + lines.joined(separator: "\n"))
            }
        }
    }

    /// The process id of a rank process, by its number; waits until it has been started.
    public func rank(_ process: Int) throws -> Int32 {
        while ranks[process] == nil {
            for pid in Self.processes() where Self.parent(of: pid) == agent {
                let words = Self.words("/proc/\(pid)/cmdline")
                guard let place = words.firstIndex(of: "--process"), place + 1 < words.count else { continue }
                if let number = Int(words[place + 1]) { ranks[number] = pid }
            }
            if ranks[process] != nil { break }
            try checkPatience("rank process \(process) was not started")
            guard read(milliseconds: 1) else {
                throw HarnessError(
                    "it ended without process \(process):\n" + lines.joined(separator: "\n"))
            }
        }
        return ranks[process] ?? 0
    }

    /// Sends a signal to the agent.
    public func signalAgent(_ number: Int32) { _ = Glibc.kill(agent, number) }  // It is not reaped yet, so it is ours.

    /// Sends a signal to a rank process, and returns its process id.
    @discardableResult
    public func signal(process: Int, _ number: Int32) throws -> Int32 {
        let pid = try rank(process)
        _ = Glibc.kill(pid, number)  // It may have ended by itself; the test sees that by what follows.
        return pid
    }

    /// Waits until the agent and all ranks are gone, and looks what is left.
    public func end() throws -> Ended {
        while read() { try checkPatience("it does not end") }
        var finished = child.reap()
        while finished == nil {
            try checkPatience("the agent does not end")
            _ = Descriptor.poll([child.descriptor.number], milliseconds: 1000)
            finished = child.reap()
        }
        var ended = Ended(
            code: nil, signal: nil, output: try String(contentsOfFile: folder + "/stdout", encoding: .utf8),
            messages: lines.filter { !Self.isAnnouncement($0) }, leftovers: try leftovers(), files: [])
        switch finished {
        case .exited(let code): ended.code = code
        case .killed(let number): ended.signal = number
        case .unknown, nil: break
        }
        ended.files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0 != "stdout" }.sorted()
        return ended
    }

    private static func isAnnouncement(_ line: String) -> Bool {
        line == "softpod: running" || line.hasPrefix("softpod: started ") || line.hasSuffix(": looping")
    }
}

extension ClusterUnderTest {
    /// Processes of this cluster, its run folders and sockets, and named shared memory of any.
    private func leftovers() throws -> [String] {
        var found = remaining()
        // A process that has been killed vanishes in its own time; the deadline says when that is too long.
        while !found.isEmpty, deadline.remaining > 0 { found = remaining() }
        var left = found.map { "process \($0)" }
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            let kind =
                try FileManager.default.attributesOfItem(atPath: folder + "/" + name)[.type] as? FileAttributeType
            if kind != .typeRegular || name.contains("/") { left.append(name) }
        }
        // Another cluster's segment has a name for some microseconds; one that stays is left over.
        var named = Self.sharedMemory()
        for _ in 0..<1_000 where !named.isEmpty { named.formIntersection(Self.sharedMemory()) }
        return left + named.map { "shared memory \($0)" }
    }

    private static func sharedMemory() -> Set<String> {
        // A machine without /dev/shm has nothing left in it.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? []
        return Set(names.filter { $0.hasPrefix("softpod-") })
    }

    /// Living processes that carry this cluster's mark in their environment, or its folder on their command line.
    private func remaining() -> [Int32] {
        Self.processes().filter { isMarked($0) || Self.words("/proc/\($0)/cmdline").contains { $0.hasPrefix(folder) } }
    }

    /// Living processes of this cluster: those that carry its mark in their environment.
    public func marked() -> [Int32] { Self.processes().filter(isMarked) }

    private func isMarked(_ pid: Int32) -> Bool {
        Self.words("/proc/\(pid)/environ").contains("SOFTPOD_TEST=\(folder)")
    }

    private static func processes() -> [Int32] {
        // Without /proc nothing here works, and every test says so.
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    static func words(_ path: String) -> [String] {
        // A process that has ended meanwhile has no words.
        (FileManager.default.contents(atPath: path) ?? Data()).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    static func parent(of pid: Int32) -> Int32? {
        let stat = String(decoding: FileManager.default.contents(atPath: "/proc/\(pid)/stat") ?? Data(), as: UTF8.self)
        // pid (name) S parent …: the name may hold anything, so look behind its last parenthesis.
        return stat.split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap { Int32($0) }
    }
}
