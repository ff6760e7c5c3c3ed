/// Environment variables, read with checks; every error names the variable.
struct Variables {
    private let values: [String: String]
    /// Ranks and sizes beyond this are no launcher's.
    static let counts = 0...1 << 20

    init(_ values: [String: String]) { self.values = values }

    /// The value; an empty one counts as unset, as launchers' wrappers leave them.
    subscript(name: String) -> String? {
        guard let value = values[name], !value.isEmpty else { return nil }
        return value
    }

    /// Whether all are set. None: nil, so that the next launcher is asked; some: an error that says what is missing.
    func complete(_ names: String...) throws(EnvironmentError) -> Bool {
        let missing = names.filter { self[$0] == nil }
        if missing.isEmpty { return true }
        if missing.count == names.count { return false }
        let present = names.filter { self[$0] != nil }
        throw .incomplete(
            "\(present.joined(separator: ", ")) set without \(missing.joined(separator: ", "))")
    }

    /// A number in a range; nil if the variable is not set.
    func optionalNumber(_ name: String, _ range: ClosedRange<Int> = counts) throws(EnvironmentError) -> Int? {
        guard let text = self[name] else { return nil }
        guard let value = Digits.value(of: text), range.contains(value) else {
            throw .wrong("\(name) must be a number from \(range.lowerBound) to \(range.upperBound), is \"\(text)\"")
        }
        return value
    }

    /// A number in a range.
    func number(_ name: String, _ range: ClosedRange<Int> = counts) throws(EnvironmentError) -> Int {
        guard let value = try optionalNumber(name, range) else { throw .wrong("\(name) is not set") }
        return value
    }

    /// The value of either name; two different values are an error.
    func either(_ first: String, _ second: String) throws(EnvironmentError) -> String? {
        if let one = self[first], let other = self[second], one != other {
            throw .wrong("\(first) is \"\(one)\", but \(second) is \"\(other)\"")
        }
        return self[first] == nil ? (self[second] == nil ? nil : second) : first
    }

    /// A compressed list of hosts; empty if the variable is not set.
    func hosts(_ name: String) throws(EnvironmentError) -> [String] {
        guard let text = self[name] else { return [] }
        do { return try HostList.expand(text) } catch { throw .wrong("\(name) \(error)") }
    }

    /// `host:port`, perhaps after `tcp://`; nil if the variable is not set.
    func rendezvous(_ name: String) throws(EnvironmentError) -> LaunchEnvironment.Rendezvous? {
        guard let text = self[name] else { return nil }
        let place = text.hasPrefix("tcp://") ? text.dropFirst("tcp://".count) : text[...]
        guard let colon = place.lastIndex(of: ":"), HostName.isValid(String(place[..<colon])),
            let port = Digits.value(of: place[place.index(after: colon)...]), (1...65_535).contains(port)
        else { throw .wrong("\(name) must be host:port, is \"\(text)\"") }
        return LaunchEnvironment.Rendezvous(host: String(place[..<colon]), port: port)
    }

    /// A host's name or address; nil if the variable is not set.
    func host(_ name: String) throws(EnvironmentError) -> String? {
        guard let text = self[name] else { return nil }
        guard HostName.isValid(text) || NetworkAddress.isIPv6(text) else {
            throw .wrong("\(name) must be a host's name or address, is \"\(text)\"")
        }
        return text
    }
}
