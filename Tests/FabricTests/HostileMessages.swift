import Fabric
import Fuzzing
import TestKit

/// Messages that another host's switch would hardly send: every operation and place and some there are not, with fields at and past their
/// limits, sometimes damaged besides. Digest and checksum are right, so that they get past those.
struct HostileMessages {
    /// The host that sends, its ranks, and those of the host that receives.
    let host: Int
    let sources: Range<Int>
    let targets: Range<Int>
    let windowByteCount: Int
    var random: SeededGenerator

    /// The next message with the number given.
    mutating func next(
        _ receiver: HostSwitch, sequence: UInt64, acknowledged: UInt64
    ) -> WireMessage {
        var records: [(words: [UInt64], payload: [UInt8])] = []
        var attached: Int?
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let record = record(&attached)
            records.append((record.words, [UInt8](repeating: 0x5A, count: record.payload)))
        }
        var message = WireMessage(
            from: host, to: receiver, sequence: sequence, acknowledged: acknowledged, records: records,
            attachment: attached.map { [UInt8](repeating: 0xA5, count: $0) })
        switch Int.random(in: 0..<8, using: &random) {
        case 0: message.head = Mutation.apply(to: message.head, using: &random)
        case 1:
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 16..<message.head.count, using: &random)
                message.head[at] = [0, 1, 7, 8, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            }
        case 2:
            message.head = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
        default: break
        }
        message.seal()
        return message
    }

    private mutating func often(_ value: Int, or others: [Int]) -> UInt64 {
        UInt64(
            truncatingIfNeeded: Int.random(in: 0..<8, using: &random) > 0
                ? value : others.randomElement(using: &random) ?? value)
    }

    /// Where an answer goes: bytes to a place in the window or in staging; old values to the switch's line, to a word, or nowhere.
    private mutating func token(_ operation: UInt64, _ inside: Int) -> UInt64 {
        let ends = [-1, .min, .min + (1 << 18), windowByteCount, 1 << 18]
        switch operation {
        case 5, 9:
            let places = [0, 1 << 62 | inside, operation == 5 ? 1 << 61 : 0]
            return often(
                places.randomElement(using: &random) ?? 0,
                or: ends + [1 << 62 | 1, 1 << 62 | windowByteCount, 1 << 61 | 8])
        case 6, 11: return often(0, or: ends + [1 << 61, 1 << 62])
        default: return often(inside, or: ends)
        }
    }

    /// A record and how many bytes follow it. `attached` becomes the length of the attachment if the record wants one.
    private mutating func record(_ attached: inout Int?) -> (words: [UInt64], payload: Int) {
        let operation = UInt64.random(in: 0..<13, using: &random)
        let detail = often(Int.random(in: 0..<7, using: &random), or: [2, 7, 255])
        let place = often([0, 0, 1, 4].randomElement(using: &random) ?? 0, or: [2, 3, 5, 255])
        let element = Int(often([1, 8, 24].randomElement(using: &random) ?? 1, or: [0, 1 << 14, 1 << 31]))
        let count = Int(often(Int.random(in: 1...20, using: &random), or: [0, 1 << 14, 1 << 31]))
        let isStrided = operation == 2 || operation == 4
        let fits = element.multipliedReportingOverflow(by: count)
        let length = Int(
            often(
                isStrided ? fits.partialValue & 0x7FFF_FFFF : Int.random(in: 0...300, using: &random),
                or: [0, 8, 16, 17, 1 << 14, 1 << 19, 1 << 31, 0xFFFF_FFFF]))
        let stride = often(element, or: [0, element + 8, windowByteCount, .max, -8])
        let source = often(sources.lowerBound, or: [0, targets.lowerBound, 4096, -1])
        let target = often(targets.randomElement(using: &random) ?? 0, or: [sources.lowerBound, 4096, -1])
        let inside = Int.random(in: 0...(windowByteCount - 8) / 8, using: &random) * 8
        let offset = often(
            inside, or: [inside + 1, windowByteCount, windowByteCount - 8, .max, -8, windowByteCount - 1])
        let token = token(operation, inside)
        let words: [UInt64] = [
            operation | detail << 8 | place << 16 | UInt64(truncatingIfNeeded: length) << 32,
            source & 0xFFFF_FFFF | target << 32, offset, random.next(), random.next(), token,
            UInt64(truncatingIfNeeded: count) & 0xFFFF_FFFF | UInt64(truncatingIfNeeded: element) << 32, stride,
        ]
        let carries = place == 0 && [1, 2, 8, 10].contains(operation)
        let payload = carries ? Int(often(min(length, 4096), or: [0, 8])) : 0
        if place == 4 { attached = Int(often(min(length, 1 << 19), or: [0, 1])) }
        return (words, payload)
    }
}
