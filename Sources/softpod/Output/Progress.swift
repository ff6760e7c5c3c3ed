internal import Glibc
internal import SharedMemory

/// How far a long command is: one line that moves on a terminal, a line a second otherwise.
final class Progress {
    private let total: Int
    private let what: String
    private let isTerminal = isatty(2) == 1
    private var done = 0
    private var lastLine: UInt64 = Monotonic.now()
    private var isDirty = false

    init(total: Int, what: String) {
        self.total = total
        self.what = what
    }

    /// One more is done.
    func advance(_ name: String) {
        done += 1
        let line = "\(what): \(done) of \(total), \(name)"
        if isTerminal {
            Report.status(line)
            isDirty = true
        } else if Monotonic.now() - lastLine > 1_000_000_000 {
            Report.remark(line)
            lastLine = Monotonic.now()
        }
    }

    /// Clears the moving line.
    func finish() {
        if isDirty { Report.status("") }
    }
}
