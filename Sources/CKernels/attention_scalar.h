// The one-lane definitions every attention table shares. Internal to this target.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bits_of(float x) {
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline float float_of(uint32_t b) {
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

// exp(x) = 2^k e^r, k = round(x / ln 2), |r| <= ln2/2 (+ rounding); ln 2 in two parts so that r is exact but for one
// rounding; e^r = 1 + r + r^2 q(r) with the polynomial q of Cephes' expf. k comes from adding 1.5 * 2^23, which leaves
// the integer in the low bits and rounds halves to even on every machine.
#define EXP_LOG2E 1.44269504088896341f
#define EXP_LN2_HIGH 0.693359375f
#define EXP_LN2_LOW (-2.12194440e-4f)
#define EXP_MAGIC 12582912.0f
#define EXP_C0 1.9875691500e-4f
#define EXP_C1 1.3981999507e-3f
#define EXP_C2 8.3334519073e-3f
#define EXP_C3 4.1665795894e-2f
#define EXP_C4 1.6666665459e-1f
#define EXP_C5 5.0000001201e-1f
// Below EXP_LOW the result is zero; above EXP_HIGH it is over the largest float. The scale 2^k is applied as 2^(k-1) * 2
// so that k = 128 stays in range; that asks for k >= -125, which is what EXP_LOW grants.
#define EXP_LOW (-86.9f)
#define EXP_HIGH 88.7228390818706f

static inline float scalar_exp(float x) {
    if (x != x) return x;
    if (x < EXP_LOW) return 0.0f;
    if (x > EXP_HIGH) return INFINITY;
    const float shifted = fmaf(x, EXP_LOG2E, EXP_MAGIC);
    const float k = shifted - EXP_MAGIC;
    float r = fmaf(k, -EXP_LN2_HIGH, x);
    r = fmaf(k, -EXP_LN2_LOW, r);
    float p = fmaf(EXP_C0, r, EXP_C1);
    p = fmaf(p, r, EXP_C2);
    p = fmaf(p, r, EXP_C3);
    p = fmaf(p, r, EXP_C4);
    p = fmaf(p, r, EXP_C5);
    p = fmaf(p, r * r, r) + 1.0f;
    const uint32_t scale = (bits_of(shifted) - bits_of(EXP_MAGIC) + 126u) << 23;
    return p * float_of(scale) * 2.0f;
}

static inline float scalar_exponent_add(float x, int32_t increment) {
    const uint32_t bits = bits_of(x), sign = bits & 0x80000000u;
    const int32_t magnitude = (int32_t)(bits & 0x7FFFFFFFu);
    if (magnitude >= 0x7F800000) return x;
    if (magnitude < 0x00800000) return float_of(sign);
    const int64_t sum = (int64_t)magnitude + increment;
    if (sum < 0x00800000) return float_of(sign);
    return float_of(sign | (sum >= 0x7F800000 ? 0x7F800000u : (uint32_t)sum));
}

/// To bfloat16 and back, halves to even; NaN stays NaN.
static inline float narrow_even(float x) {
    const uint32_t b = bits_of(x);
    if (x != x) return float_of((b & 0xFFFF0000u) | 0x00400000u);
    return float_of((b + 0x7FFFu + ((b >> 16) & 1u)) & 0xFFFF0000u);
}

/// To bfloat16 and back, halves away from zero; NaN stays NaN.
static inline float narrow_away(float x) {
    const uint32_t b = bits_of(x);
    if (x != x) return float_of((b & 0xFFFF0000u) | 0x00400000u);
    return float_of((b + 0x8000u) & 0xFFFF0000u);
}

/// The one order in which eight lanes are summed.
static inline float sum_lanes(const float *l) {
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}
