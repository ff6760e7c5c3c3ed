/// Float64 functions by series, good to about 1e-15, so that the oracle leans on no library the code under test uses.
enum OracleMath {
    private static let ln2 = (high: 0.693147180369123816490, low: 1.90821492927058770002e-10)

    /// e to the x: x = n ln 2 + r, a Taylor series for r, times a power of two.
    static func exp(_ x: Double) -> Double {
        if x.isNaN { return x }
        if x > 709.78 { return .infinity }
        if x < -745.2 { return 0 }
        let n = (x / (ln2.high + ln2.low)).rounded()
        let r = (x - n * ln2.high) - n * ln2.low
        var term = 1.0
        var sum = 1.0
        for k in 1...22 {
            term *= r / Double(k)
            sum += term
        }
        return Double(sign: .plus, exponent: Int(n), significand: sum)
    }

    /// The natural logarithm of x > 0, by Newton's method on ``exp(_:)``.
    static func log(_ x: Double) -> Double {
        var y = Double(x.exponent) * (ln2.high + ln2.low)
        for _ in 0..<60 { y += 2 * (x - exp(y)) / (x + exp(y)) }
        return y
    }

    /// Sine and cosine of an angle of up to about 1e6 radians.
    static func sineAndCosine(_ x: Double) -> (sine: Double, cosine: Double) {
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
