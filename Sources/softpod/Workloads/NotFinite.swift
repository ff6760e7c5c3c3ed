internal import Model
internal import NodeRuntime

/// A model that gives no numbers: what its files hold is wrong for it, and the command ends as with any wrong file.
struct NotFinite: StatusError, CustomStringConvertible {
    let description: String
    var exitStatus: ExitStatus { .data }

    /// Runs a body, and gives its error of logits that are not finite the status of wrong data.
    static func named<Value>(_ body: () throws(ModelError) -> Value) throws -> Value {
        do { return try body() } catch {
            guard error.code == .notFinite else { throw error }
            throw NotFinite(description: error.description)
        }
    }
}
