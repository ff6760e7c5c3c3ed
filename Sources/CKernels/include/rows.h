// Rows as the wire and the products have them: float32 to bfloat16 or INT8 and back, and the weighted sum of returned rows.
//
// All tables give the same bits. Encoded rows may lie at any alignment.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct softpod_row_kernels {
    /// codes[i] = the nearest bfloat16 to x[i], halves to even; NaN stays NaN and is made quiet.
    void (*to_bfloat16)(const float *x, void *codes, size_t count);

    /// y[i] = the value of the bfloat16 number codes[i]; exact.
    void (*from_bfloat16)(const void *codes, float *y, size_t count);

    /// codes[i] = x[i] * (127 / m) rounded to the nearest integer, halves to even, with m = max |x|; returns the scale m / 127
    /// (one step smaller where 127 times it would overflow). A row with m < 2^-119, whose 127 / m would overflow, counts as
    /// zero: scale 0, codes 0. A row with an infinity or a NaN has a NaN scale and zero codes, so that the damage shows in
    /// every product.
    float (*to_int8)(const float *x, int8_t *codes, size_t count);

    /// y[i] = codes[i] * scale, rounded once.
    void (*from_int8)(const int8_t *codes, float scale, float *y, size_t count);

    /// y[i] = sum over k of weights[k] * rows[k][i]: from zero, k rising, one fused multiply-add a term. Rows with
    /// chosen[k] < 0 add nothing and are not read. Row k starts `k * stride` bytes behind `rows` and holds `count` float32
    /// numbers, or bfloat16 numbers if `narrow` is not 0.
    void (*weighted_sum)(
        int narrow, const void *rows, size_t stride, const float *weights, const int32_t *chosen, size_t choices,
        float *y, size_t count);
} softpod_row_kernels;
