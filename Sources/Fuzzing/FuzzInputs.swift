/// Makes inputs: noise, and inputs that are understood with something wrong in them.
struct FuzzInputs {
    let examples: [[UInt8]]
    let isText: Bool

    /// The longest input; what a reader does with long ones it does with these too.
    static let longest = 1 << 16

    /// The next input.
    func next(_ random: inout FuzzRandom) -> [UInt8] {
        guard !examples.isEmpty, !random.oneIn(16) else { return noise(&random) }
        var input = examples[random.below(examples.count)]
        // Some of them whole: what is right has to go on being understood among all that is wrong.
        if random.oneIn(16) { return input }
        for _ in 0...random.below(4) { change(&input, &random) }
        if input.count > Self.longest { input.removeLast(input.count - Self.longest) }
        return input
    }

    private func noise(_ random: inout FuzzRandom) -> [UInt8] {
        let head = examples.isEmpty || random.oneIn(2) ? [] : examples[random.below(examples.count)]
        let kept = head.prefix(random.below(min(head.count, 64) + 1))
        return kept + (0..<random.below(256)).map { _ in isText ? 0x20 + random.byte() % 0x5F : random.byte() }
    }

    private func change(_ input: inout [UInt8], _ random: inout FuzzRandom) {
        let place = random.below(input.count + 1)
        switch random.below(isText ? 10 : 8) {
        case 0 where place < input.count: input[place] ^= 1 << UInt8(random.below(8))
        case 1: input.removeLast(input.count - place)
        case 2: input.insert(contentsOf: (0..<1 + random.below(16)).map { _ in random.byte() }, at: place)
        case 3 where place < input.count: input.removeSubrange(place..<min(input.count, place + 1 + random.below(32)))
        case 4: splice(&input, at: place, &random)
        case 5 where place < input.count:
            let part = Array(input[place..<min(input.count, place + 1 + random.below(64))])
            input.insert(contentsOf: part, at: place)
        case 6, 7: isText ? replaceNumber(&input, from: place, &random) : extreme(&input, at: place, &random)
        case 8, 9: input.insert(contentsOf: Self.trouble[random.below(Self.trouble.count)].utf8, at: place)
        default: input.append(random.byte())
        }
    }

    /// The start of this input and the end of another.
    private func splice(_ input: inout [UInt8], at place: Int, _ random: inout FuzzRandom) {
        let other = examples[random.below(examples.count)]
        // Often at the same place, so that a message goes on as one of another kind.
        let from = random.oneIn(2) ? min(place, other.count) : random.below(other.count + 1)
        input = Array(input[..<place]) + other[from...]
    }

    /// A number of 1, 2, 4 or 8 bytes becomes one that has broken readers before.
    private func extreme(_ input: inout [UInt8], at place: Int, _ random: inout FuzzRandom) {
        let width = 1 << random.below(4)
        let value = Self.extremes[random.below(Self.extremes.count)] &+ (random.oneIn(4) ? random.next() % 5 &- 2 : 0)
        for index in 0..<width where place + index < input.count {
            input[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    /// The next digits become a number that has broken readers before.
    private func replaceNumber(_ input: inout [UInt8], from place: Int, _ random: inout FuzzRandom) {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        guard let start = input[place...].firstIndex(where: isDigit) ?? input.firstIndex(where: isDigit) else { return }
        let end = input[start...].firstIndex { !isDigit($0) } ?? input.count
        input.replaceSubrange(start..<end, with: Self.numbers[random.below(Self.numbers.count)].utf8)
    }

    private static let extremes: [UInt64] = [
        0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 4095, 4096, 4097, 1 << 20, 1 << 24,
        0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 62, 0x7FFF_FFFF_FFFF_FFFF, 1 << 63, .max,
        .max - 7,
    ]

    private static let numbers = [
        "0", "1", "2", "00", "007", "-1", "-0", "3", "16", "255", "256", "4095", "4096", "4097", "65535", "65536",
        "1048576", "2147483647", "2147483648", "4294967295", "4294967296", "999999999999999999",
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615",
        "99999999999999999999999", "1e308", "1e309", "-1e-400", "0.1", "1.5", "0x10", "1_000", "١",
    ]

    private static let trouble = [
        "null", "~", "true", "\"\"", "[]", "{}", "[[[[[[[[", "{{{{{{{{", "{\"a\":", "\n", "\r\n", "\t", "\0",
        "\u{1B}[2J",
        "&a ", "*a", "!!binary ", "|\n ", "? ", "- ", ": ", "#", "'", "\"", "\\u0000", "\\ud800", "\\", "\u{FEFF}",
        "[0-999999999999]", "n[1-3]", "[1-4096]", "n[01-03]x[1-4096]", "4(x65536)", ":4", " slots=0", "=", ",", ";",
        "%", "---\n", "...\n", "<<: ", "\u{85}", "\u{2028}", "\u{202E}", "é", "\u{1F600}", "a\u{301}", "/", "..",
        "tcp://",
        "<|endoftext|>",
    ]
}
