internal import Faults

/// What can be injected, from the catalogs: `softpod info --faults`.
enum FaultTable {
    static func show(_ report: Report) {
        report.rows(kinds, title: "kinds of faults")
        report.rows(places, title: "places that store overwrites")
        report.rows(points, title: "points (at: {point: NAME, peer: RANK, entry: N})")
        guard !report.json else { return }
        report.line("accesses (at: {access: NAME, peer: RANK, tier: NAME, entry: N}): " + names(FaultAccess.allCases))
        report.line("tiers: " + names(FaultTier.allCases))
        report.line("calls: " + names(FaultCall.allCases) + "; fields: " + names(FaultField.allCases))
        report.line("values: " + FaultValue.names.joined(separator: " "))
    }

    private static var kinds: [Row] {
        FaultCatalog.all.map { kind in
            let keys = kind.needs.map(\.rawValue).sorted() + kind.takes.map { "[\($0.rawValue)]" }.sorted()
            return Row([
                "kind": .text(kind.name), "setOffBy": .text(time(kind.time)),
                "keys": keys.isEmpty ? .absent : .text(keys.joined(separator: " ")), "does": .text(kind.summary),
            ])
        }
    }

    private static var places: [Row] {
        FaultPlace.allCases.map { Row(["place": .text($0.rawValue), "is": .text($0.summary)]) }
    }

    private static var points: [Row] {
        FaultPoint.allCases.map { Row(["point": .text($0.rawValue), "lies": .text($0.summary)]) }
    }

    private static func time(_ time: FaultKind.Time) -> String {
        switch time {
        case .any: "at, after, within"
        case .point: "at (a point)"
        case .deed: "at"
        case .none: "-"
        }
    }

    private static func names<Name: RawRepresentable>(_ all: [Name]) -> String where Name.RawValue == String {
        all.map(\.rawValue).joined(separator: " ")
    }
}
