// Rows on the wire: float32 to bfloat16 or INT8 and back, and the weighted sum of returned rows.
//
// Every function comes in two builds of one source, for AVX2 with FMA and for the baseline of the architecture; they
// give the same bits. `portable` other than 0 asks for the baseline. Encoded rows may lie at any alignment.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// codes[i] = the nearest bfloat16 to x[i], halves to even; NaN stays NaN and is made quiet.
void softpod_row_to_bfloat16(int portable, const float *x, void *codes, size_t count);

/// y[i] = the value of the bfloat16 number codes[i]; exact.
void softpod_row_from_bfloat16(int portable, const void *codes, float *y, size_t count);

/// codes[i] = x[i] * (127 / m) rounded to the nearest integer, halves to even, with m = max |x|; returns the scale m / 127
/// (one step smaller where 127 times it would overflow). A row with m < 2^-119, whose 127 / m would overflow, counts as
/// zero: scale 0, codes 0. A row with an infinity or a NaN has a NaN scale and zero codes, so that the damage shows in
/// every product.
float softpod_row_to_int8(int portable, const float *x, int8_t *codes, size_t count);

/// y[i] = codes[i] * scale, rounded once.
void softpod_row_from_int8(int portable, const int8_t *codes, float scale, float *y, size_t count);

/// y[i] = sum over k of weights[k] * rows[k][i]: from zero, k rising, one fused multiply-add a term. Rows with
/// chosen[k] < 0 add nothing and are not read. Row k starts `k * stride` bytes behind `rows` and holds `count` float32
/// numbers, or bfloat16 numbers if `narrow` is not 0.
void softpod_row_weighted_sum(
    int portable, int narrow, const void *rows, size_t stride, const float *weights, const int32_t *chosen,
    size_t choices, float *y, size_t count);
