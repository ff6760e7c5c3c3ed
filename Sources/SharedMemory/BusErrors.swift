internal import CLinux
internal import Glibc

/// What a process says before a bus error (SIGBUS) ends it: whose memory it was, and what became of it.
///
/// The system answers the touch of a page that cannot be had with SIGBUS: where /dev/shm is full, or a file or segment has been made
/// shorter since it was mapped. The process cannot go on, but it can say why in one line; its status stays that of the signal.
public enum BusErrors {
    /// From now on a bus error of this process is explained on standard error.
    public static func explain() { softpod_explain_bus_errors() }

    /// How the line names this process.
    ///
    /// - Parameter segment: where ranks are to hear that the user has been told of this process's death: only for an agent, which calls
    ///   this again without it before it lets go of the segment.
    public static func name(_ name: String, tellingRanksOf segment: Segment? = nil) {
        // SAFETY: the word lies in the segment's mapping, which the caller holds until it takes the word back.
        unsafe softpod_name_bus_errors(name, segment.map { unsafe $0.cluster.obituary })
    }

    /// What a process of this id has said of its bus error in what it wrote: the clause behind its name. Nil if it has said nothing.
    public static func clause(of process: Int32, in log: [UInt8]) -> String? {
        for line in String(decoding: log, as: UTF8.self).split(separator: "\n") where line.hasPrefix("softpod: ") {
            let parts = line.split(separator: "(pid \(process)) ", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { return String(parts[1]) }
        }
        return nil
    }
}

/// A mapping that the explanation of a bus error knows, for as long as it is mapped.
struct MappingWatch {
    /// What lies behind a mapping.
    enum Kind: Int32 {
        case sharedMemory = 1
        case memoryFile = 2
        case file = 3
    }

    private let place: Int32

    init(_ base: UnsafeRawPointer, byteCount: Int, descriptor: Int32, _ kind: Kind, path: String? = nil) {
        place = unsafe softpod_watch_mapping(base, UInt64(byteCount), descriptor, kind.rawValue, path)
    }

    /// Before the mapping and its descriptor go.
    func end() { softpod_forget_mapping(place) }
}
