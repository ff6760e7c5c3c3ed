internal import Collectives
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import SharedMemory
internal import Tensors
internal import Workers

/// What the ranks' flight recorders held when a run ended: in one line for people, in a file for machines.
struct FlightReport {
    let flights: [[FlightRecord]]

    /// Who was where, ranks that did the same together: `ranks 0-6: allreduce #41 begun; rank 7: allreduce #40 ended`.
    var line: String? {
        var groups: [(text: String, ranks: [Int])] = []
        for (rank, records) in flights.enumerated() {
            guard let last = records.last else { continue }
            let text = "\(Self.operation(last)) #\(last.number) \(last.state)"
            if let index = groups.firstIndex(where: { $0.text == text }) {
                groups[index].ranks.append(rank)
            } else {
                groups.append((text, [rank]))
            }
        }
        guard !groups.isEmpty else { return nil }
        let shown = groups.sorted { $0.ranks.count > $1.ranks.count }.prefix(4).map { group in
            "\(Self.ranks(group.ranks)): \(group.text)"
        }
        return shown.joined(separator: "; ") + (groups.count > 4 ? "; \(groups.count - 4) more" : "")
    }

    /// One JSON object a record, ranks in order, each rank's oldest first.
    var rows: [Row] {
        flights.enumerated().flatMap { (rank, records) in
            records.map { record in
                Row([
                    "rank": .integer(rank), "number": .integer(Int(clamping: record.number)),
                    "state": .text("\(record.state)"), "operation": .text(Self.operation(record)),
                    "algorithm": .text(CollectiveAlgorithm.name(code: record.algorithm)),
                    "type": .text(ElementType(rawValue: record.type).map { "\($0)" } ?? "-"),
                    "reduction": .text(Reduction(rawValue: record.reduction).map { "\($0)" } ?? "-"),
                    "root": .integer(record.root), "sourceBytes": .integer(record.sourceByteCount),
                    "destinationBytes": .integer(record.destinationByteCount),
                    "firstMember": .integer(record.firstMember), "members": .integer(record.memberCount),
                    "stride": .integer(record.memberStride), "site": .text(record.site),
                ])
            }
        }
    }

    /// Writes the records to a new file, or says why not.
    func write(to path: String) throws {
        let bytes = Array(rows.map { $0.json + "\n" }.joined().utf8)
        guard ProcessControl.writeNewFile(path, bytes) else {
            throw InputError(
                .inputOutput, "\(path): the flight recorders cannot be written: it exists, or cannot be made")
        }
    }

    static func operation(_ record: FlightRecord) -> String {
        CollectiveOperation(rawValue: record.operation)?.description ?? "operation \(record.operation)"
    }

    /// `rank 3`, or `ranks 0-6, 9`.
    private static func ranks(_ ranks: [Int]) -> String {
        guard ranks.count > 1 else { return "rank \(ranks[0])" }
        var parts: [String] = []
        var start = ranks[0]
        var end = ranks[0]
        for rank in ranks.dropFirst() + [Int.max] {
            if rank == end + 1 {
                end = rank
                continue
            }
            parts.append(start == end ? "\(start)" : "\(start)-\(end)")
            start = rank
            end = rank
        }
        return "ranks " + parts.prefix(6).joined(separator: ", ") + (parts.count > 6 ? ", ..." : "")
    }
}
