/// Elementary functions in Float64, by their series, good to about 1e-15. They share nothing with the kernels they judge, and need
/// no system library.
public enum OracleMath {
    private static let ln2High = 0x1.62E42FEFA38p-1
    private static let ln2Low = 0x1.EF35793C7673p-45

    /// e^x: x = k ln 2 + r with |r| <= 0.35, then the Taylor series of e^r, then the factor 2^k. Relative error a few 1e-16.
    public static func exp(_ x: Double) -> Double {
        if x.isNaN { return x }
        if x > 709.79 { return .infinity }
        if x < -745.2 { return 0 }
        let k = (x / (ln2High + ln2Low)).rounded()
        let r = (x - k * ln2High) - k * ln2Low
        var sum = 1.0
        for n in stride(from: 18.0, through: 1, by: -1) { sum = 1 + sum * r / n }
        // In two steps, so that results near both ends of the range are right.
        let half = Int(k) / 2
        return sum * Double(sign: .plus, exponent: half, significand: 1)
            * Double(sign: .plus, exponent: Int(k) - half, significand: 1)
    }

    /// The natural logarithm, by Newton's iteration on ``exp(_:)`` from the exponent and a straight line.
    public static func log(_ x: Double) -> Double {
        if x.isNaN || x < 0 { return .nan }
        if x == 0 { return -.infinity }
        if x == .infinity { return x }
        let exponent = Double(x.exponent), fraction = x.significand
        var y = fraction - 1
        for _ in 0..<8 { y += 2 * (fraction - exp(y)) / (fraction + exp(y)) }
        return exponent * ln2High + (exponent * ln2Low + y)
    }

    /// Sine and cosine of an angle of up to about 1e6 radians.
    public static func sineAndCosine(_ x: Double) -> (sine: Double, cosine: Double) {
        let turns = (x / (2 * Double.pi)).rounded()
        let low = 2.4492935982947064e-16  // 2 pi minus the Double nearest to it
        let r = x.addingProduct(-turns, 2 * Double.pi) - turns * low
        var (sine, cosine) = (0.0, 0.0)
        var term = 1.0
        for k in 0..<40 {
            let signed = k % 4 < 2 ? term : -term
            if k.isMultiple(of: 2) { cosine += signed } else { sine += signed }
            term *= r / Double(k + 1)
        }
        return (sine, cosine)
    }
}
