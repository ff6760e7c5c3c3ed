/// Addresses by their form; nothing is looked up.
public enum NetworkAddress {
    /// Four numbers from 0 to 255, without leading zeros.
    public static func isIPv4(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                part.utf8.count <= 3 && (part == "0" || !part.hasPrefix("0"))
                    && Digits.value(of: part).map { $0 <= 255 } == true
            }
    }

    /// Eight groups of hexadecimal digits, one run of zeros as `::`, the last two perhaps as IPv4.
    public static func isIPv6(_ text: String) -> Bool {
        guard (2...45).contains(text.utf8.count) else { return false }
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count) else { return false }
        var groups = 0
        for (index, half) in halves.enumerated() where !half.isEmpty {
            let parts = half.split(separator: ":", omittingEmptySubsequences: false)
            for (place, part) in parts.enumerated() {
                let isLast = index == halves.count - 1 && place == parts.count - 1
                if isLast, isIPv4(String(part)) {
                    groups += 2
                } else if isHexadecimal(part, 1...4) {
                    groups += 1
                } else {
                    return false
                }
            }
        }
        return halves.count == 2 ? groups <= 7 : groups == 8
    }

    /// An entity of the Unified Bus: 128 bits in 32 hexadecimal digits.
    public static func isEID(_ text: String) -> Bool { isHexadecimal(text[...], 32...32) }

    private static func isHexadecimal(_ text: Substring, _ count: ClosedRange<Int>) -> Bool {
        count.contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0)
            }
    }
}
