internal import CLinux
internal import Glibc
internal import SharedMemory

/// A process this one started, watched through a descriptor.
public final class ChildProcess: Sendable {
    /// How a process ended.
    public enum End: Sendable, Equatable {
        /// It returned this code.
        case exited(Int32)
        /// This signal killed it.
        case killed(Int32)
        /// It has ended, and the system does not say how: another part of this process, or the system by itself, has reaped it.
        case unknown
    }

    /// Its process id; not reused before the child is reaped.
    public let id: Int32
    /// Becomes readable when the process ends.
    public let descriptor: Descriptor
    /// The pidfd behind ``descriptor``, or -1 where the system has none and a thread waits for the process.
    private let pidfd: Int32

    private init(id: Int32, descriptor: Descriptor, pidfd: Int32) {
        self.id = id
        self.descriptor = descriptor
        self.pidfd = pidfd
    }

    /// The descriptors a rank process finds.
    public static let segmentDescriptor = Int32(softpod_segment_descriptor)
    /// Where a rank process may tell the user something when its parent cannot.
    public static let terminalDescriptor = Int32(softpod_terminal_descriptor)
    /// What wakes the host's switch, where there is one.
    public static let switchDescriptor = Int32(softpod_switch_descriptor)

    /// Starts a rank process: a program with the segment and the terminal as inherited descriptors and its output in a log.
    ///
    /// - Parameters:
    ///   - path: the program.
    ///   - arguments: its arguments, without its name. Nothing secret: others can read them.
    ///   - switchEvent: the event of the host's switch, where there is one.
    public static func start(
        path: String, arguments: [String], segment: Int32, log: Int32, terminal: Int32 = 2, switchEvent: Int32? = nil
    ) throws(SystemError) -> ChildProcess {
        var descriptors: [(source: Int32, target: Int32)] = [
            (log, 1), (log, 2), (segment, segmentDescriptor), (terminal, terminalDescriptor),
        ]
        if let switchEvent { descriptors.append((switchEvent, switchDescriptor)) }
        return try start(path: path, arguments: arguments, name: "softpod", descriptors: descriptors)
    }

    /// Starts a command that reads what `input` brings; what it prints goes where this process's errors go, or to `output`.
    ///
    /// - Parameter words: the program, found as a shell finds it, and its arguments. Nothing secret: others can read them.
    public static func start(
        command words: [String], input: Int32, output: Int32 = 2
    ) throws(SystemError) -> ChildProcess {
        guard let path = words.first else { throw SystemError(rule: "an empty command cannot be started") }
        return try start(
            path: path, arguments: Array(words.dropFirst()), name: path,
            descriptors: [(input, 0), (output, 1), (output, 2)])
    }

    private static func start(
        path: String, arguments: [String], name: String, descriptors: [(source: Int32, target: Int32)]
    ) throws(SystemError) -> ChildProcess {
        var strings = unsafe ([name] + arguments).map { unsafe strdup($0) }
        unsafe strings.append(nil)
        defer { unsafe strings.forEach { unsafe free($0) } }
        var id: pid_t = 0
        if Shortage.strikes(.fork) { throw cannotStart(path, EAGAIN) }
        let code = unsafe softpod_spawn(
            path, strings, descriptors.map(\.source), descriptors.map(\.target), Int32(descriptors.count), &id)
        guard code == 0 else { throw cannotStart(path, code) }
        do throws(SystemError) {
            return try watched(id)
        } catch {
            _ = Glibc.kill(id, SIGKILL)  // Our child, not reaped.
            _ = waitpid(id, nil, 0)  // It is our child and is dying; the error is what matters.
            throw error
        }
    }

    private static func cannotStart(_ path: String, _ code: Int32) -> SystemError {
        var error = SystemError("cannot start \(path)", code)
        if code == EAGAIN {
            error.description +=
                "; a limit on processes is reached (ulimit -u, the container's pids.max, /proc/sys/kernel/pid_max)"
        }
        return error
    }

    private static func watched(_ id: Int32) throws(SystemError) -> ChildProcess {
        let number = softpod_pidfd_open(id)
        if number >= 0 { return ChildProcess(id: id, descriptor: Descriptor(number), pidfd: number) }
        guard ProcessControl.lacksPidfds(-number) else { throw SystemError("cannot watch process \(id)", -number) }
        let refusal = softpod_waits_for(id)
        guard refusal == 0 else {
            throw SystemError("cannot watch process \(id): the system denies both pidfd_open and waitid", refusal)
        }
        // A thread waits instead. It ends with the process, which its owner always sees to.
        let ended = try Event()
        do {
            _ = try Worker.start(name: "watch \(id)", stackByteCount: 1 << 16) {
                softpod_await_exit(id)
                ended.raise()
            }
        } catch {
            throw SystemError("cannot watch process \(id)", error.errno)
        }
        return ChildProcess(id: id, descriptor: ended.descriptor, pidfd: -1)
    }

    /// Its end, if it has ended; the zombie is gone then. Call until it says so, not after.
    public func reap() -> End? {
        var code: Int32 = -1
        var signal: Int32 = -1
        switch unsafe softpod_reap(pidfd, id, &code, &signal) {
        case 1: return signal >= 0 ? .killed(signal) : .exited(code)
        case 0: return nil
        // It cannot be asked; its descriptor still tells whether it has ended.
        default: return Descriptor.poll([descriptor.number], milliseconds: 0)[0] ? .unknown : nil
        }
    }

    /// Kills it; works on stopped processes too. Only before it is reaped.
    public func kill() { _ = Glibc.kill(id, SIGKILL) }  // It may have ended by itself.

    /// Kills it and what it has started, as far as that has stayed in its process group. Only before it is reaped.
    public func killGroup() {
        _ = Glibc.kill(-id, SIGKILL)  // The group is its own: it was started as its leader.
        kill()
    }

    /// Stops it until it is resumed. Only before it is reaped.
    public func stop() { _ = Glibc.kill(id, SIGSTOP) }  // Likewise.

    /// Whether it was stopped since this was last asked, or goes on again; nil if neither. Only before it is reaped.
    public func takeStop() -> Bool? {
        switch softpod_stop_state(id) {
        case 1: true
        case 2: false
        default: nil
        }
    }

    /// Lets it go on if it was stopped.
    public func resume() { _ = Glibc.kill(id, SIGCONT) }  // Likewise.
}

/// What a process can do about itself and about others it did not start.
public enum ProcessControl {
    /// This process's id.
    public static var id: Int32 { getpid() }
    /// The id of the process that started this one; it changes when that one dies.
    public static var parent: Int32 { getppid() }

    /// Whether an error of `pidfd_open` says that there are none here: an old kernel (before 5.3), or a sandbox that denies the call.
    static func lacksPidfds(_ code: Int32) -> Bool { code == ENOSYS || code == EPERM || code == EACCES }

    /// Waits until a process (not a child) has ended, for at most so many nanoseconds.
    public static func awaitEnd(of id: Int32, nanoseconds: UInt64) {
        let milliseconds = Int(min(nanoseconds, 1 << 50) / 1_000_000) + 1
        let number = softpod_pidfd_open(id)
        if number >= 0 {
            let watch = Descriptor(number)
            _ = Descriptor.poll([watch.number], milliseconds: milliseconds)  // The caller looks again.
            return withExtendedLifetime(watch) {}
        }
        // Without a descriptor that tells, it is looked for every 10 ms.
        var turns = (milliseconds + 9) / 10
        while turns > 0, Glibc.kill(id, 0) == 0 {
            _ = Descriptor.poll([], milliseconds: 10)
            turns -= 1
        }
    }

    /// Ends this process at once.
    public static func exitNow(_ code: Int32) -> Never { softpod_exit_now(code) }

    /// Raises the soft limit of open descriptors to the hard one.
    public static func raiseDescriptorLimit() { softpod_raise_descriptor_limit() }

    /// How many descriptors this process may have open.
    public static var descriptorLimit: Int { Int(clamping: softpod_descriptor_limit()) }

    /// Opens nothing where standard input, output or error are closed.
    ///
    /// Call it first of all: otherwise the next file opened takes the number, and what is written for the user goes there.
    public static func openStandardDescriptors() { softpod_open_standard_descriptors() }

    /// Tries what polls of many descriptors take.
    ///
    /// - Throws: ``SystemError`` with the system's reason.
    public static func tryPollSet() throws(SystemError) {
        let code = softpod_try_poll_set()
        guard code == 0 else { throw SystemError("cannot make a set of descriptors to poll (epoll_create1)", code) }
    }

    /// A file without a name, for a child's log.
    public static func memoryFile(name: String) throws(SystemError) -> Descriptor {
        var number = unsafe softpod_memory_file(name)
        // Where a sandbox denies it, a file that has lost its name does the same.
        if number < 0 { number = softpod_anonymous_shared_memory() }
        guard number >= 0 else { throw SystemError("cannot make a log", -number) }
        return Descriptor(number)
    }

    /// What a memory file holds, at most `limit` bytes.
    public static func contents(of file: Descriptor, limit: Int) -> [UInt8] {
        let size = lseek(file.number, 0, SEEK_END)
        guard size > 0 else { return [] }
        let count = min(Int(size), limit)
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = unsafe max(0, pread(file.number, buffer.baseAddress, count, 0))
        }
    }

    /// The state letter of a process as the system shows it: R, S, T (stopped), Z (ended, not reaped); `?` where /proc does not tell, nil if
    /// it is gone.
    public static func state(of id: Int32) -> Character? {
        let file = unsafe open("/proc/\(id)/stat", O_RDONLY | O_CLOEXEC)
        // Without /proc all that can be asked is whether it is there.
        guard file >= 0 else { return Glibc.kill(id, 0) == 0 || errno == EPERM ? "?" : nil }
        defer { close(file) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 512) { buffer, initialized in
            initialized = unsafe max(0, Glibc.read(file, buffer.baseAddress, 512))
        }
        // pid (name) S …: the name may hold anything, so look behind its last parenthesis.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")), end + 2 < bytes.count else { return nil }
        return Character(UnicodeScalar(bytes[end + 2]))
    }

    /// Writes a line to a descriptor: what its reader takes within 100 ms. The rest is lost, and there is no reader to be told of it.
    public static func write(_ line: String, to descriptor: Int32) {
        BoundedOutput.write(Array(line.utf8), to: descriptor, within: .milliseconds(100))
    }
}
