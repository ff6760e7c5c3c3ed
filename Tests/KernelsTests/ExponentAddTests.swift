import Kernels
import TestKit
import Testing

@Suite("The guarded exponent add")
struct ExponentAddTests {
    @Test("equals a multiplication by a power of two for every exponent, shift and sign")
    func identity() {
        var random = SeededGenerator(seed: 11)
        for exponent in UInt32(1)...254 {
            for n in -30...0 {
                for sign in [UInt32(0), 1 << 31] {
                    let mantissa = UInt32.random(in: 0..<(1 << 23), using: &random)
                    let x = Float(bitPattern: sign | exponent << 23 | mantissa)
                    let sum = ExponentAdd.apply(x, increment: ExponentAdd.increment(exponent: Float(n)))
                    let scaled = Float(sign: .plus, exponent: n, significand: x)
                    let expected = scaled.isNormal ? scaled : Float(sign: x.sign, exponent: 0, significand: 0)
                    #expect(sum.bitPattern == expected.bitPattern, "seed 11, \(x) times 2^\(n)")
                }
            }
        }
    }

    @Test("gives signed zeros for zeros and denormals, passes infinities and NaN, and saturates above the range")
    func guarded() {
        for increment: Int32 in [-8_388_608, -251_658_240, 12_583, 8, .min, .max] {
            let denormal = Float.leastNormalMagnitude / 7
            for (x, expected): (Float, Float) in [
                (0, 0), (-0.0, -0.0), (denormal, 0), (-denormal, -0.0), (.infinity, .infinity),
                (-.infinity, -.infinity),
            ] {
                let sum = ExponentAdd.apply(x, increment: increment)
                #expect(sum.bitPattern == expected.bitPattern, "\(x) plus \(increment)")
            }
            #expect(ExponentAdd.apply(.nan, increment: increment).isNaN)
        }
        #expect(ExponentAdd.apply(.leastNormalMagnitude, increment: -8_388_608) == 0)
        #expect(ExponentAdd.apply(3e38, increment: 8_388_608) == .infinity)
        #expect(ExponentAdd.apply(-3e38, increment: .max) == -.infinity)
        #expect(ExponentAdd.apply(1, increment: .min) == 0)
    }

    @Test("reproduces the measured vectors of the paper's identity")
    func vectors() {
        // arXiv 2509.25224: eps there is c ratio - 1, which enters the increment times 1.5.
        let half = ExponentAdd.increment(exponent: -1)
        let slightly = ExponentAdd.increment(exponent: 0, compensation: 1.5 * 0.001)
        #expect(half == -8_388_608)
        #expect(slightly == 12_583)
        #expect(ExponentAdd.increment(exponent: -2, compensation: 1.5 * -0.0015) == -16_796_090)
        for (x, halved, raised): (Float, Float, Float) in [
            (1, 0.5, 1.0015), (1.5, 0.75, 1.5015), (1.99, 0.995, 1.9915), (-0.75, -0.375, -0.75075),
        ] {
            #expect(ExponentAdd.apply(x, increment: half) == halved)
            #expect(abs(ExponentAdd.apply(x, increment: slightly) - raised) <= 2.4e-7)
        }
    }

    @Test("never traps on the way to an integer")
    func increments() {
        #expect(ExponentAdd.increment(exponent: -1.4e12, lowest: -30) == -30 * 8_388_608)
        #expect(ExponentAdd.increment(exponent: .nan, lowest: -30) == -30 * 8_388_608)
        #expect(ExponentAdd.increment(exponent: -.infinity) == -255 * 8_388_608)
        #expect(ExponentAdd.increment(exponent: .infinity) == 255 * 8_388_608)
    }

    @Test("of a row is the scalar one on every element, on every instruction set", arguments: [-8, 1_048_583, .min, 0])
    func rows(increment: Int32) {
        var random = SeededGenerator(seed: 12)
        let values = (0..<1003).map { _ in Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random)) }
        for kernels in AttentionKernels.available {
            var row = values
            var span = row.mutableSpan
            kernels.exponentAdd(&span, increment: increment)
            for (old, new) in zip(values, row) {
                let expected = ExponentAdd.apply(old, increment: increment)
                #expect(
                    new.bitPattern == expected.bitPattern || (new.isNaN && old.isNaN), "\(old) \(kernels.name) seed 12")
            }
        }
    }
}
