import NodeRuntime
import TestKit
import Testing

/// What agent and ranks say to each other, and what anybody else might.
@Suite("Control messages")
struct ControlMessageTests {
    static let all: [ControlMessage] = [
        .revoke(die: 7, epoch: 1 << 33),
        .hello(process: 0, id: 4_194_304, abiDigest: .max, nonce: (1, .max)),
        .start(workload: "", payload: []), .start(workload: "généré", payload: Array(0...255)),
        .event(die: 4095, bytes: [1]), .event(die: 0, bytes: []),
        .result(die: 7, bytes: Array(repeating: 9, count: 70_000)),
        .failure(
            die: 3,
            ControlMessage.Failure(isConsequence: true, peers: [0, 4095], status: 75, text: "rank 3: no «reason»")),
        .failure(die: 0, ControlMessage.Failure(isConsequence: false, peers: [], status: -1, text: "")),
        .left(process: 12), .stop, .instruments([]), .instruments([1, 2, 3]),
        .note(die: 3, RunNote(.injected, at: .max, fault: 7, text: "fault 7: «kill»")),
        .note(die: 0, RunNote(.decided, at: 0, text: "")),
    ]

    @Test("Every message is read as it was written", arguments: all)
    func roundTrip(message: ControlMessage) throws {
        let read = try #require(ControlMessage(decoding: message.encoded))
        #expect(read == message)
        #expect("\(read)" == "\(message)", "Every field, not only the bytes")
    }

    @Test("A frame that is cut, has something behind it, or is of another version is refused", arguments: all)
    func whole(message: ControlMessage) {
        let frame = message.encoded
        for count in 0..<min(frame.count, 300) { #expect(ControlMessage(decoding: Array(frame.prefix(count))) == nil) }
        #expect(ControlMessage(decoding: frame + [0]) == nil)
        for place in 0..<5 {
            var other = frame
            other[place] ^= 0x40
            #expect(ControlMessage(decoding: other) == nil)
        }
    }

    @Test("No frame traps: what is read is written again with the same meaning", arguments: [1, 2, 3, 4] as [UInt64])
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let small = Self.all.map(\.encoded).filter { $0.count < 1000 }
        var understood = 0
        for round in 0..<60_000 {
            var frame = small[round % small.count]
            switch generator.next() % 4 {
            case 0:
                frame = (0..<Int(generator.next() % 64)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                // Half of the noise has the right beginning, so that it gets somewhere.
                if generator.next() % 2 == 0 { frame = small[0].prefix(5) + frame }
            case 1: frame = Array(frame.prefix(Int(generator.next() % UInt64(frame.count + 1))))
            default: break
            }
            for _ in 0..<(generator.next() % 4) where !frame.isEmpty {
                let place = Int(generator.next() % UInt64(frame.count))
                frame[place] =
                    [0, 0xFF, 0x7F, 0x80, UInt8(truncatingIfNeeded: generator.next())][
                        Int(generator.next() % 5)]
            }
            guard let message = ControlMessage(decoding: frame) else { continue }
            understood += 1
            let again = ControlMessage(decoding: message.encoded)
            #expect(again == message, "seed \(seed), round \(round): \(frame)")
        }
        #expect(understood > 1000, "seed \(seed): the noise must also reach the inner fields")
    }

    @Test("A reader gives what is there, nil beyond the end, and does not move then")
    func reader() {
        var writer = ByteWriter()
        writer.write(UInt16(0xABCD))
        writer.write([1, 2, 3])
        writer.write("ü")
        #expect(writer.bytes.prefix(2) == [0xCD, 0xAB])
        var reader = ByteReader(writer.bytes)
        #expect(reader.read(UInt16.self) == 0xABCD)
        #expect(reader.readBlock() == [1, 2, 3])
        #expect(reader.readText() == "ü")
        #expect(reader.isAtEnd)
        #expect(reader.read(UInt8.self) == nil)
        #expect(reader.readBlock() == nil)
        var short = ByteReader([1, 2, 3])
        #expect(short.read(UInt32.self) == nil)
        #expect(short.read(UInt16.self) == 0x0201)
        var lying = ByteReader([0xFF, 0xFF, 0xFF, 0xFF, 1])
        #expect(lying.readBlock() == nil)
        var invalid = ByteReader([1, 0, 0, 0, 0xFF])
        #expect(invalid.readText() == "\u{FFFD}")
    }
}
