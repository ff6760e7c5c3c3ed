internal import Glibc
internal import Kernels

/// The cosines and sines of the rows of one step, the same for all its layers.
struct RotaryAngles: Sendable {
    private let pairs: Int
    private let isInterleaved: Bool
    private var cosines: [Float] = []
    private var sines: [Float] = []

    /// Angles are float32 products of position and float32 frequency, as the public implementation forms them.
    init(_ batch: [BatchRow], _ configuration: RotaryConfiguration, frequencies: [Float]) {
        pairs = frequencies.count
        isInterleaved = configuration.isInterleaved
        let factor = Float(configuration.attentionFactor)
        cosines.reserveCapacity(batch.count * pairs)
        sines.reserveCapacity(batch.count * pairs)
        for row in batch {
            for frequency in frequencies {
                let angle = Double(Float(row.position) * frequency)
                cosines.append(Float(cos(angle)) * factor)
                sines.append(Float(sin(angle)) * factor)
            }
        }
    }

    /// Rotates a vector by the position of row `row`.
    func rotate(row: Int, _ input: Span<Float>, into output: inout MutableSpan<Float>, at offset: Int) {
        let range = row * pairs..<(row + 1) * pairs
        Rotation.rotate(
            input, cosines: cosines.span.extracting(range), sines: sines.span.extracting(range),
            isInterleaved: isInterleaved, into: &output, at: offset)
    }
}
