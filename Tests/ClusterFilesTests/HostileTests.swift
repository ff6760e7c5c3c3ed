import ClusterFiles
import FoundationEssentials
import TestKit
import Testing
import Topology

/// Every reader by its name, with a text it likes.
struct Reader: Sendable, CustomTestStringConvertible {
    var name: String
    var good: String
    var read: @Sendable (TextFile) throws -> Void

    var testDescription: String { name }

    static let all: [Reader] = [
        Reader(
            name: "topology", good: (try? Fixtures.topologyText("four-hosts")) ?? "",
            read: { _ = try TopologyFile.parse($0) }),
        Reader(name: "cluster", good: Fixtures.cluster, read: { _ = try ClusterFile.parse($0) }),
        Reader(name: "fault plan", good: Fixtures.faultPlan, read: { _ = try FaultPlanFile.parse($0) }),
        Reader(name: "hostfile", good: Fixtures.hostfile, read: { _ = try HostFile.parse($0) }),
        Reader(name: "rank table 1.2", good: Fixtures.superPodTable().json, read: { _ = try RankTable.parse($0) }),
        Reader(name: "rank table 2.0", good: Fixtures.layerTable().json, read: { _ = try RankTable.parse($0) }),
    ]
}

@Suite("Hostile files")
struct HostileTests {
    @Test("Each reader reads its text, with a byte order mark and with CRLF too", arguments: Reader.all)
    func good(reader: Reader) throws {
        for text in [reader.good, "\u{FEFF}" + reader.good, reader.good.replacing("\n", with: "\r\n")] {
            #expect(throws: Never.self) { try reader.read(Fixtures.text(text)) }
        }
    }

    @Test("What is no text at all is refused in one line that names the file", arguments: Reader.all)
    func garbage(reader: Reader) {
        let texts: [[UInt8]] = [
            [], [0], [0xFF, 0xFE, 0x41, 0], Array("\u{FEFF}".utf8), Array("a\u{0}b".utf8), Array("\u{1B}[31m".utf8),
            [0x80], Array("{".utf8), Array("[]".utf8), Array("null: []".utf8), Array("\"text\"".utf8),
            Array("a: b: c".utf8),
            Array(repeating: UInt8(ascii: "["), count: 100_000), Array(repeating: UInt8(ascii: "{"), count: 100_000),
            Array(String(repeating: "- ", count: 50_000).utf8), Array(String(repeating: "? ", count: 50_000).utf8),
            Array((0..<5000).map { String(repeating: " ", count: min($0, 150)) + "a:" }.joined(separator: "\n").utf8),
            Array(String(repeating: "a:\n  ", count: 1000).utf8), Array(String(repeating: "\"", count: 9999).utf8),
            Array("---\na: 1\n---\nb: 2\n".utf8), Array("a: |\n".utf8) + Array(repeating: 0x20, count: 100_000),
        ]
        for bytes in texts {
            let error = #expect(throws: ClusterFileError.self) {
                try reader.read(TextFile(bytes: bytes, file: "evil\n\u{1B}[2J"))
            }
            let message = error?.description ?? ""
            #expect(message.hasPrefix("evil??[2J") && !message.contains("\n"), "\(message)")
            #expect(message.utf8.count < 4096)
        }
    }

    @Test("Aliases that would stand for a billion nodes are refused before they are written out")
    func billion() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<30 {
            text += "a\(level): &a\(level) [" + (0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ", ") + "]\n"
        }
        let hidden = "{a: \"x\n # \", b: &y [1], c: [*y, *y]}\n"
        for text in [text, hidden, "? &k [a]\n: 1\n", "a:\n  &k b: 1\n", "[&a x]", "a: \n- &a\n  x\n"] {
            let error = #expect(throws: ClusterFileError.self) { try ClusterFile.parse(Fixtures.text(text)) }
            #expect(error?.rule.contains("anchors") == true, "\(String(describing: error))")
        }
    }

    @Test("A file of 100 MB is refused by its size, a folder, a device and a missing file by what they are")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "softpod-files-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // What cannot be removed is in the system's temporary folder.
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let large = folder + "/large"
        #expect(FileManager.default.createFile(atPath: large, contents: nil))
        try FileMaker.makeSparse(large, byteCount: 100_000_000)
        let readers: [(String) throws -> Void] = [
            { _ = try TopologyFile.read(path: $0) }, { _ = try ClusterFile.read(path: $0) },
            { _ = try HostFile.read(path: $0) }, { _ = try RankTable.read(path: $0) },
        ]
        for read in readers {
            let size = #expect(throws: ClusterFileError.self) { try read(large) }
            #expect(size?.code == .refused && size?.rule.contains("100000000 bytes") == true)
            for path in [folder, folder + "/nowhere", "/dev/null"] {
                let error = #expect(throws: ClusterFileError.self) { try read(path) }
                #expect(error?.code == .unreadable && error?.file == path)
            }
        }
    }

    @Test("Wrong kinds of values are refused everywhere, with a line", arguments: Reader.all)
    func kinds(reader: Reader) throws {
        let values = ["[]", "{}", "\"\"", "true", "1e999", "-1", "[[[[]]]]"]
        let lines = reader.good.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            guard let colon = line.firstIndex(of: ":"), line.prefix(while: { $0 != "#" }).contains(":") else {
                continue
            }
            for value in values {
                var changed = lines.map(String.init)
                changed[index] = line[...colon] + " " + value + (line.last == "," ? "," : "")
                do {
                    try reader.read(Fixtures.text(changed.joined(separator: "\n"), "file"))
                } catch let error as ClusterFileError {
                    #expect(error.description.hasPrefix("file"), "\(error)")
                }
            }
        }
    }

    @Test(
        "Thousands of damaged texts give a value or an error with its place", arguments: Reader.all,
        [UInt64(1), 2])
    func fuzz(reader: Reader, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let good = Array(reader.good.utf8)
        var refused = 0
        for round in 0..<2000 {
            let bytes = Mutation.apply(to: good, using: &generator)
            do {
                try reader.read(TextFile(bytes: bytes, file: "file"))
            } catch let error as ClusterFileError {
                refused += 1
                let lines = bytes.count { $0 == 0x0A } + 2
                #expect(error.line.map { (1...lines).contains($0) } ?? true, "seed \(seed), round \(round): \(error)")
                #expect(error.file == "file" && !error.rule.isEmpty, "seed \(seed), round \(round)")
            }
        }
        #expect(refused > 100, "seed \(seed): damage goes unnoticed")
    }

    @Test("Damaged host lists, variables and numbers give a value or an error", arguments: [UInt64(21), 22])
    func fuzzValues(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let set = EnvironmentTests.sets
        for _ in 0..<4000 {
            let list = Mutation.apply(to: Array("n[01-04,7],m[1-2]x[3-4]".utf8), using: &generator)
            do {
                let names = try HostList.expand(String(decoding: list, as: UTF8.self))
                #expect(!names.isEmpty && names.count <= 4096 && names.allSatisfy(HostName.isValid), "seed \(seed)")
            } catch { #expect(!error.description.isEmpty, "seed \(seed)") }
            var variables = set[Int.random(in: 0..<set.count, using: &generator)].variables
            for name in variables.keys.sorted() where Bool.random(using: &generator) {
                let value = Array((variables[name] ?? "").utf8)
                variables[name] = String(decoding: Mutation.apply(to: value, using: &generator), as: UTF8.self)
            }
            do {
                let found = try LaunchEnvironment.discover(variables)
                #expect(found.size.map { found.rank < $0 } ?? true, "seed \(seed)")
            } catch { #expect(!error.description.isEmpty, "seed \(seed)") }
        }
    }
}
