// Rows on the wire and in products: bfloat16 and INT8, and the weighted sum of returned rows. Plain loops without a reduction whose order could
// matter, which the compiler turns into vectors; contraction is off, so a multiply-add is fused exactly where fmaf says so.
#pragma once

#include "numeric.h"

INLINE float load_bfloat16(const uint8_t *p) {
    uint16_t code;
    memcpy(&code, p, sizeof code);
    return from_bfloat16(code);
}

INLINE float load_float32(const uint8_t *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

static void row_to_bfloat16(const float *restrict x, void *restrict codes, size_t count) {
    uint8_t *restrict to = codes;
    for (size_t i = 0; i < count; i++) {
        const uint16_t code = to_bfloat16(x[i]);
        memcpy(to + 2 * i, &code, sizeof code);
    }
}
static void row_from_bfloat16(const void *restrict codes, float *restrict y, size_t count) {
    const uint8_t *restrict from = codes;
    for (size_t i = 0; i < count; i++) y[i] = load_bfloat16(from + 2 * i);
}
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

static float row_to_int8(const float *restrict x, int8_t *restrict codes, size_t count) {
    const uint32_t largest = largest_bits(x, count);
    if (largest >= 0x7F800000 || float_of(largest) < 0x1p-119f) {
        memset(codes, 0, count);
        return largest >= 0x7F800000 ? float_of(0x7FC00000) : 0.0f;
    }
    const float maximum = float_of(largest), factor = 127.0f / maximum;
    // |x * factor| is at most 127 and a little, far below 2^22: ROUND_MAGIC rounds it, halves to even.
    for (size_t i = 0; i < count; i++) codes[i] = (int8_t)(int32_t)((x[i] * factor + ROUND_MAGIC) - ROUND_MAGIC);
    const float scale = maximum / 127.0f;
    // Rounded up at the very top of the range, 127 of it would be infinite.
    return scale * 127.0f > 0x1.fffffep127f ? float_of(bits_of(scale) - 1) : scale;
}
static void row_from_int8(const int8_t *restrict codes, float scale, float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = (float)codes[i] * scale;
}
/// Columns summed at a time; their sums stay in the first-level cache while the rows stream by.
enum { BLOCK = 512 };

static void row_weighted_sum(
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
