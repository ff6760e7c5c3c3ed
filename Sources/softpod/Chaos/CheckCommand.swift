internal import ArgumentParser
internal import FoundationEssentials
internal import Histories
internal import NodeRuntime

/// Reads the histories of a run and proves what they can prove.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the histories that ranks wrote (--history) from the files alone.",
        discussion: """
            Reads every rank-*.history of a folder and looks whether the invariants hold that the files tell of: rows arrive once and as \
            they were sent, counts agree, order rises, sums are the reference's bits, epochs rise, every operation ends, nothing is out \
            of range. Says for each how much was checked. It uses nothing of the run but the files. \
            Exit code 0 if all hold, 1 if one does not, 65 for a file that is no history.
            """)

    @Argument(help: "The folder.") var folder: String
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    func run() throws {
        try Failure.guarded {
            let report = HistoryChecker(try read()).report()
            let rows = report.findings.map { finding in
                Row([
                    "invariant": .text(finding.invariant.rawValue), "checked": .integer(finding.checked),
                    "broken": .integer(finding.broken.count),
                    "first": finding.broken.first.map { .text($0) } ?? .absent,
                ])
            }
            Report(json: json).rows(rows, title: "\(report.ranks) histories of \(report.clusterRanks) ranks")
            for remark in report.remarks { Report.remark(remark) }
            let broken = report.findings.flatMap(\.broken)
            for line in broken.prefix(8) { Report.remark("broken: \(line)") }
            if !broken.isEmpty { throw ExitStatus.wrongResult }
        }
    }

    private func read() throws -> [HistoryFile] {
        let files = FileManager.default
        let names: [String]
        do { names = try files.contentsOfDirectory(atPath: folder) } catch {
            throw InputError(.noInput, "\(folder): cannot be read")
        }
        let chosen = names.filter { $0.hasSuffix(".history") }.sorted()
        guard !chosen.isEmpty else { throw InputError(.noInput, "\(folder): holds no history") }
        return try chosen.map { name in
            let path = folder + "/" + name
            guard let data = files.contents(atPath: path) else { throw InputError(.noInput, "\(path): cannot be read") }
            guard data.count <= HistoryFile.mostBytes, let text = String(validating: data, as: UTF8.self) else {
                throw InputError(.data, "\(path): is not UTF-8, or more than \(HistoryFile.mostBytes) bytes")
            }
            do throws(HistoryFile.Fault) { return try HistoryFile(text: text) } catch {
                throw InputError(.data, "\(path):\(error.line): \(error.rule)")
            }
        }
    }
}
