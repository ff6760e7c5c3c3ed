public import Topology

/// Hostfiles as launchers have them: Open MPI's `host slots=4 max-slots=8` and Hydra's `host:4`, with `#` comments and short
/// lists such as `n[01-04]`.
///
/// A slot is a die. A host without a number has one slot. Other words are refused, so that nothing is ignored in silence.
public enum HostFile {
    /// Reads a file.
    public static func read(path: String) throws(ClusterFileError) -> [HostOffer] {
        try parse(TextFile(path: path, maximumByteCount: YAMLReader.maximumByteCount))
    }

    /// Reads a text: the hosts in order, each once.
    public static func parse(_ file: TextFile) throws(ClusterFileError) -> [HostOffer] {
        var offers: [HostOffer] = []
        var lineOf: [String: Int] = [:]
        for (number, line) in file.lines {
            let content = line.prefix { $0 != "#" }
            let words = content.split { $0 == " " || $0 == "\t" }
            guard let first = words.first else { continue }
            func refuse(_ rule: String) -> ClusterFileError {
                ClusterFileError(file: file.file, line: number, rule: rule)
            }
            var slots = try Slots(words.dropFirst(), refuse)
            let (list, hydra) = try split(first, refuse)
            if let hydra {
                guard slots.count == nil else { throw refuse("has slots both as host:n and as slots=n") }
                slots.count = hydra
            }
            let names: [String]
            do { names = try HostList.expand(list, limit: HostPlan.maximumHostCount - offers.count) } catch {
                throw refuse("\"\(Printable.line(list))\" \(error)")
            }
            for name in names {
                if let other = lineOf.updateValue(number, forKey: name) {
                    throw refuse("the host \"\(name)\" is on line \(other) already")
                }
                offers.append(HostOffer(name: name, slots: slots.count ?? 1, maximumSlots: slots.maximum))
            }
        }
        guard !offers.isEmpty else { throw ClusterFileError(file: file.file, rule: "names no host") }
        return offers
    }

    /// The names and Hydra's number after the last colon outside brackets.
    private static func split(
        _ word: Substring, _ refuse: (String) -> ClusterFileError
    ) throws(ClusterFileError) -> (list: String, slots: Int?) {
        guard let colon = word.lastIndex(of: ":"), !word[colon...].contains("]") else { return (String(word), nil) }
        let text = word[word.index(after: colon)...]
        guard let slots = Digits.value(of: text) else {
            throw refuse("\"\(Printable.line(String(text)))\" after the colon is not a number of slots")
        }
        return (String(word[..<colon]), try check(slots, "slots", refuse))
    }

    private static func check(
        _ value: Int, _ name: String, _ refuse: (String) -> ClusterFileError
    ) throws(ClusterFileError) -> Int {
        guard (1...HostPlan.maximumDieCount).contains(value) else {
            throw refuse("\(name) must be 1 to \(HostPlan.maximumDieCount), not \(value)")
        }
        return value
    }

    /// The `key=value` words of a line.
    private struct Slots {
        var count: Int?
        var maximum: Int?

        init(_ words: ArraySlice<Substring>, _ refuse: (String) -> ClusterFileError) throws(ClusterFileError) {
            for word in words {
                let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let key = String(parts[0].map { $0 == "_" ? "-" : $0 })
                guard parts.count == 2, ["slots", "max-slots"].contains(key) else {
                    throw refuse("\"\(Printable.line(String(word)))\" is neither slots=n nor max-slots=n")
                }
                guard let value = Digits.value(of: parts[1]) else {
                    throw refuse("\(key) must be a number, not \"\(Printable.line(String(parts[1])))\"")
                }
                let checked = try check(value, key, refuse)
                let old = key == "slots" ? count : maximum
                guard old == nil else { throw refuse("\(key) is there twice") }
                if key == "slots" { count = checked } else { maximum = checked }
            }
            if let maximum, maximum < count ?? 1 { throw refuse("max-slots is less than slots") }
        }
    }
}
