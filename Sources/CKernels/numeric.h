// The numeric rules of the program, each once: bfloat16 rounding, e^x, the exponent add, the order in which eight lanes are summed. Written as
// formulas that hold for one number and for a vector of eight alike (`vector.h`), so that no table of kernels can have a rule of its own.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/// The bits of a float rounded to its upper half, which is bfloat16, still in place: `bias` is added before the cut. `nan` is all ones
/// where the number is a NaN, which stays one and is made quiet.
#define CUT_BITS(bits, bias, nan) ((((bits) | 0x00400000u) & (nan) | ((bits) + (bias)) & ~(nan)) & 0xFFFF0000u)

/// The bias for the nearest, halves to even; and for halves away from zero.
#define EVEN_BIAS(bits) (0x7FFFu + (((bits) >> 16) & 1u))
#define AWAY_BIAS 0x8000u

/// All ones for a NaN.
#define NAN_MASK(bits) (0u - (uint32_t)(((bits) & 0x7FFFFFFFu) > 0x7F800000u))

/// To bfloat16 and back, halves to even; NaN stays NaN.
INLINE float narrow_even(float x) {
    const uint32_t bits = bits_of(x);
    return float_of(CUT_BITS(bits, EVEN_BIAS(bits), NAN_MASK(bits)));
}

/// To bfloat16 and back, halves away from zero; NaN stays NaN.
INLINE float narrow_away(float x) {
    const uint32_t bits = bits_of(x);
    return float_of(CUT_BITS(bits, AWAY_BIAS, NAN_MASK(bits)));
}

/// The bfloat16 number nearest to x, and the float of one.
INLINE uint16_t to_bfloat16(float x) { return (uint16_t)(bits_of(narrow_even(x)) >> 16); }
INLINE float from_bfloat16(uint16_t code) { return float_of((uint32_t)code << 16); }

/// 1.5 * 2^23: added to a number below 2^22 it leaves no fraction bits and rounds halves to even, on every machine.
#define ROUND_MAGIC 12582912.0f

/// Below EXP_LOW, e^x is under the smallest normal number and the result is 0; above EXP_HIGH it is over the largest float.
#define EXP_LOW (-87.3365478515625f)
#define EXP_HIGH 88.7228393554687f

/// Defines e^x for x from EXP_LOW to EXP_HIGH, after Cephes' expf, on numbers F whose bits are I: e^x = 2^n e^r with n = round(x / ln 2) and
/// |r| <= ln2 / 2; ln 2 in two parts, so that r is exact but for one rounding; e^r = 1 + r + r^2 q(r); and 2^n in two factors, so that
/// n = 128 does not overflow. ALL makes an F of a constant, BITS and REAL reinterpret.
#define DEFINE_EXP(NAME, F, I, ALL, BITS, REAL)                                                                        \
    INLINE F NAME(F x) {                                                                                               \
        const F shifted = __builtin_elementwise_fma(x, ALL(1.44269504f), ALL(ROUND_MAGIC));                            \
        const F n = shifted - ALL(ROUND_MAGIC);                                                                        \
        F r = __builtin_elementwise_fma(n, ALL(-0.693359375f), x);                                                     \
        r = __builtin_elementwise_fma(n, ALL(2.12194440e-4f), r);                                                      \
        F q = __builtin_elementwise_fma(ALL(1.9875691500e-4f), r, ALL(1.3981999507e-3f));                              \
        q = __builtin_elementwise_fma(q, r, ALL(8.3334519073e-3f));                                                    \
        q = __builtin_elementwise_fma(q, r, ALL(4.1665795894e-2f));                                                    \
        q = __builtin_elementwise_fma(q, r, ALL(1.6666665459e-1f));                                                    \
        q = __builtin_elementwise_fma(q, r, ALL(5.0000001201e-1f));                                                    \
        const F y = __builtin_elementwise_fma(q, r * r, r) + ALL(1.0f);                                                \
        const I power = BITS(shifted) - 0x4B400000, half = power >> 1;                                                 \
        return y * REAL((half + 127) << 23) * REAL((power - half + 127) << 23);                                        \
    }

#define SAME(x) (x)
#define SIGNED_BITS(x) ((int32_t)bits_of(x))
#define REAL_OF(bits) float_of((uint32_t)(bits))
DEFINE_EXP(exp_in_range, float, int32_t, SAME, SIGNED_BITS, REAL_OF)

/// e^x within 1 ulp or so; NaN passes.
INLINE float scalar_exp(float x) {
    if (x != x) return x;
    return x < EXP_LOW ? 0.0f : x > EXP_HIGH ? INFINITY : exp_in_range(x);
}

/// x * 2^n by adding an integer to its bits, guarded: see attention.h.
INLINE float scalar_exponent_add(float x, int32_t increment) {
    const uint32_t bits = bits_of(x), sign = bits & 0x80000000u;
    const int32_t magnitude = (int32_t)(bits & 0x7FFFFFFFu);
    if (magnitude >= 0x7F800000) return x;
    if (magnitude < 0x00800000) return float_of(sign);
    const int64_t sum = (int64_t)magnitude + increment;
    if (sum < 0x00800000) return float_of(sign);
    return float_of(sign | (sum >= 0x7F800000 ? 0x7F800000u : (uint32_t)sum));
}

/// The one order in which eight lanes are summed.
INLINE float sum_lanes(const float *l) {
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}
