/// An error of a higher layer that may have been caused by the fabric.
///
/// Whoever reports it can tell a first cause from a consequence of somebody else's death, and name the ranks to blame.
public protocol FabricCaused: Error {
    /// The fabric's error below, if there is one.
    var fabricCause: FabricError? { get }
}

extension FabricError: FabricCaused {
    /// Itself.
    public var fabricCause: FabricError? { self }
}
