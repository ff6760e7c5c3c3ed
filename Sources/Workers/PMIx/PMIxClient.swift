internal import CLinux
public import SharedMemory
internal import Synchronization

/// A task of a PMIx job: who it is, and a way to tell the job's other tasks a few bytes.
///
/// One path for `srun --mpi=pmix`, PRRTE, and Open MPI. The library starts threads and keeps a socket to the host's server, so make
/// a ``SignalQueue`` before it if there is to be one. Each call runs on a thread of its own with a deadline that is kept whether
/// or not the server keeps it; after one has passed the client only reports that. Source: PMIx Standard 4.1, "Key/Value Management"
/// and "Process Management".
@safe
public final class PMIxClient: Sendable {
    /// What the server told about the job and this task.
    public let facts: PMIxFacts
    /// The library's name for its version.
    public var libraryVersion: String { library.version }
    /// Where the library was found.
    public var libraryPath: String { library.path }
    /// The most bytes of one value: a rendezvous is a few hundred.
    public static let valueLimit = 1 << 16

    private let library: PMIxLibrary
    /// What ended the client, in words; nil as long as it can be used.
    private let ended: Mutex<String?>

    private init(library: PMIxLibrary, facts: PMIxFacts) {
        self.library = library
        self.facts = facts
        ended = Mutex(nil)
    }

    /// Whether a PMIx server started this process.
    public static func isOffered(_ environment: [String: String]) -> Bool {
        environment["PMIX_RANK"]?.isEmpty == false && environment["PMIX_NAMESPACE"]?.isEmpty == false
    }

    /// Joins the server that started this process.
    ///
    /// - Parameter environment: names the library (`SOFTPOD_PMIX_LIBRARY`); the library itself reads the process's own.
    /// - Throws: ``PMIxError``: no library, no server, a contradiction in what it told, or the deadline.
    public static func open(
        environment: [String: String], deadline: Deadline
    ) throws(PMIxError) -> PMIxClient {
        guard isOffered(environment) else {
            throw PMIxError(.noServer, "no server started this process: PMIX_RANK and PMIX_NAMESPACE are not set")
        }
        let library = try PMIxLibrary.load(environment)
        let joined = try PMIxCall.run("PMIx_Init", deadline) { () -> (status: Int32, name: String, rank: UInt32) in
            var name = [CChar](repeating: 0, count: Int(softpod_pmix_namespace_bytes))
            var rank: UInt32 = 0
            let status = unsafe softpod_pmix_init(library.calls, &name, &rank)
            return (status, PMIxLibrary.text(name), rank)
        }
        guard joined.status == softpod_pmix_success else {
            throw PMIxError(
                .noServer,
                "the server does not take this process in: \(library.words(joined.status)) (\(library.version))")
        }
        let facts = try PMIxCall.run("PMIx_Get", deadline) { () -> Result<PMIxFacts, PMIxError> in
            PMIxReader(library: library, namespace: joined.name).facts(rank: Int(joined.rank))
        }.get()
        try facts.check()
        return PMIxClient(library: library, facts: facts)
    }

    /// Keeps bytes under a key for the other tasks; they are seen after ``commitAndFence(deadline:)``.
    ///
    /// - Precondition: at most ``valueLimit`` bytes, a key of at most 511.
    public func put(_ key: String, _ bytes: [UInt8], deadline: Deadline) throws(PMIxError) {
        precondition(bytes.count <= Self.valueLimit && (1...511).contains(key.utf8.count), "a value of PMIx is small")
        try call("PMIx_Put", deadline) { library, _ in
            unsafe bytes.withUnsafeBytes {
                unsafe softpod_pmix_put(library.calls, key, $0.baseAddress, $0.count)
            }
        }
    }

    /// Makes known what was put, and waits until every task of the job has come this far. A task that has put something stays until
    /// the others have read it, by a second fence for example: some servers fetch it only then.
    public func commitAndFence(deadline: Deadline) throws(PMIxError) {
        try call("PMIx_Commit", deadline) { library, _ in unsafe softpod_pmix_commit(library.calls) }
        let seconds = Self.seconds(deadline)
        try call("PMIx_Fence", deadline) { library, namespace in
            unsafe softpod_pmix_fence(library.calls, namespace, seconds)
        }
    }

    /// The bytes that a task has put under a key; nil if it has not.
    public func get(_ key: String, from rank: Int, deadline: Deadline) throws(PMIxError) -> [UInt8]? {
        precondition((0..<facts.size).contains(rank), "a rank of the job")
        try checkOpen()
        let reader = PMIxReader(library: library, namespace: facts.namespace)
        let seconds = Self.seconds(deadline)
        return try note { () throws(PMIxError) in
            try PMIxCall.run("PMIx_Get", deadline) { reader.bytes(key, rank: UInt32(rank), seconds: seconds) }.get()
        }
    }

    /// Leaves the server; a task that joined and does not leave counts as failed. The client cannot be used after it.
    public func finalize(deadline: Deadline) throws(PMIxError) {
        try call("PMIx_Finalize", deadline) { library, _ in unsafe softpod_pmix_finalize(library.calls) }
        ended.withLock { $0 = "it has left its server" }
    }

    /// Asks the launcher to end every task of the job. It may end this one before the call returns.
    public func abort(status: Int32, message: String, deadline: Deadline) throws(PMIxError) {
        try call("PMIx_Abort", deadline) { library, _ in unsafe softpod_pmix_abort(library.calls, status, message) }
    }

    /// Runs a call that answers with a status.
    private func call(
        _ name: String, _ deadline: Deadline, _ body: @escaping @Sendable (PMIxLibrary, String) -> Int32
    ) throws(PMIxError) {
        try checkOpen()
        let (library, namespace) = (library, facts.namespace)
        let status = try note { () throws(PMIxError) in
            try PMIxCall.run(name, deadline) { body(library, namespace) }
        }
        guard status != softpod_pmix_success else { return }
        let words = "\(name): \(library.words(status)) (status \(status))"
        throw PMIxError(
            status == softpod_pmix_timeout ? .deadline : status == softpod_pmix_unreachable ? .noServer : .refused,
            words)
    }

    private func checkOpen() throws(PMIxError) {
        if let why = ended.withLock({ $0 }) { throw PMIxError(.refused, "the client cannot be used: \(why)") }
    }

    /// A call that is still under way keeps the library's locks: nothing may follow it.
    private func note<Value>(_ body: () throws(PMIxError) -> Value) throws(PMIxError) -> Value {
        do { return try body() } catch {
            if error.kind == .deadline { ended.withLock { $0 = error.description } }
            throw error
        }
    }

    /// Whole seconds left, at least one.
    private static func seconds(_ deadline: Deadline) -> Int32 {
        Int32(clamping: deadline.remaining / 1_000_000_000 + 1)
    }
}
