/// A kind of number that files write with its unit, and read here as an integer of a base unit.
enum Quantity {
    /// Bytes a second; `GB/s` is 10^9 bytes, `Gb/s` 10^9 bits.
    case bandwidth
    /// Nanoseconds.
    case latency
    /// Milliseconds, from 1 ms to a day.
    case deadline
    /// Bytes; `GB` is 10^9, `GiB` 2^30.
    case memory

    var name: String {
        switch self {
        case .bandwidth: "a bandwidth"
        case .latency: "a latency"
        case .deadline: "a time from 1 ms to 86400 s"
        case .memory: "an amount of memory"
        }
    }

    var example: String {
        switch self {
        case .bandwidth: "196 GB/s"
        case .latency: "1.2 us"
        case .deadline: "60 s"
        case .memory: "64 GB"
        }
    }

    /// Base units in a unit.
    private var units: [String: Int] {
        switch self {
        case .bandwidth:
            [
                "B/s": 1, "MB/s": 1_000_000, "GB/s": 1_000_000_000, "TB/s": 1_000_000_000_000,
                "Mb/s": 125_000, "Gb/s": 125_000_000, "Tb/s": 125_000_000_000,
            ]
        case .latency: ["ns": 1, "us": 1000, "ms": 1_000_000]
        case .deadline: ["ms": 1, "s": 1000, "min": 60_000]
        case .memory:
            [
                "B": 1, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
                "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
            ]
        }
    }

    private var range: ClosedRange<Int> {
        switch self {
        case .bandwidth: 1...(1 << 46)
        case .memory: 1...(1 << 53)
        case .latency: 1...1_000_000_000_000
        case .deadline: 1...86_400_000
        }
    }

    /// The value of a text such as `1.2 us`, exact; nil if it is not one, has no whole number of base units or is out of range.
    func value(of text: String) -> Int? {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, let unit = units[String(words[1])] else { return nil }
        let parts = words[0].split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ Self.isDigits($0) }) else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= 6, let digits = Int(parts[0] + fraction) else { return nil }
        let scale = (0..<fraction.count).reduce(1) { product, _ in product * 10 }
        let (product, overflow) = digits.multipliedReportingOverflow(by: unit)
        guard !overflow, product % scale == 0, range.contains(product / scale) else { return nil }
        return product / scale
    }

    private static func isDigits(_ text: Substring) -> Bool {
        (1...18).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
