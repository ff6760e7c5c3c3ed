internal import SharedMemory
internal import Workers

/// What a remote shell prints, taken line by line and within bounds: neither a shell that floods nor one that is silent holds the coordinator up.
///
/// Lines of a run are passed on until they are ``mostBytes`` together; what follows is read and dropped, no faster than a pipe's content in
/// ``pause``, so that a shell that floods waits for its own output and costs nothing.
final class ShellOutput {
    /// The host as reports name it.
    let host: String
    private let reading: Descriptor
    private var partial: [UInt8] = []
    private var passedByteCount = 0
    private var lastRead: UInt64 = 0
    /// Bytes of this run that were read and not passed on.
    private(set) var droppedByteCount = 0
    /// Whether no process can write any more.
    private(set) var isAtEnd = false

    /// Most bytes passed on in a run.
    static let mostBytes = 1 << 20
    /// Bytes after which a line is broken.
    static let longestLine = 4096
    /// What a pipe holds, as a rule.
    private static let portion = 64 << 10
    /// Nanoseconds between two looks at a shell that has said too much.
    static let pause: UInt64 = 10_000_000

    init(host: String, reading: Descriptor) {
        self.host = host
        self.reading = reading
    }

    /// What to poll.
    var descriptor: Int32 { reading.number }

    /// Whether more than a run's share was printed.
    var isExceeded: Bool { passedByteCount >= Self.mostBytes }

    /// Whether it is time to look for more.
    func isDue(_ now: UInt64) -> Bool { !isAtEnd && (!isExceeded || now >= lastRead + Self.pause) }

    /// Begins a run with a whole share.
    func begin() { (passedByteCount, droppedByteCount) = (0, 0) }

    /// Takes what is there, at most one pipe's content. Call when the descriptor can be read; it waits otherwise.
    func fill(_ passOn: (String) -> Void) {
        guard !isAtEnd else { return }
        lastRead = Monotonic.now()
        guard let bytes = reading.read(atMost: Self.portion) else { return }
        guard !bytes.isEmpty else {
            isAtEnd = true
            pass(partial[...], passOn)
            partial = []
            return
        }
        partial += bytes
        var rest = partial[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            pass(rest[..<end], passOn)
            rest = rest[(end + 1)...]
        }
        while rest.count >= Self.longestLine {
            pass(rest.prefix(Self.longestLine), passOn)
            rest = rest.dropFirst(Self.longestLine)
        }
        partial = Array(rest)
    }

    /// Takes what is there now, without waiting, at most a few pipes' content: after the shell has ended.
    func drain(_ passOn: (String) -> Void) {
        for _ in 0..<8 where !isAtEnd && Descriptor.poll([reading.number], milliseconds: 0)[0] { fill(passOn) }
    }

    /// Control characters become question marks: it may end on a terminal. A shell's line may end as a terminal's does.
    private func pass(_ line: ArraySlice<UInt8>, _ passOn: (String) -> Void) {
        guard !isExceeded else { return droppedByteCount += line.count + 1 }
        passedByteCount += line.count + 1
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        guard !line.isEmpty else { return }
        let clean = line.map { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F ? 0x3F : $0 }
        for start in stride(from: 0, to: clean.count, by: Self.longestLine) {
            passOn(String(decoding: clean[start..<min(start + Self.longestLine, clean.count)], as: UTF8.self))
        }
    }
}
