import ClusterFiles
import FoundationEssentials
import Messaging
import TestKit
import Testing

/// A 0700 folder that goes with the test.
struct KeyFolder: ~Copyable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/softpod-test-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Writes a file with a mode.
    func file(_ text: String, mode: Int = 0o600, _ name: String = "host.key") throws -> String {
        try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path + "/" + name)
        return path + "/" + name
    }

    // The test's own folder; a failure to remove it cannot be helped here.
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("Key files")
struct KeyFileTests {
    private func refuse(
        _ path: String, _ code: ClusterFileError.Code, line: Int? = nil, naming rule: String, secret: String = "\u{0}",
        from location: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: ClusterFileError.self, sourceLocation: location) { try KeyFile.read(path: path) }
        #expect(error?.code == code && error?.line == line, "\(String(describing: error))", sourceLocation: location)
        let text = error?.description ?? ""
        #expect(text.contains(rule) && text.hasPrefix(path), "\(text)", sourceLocation: location)
        #expect(!text.contains(secret), sourceLocation: location)
    }

    @Test("What is written is read again, whatever characters the keys have", arguments: [0, 1, 1000])
    func roundTrip(count: Int) throws {
        let folder = try KeyFolder()
        for _ in 0..<(count == 1000 ? 3 : 100) {
            let keys = KeyFile(
                pair: try KeyPair.generate(), allow: try (0..<count).map { _ in try KeyPair.generate().publicKey })
            let text = KeyFile.text(keys.pair, allow: keys.allow)
            #expect(try KeyFile.parse(Fixtures.text(text)) == keys)
            #expect(try KeyFile.read(path: folder.file(text)) == keys)
            #expect(keys.allowedKeys == Set(keys.allow + [keys.pair.publicKey]))
        }
    }

    @Test("Only a file of ours that nobody else may touch is read", arguments: [0o600, 0o400, 0o700])
    func goodModes(mode: Int) throws {
        let folder = try KeyFolder()
        let pair = try KeyPair.generate()
        #expect(try KeyFile.read(path: folder.file(KeyFile.text(pair), mode: mode)).pair == pair)
    }

    @Test(
        "A permission for anybody else is refused, whichever it is",
        arguments: [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o440])
    func badModes(mode: Int) throws {
        let folder = try KeyFolder()
        let path = try folder.file(KeyFile.text(KeyPair.generate()), mode: mode)
        refuse(path, .refused, naming: "has mode \(String(mode, radix: 8))")
    }

    @Test("What is no plain file is refused: nothing, a folder, a link, a device, one too long, an empty one")
    func kinds() throws {
        let folder = try KeyFolder()
        let path = try folder.file(KeyFile.text(KeyPair.generate()))
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: path)
        refuse(folder.path + "/nothing", .unreadable, naming: "No such file")
        refuse(folder.path, .refused, naming: "not a regular file")
        refuse(folder.path + "/link", .refused, naming: "symbolic link")
        refuse("/dev/null", .refused, naming: "not a regular file")
        refuse(try folder.file("", "empty"), .refused, naming: "is empty")
        let long = try folder.file("", "long")
        try FileMaker.makeSparse(long, byteCount: KeyFile.maximumByteCount + 1)
        refuse(long, .refused, naming: "more than the 65536 allowed")
        try FileMaker.makeSparse(long, byteCount: 1 << 40)
        refuse(long, .refused, naming: "more than the 65536 allowed")
    }

    @Test("Every broken rule is told with its line, and the secret never")
    func rules() throws {
        // Keys have all of YAML's special characters; a few pairs show most of them where it matters.
        for _ in 0..<40 { try breakRules() }
    }

    private func breakRules() throws {
        let folder = try KeyFolder()
        let (pair, other) = (try KeyPair.generate(), try KeyPair.generate())
        let (own, secret, further) = (pair.publicKey, pair.secretKey, other.publicKey)
        let good = "public: \"\(own)\"\nsecret: '\(secret)'\nallow: [\"\(further)\"]\n"
        #expect(try KeyFile.parse(Fixtures.text(good)).allow == [further])
        #expect(try KeyFile.parse(Fixtures.text("secret: \"\(secret)\"\npublic: '\(own)'\n")).allow == [])
        let shape = "must be 40 characters of Z85 in quotes"
        let cases: [(from: String, to: String, line: Int?, rule: String)] = [
            (own, other.publicKey, 2, "does not belong to the public key"),
            (secret, other.secretKey, 2, "does not belong to the public key"),
            (secret, String(secret.dropLast()), 2, "secret: " + shape), (secret, secret + "0", 2, "secret: " + shape),
            (own, own.prefix(12) + "", 1, "public: " + shape), (own, "", 1, "public: " + shape),
            (own, own + own, 1, "public: " + shape),
            ("'\(secret)'", "12", 2, "secret: " + shape), ("'\(secret)'", "", 2, "secret: is missing"),
            ("public:", "Public:", 1, "Public: is not a key of this mapping"),
            ("allow:", "note: x\nallow:", 3, "note: is not a key"), ("allow:", "public: x\nallow:", 3, "twice"),
            ("[\"\(further)\"]", "\"\(further)\"", 3, "must be a list"),
            ("[\"\(further)\"]", "[\"\(further)\", '\(further)']", 3, "allow[1]: is there twice"),
            ("[\"\(further)\"]", "[\"\(own)\"]", 3, "own public key"),
            ("[\"\(further)\"]", "[\"\(secret)\"]", 3, "is the secret key"),
            ("[\"\(further)\"]", "[7]", 3, shape), ("secret: '\(secret)'", "'\(secret)': 1", 2, "is not a key"),
        ]
        for (from, to, line, rule) in cases {
            let path = try folder.file(good.replacing(from, with: to))
            refuse(path, .refused, line: line, naming: rule, secret: String(secret.prefix(9)))
        }
    }

    @Test("However a key file is damaged, it is read as it was or refused, and the secret is never told")
    func mutations() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let pair = try KeyPair.generate()
        let good = Array(KeyFile.text(pair, allow: [try KeyPair.generate().publicKey]).utf8)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.remove(at: index)
                case 1: bytes.insert(Array("\"':#&!{}[]\n -".utf8).randomElement(using: &random) ?? 0, at: index)
                default: bytes[index] = UInt8.random(in: 0...255, using: &random)
                }
            }
            do throws(ClusterFileError) {
                #expect(try KeyFile.parse(TextFile(bytes: bytes, file: "f")).pair == pair, "seed \(seed)")
            } catch {
                // Four changes leave a piece of at least eight characters; longer ones than the half would be the leak.
                let text = error.description
                #expect(!text.contains(pair.secretKey.prefix(20)), "seed \(seed): \(text)")
                #expect(!text.contains(pair.secretKey.suffix(20)), "seed \(seed): \(text)")
            }
        }
    }
}
