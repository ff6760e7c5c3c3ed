internal import Collectives
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory

/// Turns measured rows into a tuning table, and writes it.
enum TuningFile {
    /// An algorithm replaces the one that is chosen without a table only if it is faster by more than this: less is noise.
    static let margin = 0.05

    /// Refuses a place that cannot be written, before an hour of measuring is lost.
    static func check(_ path: String) throws {
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        var isFolder = false
        guard FileManager.default.fileExists(atPath: parent, isDirectory: &isFolder), isFolder else {
            throw InputError(.noInput, "\(path): there is no folder \(parent)")
        }
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder {
            throw InputError(.noInput, "\(path): is a folder")
        }
        // A file is replaced as a whole, which must not happen to a device or a pipe.
        let place = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        if FileManager.default.fileExists(atPath: place) {
            let attributes = try FileManager.default.attributesOfItem(atPath: place)
            guard attributes[.type] as? FileAttributeType == .typeRegular else {
                throw InputError(.noInput, "\(path): is not a regular file")
            }
        }
    }

    /// The table of the fastest, operation by operation.
    ///
    /// Each cluster's size is the largest its rules fit, the largest of each kind of cores fits all beyond; each
    /// measured size of a call likewise. Neighbours that say the same become one rule.
    static func table(
        _ figures: [(dies: Int, figure: CollectiveFigure)], rates: MachineRates
    ) -> TuningTable {
        let cores = rates[.cores]
        var rules: [TuningTable.Rule] = []
        for operation in CollectiveOperation.allCases {
            for kind in [TuningTable.Cores.own, .shared] {
                let own = figures.filter {
                    $0.figure.operation == "\(operation)" && ($0.dies > cores) == (kind == .shared)
                }
                let clusters = Set(own.map(\.dies)).sorted()
                for dies in clusters {
                    let rows = own.filter { $0.dies == dies }.map(\.figure)
                    let model = CostModel(rates, members: dies, sharesCores: kind == .shared)
                    rules += bySize(operation, rows, kind, model, isLast: dies == clusters.last)
                }
            }
        }
        return TuningTable(rules)
    }

    private static func bySize(
        _ operation: CollectiveOperation, _ rows: [CollectiveFigure], _ kind: TuningTable.Cores, _ model: CostModel,
        isLast: Bool
    ) -> [TuningTable.Rule] {
        let sizes = Set(rows.map(\.byteCount)).sorted()
        let sharesSize = operation != .allToAllV && operation != .sendReceive
        // Where members share no size, all sizes count together.
        let groups = sharesSize ? sizes.map { size in rows.filter { $0.byteCount == size } } : [rows]
        var rules: [TuningTable.Rule] = []
        for (index, group) in groups.enumerated() {
            let usual = model.choice(operation, byteCount: sharesSize ? sizes[index] : nil)
            guard let algorithm = fastest(group, usual) else { continue }
            if rules.last?.algorithm == algorithm { rules.removeLast() }
            rules.append(
                TuningTable.Rule(
                    operation, byteCount: index == groups.count - 1 ? .max : sizes[index],
                    members: isLast ? .max : model.members, cores: kind, algorithm))
        }
        return rules
    }

    /// The algorithm with the least product of medians over the sizes, unless the usual one is nearly as fast.
    private static func fastest(_ rows: [CollectiveFigure], _ usual: CollectiveAlgorithm) -> CollectiveAlgorithm? {
        var times: [(algorithm: CollectiveAlgorithm, time: Double)] = []
        for row in rows {
            let text = row.fraction.map { "\(row.algorithm):\($0)" } ?? row.algorithm
            guard let algorithm = CollectiveAlgorithm(text: text) else { continue }
            if let index = times.firstIndex(where: { $0.algorithm == algorithm }) {
                times[index].time *= row.median
            } else {
                times.append((algorithm, row.median))
            }
        }
        guard let best = times.min(by: { $0.time < $1.time }) else { return nil }
        let time = times.first { $0.algorithm == usual }?.time ?? .infinity
        return time <= best.time * (1 + margin) ? usual : best.algorithm
    }

    static func write(_ figures: [(dies: Int, figure: CollectiveFigure)], to path: String) throws {
        let table = table(figures, rates: try RatesSource.find().rates)
        do {
            try Data(table.text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw InputError(.inputOutput, "\(path): cannot be written: \(error)")
        }
        Report.remark("\(table.rules.count) rules written to \(path)")
    }
}
