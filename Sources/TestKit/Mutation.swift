/// Small damage to a text, for tests that feed readers hostile input.
public enum Mutation {
    /// Applies 1 to 4 random edits: change, remove, insert or repeat bytes, cut the end, swap in a number or token that is trouble.
    public static func apply(to bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<7, using: &generator) {
            case 0 where place < bytes.count: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
            case 1 where place < bytes.count: bytes.remove(at: place)
            case 2: bytes.insert(UInt8.random(in: 0x20...0x7E, using: &generator), at: place)
            case 3 where place < bytes.count:
                let end = min(bytes.count, place + Int.random(in: 1...40, using: &generator))
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 4: bytes.removeLast(min(bytes.count, Int.random(in: 0...20, using: &generator)))
            case 5 where place < bytes.count:
                let end = min(bytes.count, place + Int.random(in: 1...20, using: &generator))
                bytes.removeSubrange(place..<end)
            default: bytes.insert(contentsOf: (trouble.randomElement(using: &generator) ?? "").utf8, at: place)
            }
        }
        return bytes
    }

    /// What has broken parsers before.
    private static let trouble = [
        "0", "-1", "9223372036854775807", "9223372036854775808", "1e308", "null", "~", "\"\"", "[]", "{}", "[[[[",
        "{{{{",
        "\n", "\r\n", "\t", "\0", "&a ", "*a", "!!binary ", "|\n ", "? ", "- ", ": ", "#", "'", "\"", "\\u0000",
        "\u{FEFF}",
        "[0-999999999999]", "n[1-3]", ":4", "slots=0", "slots=99999999999999999999", "%", "---\n", "...\n", "<<: ",
        "\u{85}",
    ]
}
