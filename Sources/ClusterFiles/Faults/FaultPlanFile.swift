public import Faults

/// A fault plan: YAML that says what is to go wrong in a run.
///
/// ```
/// format: softpod-faults/1
/// name: kill-in-combine
/// promise: [O2]                    # what a run may come to; by default O1 or O2
/// faults:
///   - {kind: kill, rank: 1, at: {point: combine.flag, entry: 2}}
/// ```
///
/// Each fault has a `kind`, a `rank` (a number, or `any`: the seed draws), one of `at`, `after` and `within`, and what its kind asks for.
public enum FaultPlanFile {
    /// The format's name and version, the first key of the file.
    public static let format = "softpod-faults/1"
    /// Faults a plan may have.
    public static let mostFaults = 256
    /// The largest `entry`.
    public static let mostEntries = 1_000_000_000

    /// Reads and checks a file.
    public static func read(path: String) throws(ClusterFileError) -> FaultPlan {
        try parse(TextFile(path: path, maximumByteCount: YAMLReader.maximumByteCount))
    }

    /// Reads and checks a text.
    public static func parse(_ text: TextFile) throws(ClusterFileError) -> FaultPlan {
        let top = try Fields(try YAMLReader.read(text), file: text.file)
        try top.require(format: format)
        try top.refuseOthers(than: "format", "name", "promise", "faults")
        var rules: [FaultRule] = []
        for fields in try top.mappings("faults", limit: mostFaults) { rules.append(try rule(fields)) }
        let promises = try promises(top)
        return FaultPlan(
            name: try top.text("name", limit: 63), rules: rules,
            promises: promises.isEmpty ? [.right, .failed] : promises)
    }

    /// Draws a plan for a cluster; what does not go with it is an error at its line.
    public static func draw(
        _ plan: FaultPlan, file: String, ranks: Int, using generator: inout some RandomNumberGenerator
    ) throws(ClusterFileError) -> [ScheduledFault] {
        do throws(FaultPlan.Misfit) { return try plan.drawn(ranks: ranks, using: &generator) } catch {
            throw ClusterFileError(
                file: file, line: plan.rules[error.rule].line, place: "faults[\(error.rule)]", rule: error.text)
        }
    }

    private static func promises(_ top: Fields) throws(ClusterFileError) -> Set<FaultPromise> {
        var promises: Set<FaultPromise> = []
        for (_, node) in try top.list("promise", limit: FaultPromise.allCases.count) {
            guard case .string(let name) = node.value, let promise = FaultPromise(rawValue: name) else {
                throw top.error(
                    "promise", "must be a list of \(FaultPromise.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            promises.insert(promise)
        }
        return promises
    }

    private static func rule(_ fields: Fields) throws(ClusterFileError) -> FaultRule {
        let name = try fields.text("kind", limit: 63)
        guard let kind = FaultCatalog.kind(name) else {
            throw fields.error(
                "kind", "\"\(name)\" is none; known are \(FaultCatalog.all.map(\.name).joined(separator: ", "))")
        }
        let times = ["at", "after", "within"]
        let own = kind.needs.union(kind.takes).map(\.rawValue)
        for key in fields.keys where !(["kind", "rank"] + times + own).contains(key) {
            throw fields.error(
                key,
                "is not a key of a fault of kind \(name); known are "
                    + (["kind", "rank"] + times + own).sorted().joined(separator: ", "))
        }
        for key in kind.needs.map(\.rawValue).sorted() where !fields.has(key) { throw fields.missing(key) }
        let trigger = try trigger(fields, kind, times)
        let action = kind.action(try arguments(fields, kind))
        if case .store(let place, _) = action, let rule = misplaced(place, trigger) { throw fields.error("at", rule) }
        return FaultRule(kind: name, rank: try rank(fields), trigger: trigger, action: action, line: fields.line)
    }

    /// Why a place is not there when a trigger sets its fault off; nil if it is.
    private static func misplaced(_ place: FaultPlace, _ trigger: FaultTrigger) -> String? {
        if let points = place.points {
            if case .point(let point, _, _) = trigger, points.contains(point) { return nil }
            return "\(place.rawValue) is there at point \(points.map(\.rawValue).joined(separator: " or "))"
        }
        guard place.followsAccess else { return nil }
        switch trigger {
        case .point, .access: return nil
        default: return "\(place.rawValue) is where the rank's access goes, so a point or an access sets it off"
        }
    }

    /// The rank; nil for any.
    private static func rank(_ fields: Fields) throws(ClusterFileError) -> Int? {
        guard let node = fields.node("rank") else { throw fields.missing("rank") }
        if case .string("any") = node.value { return nil }
        guard case .integer(let rank) = node.value, (0..<4096).contains(rank) else {
            throw fields.error("rank", "must be an integer from 0 to 4095, or any")
        }
        return rank
    }

    private static func arguments(_ fields: Fields, _ kind: FaultKind) throws(ClusterFileError) -> FaultArguments {
        var arguments = FaultArguments()
        if fields.has("for") { arguments.nanoseconds = UInt64(try fields.quantity("for", .deadline)) * 1_000_000 }
        arguments.percent = try fields.optionalInteger("share", 1...99)
        if fields.has("word") { arguments.place = try fields.word("word", FaultPlace.self) }
        arguments.bytes = try fields.optionalInteger("bytes", 0...mostEntries)
        arguments.rate = try fields.optionalInteger("rate", 1...mostEntries)
        arguments.entry = try fields.optionalInteger("entry", 1...mostEntries)
        if fields.has("call") { arguments.call = try fields.word("call", FaultCall.self) }
        if fields.has("field") { arguments.field = try fields.word("field", FaultField.self) }
        arguments.messages = try fields.optionalInteger("messages", 0...mostEntries)
        let bit = try fields.optionalInteger("bit", 0...63)
        guard fields.has("value") else {
            // A kind without a value inverts a bit; -1 is drawn.
            arguments.value = .bit(bit ?? -1)
            return arguments
        }
        let value = try fields.text("value", limit: 15)
        let values: [String: FaultValue] = [
            "zero": .zero, "one": .one, "ones": .ones, "more": .more, "less": .less, "bit": .bit(bit ?? -1),
        ]
        guard let found = values[value] else {
            throw fields.error("value", "must be \(FaultValue.names.joined(separator: " or ")), is \"\(value)\"")
        }
        guard value == "bit" || bit == nil else { throw fields.error("bit", "goes with value: bit") }
        arguments.value = found
        return arguments
    }

    private static func trigger(
        _ fields: Fields, _ kind: FaultKind, _ times: [String]
    ) throws(ClusterFileError) -> FaultTrigger {
        let given = times.filter { fields.has($0) }
        if kind.time == .none {
            guard given.isEmpty else { throw fields.error(given[0], "a fault of kind \(kind.name) has no time") }
            return .always
        }
        guard given.count == 1 else {
            throw fields.error("needs one of at, after and within, and has \(given.count)")
        }
        switch given[0] {
        case "at":
            let trigger = try deed(try fields.mapping("at"))
            if kind.time == .point {
                guard case .point = trigger else {
                    throw fields.error("at", "a fault of kind \(kind.name) needs a point")
                }
            }
            return trigger
        case let key:
            guard kind.time == .any else {
                throw fields.error(key, "a fault of kind \(kind.name) is set off by what the rank does: give at")
            }
            let time = UInt64(try fields.quantity(key, .deadline)) * 1_000_000
            return key == "after" ? .after(nanoseconds: time) : .within(nanoseconds: time)
        }
    }

    /// A point, an access or a phase of the rank itself.
    private static func deed(_ fields: Fields) throws(ClusterFileError) -> FaultTrigger {
        try fields.refuseOthers(than: "point", "access", "phase", "peer", "tier", "entry")
        let entry = try fields.optionalInteger("entry", 1...mostEntries) ?? 1
        let peer = try fields.optionalInteger("peer", 0...4095)
        let what = ["point", "access", "phase"].filter { fields.has($0) }
        guard what.count == 1 else {
            throw fields.error("needs one of point, access and phase, and has \(what.count)")
        }
        guard what[0] == "access" || !fields.has("tier") else { throw fields.error("tier", "goes with access") }
        guard what[0] != "phase" || peer == nil else { throw fields.error("peer", "goes with point or access") }
        switch what[0] {
        case "point": return .point(try fields.word("point", FaultPoint.self), peer: peer, entry: entry)
        case "access":
            let tier = fields.has("tier") ? try fields.word("tier", FaultTier.self) : nil
            return .access(try fields.word("access", FaultAccess.self), peer: peer, tier: tier, entry: entry)
        default: return .phase(try fields.text("phase", limit: 56), entry: entry)
        }
    }
}
