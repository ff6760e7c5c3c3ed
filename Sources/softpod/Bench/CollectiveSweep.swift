internal import ArgumentParser
internal import Collectives
internal import SharedMemory
internal import Tensors

/// The flags that say which rows are measured and how; letters as in nccl-tests.
struct CollectiveSweep: ParsableArguments {
    /// What the rows are for.
    enum Mode { case rows, gains, tuning, choice }

    @Option(name: [.customLong("op")], help: "Operation, or all; may be given several times.")
    var operations: [String] = []
    @Option(
        help: "Algorithm (concurrent:0.4 with a fraction), tuned, automatic, or all; may be given several times.")
    var algorithm: [String] = []
    @Option(help: "Fraction pushed by concurrent, 0 to 1; may be given several times.") var fraction: [Double] = []
    @Option(
        name: [.customShort("b"), .long],
        help: ArgumentHelp("Smallest size; suffixes K, M, G. Default 1K.", valueName: "bytes"))
    var minBytes: ByteCount?
    @Option(
        name: [.customShort("e"), .long], help: ArgumentHelp("Largest size. Default 1M.", valueName: "bytes"))
    var maxBytes: ByteCount?
    @Option(
        name: [.customShort("f"), .long],
        help: ArgumentHelp("Each size is the one before times this. Default 32.", valueName: "factor"))
    var stepFactor: ByteCount?
    @Option(name: [.customShort("n"), .long], help: "Calls of a batch, at most.") var iterations = 20
    @Option(name: [.customShort("w"), .customLong("warmup")], help: "Calls before the first batch.") var warmUp = 5
    @Option(help: "Batches of each row.") var repetitions = 11
    @Option(
        help: ArgumentHelp(
            "About how long the batches of a row may take; longer ones have fewer calls. Default 1, with --tune 0.2, with --choice 0.5.",
            valueName: "seconds"))
    var rowSeconds: Double?
    @Option(name: [.customShort("c"), .long], help: "1: judge the results of every row; 0: do not.") var check = 1
    @Option(help: "Element type: \(ElementType.allCases.map(\.description).joined(separator: ", ")).")
    var type = "float32"
    @Option(help: "sum, max, min or product.") var reduction = "sum"
    @Flag(help: "Source and destination share memory, where the operation allows that.") var inPlace = false
    @Option(help: "Lanes of each die: with 2 a thread more does the reads of push and pull at once.") var lanes = 1
    @Option(help: "world; rows (equal rows, all at once); random (some dies, drawn from the seed).")
    var team: BenchTeam = .world
    @Option(help: "Instead of --dies, one cluster after the other; may be given several times.")
    var sweepDies: [Int] = []
    @Option(help: "Decides data, roots, lengths and random teams; printed.") var seed: UInt64?

    private static let largest = 4 << 30

    func validate() throws {
        guard (1...2).contains(lanes) else { throw ValidationError("--lanes must be 1 or 2, not \(lanes).") }
        try checkNames()
        let sizes = (minBytes?.value ?? 1024, maxBytes?.value ?? max(minBytes?.value ?? 0, 1 << 20))
        guard sizes.0 >= 1, sizes.0 <= sizes.1, sizes.1 <= Self.largest else {
            throw ValidationError("-b and -e must be from 1 to 4G, -b not the larger, not \(sizes.0) and \(sizes.1).")
        }
        if let stepFactor = stepFactor?.value, !(2...1 << 20).contains(stepFactor) {
            throw ValidationError("--step-factor must be 2 to \(1 << 20), not \(stepFactor).")
        }
        for (name, value, range) in [
            ("--iterations", iterations, 1...1_000_000), ("--warmup", warmUp, 0...1_000_000),
            ("--repetitions", repetitions, 3...10_000), ("--check", check, 0...1),
        ] where !range.contains(value) {
            throw ValidationError("\(name) must be \(range.lowerBound) to \(range.upperBound), not \(value).")
        }
        if let rowSeconds, !(rowSeconds > 0 && rowSeconds <= 3600) {
            throw ValidationError("--row-seconds must be more than 0 and at most 3600, not \(rowSeconds).")
        }
        for value in fraction where !(value >= 0 && value <= 1) {
            throw ValidationError("--fraction must be 0 to 1, not \(value).")
        }
        for value in sweepDies where !(1...4096).contains(value) {
            throw ValidationError("--sweep-dies must be 1 to 4096, not \(value).")
        }
    }

    private func checkNames() throws {
        for name in operations where name != "all" && CollectiveOperation(name: name) == nil {
            let names = CollectiveOperation.allCases.map(\.description).joined(separator: ", ")
            throw ValidationError("--op must be all or one of \(names), not \(name).")
        }
        for name in algorithm where !["all", "automatic"].contains(name) && CollectiveAlgorithm(text: name) == nil {
            let names = CollectiveCatalog.algorithms.map(\.name).joined(separator: ", ")
            throw ValidationError(
                "--algorithm must be all, automatic, or one of \(names) (concurrent:0.4 with a fraction), not \(name).")
        }
        guard ElementType(name: type) != nil else {
            let names = ElementType.allCases.map(\.description).joined(separator: ", ")
            throw ValidationError("--type must be one of \(names), not \(type).")
        }
        guard Reduction(name: reduction) != nil else {
            throw ValidationError("--reduction must be sum, max, min or product, not \(reduction).")
        }
    }

    /// Sizes of the clusters, one after the other.
    func dies(_ cluster: ClusterOptions, _ mode: Mode) -> [Int] {
        if !sweepDies.isEmpty { return sweepDies }
        return mode == .tuning ? [WaitPolicy.usableCores, 8, 16, 48].filter { $0 > 1 } : [cluster.dies]
    }

    /// What one cluster measures.
    func plan(_ mode: Mode, _ format: CollectiveFormat, dies: Int, seed: UInt64) throws -> CollectivePlan {
        var plan = CollectivePlan(
            groups: [], iterations: iterations, warmUp: warmUp, repetitions: repetitions,
            rowSeconds: rowSeconds ?? (mode == .tuning ? 0.2 : mode == .choice ? 0.5 : 1), checks: check == 1,
            type: type,
            reduction: reduction, isInPlace: inPlace, lanes: lanes, team: team, seed: seed)
        let members = team.shapes(dies: dies, seed: seed)[0].size
        for operation in chosenOperations where mode == .rows || mode == .choice || operation != .barrier {
            let algorithms = chosenAlgorithms(mode).filter { text in
                text == "automatic" || CollectiveAlgorithm(text: text)?.carries(operation) == true
            }
            if format.isBySection, mode == .rows {
                for text in algorithms { plan.groups += groups(operation, [text], members) }
            } else {
                plan.groups += groups(operation, algorithms, members)
            }
        }
        plan.groups.removeAll { $0.algorithms.isEmpty }
        guard !plan.groups.isEmpty else {
            throw UsageError("none of the algorithms asked for carries out any of the operations asked for")
        }
        return plan
    }

    private var chosenOperations: [CollectiveOperation] {
        let named = operations.compactMap { CollectiveOperation(name: $0) }
        return operations.isEmpty || operations.contains("all") ? CollectiveOperation.allCases : named
    }

    private func chosenAlgorithms(_ mode: Mode) -> [String] {
        let fractions = fraction.isEmpty && (mode == .gains || mode == .tuning) ? [0.25, 0.4, 0.5, 0.75] : fraction
        let isAll = algorithm.isEmpty || algorithm.contains("all")
        let names =
            mode == .gains
            ? ["pull", "push", "concurrent", "tuned"]
            : isAll ? CollectiveCatalog.algorithms.map(\.name) : algorithm
        var texts: [String] = []
        for name in mode == .choice ? names + ["automatic"] : names {
            let isBare = name == "concurrent"
            let forms =
                isBare && !fractions.isEmpty
                ? fractions.map { CollectiveAlgorithm.concurrent(fraction: $0).text }
                : [CollectiveAlgorithm(text: name)?.text ?? name]
            for text in forms where !texts.contains(text) { texts.append(text) }
        }
        return texts
    }

    /// One group a size; sizes that come to the same number of elements are measured once.
    private func groups(
        _ operation: CollectiveOperation, _ algorithms: [String], _ members: Int
    ) -> [CollectivePlan.Group] {
        if operation == .barrier {
            return [CollectivePlan.Group(operation: "\(operation)", byteCount: 0, algorithms: algorithms)]
        }
        let width = ElementType(name: type)?.byteCount ?? 1
        let first = minBytes?.value ?? 1024
        let last = maxBytes?.value ?? max(first, 1 << 20)
        var groups: [CollectivePlan.Group] = []
        var seen = 0
        var byteCount = first
        while byteCount <= last {
            let count = OperationCost.count(
                operation, byteCount: byteCount, members: members, elementByteCount: width)
            if count != seen {
                seen = count
                groups.append(
                    CollectivePlan.Group(operation: "\(operation)", byteCount: byteCount, algorithms: algorithms))
            }
            byteCount *= stepFactor?.value ?? 32
        }
        return groups
    }
}
