internal import CLinux
internal import Glibc
internal import SharedMemory

/// Why a thread could not be started.
public struct WorkerError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The system's error number.
    public var errno: Int32
    /// One sentence.
    public var description: String
}

/// A named thread that runs one closure. All threads of the project are made here.
///
/// The signals of ``SignalQueue`` are blocked in it: they come to the main thread alone, whenever the thread was started.
/// `join` waits for the closure to return; a worker that is dropped without a join goes on by itself.
@safe
public final class Worker: @unchecked Sendable {
    private let thread: pthread_t
    private var joined = false

    private init(thread: pthread_t) { self.thread = thread }

    private final class Job {
        let body: @Sendable () -> Void
        let name: String
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: at most 15 bytes are shown by the system's tools.
    ///   - stackByteCount: stack to reserve, touched lazily; 0 for what the system gives where none is asked for (ulimit -s).
    ///   - core: index among the usable cores to bind to, or nil to leave placement to the kernel.
    /// - Throws: ``WorkerError`` when the system has no thread to give.
    public static func start(
        name: String, stackByteCount: Int = 1 << 20, core: Int? = nil, _ body: @escaping @Sendable () -> Void
    ) throws(WorkerError) -> Worker {
        if Shortage.strikes(.thread) {
            throw WorkerError(errno: EAGAIN, description: "cannot start thread \(name): errno \(EAGAIN)")
        }
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        if stackByteCount > 0 { unsafe pthread_attr_setstacksize(&attributes, max(stackByteCount, 1 << 16)) }
        // SAFETY: one retain here, one release at the start of the thread; on failure it is released below.
        let job = unsafe Unmanaged.passRetained(
            Job(name: name) {
                if let core { _ = softpod_pin_thread(Int32(core)) }  // Unpinned is slower, not wrong.
                body()
            })
        var thread = pthread_t()
        // A thread takes over the mask of the one that starts it.
        var ours = sigset_t()
        var before = sigset_t()
        unsafe sigemptyset(&ours)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT] { unsafe sigaddset(&ours, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &ours, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        let code = unsafe pthread_create(
            &thread, &attributes,
            { context in
                guard let context = unsafe context else { return nil }
                let job = unsafe Unmanaged<Job>.fromOpaque(context).takeRetainedValue()
                unsafe softpod_name_thread(job.name)
                job.body()
                return nil
            }, job.toOpaque())
        guard code == 0 else {
            unsafe job.release()
            throw WorkerError(errno: code, description: "cannot start thread \(name): errno \(code)")
        }
        return Worker(thread: thread)
    }

    /// Waits for the closure to return. Call once.
    public func join() {
        precondition(!joined, "a worker is joined once")
        joined = true
        _ = pthread_join(thread, nil)  // The thread exists and is not detached.
    }

    deinit {
        if !joined { _ = pthread_detach(thread) }  // It ends by itself.
    }
}
