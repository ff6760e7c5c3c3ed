internal import NodeRuntime
internal import Workers

// Where the lines go. Neither stream ever holds up a run: see ``BoundedOutput``.

extension Report {
    /// Standard output; a reader may be 16 MiB late.
    static let output = BoundedOutput(1, limit: 16 << 20)
    /// Standard error.
    static let errors = BoundedOutput(2, limit: 1 << 20)

    /// Whether the reader of standard output has closed its end (`| head`): what is still to come has no reader.
    static var readerIsGone: Bool { output.fault == .closed }

    /// Waits for readers that are late, says what they did not get, and returns the status that this asks for.
    ///
    /// After a run that went well a reader has ten minutes without a step forward, as a pager has; after one that did not, two seconds. SIGINT,
    /// SIGTERM and SIGHUP end the wait.
    static func finish(failed: Bool) -> ExitStatus? {
        let signals = output.isWaiting ? try? SignalQueue() : nil  // Without one the time alone ends the wait.
        var isWhole = false
        var signal: Int32?
        repeat {
            isWhole = output.flush(
                patience: failed ? .seconds(2) : .seconds(600), interruption: signals?.descriptor.number)
            signal = signals?.next()
            // Ctrl-Z stops the wait and does not end it.
            if signal == ProcessControl.suspendSignal { ProcessControl.stopSelf() }
        } while signal == ProcessControl.suspendSignal
        var status: ExitStatus?
        if case .refused(let code) = output.fault {
            remark(SystemError("standard output could not be written", code).description)
            status = .inputOutput
        } else if output.fault == .closed {
            // What was printed last had no reader either.
            status = .outputClosed
        } else if output.fault == nil, output.droppedByteCount > 0 || !isWhole {
            let lost = output.droppedByteCount + output.waitingByteCount
            remark("standard output was not read: \(lost) bytes of it are lost")
            status = .inputOutput
        }
        if errors.droppedByteCount > 0, errors.fault == nil {
            remark("standard error was not read in time: \(errors.droppedByteCount) bytes of it are lost")
        }
        // There is no other place to say that this was not read.
        _ = errors.flush(patience: .milliseconds(failed ? 500 : 2000))
        return signal.map { ExitStatus(signal: $0) } ?? status
    }
}
