internal import CLinux
internal import Glibc

extension Segment {
    /// Bytes of the whole memory object.
    package var objectByteCount: Int { byteCount }

    /// The first bytes of the segment as they stand: what a process that attaches to it reads.
    package func image(byteCount count: Int) -> [UInt8] {
        precondition((0...byteCount).contains(count), "bytes of the segment")
        return unsafe Array(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Attaches to a memory object of its own that begins with these bytes, as if another process had written them; how the checks of
    /// ``attach(descriptor:switchEvent:)`` are tested.
    package static func attach(image: [UInt8], byteCount: Int) throws(SharedMemoryError) -> Segment {
        let descriptor = softpod_anonymous_shared_memory()
        guard descriptor >= 0 else {
            throw SharedMemoryError(.system, "no shared memory: \(errorText(-descriptor))", errno: -descriptor)
        }
        let written = unsafe image.withUnsafeBytes { bytes in
            unsafe pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count
        }
        guard written, ftruncate(descriptor, byteCount) == 0 else {
            let code = errno
            _ = close(descriptor)  // The object has no name; closing frees it.
            throw SharedMemoryError(.system, "cannot write the memory: \(errorText(code))", errno: code)
        }
        return try attach(descriptor: descriptor)
    }
}
