import SystemPackage

/// Files that tests need.
enum FileMaker {
    /// Gives an existing file a length without writing it.
    static func makeSparse(_ path: String, byteCount: Int) throws {
        let descriptor = try FileDescriptor.open(FilePath(path), .writeOnly)
        try descriptor.closeAfter { try descriptor.resize(to: Int64(byteCount)) }
    }
}
