internal import NodeRuntime
internal import Workers

/// Signals to a command that measures in its own process: looked for between two measurements, so that it cleans up before it ends.
struct Interruption {
    private let signals: SignalQueue

    /// Takes SIGINT, SIGTERM, SIGHUP and SIGTSTP from here on.
    init() throws { signals = try SignalQueue() }

    /// - Throws: the status of a signal that ends the command, which has been told.
    func check() throws {
        while let signal = signals.next() {
            if signal == ProcessControl.suspendSignal {
                ProcessControl.stopSelf()
            } else {
                Report.remark("stopped by \(ProcessControl.signalName(signal))")
                throw ExitStatus(signal: signal)
            }
        }
    }
}
