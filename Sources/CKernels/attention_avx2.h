// The attention table for x86-64 with AVX2 and FMA: the same lanes and the same order as the portable table, with
// several rows and tokens in registers at once. A tile's shape changes speed, never bits: every lane is its own chain.
#pragma once

#include "include/attention.h"
#include "vector.h"

#define LANES SOFTPOD_ATTENTION_LANES
#define UNROLL _Pragma("clang loop unroll(full)")

/// All ones in the first `count` lanes (0...8).
INLINE __m256i first_lanes(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// scalar_exponent_add() on eight lanes. A magnitude is below 2^31: with an increment up to 0 the sum fits a signed
/// lane, with a rising one it fits an unsigned lane, and only then can it pass the infinity.
INLINE __m256 exponent_add_vector(__m256 x, __m256i increment, int rising) {
    const __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(0x00800000);
    const __m256i infinity = _mm256_set1_epi32(0x7F800000);
    const __m256i sign = _mm256_and_si256(bits, _mm256_set1_epi32((int)0x80000000u));
    const __m256i magnitude = _mm256_xor_si256(bits, sign);
    __m256i sum = _mm256_add_epi32(magnitude, increment);
    if (rising) {
        sum = _mm256_min_epu32(sum, infinity);
    } else {
        sum = _mm256_andnot_si256(_mm256_cmpgt_epi32(one, sum), sum);
    }
    sum = _mm256_andnot_si256(_mm256_cmpgt_epi32(one, magnitude), sum);
    const __m256i special = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7F7FFFFF));
    return _mm256_blendv_ps(
        _mm256_castsi256_ps(_mm256_or_si256(sum, sign)), x, _mm256_castsi256_ps(special));
}

static void gather_float32(
    const float *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, int narrow, float *out) {
    for (int64_t i = 0; i < count; i++) {
        const float *row = base + (int64_t)rows[i] * width;
        float *to = out + i * padded;
        int64_t j = 0;
        for (; j + LANES <= width; j += LANES) {
            const __m256 x = _mm256_loadu_ps(row + j);
            _mm256_storeu_ps(to + j, narrow ? (__m256)narrow_even8((f8)x) : x);
        }
        for (; j < width; j++) to[j] = narrow ? narrow_even(row[j]) : row[j];
        for (; j < padded; j++) to[j] = 0.0f;
    }
}

static void gather_bfloat16(
    const uint16_t *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, float *out) {
    for (int64_t i = 0; i < count; i++) {
        const uint16_t *row = base + (int64_t)rows[i] * width;
        float *to = out + i * padded;
        int64_t j = 0;
        for (; j + LANES <= width; j += LANES) {
            const __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(row + j)));
            _mm256_storeu_si256((__m256i *)(to + j), _mm256_slli_epi32(x, 16));
        }
        for (; j < width; j++) to[j] = from_bfloat16(row[j]);
        for (; j < padded; j++) to[j] = 0.0f;
    }
}

/// Scores of R rows against T tokens, R * T chains in registers.
#define SCORE_TILE(R, T) \
    INLINE void score_tile_##R##x##T( \
        const float *q, const float *k, int64_t padded, float scale, float *out, int64_t stride) { \
        __m256 sum[R][T]; \
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int t = 0; t < T; t++) sum[r][t] = _mm256_setzero_ps(); \
        for (int64_t j = 0; j < padded; j += LANES) { \
            __m256 key[T]; \
            UNROLL for (int t = 0; t < T; t++) key[t] = _mm256_loadu_ps(k + t * padded + j); \
            UNROLL for (int r = 0; r < R; r++) { \
                const __m256 query = _mm256_loadu_ps(q + r * padded + j); \
                UNROLL for (int t = 0; t < T; t++) sum[r][t] = _mm256_fmadd_ps(query, key[t], sum[r][t]); \
            } \
        } \
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int t = 0; t < T; t++) \
            out[r * stride + t] = sum8((f8)sum[r][t]) * scale; \
    }
SCORE_TILE(4, 3)
SCORE_TILE(4, 1)
SCORE_TILE(1, 8)
SCORE_TILE(1, 1)

/// Scores of all rows against the tokens of one strip, whose keys stay in the first-level cache.
INLINE void score_strip(
    const float *queries, int64_t rows, const float *keys, int64_t tokens, int64_t padded, float scale, float *out,
    int64_t stride) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *q = queries + r * padded;
        float *to = out + r * stride;
        int64_t t = 0;
        for (; t + 3 <= tokens; t += 3) score_tile_4x3(q, keys + t * padded, padded, scale, to + t, stride);
        for (; t < tokens; t++) score_tile_4x1(q, keys + t * padded, padded, scale, to + t, stride);
    }
    for (; r < rows; r++) {
        const float *q = queries + r * padded;
        float *to = out + r * stride;
        int64_t t = 0;
        for (; t + 8 <= tokens; t += 8) score_tile_1x8(q, keys + t * padded, padded, scale, to + t, stride);
        for (; t < tokens; t++) score_tile_1x1(q, keys + t * padded, padded, scale, to + t, stride);
    }
}

static void scores(
    const float *queries, int64_t rows, const float *keys, int64_t tokens, int64_t padded, float scale, float *scores,
    int64_t scoreStride) {
    const int64_t strip = 24;
    for (int64_t t = 0; t < tokens; t += strip) {
        const int64_t some = tokens - t < strip ? tokens - t : strip;
        score_strip(queries, rows, keys + t * padded, some, padded, scale, scores + t, scoreStride);
    }
}

static float row_maximum(const float *scores, int64_t count, float start) {
    __m256 best = _mm256_set1_ps(start);
    int64_t t = 0;
    // The operand order makes max return the old value when the new one is NaN.
    for (; t + LANES <= count; t += LANES) best = _mm256_max_ps(_mm256_loadu_ps(scores + t), best);
    float lanes[LANES], result = start;
    _mm256_storeu_ps(lanes, best);
    for (int l = 0; l < LANES; l++) result = lanes[l] > result ? lanes[l] : result;
    for (; t < count; t++) result = scores[t] > result ? scores[t] : result;
    return result;
}

static float row_exponentials(
    float *scores, int64_t count, float shift, float weight, int narrow, int sumRounded) {
    const __m256 by = _mm256_set1_ps(shift), times = _mm256_set1_ps(weight);
    __m256 sum = _mm256_setzero_ps();
    for (int64_t t = 0; t < count; t += LANES) {
        const __m256i mask = first_lanes(count - t < LANES ? count - t : LANES);
        const __m256 e = (__m256)exp8((f8)_mm256_sub_ps(_mm256_maskload_ps(scores + t, mask), by));
        __m256 p = _mm256_mul_ps(e, times);
        if (narrow) p = (__m256)narrow_away8((f8)p);
        _mm256_maskstore_ps(scores + t, mask, p);
        sum = _mm256_add_ps(sum, _mm256_and_ps(sumRounded ? p : e, _mm256_castsi256_ps(mask)));
    }
    return sum8((f8)sum);
}

/// Adds R rows x C vectors of columns over all tokens, R * C chains in registers.
#define VALUE_TILE(R, C) \
    INLINE void value_tile_##R##x##C( \
        const float *w, int64_t ws, const float *v, int64_t vs, int64_t tokens, float *out, int64_t os) { \
        __m256 sum[R][C]; \
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int c = 0; c < C; c++) sum[r][c] = _mm256_setzero_ps(); \
        for (int64_t t = 0; t < tokens; t++) { \
            __m256 value[C]; \
            UNROLL for (int c = 0; c < C; c++) value[c] = _mm256_loadu_ps(v + t * vs + c * LANES); \
            UNROLL for (int r = 0; r < R; r++) { \
                const __m256 weight = _mm256_broadcast_ss(w + r * ws + t); \
                UNROLL for (int c = 0; c < C; c++) sum[r][c] = _mm256_fmadd_ps(weight, value[c], sum[r][c]); \
            } \
        } \
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int c = 0; c < C; c++) { \
            float *to = out + r * os + c * LANES; \
            _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), sum[r][c])); \
        } \
    }
VALUE_TILE(6, 2)
VALUE_TILE(6, 1)
VALUE_TILE(2, 4)
VALUE_TILE(2, 1)
VALUE_TILE(1, 8)
VALUE_TILE(1, 1)

static void accumulate_values(
    const float *weights, int64_t weightStride, int64_t rows, const float *values, int64_t valueStride, int64_t tokens,
    int64_t padded, float *out, int64_t outStride) {
    const int64_t inSixes = rows - rows % 6, inTwos = rows - rows % 2;
    // Column strips are outermost, so that the values of a strip are read from the cache by all rows.
    for (int64_t d = 0; inSixes > 0 && d < padded;) {
        const int wide = d + 2 * LANES <= padded;
        for (int64_t r = 0; r < inSixes; r += 6) {
            const float *w = weights + r * weightStride;
            float *to = out + r * outStride + d;
            if (wide) value_tile_6x2(w, weightStride, values + d, valueStride, tokens, to, outStride);
            else value_tile_6x1(w, weightStride, values + d, valueStride, tokens, to, outStride);
        }
        d += wide ? 2 * LANES : LANES;
    }
    for (int64_t r = inSixes; r < inTwos; r += 2) {
        const float *w = weights + r * weightStride, *v = values;
        float *to = out + r * outStride;
        int64_t d = 0;
        for (; d + 4 * LANES <= padded; d += 4 * LANES)
            value_tile_2x4(w, weightStride, v + d, valueStride, tokens, to + d, outStride);
        for (; d < padded; d += LANES)
            value_tile_2x1(w, weightStride, v + d, valueStride, tokens, to + d, outStride);
    }
    for (int64_t r = inTwos; r < rows; r++) {
        const float *w = weights + r * weightStride;
        float *to = out + r * outStride;
        int64_t d = 0;
        for (; d + 8 * LANES <= padded; d += 8 * LANES)
            value_tile_1x8(w, weightStride, values + d, valueStride, tokens, to + d, outStride);
        for (; d < padded; d += LANES)
            value_tile_1x1(w, weightStride, values + d, valueStride, tokens, to + d, outStride);
    }
}

static void exponent_add(float *x, int64_t count, int32_t increment) {
    const __m256i by = _mm256_set1_epi32(increment);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        _mm256_storeu_ps(x + i, exponent_add_vector(_mm256_loadu_ps(x + i), by, increment > 0));
    for (; i < count; i++) x[i] = scalar_exponent_add(x[i], increment);
}

static void multiply(float *x, int64_t count, float factor) {
    const __m256 by = _mm256_set1_ps(factor);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), by));
    for (; i < count; i++) x[i] *= factor;
}

static void add_aligned(float *sum, const float *x, int64_t count, float factor, int32_t increment) {
    const __m256 times = _mm256_set1_ps(factor);
    const __m256i by = _mm256_set1_epi32(increment);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m256 product = _mm256_mul_ps(_mm256_loadu_ps(x + i), times);
        if (increment != 0) product = exponent_add_vector(product, by, increment > 0);
        _mm256_storeu_ps(sum + i, _mm256_add_ps(_mm256_loadu_ps(sum + i), product));
    }
    for (; i < count; i++) {
        const float product = x[i] * factor;
        sum[i] += increment == 0 ? product : scalar_exponent_add(product, increment);
    }
}

static void divide(const float *x, int64_t count, float divisor, float *out) {
    const __m256 by = _mm256_set1_ps(divisor);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) _mm256_storeu_ps(out + i, _mm256_div_ps(_mm256_loadu_ps(x + i), by));
    for (; i < count; i++) out[i] = x[i] / divisor;
}
