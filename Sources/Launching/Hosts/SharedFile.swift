internal import FoundationEssentials
internal import Hashing
internal import NodeRuntime

/// A file that ranks of several hosts read, and that must be the same on all of them.
public struct SharedFile: Sendable, Equatable {
    /// Where it is, on every host; a relative path counts from where the command was given.
    public var path: String
    /// Digest of its bytes.
    public var digest: UInt64

    /// Files a run may name: those of a model of 4096 parts, and some more.
    static let mostFiles = 4200

    /// Reads a file of this host.
    ///
    /// - Throws: `CocoaError` if it cannot be read. Complexity: all its bytes, once.
    public init(path: String) throws {
        self.path = path
        digest = try Self.digest(path)
    }

    /// Digest of a file's bytes by words of eight bytes, with the length in front. It tells two files apart that were
    /// mixed up; it does not resist an attacker that wants two to look alike, which the keys keep out.
    static func digest(_ path: String) throws -> UInt64 {
        let data = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
        var hash = FNV1a()
        hash.add(whole: UInt64(data.count))
        let bytes = data.span
        var place = 0
        while place < bytes.count {
            var word: UInt64 = 0
            for index in place..<min(place + 8, bytes.count) {
                word |= UInt64(bytes[index]) << UInt64(8 * (index - place))
            }
            hash.add(whole: word)
            place += 8
        }
        return hash.value
    }

    func write(to writer: inout ByteWriter) {
        writer.write(path, limit: HostMessage.textLimit)
        writer.write(digest)
    }

    package init(path: String, digest: UInt64) {
        self.path = path
        self.digest = digest
    }

    init?(from reader: inout ByteReader) {
        guard let path = reader.readText(limit: HostMessage.textLimit), let digest = reader.read(UInt64.self) else {
            return nil
        }
        self.path = path
        self.digest = digest
    }

    /// Why this host's file is not the one that is meant; nil if it is.
    var fault: String? {
        guard let found = try? Self.digest(path) else { return "\(path) cannot be read here" }  // Said in our words.
        guard found == digest else {
            return
                "\(path) differs: its digest here is \(String(found, radix: 16)), the coordinator's \(String(digest, radix: 16))"
        }
        return nil
    }
}
