internal import ArgumentParser
internal import Collectives
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory

/// The flag of commands whose collectives choose their algorithms.
struct TuningOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Tuning table that chooses the algorithms of collectives, as bench collectives --tune writes it. By default the file \
            that SOFTPOD_TUNING names. Where no rule fits, or there is no table, the rates of the machine decide.
            """, valueName: "file"))
    var tuning: String?

    /// The table of the file, with the file's name; nil where there is none.
    func chosen() throws -> (path: String, table: TuningTable)? {
        let path = tuning ?? ProcessInfo.processInfo.environment["SOFTPOD_TUNING"] ?? ""
        if path.isEmpty {
            guard tuning == nil else { throw UsageError("--tuning needs the name of a file") }
            return nil
        }
        return (path, try Self.read(path))
    }

    /// The table as text for all ranks; read once, so that all have the same.
    func text() throws -> String? { try chosen()?.table.text }

    private static func read(_ path: String) throws -> TuningTable {
        let file = try FileMapping(path: path)
        guard file.byteCount <= TuningTable.textLimit else {
            throw InputError(.data, "\(path): a tuning table has at most \(TuningTable.textLimit) bytes")
        }
        guard let text = String(validating: file.copyBytes(), as: UTF8.self) else {
            throw InputError(.data, "\(path): not UTF-8 text")
        }
        do {
            return try TuningTable(text: text)
        } catch {
            throw InputError(.data, "\(path):\(error.line): \(error.rule)")
        }
    }
}
