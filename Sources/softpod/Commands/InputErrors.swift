internal import NodeRuntime

/// Flags that are fine by themselves and wrong together, or for this model.
struct UsageError: StatusError, CustomStringConvertible {
    var description: String
    var exitStatus: ExitStatus { .usage }

    init(_ description: String) { self.description = description }
}

/// A file that cannot be used.
struct InputError: StatusError, CustomStringConvertible {
    var exitStatus: ExitStatus
    var description: String

    init(_ status: ExitStatus, _ description: String) {
        exitStatus = status
        self.description = description
    }
}
