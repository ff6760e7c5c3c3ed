internal import Foundation
internal import Workers

/// The shared memory of a running cluster, written from outside as a peer that lies would.
extension ClusterUnderTest {
    /// Rank processes of this cluster, of all hosts that are this machine.
    public func rankProcesses() -> [Int32] {
        marked().filter { Self.words("/proc/\($0)/cmdline").dropFirst().first == "rank" }
    }

    /// Bytes of the segment that a rank process holds.
    public static func segmentByteCount(of rank: Int32) throws -> Int {
        let file = try segment(of: rank)
        defer { try? file.close() }  // Nothing is lost with it.
        return Int(try file.seekToEnd())
    }

    /// Overwrites bytes of the segment that a rank process holds.
    public static func overwrite(_ bytes: [UInt8], at offset: Int, inSegmentOf rank: Int32) throws {
        let file = try segment(of: rank)
        defer { try? file.close() }  // Nothing is lost with it.
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data(bytes))
    }

    private static func segment(of rank: Int32) throws -> FileHandle {
        guard let file = FileHandle(forUpdatingAtPath: "/proc/\(rank)/fd/\(ChildProcess.segmentDescriptor)") else {
            throw HarnessError("process \(rank) has no segment any more")
        }
        return file
    }
}
