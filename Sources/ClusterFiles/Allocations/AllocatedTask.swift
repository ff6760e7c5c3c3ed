public import SharedMemory
public import Workers

/// This process as a task of an allocation: which part it has, and how it meets the others.
///
/// The coordinator calls ``publish(_:deadline:)``, an agent ``rendezvous(deadline:)``, an idle task ``pass(deadline:)``; where
/// there is PMIx each of the three waits for all tasks, so all must be called. At the end every task calls ``leave(deadline:)``.
///
/// All wait twice: until the coordinator has published, and until the agents have read. PRRTE 3 fetches a value when it is first
/// asked for, fence or not, and never answers once its owner has left.
public final class AllocatedTask: Sendable {
    /// Who this task is.
    public let allocation: Allocation
    /// The PMIx server's client, where there is one.
    public let pmix: PMIxClient?

    /// The key under which the coordinator publishes.
    static let key = "softpod.rendezvous"

    private init(allocation: Allocation, pmix: PMIxClient?) {
        self.allocation = allocation
        self.pmix = pmix
    }

    /// Finds out; nil if no launcher started this process. PMIx is asked first; without its library the launcher's own variables
    /// must do, and ``Allocation/remarks`` says so. Make a `SignalQueue` before it if there is to be one.
    ///
    /// - Throws: ``EnvironmentError``, ``ClusterFileError`` for a rank table, ``PMIxError``.
    public static func join(environment: [String: String], deadline: Deadline) throws -> AllocatedTask? {
        let launch = try LaunchEnvironment.discover(environment)
        switch launch.launcher {
        case .none: return nil
        case .pmix: return try joinPMIx(environment, deadline)
        case .ascend:
            let table = try RankTable.read(path: launch.rankTablePath ?? "")
            return try Allocation(environment: environment, rankTable: table).map {
                AllocatedTask(allocation: $0, pmix: nil)
            }
        case .own, .openMPI, .hydra, .slurm, .torchrun:
            return try Allocation(environment: environment).map { AllocatedTask(allocation: $0, pmix: nil) }
        }
    }

    private static func joinPMIx(_ environment: [String: String], _ deadline: Deadline) throws -> AllocatedTask? {
        let client: PMIxClient
        do { client = try PMIxClient.open(environment: environment, deadline: deadline) } catch {
            guard error.kind == .missingLibrary, var other = try Allocation(environment: environment) else {
                throw error
            }
            other.remarks.append("\(error); going by the variables of \(other.launcher)")
            return AllocatedTask(allocation: other, pmix: nil)
        }
        do {
            let allocation = try Allocation(environment: environment, pmix: client.facts)
            return allocation.map { AllocatedTask(allocation: $0, pmix: client) }
        } catch {
            // A task that joined must leave, or its launcher reports that instead of the reason.
            try? client.finalize(deadline: deadline)  // The first error is the one to tell.
            throw error
        }
    }

    /// Coordinator: tells the agents where it is and by which key. It waits for all tasks where there is PMIx; where the place is
    /// known, or all are on one node, there is nothing to tell.
    ///
    /// - Throws: ``PMIxError``; ``EnvironmentError`` if there is no way to meet.
    public func publish(_ bytes: [UInt8], deadline: Deadline) throws {
        precondition(allocation.isCoordinator, "the coordinator publishes")
        try checkWay()
        guard let pmix, allocation.rendezvous == .pmix else { return }
        try pmix.put(Self.key, bytes, deadline: deadline)
        try pmix.commitAndFence(deadline: deadline)
        try pmix.commitAndFence(deadline: deadline)
    }

    /// Agent: what the coordinator has published. Only where the rendezvous is ``Allocation/Rendezvous/pmix``: a known place is in
    /// the allocation.
    ///
    /// - Throws: ``PMIxError``; ``EnvironmentError`` if there is no way to meet, or nothing was published.
    public func rendezvous(deadline: Deadline) throws -> [UInt8] {
        try checkWay()
        guard let pmix, allocation.rendezvous == .pmix else {
            preconditionFailure("only PMIx tells a rendezvous; a known place is in the allocation")
        }
        try pmix.commitAndFence(deadline: deadline)
        let bytes = try pmix.get(Self.key, from: 0, deadline: deadline)
        try pmix.commitAndFence(deadline: deadline)
        guard let bytes, !bytes.isEmpty else {
            throw EnvironmentError.wrong("the coordinator, rank 0, has published no rendezvous through PMIx")
        }
        return bytes
    }

    /// Idle task: takes part where all tasks are waited for. It leaves and ends with 0 after that.
    public func pass(deadline: Deadline) throws {
        try checkWay()
        guard let pmix, allocation.rendezvous == .pmix else { return }
        try pmix.commitAndFence(deadline: deadline)
        try pmix.commitAndFence(deadline: deadline)
    }

    /// Leaves the launcher's server, if there is one: the last thing a task does.
    public func leave(deadline: Deadline) throws { try pmix?.finalize(deadline: deadline) }

    /// Asks the launcher to end all tasks, where it can be asked: for a coordinator that fails before it has published.
    public func abort(status: Int32, message: String, deadline: Deadline) throws {
        try pmix?.abort(status: status, message: message, deadline: deadline)
    }

    private func checkWay() throws(EnvironmentError) {
        if case .none(let reason) = allocation.rendezvous { throw .wrong(reason) }
    }
}
