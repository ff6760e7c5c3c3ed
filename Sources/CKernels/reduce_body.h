// The reductions. Plain loops without branches, which the compiler turns into vectors.
#pragma once

#include "numeric.h"

#define EACH for (size_t i = 0; i < count; i++)

INLINE uint64_t bits64(double x) {
    uint64_t u;
    memcpy(&u, &x, 8);
    return u;
}

INLINE double real64(uint64_t u) {
    double x;
    memcpy(&x, &u, 8);
    return x;
}

// Every half is exact in a float; subnormals by a multiplication with a power of two.
INLINE float from_half(uint16_t h) {
    const uint32_t magnitude = h & 0x7FFFu;
    const uint32_t normal = (magnitude << 13) + (magnitude >= 0x7C00u ? (255u - 31u) << 23 : (127u - 15u) << 23);
    const uint32_t small = bits_of((float)(int32_t)magnitude * 0x1p-24f);
    return float_of((magnitude < 0x0400u ? small : normal) | (uint32_t)(h & 0x8000u) << 16);
}

// Rounds half to even. Subnormal results: adding 0.5 lets the adder round at the right bit.
INLINE uint16_t to_half(float x) {
    const uint32_t sign = bits_of(x) & 0x80000000u, u = bits_of(x) ^ sign;
    const uint32_t small = bits_of(float_of(u) + 0.5f) - 0x3F000000u;
    const uint32_t normal = (u - ((127u - 15u) << 23) + 0x0FFFu + ((u >> 13) & 1u)) >> 13;
    uint32_t half = u < (113u << 23) ? small : normal;
    half = u >= (143u << 23) ? 0x7C00u : half;
    half |= sign >> 16;
    return (uint16_t)(u > 0x7F800000u ? 0x7E00u : half);
}

// Of bfloat16 results every NaN is the same one.
INLINE uint16_t to_canonical_bfloat16(float x) { return x != x ? 0x7FC0u : to_bfloat16(x); }

INLINE float same32(float x) { return x; }
INLINE double same64(double x) { return x; }

// A comparison with NaN is false: a NaN on the left is kept, one on the right is taken. Equal values differ at most in the
// sign of zero: "and" of the bits gives +0, "or" gives -0.
INLINE float max32(float a, float b) {
    const uint32_t x = bits_of(a), y = bits_of(b);
    const uint32_t picked = ((a > b) | (a != a)) ? x : y;
    return float_of(a == b ? x & y : picked);
}
INLINE float min32(float a, float b) {
    const uint32_t x = bits_of(a), y = bits_of(b);
    const uint32_t picked = ((a < b) | (a != a)) ? x : y;
    return float_of(a == b ? x | y : picked);
}
INLINE double max64(double a, double b) {
    const uint64_t x = bits64(a), y = bits64(b);
    const uint64_t picked = ((a > b) | (a != a)) ? x : y;
    return real64(a == b ? x & y : picked);
}
INLINE double min64(double a, double b) {
    const uint64_t x = bits64(a), y = bits64(b);
    const uint64_t picked = ((a < b) | (a != a)) ? x : y;
    return real64(a == b ? x | y : picked);
}

// Unsigned arithmetic wraps; signed overflow would be undefined.
#define INTEGERS(S, U)                                                                                              \
    static void accumulate_##S(int reduction, S *restrict a, const S *restrict b, size_t count) {            \
        switch (reduction) {                                                                                        \
        case 0: EACH a[i] = (S)((U)a[i] + (U)b[i]); break;                                                          \
        case 1: EACH a[i] = a[i] > b[i] ? a[i] : b[i]; break;                                                       \
        case 2: EACH a[i] = a[i] < b[i] ? a[i] : b[i]; break;                                                       \
        default: EACH a[i] = (S)((U)a[i] * (U)b[i]); break;                                                         \
        }                                                                                                           \
    }
INTEGERS(int8_t, uint8_t)
INTEGERS(int32_t, uint32_t)
INTEGERS(int64_t, uint64_t)
#undef INTEGERS

#define REALS(NAME, A, S, WIDEN, MAX, MIN)                                                                          \
    static void accumulate_##NAME(int reduction, A *restrict a, const S *restrict b, size_t count) {         \
        switch (reduction) {                                                                                        \
        case 0: EACH a[i] = a[i] + WIDEN(b[i]); break;                                                       \
        case 1: EACH a[i] = MAX(a[i], WIDEN(b[i])); break;                                            \
        case 2: EACH a[i] = MIN(a[i], WIDEN(b[i])); break;                                            \
        default: EACH a[i] = a[i] * WIDEN(b[i]); break;                                                      \
        }                                                                                                           \
    }
REALS(half, float, uint16_t, from_half, max32, min32)
REALS(bfloat, float, uint16_t, from_bfloat16, max32, min32)
REALS(float, float, float, same32, max32, min32)
REALS(double, double, double, same64, max64, min64)
#undef REALS

// The cases are ElementType's raw values.
static void reduce_load(int type, void *restrict accumulators, const void *restrict source, size_t count) {
    switch (type) {
    case 1: memcpy(accumulators, source, count); break;
    case 2: case 6: memcpy(accumulators, source, 4 * count); break;
    case 4: { float *a = accumulators; const uint16_t *b = source; EACH a[i] = from_half(b[i]); break; }
    case 5: { float *a = accumulators; const uint16_t *b = source; EACH a[i] = from_bfloat16(b[i]); break; }
    default: memcpy(accumulators, source, 8 * count); break;
    }
}

static void reduce_accumulate(
    int type, int reduction, void *restrict accumulators, const void *restrict source, size_t count) {
    switch (type) {
    case 1: accumulate_int8_t(reduction, accumulators, source, count); break;
    case 2: accumulate_int32_t(reduction, accumulators, source, count); break;
    case 3: accumulate_int64_t(reduction, accumulators, source, count); break;
    case 4: accumulate_half(reduction, accumulators, source, count); break;
    case 5: accumulate_bfloat(reduction, accumulators, source, count); break;
    case 6: accumulate_float(reduction, accumulators, source, count); break;
    default: accumulate_double(reduction, accumulators, source, count); break;
    }
}

static void reduce_store(int type, void *restrict destination, const void *restrict accumulators, size_t count) {
    switch (type) {
    case 1: memcpy(destination, accumulators, count); break;
    case 2: memcpy(destination, accumulators, 4 * count); break;
    case 3: memcpy(destination, accumulators, 8 * count); break;
    case 4: { uint16_t *d = destination; const float *a = accumulators; EACH d[i] = to_half(a[i]); break; }
    case 5: { uint16_t *d = destination; const float *a = accumulators; EACH d[i] = to_canonical_bfloat16(a[i]); break; }
    case 6: {
        uint32_t *d = destination;
        const uint32_t *a = accumulators;
        EACH d[i] = (a[i] & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC00000u : a[i];
        break;
    }
    default: {
        uint64_t *d = destination;
        const uint64_t *a = accumulators;
        EACH d[i] = (a[i] & 0x7FFFFFFFFFFFFFFFu) > 0x7FF0000000000000u ? 0x7FF8000000000000u : a[i];
        break;
    }
    }
}
