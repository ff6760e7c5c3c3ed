internal import Glibc

/// A new file that is written from its end on, each block by a call of its own: what was appended is in the file when the call
/// returns, whatever becomes of the process.
public final class AppendedFile: Sendable {
    private let descriptor: Descriptor
    private let path: String

    /// Makes a file of mode 0600 that must not exist yet.
    public init(path: String) throws(SystemError) {
        let number = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw SystemError("cannot make \(path)", errno) }
        descriptor = Descriptor(number)
        self.path = path
    }

    /// Appends bytes, all of them.
    public func append(_ bytes: [UInt8]) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { block in
                unsafe write(descriptor.number, block.baseAddress.map { unsafe $0 + done }, bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemError("cannot write to \(path)", errno) }
            done += count
        }
    }
}
