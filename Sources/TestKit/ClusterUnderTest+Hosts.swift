internal import Foundation
internal import Glibc
internal import Workers

/// Clusters over several hosts: network namespaces of this machine, or hosts that are only called so.
extension ClusterUnderTest {
    /// Starts `softpod` on hosts h1, h2 … that are network namespaces (`scripts/two-hosts`).
    ///
    /// - Parameters:
    ///   - hosts: how many.
    ///   - hub: a shell command that runs beside, where the other ends of the hosts' wires are.
    ///   - setup: a shell command that is run first.
    public convenience init(
        _ arguments: [String], hosts: Int, hub: String? = nil, setup: String = ":"
    ) throws {
        let script = [Self.root + "/scripts/two-hosts", "--hosts", "\(hosts)"] + (hub.map { ["--hub", $0] } ?? [])
        let program = try Self.executable()
        try self.init(
            command: script + ["--"] + arguments, setup: "export SOFTPOD_PROGRAM='\(program)'; \(setup)")
    }

    /// Why there can be no namespaces here; nil if there can. The whole script is tried, once.
    public static let namespaceObstacle: String? = {
        do {
            let end = try ClusterUnderTest(["run", "--dies", "1", "--json", "smoke"], hosts: 1).end()
            return end.code == 0 ? nil : "no network namespaces here: " + end.messages.joined(separator: "; ")
        } catch { return "no network namespaces here: \(error)" }
    }()

    /// The agents' process ids in the order of their hosts; waits until there are so many.
    public func agents(_ count: Int) throws -> [Int32] {
        while true {
            let found = marked().filter { Self.words("/proc/\($0)/cmdline").dropFirst().first == "agent" }
            if found.count == count {
                // The coordinator starts them one after the other; a remote shell may stand between.
                return found.sorted { (child(above: $0), $0) < (child(above: $1), $1) }
            }
            try checkPatience("\(count) agents were not started")
            guard read(milliseconds: 1) else {
                throw HarnessError("it ended without \(count) agents:\n" + lines.joined(separator: "\n"))
            }
        }
    }

    /// The coordinator's child that a process is, or descends from.
    private func child(above process: Int32) -> Int32 {
        var process = process
        while let parent = Self.parent(of: process), parent > 1, parent != agent { process = parent }
        return process
    }

    /// The process ids of an agent's rank processes by their number on that host; waits until there are so many.
    public func ranks(of hostAgent: Int32, _ count: Int) throws -> [Int32] {
        while true {
            var found: [Int: Int32] = [:]
            for pid in marked() where Self.parent(of: pid) == hostAgent {
                let words = Self.words("/proc/\(pid)/cmdline")
                guard let place = words.firstIndex(of: "--process"), place + 1 < words.count else { continue }
                if let number = Int(words[place + 1]) { found[number] = pid }
            }
            if found.count == count { return found.sorted { $0.key < $1.key }.map(\.value) }
            try checkPatience("\(count) ranks of agent \(hostAgent) were not started")
            guard read(milliseconds: 1) else {
                throw HarnessError("it ended without \(count) ranks:\n" + lines.joined(separator: "\n"))
            }
        }
    }

    /// Sends a signal to one of the cluster's processes.
    public func signal(pid: Int32, _ number: Int32) { _ = Glibc.kill(pid, number) }  // It may have ended by itself.
}
