// Rows on the wire. Each body is written once in plain C, without a reduction whose order could matter, and compiled
// twice; the compiler's own vectors do the rest. Contraction is off (see Package.swift), so a multiply-add is fused
// exactly where fmaf says so, and both builds round every step alike.
#include "cpu.h"
#include "quantise.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))
#else
#define AVX2
#endif

#define UNPAREN(...) __VA_ARGS__
/// Defines `softpod_<name>` out of `<name>_body`, once for each instruction set.
#define TWINS(result, name, parameters, arguments)                                                                     \
    static result name##_portable parameters { return name##_body arguments; }                                         \
    AVX2 static result name##_avx2 parameters { return name##_body arguments; }                                        \
    result softpod_##name(int portable, UNPAREN parameters) {                                                          \
        const int avx2 = !portable && (softpod_cpu_features() & SOFTPOD_CPU_AVX2);                                        \
        return avx2 ? name##_avx2 arguments : name##_portable arguments;                                               \
    }

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

INLINE float load_bfloat16(const uint8_t *p) {
    uint16_t code;
    memcpy(&code, p, sizeof code);
    return float_of((uint32_t)code << 16);
}

INLINE float load_float32(const uint8_t *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void row_to_bfloat16_body(const float *restrict x, void *restrict codes, size_t count) {
    uint8_t *restrict to = codes;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = bits_of(x[i]);
        const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
        const uint32_t quiet = (bits >> 16) | 0x40;
        const uint16_t code = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
        memcpy(to + 2 * i, &code, sizeof code);
    }
}
TWINS(void, row_to_bfloat16, (const float *x, void *codes, size_t count), (x, codes, count))

INLINE void row_from_bfloat16_body(const void *restrict codes, float *restrict y, size_t count) {
    const uint8_t *restrict from = codes;
    for (size_t i = 0; i < count; i++) y[i] = load_bfloat16(from + 2 * i);
}
TWINS(void, row_from_bfloat16, (const void *codes, float *y, size_t count), (codes, y, count))

/// The largest magnitude as bits: of numbers without their sign the bits compare as the numbers do, infinities and NaN
/// above all, and the maximum of integers does not depend on the order.
INLINE uint32_t largest_bits(const float *x, size_t count) {
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = bits_of(x[i]) & 0x7FFFFFFF;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

INLINE float row_to_int8_body(const float *restrict x, int8_t *restrict codes, size_t count) {
    const uint32_t largest = largest_bits(x, count);
    if (largest >= 0x7F800000 || float_of(largest) < 0x1p-119f) {
        memset(codes, 0, count);
        return largest >= 0x7F800000 ? float_of(0x7FC00000) : 0.0f;
    }
    const float maximum = float_of(largest), factor = 127.0f / maximum;
    // |x * factor| is at most 127 and a little, far below 2^22: adding 1.5 * 2^23 leaves no fraction bits, halves to even.
    const float magic = 12582912.0f;
    for (size_t i = 0; i < count; i++) codes[i] = (int8_t)(int32_t)((x[i] * factor + magic) - magic);
    const float scale = maximum / 127.0f;
    // Rounded up at the very top of the range, 127 of it would be infinite.
    return scale * 127.0f > 0x1.fffffep127f ? float_of(bits_of(scale) - 1) : scale;
}
TWINS(float, row_to_int8, (const float *x, int8_t *codes, size_t count), (x, codes, count))

INLINE void row_from_int8_body(const int8_t *restrict codes, float scale, float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = (float)codes[i] * scale;
}
TWINS(void, row_from_int8, (const int8_t *codes, float scale, float *y, size_t count), (codes, scale, y, count))

/// Columns summed at a time; their sums stay in the first-level cache while the rows stream by.
enum { BLOCK = 512 };

INLINE void row_weighted_sum_body(
    int narrow, const void *rows, size_t stride, const float *weights, const int32_t *chosen, size_t choices, float *y,
    size_t count) {
    float sums[BLOCK];
    for (size_t start = 0; start < count; start += BLOCK) {
        const size_t part = count - start < BLOCK ? count - start : BLOCK;
        memset(sums, 0, sizeof sums);
        for (size_t k = 0; k < choices; k++) {
            if (chosen[k] < 0) continue;
            const uint8_t *row = (const uint8_t *)rows + k * stride + start * (narrow ? 2 : 4);
            const float weight = weights[k];
            if (narrow) {
                for (size_t i = 0; i < part; i++) sums[i] = fmaf(load_bfloat16(row + 2 * i), weight, sums[i]);
            } else {
                for (size_t i = 0; i < part; i++) sums[i] = fmaf(load_float32(row + 4 * i), weight, sums[i]);
            }
        }
        memcpy(y + start, sums, part * sizeof(float));
    }
}
TWINS(
    void, row_weighted_sum,
    (int narrow, const void *rows, size_t stride, const float *weights, const int32_t *chosen, size_t choices, float *y,
     size_t count),
    (narrow, rows, stride, weights, chosen, choices, y, count))
