internal import FoundationEssentials

/// The rank processes of this host that this user may see, by the die they run.
///
/// Read from what the system says of processes, since nothing else tells of a run from outside: a rank process is named by its
/// arguments, and how many dies it runs by its agent's. A process that ends meanwhile is simply not there.
enum RunningRanks {
    /// Process ids by die; several where several clusters run.
    static func byDie() -> [Int: [Int]] {
        var found: [Int: [Int]] = [:]
        // Without the system's list of processes there is no process to show.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for process in names.compactMap({ Int($0) }).sorted() {
            let words = arguments(process)
            guard words.count > 1, words[1] == "rank", let index = value(after: "--process", in: words) else {
                continue
            }
            let dies = parent(process).flatMap { value(after: "--dies-per-process", in: arguments($0)) } ?? 1
            guard (0..<65_536).contains(index), (1...4096).contains(dies) else { continue }
            for die in index * dies..<(index + 1) * dies { found[die, default: []].append(process) }
        }
        return found
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func arguments(_ process: Int) -> [Substring] {
        text("/proc/\(process)/cmdline").split(separator: "\0")
    }

    private static func parent(_ process: Int) -> Int? {
        text("/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix("PPid:") }
            .flatMap { $0.split(separator: "\t").last }.flatMap { Int($0) }
    }

    /// The number after a flag, in the next word or behind `=`.
    private static func value(after flag: String, in words: [Substring]) -> Int? {
        for (index, word) in words.enumerated() {
            if word == flag { return index + 1 < words.count ? Int(words[index + 1]) : nil }
            if word.hasPrefix(flag + "=") { return Int(word.dropFirst(flag.count + 1)) }
        }
        return nil
    }
}
