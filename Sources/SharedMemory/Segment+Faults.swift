internal import Glibc

// What fault plans do to a segment as a whole.

extension Segment {
    /// Writes another number into a field of the header, by its name in plans, as another build or run would have there.
    package func falsify(_ field: String) {
        let offsets = [
            "magic": SegmentLayout.magicOffset, "version": SegmentLayout.versionOffset,
            "abi": SegmentLayout.abiDigestOffset, "size": SegmentLayout.segmentByteCountOffset,
            "dies": SegmentLayout.dieCountOffset, "nonce": SegmentLayout.nonceOffset,
        ]
        guard let offset = offsets[field] else { return }
        let word = word(at: offset)
        word.storeReleasing(word.loadAcquiring() &+ 1)
    }

    /// Cuts off its second half, as a process with a mind of its own could; the size of a memory file is sealed, and stays.
    package func cutInHalf() {
        let head = SegmentLayout.controlOffset + plan.dieCount * SegmentLayout.controlByteCount
        _ = ftruncate(descriptor, head + (byteCount - head) / 2)  // Where it cannot be, nothing happens.
    }
}
