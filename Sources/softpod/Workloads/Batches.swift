internal import SharedMemory
internal import Telemetry

/// One figure with its limit; nanoseconds.
struct BenchFigure: Codable, Sendable {
    var operation: String
    var byteCount: Int
    var median: Double
    var p10: Double
    var p90: Double
    var repetitions: Int
    var batch: Int
    /// What it is compared with, in words, and that figure's median of the same run.
    var limit: String
    var limitNanoseconds: Double?

    /// A sample as a figure.
    init(
        _ operation: String, byteCount: Int, _ values: [Double], batch: Int, limit: String = "-",
        _ limitNanoseconds: Double? = nil
    ) {
        let sample = Sample(values)
        self.operation = operation
        self.byteCount = byteCount
        median = sample.median
        p10 = sample.percentile(0.1)
        p90 = sample.percentile(0.9)
        repetitions = sample.count
        self.batch = batch
        self.limit = limit
        self.limitNanoseconds = limit == "itself" ? sample.median : limitNanoseconds
    }
}

/// Something to be timed: does its operation as often as asked.
struct Timed {
    var operation: String
    var byteCount: Int
    /// The operation of the same group that is its limit; "itself", or "-".
    var limit: String
    var body: (Int) throws -> Void

    init(_ operation: String, _ byteCount: Int, limit: String = "-", _ body: @escaping (Int) throws -> Void) {
        self.operation = operation
        self.byteCount = byteCount
        self.limit = limit
        self.body = body
    }
}

/// Times groups of operations in batches long enough that reading the clock does not show.
struct Batches {
    /// Batches of each.
    var repetitions: Int
    /// Nanoseconds a batch should last.
    var nanoseconds: Double

    /// Nanoseconds an operation, batches of the group's members taking turns, so that what the machine does to one it does to all.
    func measure(_ group: [Timed]) throws -> [BenchFigure] {
        let batches = try group.map { try batch($0.body) }
        var values = Array(repeating: [Double](), count: group.count)
        for _ in 0..<repetitions {
            for (index, timed) in group.enumerated() {
                let start = Monotonic.now()
                try timed.body(batches[index])
                values[index].append(Double(Monotonic.now() - start) / Double(batches[index]))
            }
        }
        return Self.figures(group.map { ($0.operation, $0.byteCount, $0.limit) }, values, batches)
    }

    /// Figures of a group whose members name each other as limits.
    static func figures(
        _ names: [(operation: String, byteCount: Int, limit: String)], _ values: [[Double]], _ batches: [Int]
    ) -> [BenchFigure] {
        var medians: [String: Double] = [:]
        for (index, name) in names.enumerated() { medians[name.operation] = Sample(values[index]).median }
        return names.enumerated().map { index, name in
            BenchFigure(
                name.operation, byteCount: name.byteCount, values[index], batch: batches[index], limit: name.limit,
                medians[name.limit])
        }
    }

    /// How many operations last long enough; warms up on the way.
    private func batch(_ body: (Int) throws -> Void) throws -> Int {
        var batch = 1
        while true {
            let start = Monotonic.now()
            try body(batch)
            let time = Double(Monotonic.now() - start)
            if time >= nanoseconds || batch >= 1 << 22 { return batch }
            batch = time < nanoseconds / 8 ? batch * 8 : batch * 2
        }
    }
}

extension Batches {
    /// Nanoseconds an operation, of one batch.
    static func once(_ batch: Int, _ body: (Int) throws -> Void) throws -> Double {
        let start = Monotonic.now()
        try body(batch)
        return Double(Monotonic.now() - start) / Double(batch)
    }
}
