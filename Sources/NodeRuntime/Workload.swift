/// Something a cluster runs: one instance a die, on that die's own thread.
public protocol Workload: SendableMetatype {
    /// The name the agent asks for it by.
    static var name: String { get }

    /// Reads the payload the command line made.
    ///
    /// - Throws: whatever is wrong with it; the die reports it as its failure.
    init(payload: [UInt8]) throws

    /// Does the work of one die and returns what the command line is to have of it.
    func run(on die: DieContext) throws -> [UInt8]
}

/// An error that knows which exit status the command should end with.
public protocol StatusError: Error {
    /// The status.
    var exitStatus: ExitStatus { get }
}
