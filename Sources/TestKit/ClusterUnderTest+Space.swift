internal import Foundation
internal import Workers

/// Clusters on a /dev/shm of their own, which a test fills or takes away.
extension ClusterUnderTest {
    /// What /dev/shm is to be in a cluster's private mount namespace.
    public enum SharedMemoryFolder: Sendable, CustomStringConvertible {
        case missing
        case readOnly
        /// With so much space, as mount options say it: `64k`, `1m`.
        case sized(String)

        /// For the names of tests.
        public var description: String {
            switch self {
            case .missing: "no /dev/shm"
            case .readOnly: "a read-only /dev/shm"
            case .sized(let size): "a /dev/shm of \(size)"
            }
        }

        /// A shell command that makes it so inside the namespace. Nothing of it is seen outside.
        fileprivate var command: String {
            switch self {
            case .missing:
                // A /dev without it: devices are bound from the old one.
                """
                mount -t tmpfs tmpfs /mnt && for n in null zero full random urandom; do touch /mnt/$n && \
                mount --bind /dev/$n /mnt/$n; done && mount --move /mnt /dev
                """
            case .readOnly: "mount -t tmpfs -o ro tmpfs /dev/shm"
            case .sized(let size): "mount -t tmpfs -o size=\(size),mode=1777 tmpfs /dev/shm && touch /dev/shm/mark"
            }
        }
    }

    /// Starts `softpod` where /dev/shm is as said.
    public convenience init(_ arguments: [String], sharedMemory: SharedMemoryFolder) throws {
        // The words that are run become those of a shell in the namespace, which becomes softpod: one process throughout.
        let inner = sharedMemory.command + #" && exec "$@""#
        try self.init(arguments, setup: "set -- unshare -m sh -c '\(inner)' sh \"$@\"")
    }

    /// Why there can be no mount namespaces here; nil if there can.
    public static let mountObstacle: String? = {
        do {
            let end = try ClusterUnderTest(["--version"], sharedMemory: .sized("64k")).end()
            return end.code == 0 ? nil : "no mount namespaces here: " + end.messages.joined(separator: "; ")
        } catch { return "no mount namespaces here: \(error)" }
    }()

    /// The cluster's own /dev/shm, as seen from here; waits until it is there.
    private func ownSharedMemory() throws -> String {
        let path = "/proc/\(agent)/root/dev/shm"
        // Without the mark it would still be the machine's.
        while !FileManager.default.fileExists(atPath: path + "/mark") {
            try checkPatience("there is no /dev/shm of its own")
            guard read(milliseconds: 1) else { throw HarnessError("it ended before it had a /dev/shm of its own") }
        }
        return path
    }

    /// Fills the cluster's own /dev/shm to the last page.
    ///
    /// - Parameter kept: pages left free.
    public func fillSharedMemory(leaving kept: Int = 0) throws {
        let path = try ownSharedMemory() + "/filler"
        guard FileManager.default.createFile(atPath: path, contents: nil) else { throw HarnessError("cannot fill") }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }  // What counts is in the file's pages.
        let page = Data(repeating: 1, count: 4096)
        var pages = 0
        // A test's /dev/shm has some megabytes; the bound is for a mistake in the test.
        while pages < 1 << 14, (try? file.write(contentsOf: page)) != nil { pages += 1 }  // Full is what is wanted.
        try file.truncate(atOffset: UInt64(max(0, pages - kept) * 4096))
    }

    /// Truncates the segment from outside, through a descriptor of one of the cluster's processes.
    public func truncateSegment(of process: Int32, to byteCount: UInt64) throws {
        let folder = "/proc/\(process)/fd"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let path = folder + "/" + name
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)  // closed meanwhile
            guard let link = target, link.hasPrefix("/dev/shm/")
            else { continue }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try file.truncate(atOffset: byteCount)
            return try file.close()
        }
        throw HarnessError("process \(process) holds no segment in /dev/shm")
    }
}
