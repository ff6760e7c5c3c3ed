internal import FoundationEssentials
internal import SharedMemory
internal import Workers

/// What a run has left on this machine that should be gone: processes, names of shared memory, run folders.
struct Leftovers {
    private static let variable = "SOFTPOD_CHAOS"
    private let mark: String
    private let before: Set<String>

    /// Marks what is started from now on, by a variable of the environment, and looks what is there.
    init() {
        mark = "\(ProcessControl.id)-\(UInt64.random(in: 0...UInt64.max))"
        ProcessControl.setVariable(Self.variable, mark)
        before = Self.names()
    }

    /// What is left. Others start and end runs meanwhile, and a process that was killed takes its time to vanish: only what stays for
    /// two seconds is.
    func find() -> [String] {
        let deadline = Deadline(after: .seconds(2))
        var left = now()
        while !left.isEmpty, deadline.remaining > 0 {
            _ = Descriptor.poll([], milliseconds: 5)  // There is nothing to read: it only takes the time.
            left.formIntersection(now())
        }
        return left.sorted()
    }

    private func now() -> Set<String> { Self.names().subtracting(before).union(processes()) }

    private static func names() -> Set<String> {
        func list(_ folder: String, _ prefix: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])  // None, nothing left in it.
                .filter { $0.hasPrefix(prefix) && !$0.contains(".log") }.map { folder + "/" + $0 }
        }
        return Set(list("/dev/shm", "softpod-") + list(RunFolder.parent, RunFolder.prefix))
    }

    /// Living processes with the mark in their environment.
    private func processes() -> [String] {
        let wanted = Array("\(Self.variable)=\(mark)".utf8)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []  // None, nothing can be said.
        return names.compactMap { name in
            guard let id = Int32(name), id != ProcessControl.id,
                let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ")
            else { return nil }
            return environment.split(separator: 0).contains { Array($0) == wanted } ? "process \(id)" : nil
        }
    }
}
