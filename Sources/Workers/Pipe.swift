internal import CLinux
internal import Glibc

/// What one process writes for another to read: both ends, until one of them is given away.
public final class Pipe: Sendable {
    /// Where it is read.
    public let reading: Descriptor
    private let writing: Descriptor

    /// Makes a pipe whose ends no child inherits by accident.
    public init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        let code = unsafe softpod_pipe(&ends)
        guard code == 0 else { throw SystemError("cannot make a pipe", code) }
        reading = Descriptor(ends[0])
        writing = Descriptor(ends[1])
    }

    /// The two ends of a pipe that no child inherits by accident, for a child that is to have one of them.
    public static func ends() throws(SystemError) -> (reading: Descriptor, writing: Descriptor) {
        let pipe = try Pipe()
        return (pipe.reading, pipe.writing)
    }

    /// Writes all bytes, at most what a pipe holds without a reader (64 KiB). False if the reader is gone.
    public func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe Glibc.write(writing.number, all.baseAddress.map { unsafe $0 + done }, all.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}

/// What another process writes, read line by line without waiting.
public final class LineReader {
    /// What it reads from; readable when there is something, or the writer is gone.
    public let descriptor: Int32
    /// Whether the writer is gone.
    public private(set) var isAtEnd = false
    private var bytes: [UInt8] = []
    private let limit: Int

    /// Reads from an open descriptor, which stays the caller's; a line longer than `limit` counts as the end.
    public init(_ descriptor: Int32, limit: Int = 1 << 16) {
        self.descriptor = descriptor
        self.limit = limit
    }

    /// Takes what is there. Call when the descriptor can be read; it waits otherwise.
    public func fill() {
        guard !isAtEnd else { return }
        var part = [UInt8](repeating: 0, count: 4096)
        let count = unsafe part.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        if count <= 0 || bytes.count + count > limit { isAtEnd = true }
        if count > 0 { bytes += part.prefix(count) }
    }

    /// The next whole line, without its end.
    public func next() -> [UInt8]? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { bytes.removeSubrange(...end) }
        return Array(bytes[..<end])
    }
}
