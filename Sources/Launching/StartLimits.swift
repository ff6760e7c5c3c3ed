internal import Workers

/// What a start needs of the system besides memory, looked at before anything is started: where it runs out half-way, a rank dies
/// with words that name no remedy.
enum StartLimits {
    /// - Throws: ``SystemError`` naming what is needed, what there is, and what to do.
    static func check(_ configuration: ClusterConfiguration) throws(SystemError) {
        try checkDescriptors(configuration)
        try checkTasks(configuration)
    }

    /// A process takes three (its end, its log, its connection); 40 are for the agent's own, the library's, and the moment of a start.
    private static func checkDescriptors(_ configuration: ClusterConfiguration) throws(SystemError) {
        let needed = 40 + 3 * configuration.processCount
        let limit = ProcessControl.descriptorLimit
        guard needed <= limit else {
            throw SystemError(
                rule: """
                    \(configuration.processCount) rank processes need \(needed) open descriptors, the limit is \(limit); \
                    raise it (ulimit -n) or use more --dies-per-process
                    """)
        }
    }

    /// A rank process has its control thread, two of the messaging library and one a die; this process has up to five besides its own.
    private static func checkTasks(_ configuration: ClusterConfiguration) throws(SystemError) {
        let needed = 5 + 3 * configuration.processCount + configuration.dieCount
        for limit in TaskLimit.all where limit.free(atLeast: needed) < needed {
            throw SystemError(
                rule: """
                    \(configuration.processCount) rank processes need \(needed) threads, \(limit.name) leaves \
                    \(limit.free(atLeast: needed)) of \(limit.most); raise it or use more --dies-per-process
                    """)
        }
    }
}
