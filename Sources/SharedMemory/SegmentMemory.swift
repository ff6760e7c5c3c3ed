internal import CLinux
internal import Glibc

/// Where a segment's memory comes from.
public enum SegmentMemory: String, Sendable, Equatable {
    /// POSIX shared memory: the usual one.
    case shared = "/dev/shm"
    /// A memory file whose size is sealed: where /dev/shm is missing, may not be written, or has too little space.
    case file = "memfd"

    /// Which one a small segment would get now, and bytes free for it; nil where that cannot be told.
    public static var outlook: (memory: SegmentMemory, freeByteCount: Int?, obstacle: String?) {
        let descriptor = softpod_anonymous_shared_memory()
        guard descriptor >= 0 else {
            return (.file, MemoryBudget.availableByteCount(), SegmentObject.unusable(-descriptor))
        }
        defer { _ = close(descriptor) }  // The object has no name; closing frees it.
        let free = softpod_free_bytes(descriptor)
        return (.shared, free == UInt64.max ? nil : Int(clamping: free), nil)
    }
}

/// A memory object that is as long as it is to be, and in which some pages are had for certain.
struct SegmentObject {
    let descriptor: Int32
    let memory: SegmentMemory

    /// Why an object cannot be had: in one place, so that another may do, or at all.
    private enum Obstacle: Error {
        case here(String)
        case anywhere(SharedMemoryError)
    }

    /// Makes an object in /dev/shm, or as a memory file where that cannot be.
    ///
    /// - Parameters:
    ///   - plan: what is to lie in it, for messages.
    ///   - reserved: bytes whose pages must be there, so that no touch of them can fail later.
    ///   - memory: where it must be; nil leaves the choice.
    /// - Throws: `.notEnoughSharedMemory` or `.system`.
    static func make(
        _ plan: SegmentPlan, byteCount: Int, reserved: [Range<Int>], in memory: SegmentMemory? = nil
    ) throws(SharedMemoryError) -> SegmentObject {
        var obstacles: [String] = []
        for kind in memory.map({ [$0] }) ?? [.shared, .file] {
            do throws(Obstacle) {
                return try kind == .shared ? shared(byteCount, reserved) : file(byteCount, reserved)
            } catch {
                switch error {
                case .here(let why): obstacles.append(why)
                case .anywhere(let error): throw error
                }
            }
        }
        throw SharedMemoryError(
            .notEnoughSharedMemory,
            """
            not enough shared memory: \(plan.dieCount) windows of \(plan.windowByteCount) bytes need \(byteCount) bytes, \
            \(obstacles.joined(separator: ", and ")); use fewer dies, a smaller --window-bytes, or a larger /dev/shm
            """)
    }

    /// Why /dev/shm is passed over, in words.
    static func unusable(_ code: Int32) -> String { "/dev/shm cannot be used (\(Segment.errorText(code)))" }

    private static func shared(_ byteCount: Int, _ reserved: [Range<Int>]) throws(Obstacle) -> SegmentObject {
        let descriptor = softpod_anonymous_shared_memory()
        guard descriptor >= 0 else {
            // Without a descriptor to give there is none for a memory file either.
            guard descriptor != -EMFILE, descriptor != -ENFILE else {
                throw .anywhere(
                    SharedMemoryError(
                        .system, "cannot create a shared-memory object: \(Segment.errorText(-descriptor))",
                        errno: -descriptor))
            }
            throw .here(unusable(-descriptor))
        }
        return try closing(descriptor) { () throws(Obstacle) in
            let free = softpod_free_bytes(descriptor)
            guard UInt64(byteCount) <= free else { throw .here("\(free) are free in /dev/shm") }
            try size(descriptor, byteCount)
            try reserve(descriptor, reserved, "/dev/shm filled up in this moment")
            return SegmentObject(descriptor: descriptor, memory: .shared)
        }
    }

    private static func file(_ byteCount: Int, _ reserved: [Range<Int>]) throws(Obstacle) -> SegmentObject {
        if let available = MemoryBudget.availableByteCount(), byteCount > available {
            throw .here("\(available) bytes of memory are free for a memfd")
        }
        let descriptor = softpod_sealable_memory()
        guard descriptor >= 0 else { throw .here("a memfd cannot be made (\(Segment.errorText(-descriptor)))") }
        return try closing(descriptor) { () throws(Obstacle) in
            try size(descriptor, byteCount)
            try reserve(descriptor, reserved, "there is no memory for a memfd")
            // Nothing can take pages from under a mapping any more.
            let code = softpod_seal_size(descriptor)
            guard code == 0 else { throw .here("a memfd cannot be sealed (\(Segment.errorText(code)))") }
            return SegmentObject(descriptor: descriptor, memory: .file)
        }
    }

    /// Runs the body, and closes the descriptor if it fails: the object has no name, so that frees it.
    private static func closing(
        _ descriptor: Int32, _ body: () throws(Obstacle) -> SegmentObject
    ) throws(Obstacle) -> SegmentObject {
        do { return try body() } catch {
            _ = close(descriptor)  // As said above.
            throw error
        }
    }

    private static func size(_ descriptor: Int32, _ byteCount: Int) throws(Obstacle) {
        var code: Int32 = EINTR
        if Shortage.strikes(.truncate) { code = ENOSPC }
        while code == EINTR { code = ftruncate(descriptor, byteCount) == 0 ? 0 : errno }
        guard code == 0 else { throw .anywhere(failure("size", byteCount, code)) }
    }

    /// Takes pages now, so that no process that touches them later is killed for want of one.
    private static func reserve(_ descriptor: Int32, _ ranges: [Range<Int>], _ full: String) throws(Obstacle) {
        for range in ranges {
            var code: Int32 = EINTR
            if Shortage.strikes(.reserve) { code = ENOSPC }
            while code == EINTR { code = posix_fallocate(descriptor, range.lowerBound, range.count) }
            switch code {
            case 0: continue
            case ENOSPC, ENOMEM: throw .here(full)
            default: throw .anywhere(failure("reserve", range.upperBound, code))
            }
        }
    }

    private static func failure(_ what: String, _ byteCount: Int, _ code: Int32) -> SharedMemoryError {
        guard code == EFBIG else {
            return SharedMemoryError(
                .system, "cannot \(what) the segment's \(byteCount) bytes: \(Segment.errorText(code))", errno: code)
        }
        return SharedMemoryError(
            .notEnoughSharedMemory,
            """
            the segment has \(byteCount) bytes and the limit on file size (ulimit -f) is \(softpod_file_size_limit()) bytes; \
            raise it, use fewer dies, or a smaller --window-bytes
            """, errno: code)
    }
}
