// The reductions, compiled once for every instruction set: SUFFIX tells the copies apart.
// Plain loops without branches, which the compiler turns into vectors.

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define NAMED(name) JOIN(name, SUFFIX)
#define EACH for (size_t i = 0; i < count; i++)

static inline uint32_t NAMED(bits32)(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }
static inline float NAMED(real32)(uint32_t u) { float x; memcpy(&x, &u, 4); return x; }
static inline uint64_t NAMED(bits64)(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
static inline double NAMED(real64)(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }

// Every half is exact in a float; subnormals by a multiplication with a power of two.
static inline float NAMED(from_half)(uint16_t h) {
    const uint32_t magnitude = h & 0x7FFFu;
    const uint32_t normal = (magnitude << 13) + (magnitude >= 0x7C00u ? (255u - 31u) << 23 : (127u - 15u) << 23);
    const uint32_t small = NAMED(bits32)((float)(int32_t)magnitude * 0x1p-24f);
    return NAMED(real32)((magnitude < 0x0400u ? small : normal) | (uint32_t)(h & 0x8000u) << 16);
}

// Rounds half to even. Subnormal results: adding 0.5 lets the adder round at the right bit.
static inline uint16_t NAMED(to_half)(float x) {
    const uint32_t sign = NAMED(bits32)(x) & 0x80000000u, u = NAMED(bits32)(x) ^ sign;
    const uint32_t small = NAMED(bits32)(NAMED(real32)(u) + 0.5f) - 0x3F000000u;
    const uint32_t normal = (u - ((127u - 15u) << 23) + 0x0FFFu + ((u >> 13) & 1u)) >> 13;
    uint32_t half = u < (113u << 23) ? small : normal;
    half = u >= (143u << 23) ? 0x7C00u : half;
    half |= sign >> 16;
    return (uint16_t)(u > 0x7F800000u ? 0x7E00u : half);
}

static inline float NAMED(from_bfloat)(uint16_t b) { return NAMED(real32)((uint32_t)b << 16); }

static inline uint16_t NAMED(to_bfloat)(float x) {
    const uint32_t u = NAMED(bits32)(x);
    return (uint16_t)((u & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC0u : (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
}

static inline float NAMED(same32)(float x) { return x; }
static inline double NAMED(same64)(double x) { return x; }

// A comparison with NaN is false: a NaN on the left is kept, one on the right is taken. Equal values differ at most in the
// sign of zero: "and" of the bits gives +0, "or" gives -0.
static inline float NAMED(max32)(float a, float b) {
    const uint32_t x = NAMED(bits32)(a), y = NAMED(bits32)(b);
    const uint32_t picked = ((a > b) | (a != a)) ? x : y;
    return NAMED(real32)(a == b ? x & y : picked);
}
static inline float NAMED(min32)(float a, float b) {
    const uint32_t x = NAMED(bits32)(a), y = NAMED(bits32)(b);
    const uint32_t picked = ((a < b) | (a != a)) ? x : y;
    return NAMED(real32)(a == b ? x | y : picked);
}
static inline double NAMED(max64)(double a, double b) {
    const uint64_t x = NAMED(bits64)(a), y = NAMED(bits64)(b);
    const uint64_t picked = ((a > b) | (a != a)) ? x : y;
    return NAMED(real64)(a == b ? x & y : picked);
}
static inline double NAMED(min64)(double a, double b) {
    const uint64_t x = NAMED(bits64)(a), y = NAMED(bits64)(b);
    const uint64_t picked = ((a < b) | (a != a)) ? x : y;
    return NAMED(real64)(a == b ? x | y : picked);
}

// Unsigned arithmetic wraps; signed overflow would be undefined.
#define INTEGERS(S, U)                                                                                              \
    static void NAMED(accumulate_##S)(int reduction, S *restrict a, const S *restrict b, size_t count) {            \
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
    static void NAMED(accumulate_##NAME)(int reduction, A *restrict a, const S *restrict b, size_t count) {         \
        switch (reduction) {                                                                                        \
        case 0: EACH a[i] = a[i] + NAMED(WIDEN)(b[i]); break;                                                       \
        case 1: EACH a[i] = NAMED(MAX)(a[i], NAMED(WIDEN)(b[i])); break;                                            \
        case 2: EACH a[i] = NAMED(MIN)(a[i], NAMED(WIDEN)(b[i])); break;                                            \
        default: EACH a[i] = a[i] * NAMED(WIDEN)(b[i]); break;                                                      \
        }                                                                                                           \
    }
REALS(half, float, uint16_t, from_half, max32, min32)
REALS(bfloat, float, uint16_t, from_bfloat, max32, min32)
REALS(float, float, float, same32, max32, min32)
REALS(double, double, double, same64, max64, min64)
#undef REALS

// The cases are ElementType's raw values.
static void NAMED(load)(int type, void *restrict accumulators, const void *restrict source, size_t count) {
    switch (type) {
    case 1: memcpy(accumulators, source, count); break;
    case 2: case 6: memcpy(accumulators, source, 4 * count); break;
    case 4: { float *a = accumulators; const uint16_t *b = source; EACH a[i] = NAMED(from_half)(b[i]); break; }
    case 5: { float *a = accumulators; const uint16_t *b = source; EACH a[i] = NAMED(from_bfloat)(b[i]); break; }
    default: memcpy(accumulators, source, 8 * count); break;
    }
}

static void NAMED(accumulate)(
    int type, int reduction, void *restrict accumulators, const void *restrict source, size_t count) {
    switch (type) {
    case 1: NAMED(accumulate_int8_t)(reduction, accumulators, source, count); break;
    case 2: NAMED(accumulate_int32_t)(reduction, accumulators, source, count); break;
    case 3: NAMED(accumulate_int64_t)(reduction, accumulators, source, count); break;
    case 4: NAMED(accumulate_half)(reduction, accumulators, source, count); break;
    case 5: NAMED(accumulate_bfloat)(reduction, accumulators, source, count); break;
    case 6: NAMED(accumulate_float)(reduction, accumulators, source, count); break;
    default: NAMED(accumulate_double)(reduction, accumulators, source, count); break;
    }
}

static void NAMED(store)(int type, void *restrict destination, const void *restrict accumulators, size_t count) {
    switch (type) {
    case 1: memcpy(destination, accumulators, count); break;
    case 2: memcpy(destination, accumulators, 4 * count); break;
    case 3: memcpy(destination, accumulators, 8 * count); break;
    case 4: { uint16_t *d = destination; const float *a = accumulators; EACH d[i] = NAMED(to_half)(a[i]); break; }
    case 5: { uint16_t *d = destination; const float *a = accumulators; EACH d[i] = NAMED(to_bfloat)(a[i]); break; }
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

#define EXPORT(NAME, PARAMETERS, ARGUMENTS)                                                                         \
    void JOIN(softpod_reduce_##NAME, SUFFIX) PARAMETERS;                                                            \
    void JOIN(softpod_reduce_##NAME, SUFFIX) PARAMETERS { NAMED(NAME) ARGUMENTS; }
EXPORT(load, (int type, void *a, const void *s, size_t count), (type, a, s, count))
EXPORT(accumulate, (int type, int reduction, void *a, const void *s, size_t count), (type, reduction, a, s, count))
EXPORT(store, (int type, void *d, const void *a, size_t count), (type, d, a, count))
