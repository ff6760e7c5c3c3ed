/// Why a segment could not be made, or was refused.
public struct SharedMemoryError: Error, CustomStringConvertible, Sendable, Equatable {
    /// What went wrong; recovery switches on this.
    public enum Code: Sendable, Equatable {
        /// The plan's numbers are outside what a segment can hold.
        case badPlan
        /// The shared-memory file system has less free space than the segment needs.
        case notEnoughSharedMemory
        /// The system refused a call; `errno` says why.
        case system
        /// The first page is not one this build can use: magic, version, digest, size or nonce differ.
        case refused
        /// A file cannot be mapped: it is missing, unreadable, not a plain file, or too short.
        case badFile
    }

    /// What went wrong.
    public var code: Code
    /// The system's error number, where a call failed.
    public var errno: Int32?
    /// One sentence: what failed, with the numbers, and what to do.
    public var description: String

    package init(_ code: Code, _ description: String, errno: Int32? = nil) {
        self.code = code
        self.errno = errno
        self.description = description
    }
}
