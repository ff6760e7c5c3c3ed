/// Names and addresses of hosts, by their letters; nothing is looked up.
public enum HostName {
    /// A host's name or address: letters, digits, `.`, `-`, `_`, and `:` inside an IPv6 address in brackets. It never begins
    /// with a `-`, which a remote shell would take for a flag.
    public static func isValid(_ name: String) -> Bool {
        guard (1...255).contains(name.utf8.count), let first = name.utf8.first else { return false }
        if first == UInt8(ascii: "[") {
            let inside = name.dropFirst().dropLast()
            return name.hasSuffix("]") && inside.contains(":")
                && inside.utf8.allSatisfy { isHexadecimal($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
        }
        guard isLetterOrDigit(first) else { return false }
        return name.utf8.allSatisfy { isLetterOrDigit($0) || Array(".-_".utf8).contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }
}

/// Decimal numbers as files and variables write them.
enum Digits {
    /// The value of 1 to 18 digits and nothing else; nil otherwise.
    static func value(of text: some StringProtocol) -> Int? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}
