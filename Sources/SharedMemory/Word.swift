public import Synchronization

/// Eight bytes in a segment that several processes read and write atomically.
///
/// A word is written by one die and waited on by another, or changed by read-modify-write operations only; the owner of the
/// word says which. The handle is trivially copyable and stays valid as long as the segment is mapped, which its ``Segment``
/// guarantees for the life of the endpoints made from it.
@safe
public struct Word: @unchecked Sendable, BitwiseCopyable {
    @usableFromInline let pointer: UnsafeMutablePointer<Atomic<UInt64>>

    /// Takes an address inside a mapping, aligned to eight bytes.
    @inlinable
    package init(_ address: UnsafeMutableRawPointer) {
        unsafe pointer = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// Reads with acquire order: what its writer stored before a release is visible afterwards.
    @inlinable @inline(__always)
    public func loadAcquiring() -> UInt64 { unsafe pointer.pointee.load(ordering: .acquiring) }

    /// Reads without order.
    @inlinable @inline(__always)
    public func loadRelaxed() -> UInt64 { unsafe pointer.pointee.load(ordering: .relaxed) }

    /// Reads in the single total order; pairs with ``storeSequentially(_:)`` where each side must see the other's word.
    @inlinable @inline(__always)
    public func loadSequentially() -> UInt64 { unsafe pointer.pointee.load(ordering: .sequentiallyConsistent) }

    /// Writes with release order: everything stored before is visible to a rank that acquires the value.
    @inlinable @inline(__always)
    public func storeReleasing(_ value: UInt64) { unsafe pointer.pointee.store(value, ordering: .releasing) }

    /// Writes without order.
    @inlinable @inline(__always)
    public func storeRelaxed(_ value: UInt64) { unsafe pointer.pointee.store(value, ordering: .relaxed) }

    /// Writes in the single total order (and releases).
    @inlinable @inline(__always)
    public func storeSequentially(_ value: UInt64) {
        unsafe pointer.pointee.store(value, ordering: .sequentiallyConsistent)
    }

    /// Writes `desired` if the word holds `expected`, in the single total order. Whether it did.
    package func compareExchange(expected: UInt64, desired: UInt64) -> Bool {
        unsafe pointer.pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).exchanged
    }

    /// The underlying atomic, for the read-modify-write operations of the fabric.
    @inlinable
    package var atomic: UnsafeMutablePointer<Atomic<UInt64>> { unsafe pointer }
}
