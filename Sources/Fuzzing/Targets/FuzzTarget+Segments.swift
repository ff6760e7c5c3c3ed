internal import Fabric
internal import SharedMemory

// What another process has written into shared memory.

extension FuzzTarget {
    static let segments: [FuzzTarget] = [
        FuzzTarget("segment header", weight: 4) {
            let (image, byteCount) = try segmentImage()
            return FuzzSubject(examples: [Array(image[..<192])]) { input, random in
                // The first page is the input; the rest is as it was, or of another length.
                var page = input.prefix(4096) + Array(repeating: 0, count: max(0, 4096 - input.count))
                page += image[4096...]
                let count = random.oneIn(4) ? random.below(2 * byteCount) : byteCount
                return try attach(Array(page), byteCount: max(count, 0))
            }
        },
        FuzzTarget("segment contents", weight: 4) {
            let (image, byteCount) = try segmentImage()
            return FuzzSubject(examples: [Array(image[4096..<5120]), Array(image[4096...])]) { input, _ in
                // A whole first page, and behind it what a process gone mad has left.
                let rest = input.prefix(image.count - 4096)
                return try attach(Array(image[..<4096]) + rest, byteCount: byteCount)
            }
        },
    ]

    /// First page, cluster block and two control blocks of a segment in use.
    private static func segmentImage() throws -> (image: [UInt8], byteCount: Int) {
        let plan = SegmentPlan(dieCount: 2, windowByteCount: Endpoint.reservedByteCount(dies: 2) + 4096)
        let segment = try Segment.create(plan)
        segment.control(of: 0).phase = "prefill"
        segment.control(of: 1).flight.begin(
            3,
            FlightRecord(
                number: 3, state: .begun, operation: 1, algorithm: 2, type: 3, reduction: 1, root: 0,
                sourceByteCount: 64, destinationByteCount: 64, firstMember: 0, memberCount: 2, memberStride: 1,
                site: "Loop.swift:17"))
        segment.publish(Verdict(.rankKilled, rank: 1, detail: 9, process: 4711, text: "rank 1 was killed"))
        return (segment.image(byteCount: 16_384), segment.objectByteCount)
    }

    private static func attach(_ image: [UInt8], byteCount: Int) throws -> Bool {
        let segment: Segment
        do { segment = try Segment.attach(image: image, byteCount: byteCount) } catch {
            try FuzzFinding.require(
                error.code != .system || byteCount == 0, "the system was asked for what cannot be: \(error)")
            return false
        }
        try FuzzFinding.require(
            segment.plan.dieCount == 2 && segment.plan.rankCount == 2, "another plan was taken for this memory's")
        _ = segment.agentProcess
        var text = segment.cluster.verdict.map { "\($0)" } ?? ""
        for rank in segment.plan.ranks {
            let control = segment.control(of: rank)
            text += "\(control.phase) \(control.process) \(String(describing: control.waiting)) \(control.state)"
            for record in control.flight.records { text += "\(record)" }
            var counts = OperationCounts(control)
            counts.add(counts)
        }
        try FuzzFinding.require(text.utf8.count < 1 << 16, "what is said of it is long")
        return true
    }
}
