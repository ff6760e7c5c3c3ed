import TestKit

extension SeededGenerator {
    mutating func floats(_ count: Int, in range: ClosedRange<Float> = -2...2) -> [Float] {
        (0..<count).map { _ in Float.random(in: range, using: &self) }
    }
}

extension Array where Element == Float {
    /// The bits, so that comparisons see the sign of zero and NaN.
    var bits: [UInt32] { map(\.bitPattern) }
}
