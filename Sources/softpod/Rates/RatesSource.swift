internal import Collectives
internal import FoundationEssentials
internal import Hashing
internal import Kernels
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// Where the rates of this machine come from: the environment, the user's cache, or a measurement.
///
/// The cache is `softpod/rates-<cores>-<key>` in `$XDG_CACHE_HOME`, else in `~/.cache`; the key stands for the processor's model, the
/// kernels and the version of the file. A file that another user could have written, or that is no rates, is measured anew and
/// replaced; one that cannot be written is done without. Removing it is safe at any time.
struct RatesSource {
    /// The rates.
    let rates: MachineRates
    /// Where they came from, in words.
    let place: String

    /// Finds the rates.
    ///
    /// - Throws: ``InputError`` if the environment says rates that cannot be read.
    static func find() throws -> RatesSource {
        let environment = ProcessInfo.processInfo.environment
        if let text = environment[MachineRates.variable], !text.isEmpty {
            do {
                return RatesSource(rates: try MachineRates(text: text), place: "$\(MachineRates.variable)")
            } catch { throw InputError(.data, "\(MachineRates.variable):\(error)") }
        }
        let path = cachePath(environment)
        if let path, let rates = read(path) { return RatesSource(rates: rates, place: path) }
        let (rates, isWhole) = RateMeter.measure()
        // What could not be measured now may be another time.
        let isKept = isWhole && path.map { write(rates, $0) } ?? false
        return RatesSource(
            rates: rates,
            place: "measured now"
                + (isKept ? ", and kept in \(path ?? "")" : isWhole ? "" : ", disturbed by other programs"))
    }

    /// Finds the rates once a process, and hands them to the ranks that are started from now on.
    static func hand() throws { try handed.get() }

    private static let handed = Result<Void, any Error> {
        ProcessControl.setVariable(MachineRates.variable, try find().rates.text)
    }

    /// What every processor gives another file.
    private static func cachePath(_ environment: [String: String]) -> String? {
        func absolute(_ path: String?) -> String? { path.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        let home = absolute(environment["HOME"]).map { $0 + "/.cache" }
        guard let folder = absolute(environment["XDG_CACHE_HOME"]) ?? home else { return nil }
        let machine = "\(ProcessControl.processorName)\n\(InstructionSet.best)\n\(MachineRates.heading)"
        let key = FNV1a(machine.utf8).value
        return "\(folder)/softpod/rates-\(WaitPolicy.usableCores)-\(String(key, radix: 16))"
    }

    private static func read(_ path: String) -> MachineRates? {
        let limit = MachineRates.textLimit
        guard let bytes = try? PrivateFile.read(path: path, maximumByteCount: limit),  // none: measured anew
            let text = String(validating: bytes, as: UTF8.self),
            let rates = try? MachineRates(text: text),  // damaged: measured and written anew
            rates[.cores] == WaitPolicy.usableCores
        else { return nil }
        return rates
    }

    /// Replaces the file as a whole; false if that was not possible.
    private static func write(_ rates: MachineRates, _ path: String) -> Bool {
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { return false }
        return ProcessControl.replaceFile(path, Array(rates.text.utf8))
    }
}
