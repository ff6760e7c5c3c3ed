import Attention
import Tensors
import Testing

@Suite("AMLA's scalars")
struct AMLAVectorTests {
    @Test("n, s32, s16 and c are those measured for the published kernel")
    func scales() {
        // arXiv 2509.25224; s32 and c to the digits printed there.
        for (m, n, s32, s16, c): (Float, Float, Float, UInt16, Float) in [
            (1.0, -1, 1.3591409, 0x3FAE, 0.9998278),
            (-0.3, 0, 0.7408182, 0x3F3E, 0.9981551),
            (5.5, -8, 0.9558278, 0x3F75, 0.9987425),
            (20.0, -29, 0.9036906, 0x3F67, 1.0014926),
            (-7.25, 10, 0.7272186, 0x3F3A, 1.0009030),
        ] {
            let scale = AMLARescale.scale(maximum: m, precision: .bfloat16)
            #expect(scale.n == n)
            #expect(abs(scale.s32 - s32) <= 6e-8, "m \(m)")
            #expect(BFloat16(scale.s16).bitPattern == s16 && BFloat16(scale.s16).float == scale.s16)
            #expect(abs(scale.c - c) <= 1.2e-7, "m \(m)")
            let exact = AMLARescale.scale(maximum: m, precision: .float32)
            #expect(exact.s16 == scale.s32 && exact.c == 1)
        }
    }

    @Test("s stays within [2^-1/2, 2^1/2] and n finite for every maximum, the masks' included")
    func extremes() {
        for m: Float in [0, -2e38, 2e38, -1e12, 1e12, 3.4e38, 1e-30, 88, -1e4, 1e6, .infinity, -.infinity] {
            let scale = AMLARescale.scale(maximum: m, precision: .bfloat16)
            #expect(scale.n.isFinite, "m \(m)")
            #expect(scale.s32 >= 0.70 && scale.s32 <= 1.42, "m \(m)")
        }
        // Halves round away from zero: m = -ln 2 / 2 is the float nearest to a half.
        #expect(AMLARescale.scale(maximum: -0.346_573_6, precision: .float32).n == 1)
    }

    @Test("the trace of a row over four blocks is the recurrence of the paper, written out")
    func trace() {
        var row = RowState()
        var n: Float = 0, c: Float = 1
        for (block, m) in [Float(-0.3), 1.0, 1.0, 20.0].enumerated() {
            let old = row.maximum
            let step = AMLARescale.advance(&row, to: m, precision: .bfloat16)
            let new = AMLARescale.scale(maximum: m, precision: .bfloat16)
            #expect(step.shift == m && step.weight == new.s16)
            if block == 0 || m == old {
                #expect(step.rescale == .none && step.sumFactor == 1)
            } else {
                let eps = 1.5 * (c / new.c - 1) + Float(1e-6)
                let expected = ((max(new.n - n, -30) + eps) * 8_388_608).rounded(.toNearestOrAwayFromZero)
                #expect(step.rescale == .exponent(Int32(expected)))
            }
            (n, c) = (new.n, new.c)
            #expect(row.reference == n && row.residual == c)
        }
        // The last step drops 28 binades, from n = -1 to n = -29; with a jump of 200 nats the difference is clamped.
        let step = AMLARescale.advance(&row, to: 220, precision: .float32)
        #expect(step.rescale == .exponent(-30 * 8_388_608))
    }
}
