package import Fabric
package import NodeRuntime
package import SharedMemory

/// What ended a run, as the agent of a host saw it.
package struct HostFailure: Sendable, Equatable {
    var verdict: Verdict
    /// The exit status it asks for.
    package var status: ExitStatus
    /// One line for the user.
    var report: String

    static let reportLimit = 1 << 16

    func write(to writer: inout ByteWriter) {
        verdict.write(to: &writer)
        writer.write(UInt32(bitPattern: status.rawValue))
        writer.write(report, limit: Self.reportLimit)
    }

    package init(verdict: Verdict, status: ExitStatus, report: String) {
        self.verdict = verdict
        self.status = status
        self.report = report
    }

    init?(from reader: inout ByteReader) {
        guard let verdict = Verdict(from: &reader),
            let status = reader.read(UInt32.self).flatMap({ ExitStatus(rawValue: Int32(bitPattern: $0)) }),
            status != .success, let report = reader.readText(limit: Self.reportLimit)
        else { return nil }
        self.init(verdict: verdict, status: status, report: report)
    }
}

/// What an agent hands in when a run has ended on its host.
package struct HostReport: Sendable, Equatable {
    /// Rank processes it had.
    var processCount: Int
    /// Where the segment's memory came from; nil if there was none.
    var memory: SegmentMemory?
    /// What is known of ranks here that may be to blame for another rank's trouble; empty for nothing.
    var remark: String
    /// Counters of the host's ranks, in their order.
    var counts: [OperationCounts]
    /// Flight recorders of the host's ranks, in their order; empty where they are not wanted.
    var flights: [[FlightRecord]]

    func write(to writer: inout ByteWriter) {
        writer.write(UInt32(processCount))
        writer.write(memory?.rawValue ?? "", limit: HostMessage.nameLimit)
        writer.write(remark, limit: HostFailure.reportLimit)
        writer.write(UInt32(counts.count))
        for count in counts {
            for operation in FabricOperation.allCases { writer.write(count.calls[operation] ?? 0) }
            for word in [count.bytes, count.slowWaits, count.sleeps] { writer.write(word) }
            writer.write(UInt8(count.bytesByTier == nil ? 0 : 1))
            for word in count.bytesByTier ?? [] { writer.write(word) }
        }
        writer.write(UInt32(flights.count))
        for flight in flights {
            writer.write(UInt32(flight.count))
            for record in flight { record.write(to: &writer) }
        }
    }

    package init(
        processCount: Int, memory: SegmentMemory? = nil, remark: String, counts: [OperationCounts],
        flights: [[FlightRecord]]
    ) {
        self.processCount = processCount
        self.memory = memory
        self.remark = remark
        self.counts = counts
        self.flights = flights
    }

    init?(from reader: inout ByteReader) {
        let most = SegmentLayout.maximumDieCount
        guard let processes = reader.readCount(limit: most),
            let memory = reader.readText(limit: HostMessage.nameLimit),
            memory.isEmpty || SegmentMemory(rawValue: memory) != nil,
            let remark = reader.readText(limit: HostFailure.reportLimit),
            let countCount = reader.readCount(limit: most)
        else { return nil }
        var counts: [OperationCounts] = []
        for _ in 0..<countCount {
            var count = OperationCounts()
            for operation in FabricOperation.allCases {
                guard let calls = reader.read(UInt64.self) else { return nil }
                count.calls[operation] = calls
            }
            guard let bytes = reader.read(UInt64.self), let slow = reader.read(UInt64.self),
                let sleeps = reader.read(UInt64.self), let hasTiers = reader.read(UInt8.self), hasTiers <= 1
            else { return nil }
            (count.bytes, count.slowWaits, count.sleeps) = (bytes, slow, sleeps)
            if hasTiers == 1 {
                let tiers = Tier.allCases.compactMap { _ in reader.read(UInt64.self) }
                guard tiers.count == Tier.allCases.count else { return nil }
                count.bytesByTier = tiers
            }
            counts.append(count)
        }
        guard let flightCount = reader.readCount(limit: most) else { return nil }
        var flights: [[FlightRecord]] = []
        for _ in 0..<flightCount {
            guard let recordCount = reader.readCount(limit: FlightRecorder.capacity) else { return nil }
            var records: [FlightRecord] = []
            for _ in 0..<recordCount {
                guard let record = FlightRecord(from: &reader) else { return nil }
                records.append(record)
            }
            flights.append(records)
        }
        self.init(
            processCount: processes, memory: SegmentMemory(rawValue: memory), remark: remark, counts: counts,
            flights: flights)
    }
}

extension FlightRecord {
    func write(to writer: inout ByteWriter) {
        writer.write(number)
        for code in [state.rawValue, operation, algorithm, type, reduction] { writer.write(code) }
        for value in [root, sourceByteCount, destinationByteCount, firstMember, memberCount, memberStride] {
            writer.write(UInt64(bitPattern: Int64(value)))
        }
        writer.write(site, limit: HostMessage.nameLimit)
    }

    init?(from reader: inout ByteReader) {
        guard let number = reader.read(UInt64.self) else { return nil }
        var codes: [UInt8] = []
        for _ in 0..<5 { codes += reader.read(UInt8.self).map { [$0] } ?? [] }
        var values: [Int] = []
        for _ in 0..<6 { values += reader.read(UInt64.self).map { [Int(Int64(bitPattern: $0))] } ?? [] }
        guard codes.count == 5, values.count == 6, let state = State(rawValue: codes[0]),
            let site = reader.readText(limit: HostMessage.nameLimit)
        else { return nil }
        self.init(
            number: number, state: state, operation: codes[1], algorithm: codes[2], type: codes[3],
            reduction: codes[4], root: values[0], sourceByteCount: values[1], destinationByteCount: values[2],
            firstMember: values[3], memberCount: values[4], memberStride: values[5], site: site)
    }
}
