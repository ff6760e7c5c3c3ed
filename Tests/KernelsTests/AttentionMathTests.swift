import Kernels
import Oracle
import TestKit
import Testing

@Suite("Elementary functions of attention")
struct AttentionMathTests {
    @Test("exp is within 1.5 ulp of the true value over its whole range")
    func exponential() {
        var random = SeededGenerator(seed: 21)
        for _ in 0..<50_000 {
            let x = Float.random(in: -87.33...88.7, using: &random)
            let truth = OracleMath.exp(Double(x))
            let error = abs(Double(AttentionMath.exp(x)) - truth) / Double(Float(truth).ulp)
            #expect(error <= 1.5, "exp(\(x)), seed 21")
        }
    }

    @Test("exp has exact ends: 1 at zero, zero below, infinity above, NaN passes")
    func ends() {
        #expect(AttentionMath.exp(0) == 1)
        #expect(AttentionMath.exp(-0.0) == 1)
        #expect(AttentionMath.exp(-87.34) == 0)
        #expect(AttentionMath.exp(-87.33).isNormal)
        #expect(AttentionMath.exp(-.infinity) == 0)
        #expect(AttentionMath.exp(-2e38) == 0)
        #expect(AttentionMath.exp(88.73) == .infinity)
        #expect(AttentionMath.exp(.infinity) == .infinity)
        #expect(AttentionMath.exp(.nan).isNaN)
    }

    @Test("log is within 0.51 ulp of the true value, with exact ends")
    func logarithm() {
        var random = SeededGenerator(seed: 22)
        for _ in 0..<10_000 {
            let x = Float(bitPattern: UInt32.random(in: 0x0080_0000..<0x7F80_0000, using: &random))
            let truth = OracleMath.log(Double(x))
            let error = abs(Double(AttentionMath.log(x)) - truth) / Double(Float(truth).ulp)
            #expect(error <= 0.51, "log(\(x)), seed 22")
        }
        #expect(AttentionMath.log(1) == 0)
        #expect(AttentionMath.log(0) == -.infinity)
        #expect(AttentionMath.log(.infinity) == .infinity)
        #expect(AttentionMath.log(-1).isNaN)
    }

    @Test("the oracle's exp and log agree with published digits")
    func oracle() {
        // e, e^-1, e^10 and ln 2, ln 10 to 16 digits, from any table.
        #expect(abs(OracleMath.exp(1) - 2.718281828459045) < 1e-15)
        #expect(abs(OracleMath.exp(-1) - 0.36787944117144233) < 1e-16)
        #expect(abs(OracleMath.exp(10) - 22026.465794806718) < 1e-11)
        #expect(abs(OracleMath.log(2) - 0.6931471805599453) < 1e-15)
        #expect(abs(OracleMath.log(10) - 2.302585092994046) < 2e-15)
    }
}
