internal import CKernels

/// The one routine by which the fabric copies bytes: into and out of windows, staging and messages.
@usableFromInline
enum FabricCopy {
    /// Copies bytes; the ranges may overlap. On return all of them are ordered before whatever flag is stored next.
    ///
    /// - Parameter streamByteCount: copies longer than this bypass the caches.
    @inlinable @inline(__always)
    static func run(
        _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ byteCount: Int, streamByteCount: Int
    ) {
        if byteCount < CopyPolicy.shortByteCount {
            unsafe destination.copyMemory(from: source, byteCount: byteCount)
        } else {
            unsafe long(destination, source, byteCount, streamByteCount)
        }
    }

    /// The same, with this machine's policy.
    static func run(_ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ byteCount: Int) {
        unsafe run(destination, source, byteCount, streamByteCount: CopyPolicy.machine.streamByteCount)
    }

    /// Arguments in the order of the C routine, so that this is a jump.
    @usableFromInline
    @inline(never)
    static func long(
        _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ byteCount: Int, _ streamByteCount: Int
    ) {
        unsafe softpod_copy(destination, source, byteCount, streamByteCount)
    }
}
