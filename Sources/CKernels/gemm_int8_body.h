// Products of INT8 rows and INT8 matrices.
#pragma once

#include "vector.h"

// The integer sums are exact, so the two forms below need not share a lane structure to agree in every bit. The last
// step, sum * w_scale * x_scale, is the same two float multiplications in both.

#if defined(SOFTPOD_TABLE_AVX2)
INLINE int32_t sum_int32(__m256i v) {
    __m128i a = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4E));
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xB1));
    return _mm_cvtsi128_si32(a);
}

INLINE __m256i load_int8(const int8_t *p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)); }

/// R rows by O outputs; sixteen products a step, summed in pairs into int32 lanes.
INLINE void int8_tile(
    const int R, const int O, const int8_t *w, const float *w_scale, size_t w_stride, const int8_t *x,
    const float *x_scale, size_t x_stride, float *y, size_t y_stride, size_t inputs) {
    __m256i sum[2][4];
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (int o = 0; o < O; o++) sum[r][o] = _mm256_setzero_si256();
    size_t k = 0;
    for (; k + 16 <= inputs; k += 16) {
        __m256i value[2];
#pragma clang loop unroll(full)
        for (int r = 0; r < R; r++) value[r] = load_int8(x + (size_t)r * x_stride + k);
#pragma clang loop unroll(full)
        for (int o = 0; o < O; o++) {
            __m256i weight = load_int8(w + (size_t)o * w_stride + k);
#pragma clang loop unroll(full)
            for (int r = 0; r < R; r++) sum[r][o] = _mm256_add_epi32(sum[r][o], _mm256_madd_epi16(value[r], weight));
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (int o = 0; o < O; o++) {
            int32_t total = sum_int32(sum[r][o]);
            for (size_t t = k; t < inputs; t++)
                total += (int32_t)x[(size_t)r * x_stride + t] * (int32_t)w[(size_t)o * w_stride + t];
            y[(size_t)r * y_stride + (size_t)o] = (float)total * w_scale[o] * x_scale[r];
        }
}

#define INT8_PASS(R, O)                                                                                                \
    for (; o + (O) <= outputs; o += (O))                                                                               \
    int8_tile(R, O, w + o * w_stride, w_scale + o, w_stride, x + r * x_stride, x_scale + r, x_stride,                  \
        y + r * y_stride + o, y_stride, inputs)

static void gemm_int8(
    const int8_t *w, const float *w_scale, size_t w_stride, const int8_t *x, const float *x_scale, size_t x_stride,
    float *y, size_t y_stride, size_t rows, size_t outputs, size_t inputs) {
    size_t r = 0;
    for (; r + 2 <= rows; r += 2) {
        size_t o = 0;
        INT8_PASS(2, 4);
        INT8_PASS(2, 1);
    }
    if (r < rows) {
        size_t o = 0;
        INT8_PASS(1, 4);
        INT8_PASS(1, 1);
    }
}
#else
static void gemm_int8(
    const int8_t *w, const float *w_scale, size_t w_stride, const int8_t *x, const float *x_scale, size_t x_stride,
    float *y, size_t y_stride, size_t rows, size_t outputs, size_t inputs) {
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outputs; o++) {
            int32_t sum = 0;
            for (size_t k = 0; k < inputs; k++) sum += (int32_t)x[r * x_stride + k] * (int32_t)w[o * w_stride + k];
            y[r * y_stride + o] = (float)sum * w_scale[o] * x_scale[r];
        }
}
#endif
