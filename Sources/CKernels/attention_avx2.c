// The attention table for x86-64 with AVX2 and FMA: the same lanes and the same order as the portable table, with
// several rows and tokens in registers at once. A tile's shape changes speed, never bits: every lane is its own chain.
#include "attention.h"
#include "attention_scalar.h"
#include "cpu.h"

#include <stddef.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define LANES SOFTPOD_ATTENTION_LANES
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) static inline
#define UNROLL _Pragma("clang loop unroll(full)")

/// The sum of sum_lanes(), in registers.
AVX2_INLINE float sum_vector(__m256 v) {
    const __m128 a = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 b = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

/// All ones in the first `count` lanes (0...8).
AVX2_INLINE __m256i first_lanes(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// To bfloat16 and back with `bias` added before the cut; NaN stays NaN and is made quiet.
AVX2_INLINE __m256 cut_vector(__m256 x, __m256i bias) {
    const __m256i high = _mm256_set1_epi32((int)0xFFFF0000u), b = _mm256_castps_si256(x);
    const __m256i cut = _mm256_and_si256(_mm256_add_epi32(b, bias), high);
    const __m256i quiet = _mm256_or_si256(_mm256_and_si256(b, high), _mm256_set1_epi32(0x00400000));
    return _mm256_blendv_ps(_mm256_castsi256_ps(cut), _mm256_castsi256_ps(quiet), _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

AVX2_INLINE __m256 narrow_even_vector(__m256 x) {
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(_mm256_castps_si256(x), 16), _mm256_set1_epi32(1));
    return cut_vector(x, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
}

/// scalar_exp() on eight lanes.
AVX2_INLINE __m256 exp_vector(__m256 x) {
    const __m256 magic = _mm256_set1_ps(EXP_MAGIC);
    const __m256 shifted = _mm256_fmadd_ps(x, _mm256_set1_ps(EXP_LOG2E), magic);
    const __m256 k = _mm256_sub_ps(shifted, magic);
    __m256 r = _mm256_fmadd_ps(k, _mm256_set1_ps(-EXP_LN2_HIGH), x);
    r = _mm256_fmadd_ps(k, _mm256_set1_ps(-EXP_LN2_LOW), r);
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(EXP_C0), r, _mm256_set1_ps(EXP_C1));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C5));
    p = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), _mm256_set1_ps(1.0f));
    const __m256i from = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_castps_si256(magic));
    const __m256i scale = _mm256_slli_epi32(_mm256_add_epi32(from, _mm256_set1_epi32(126)), 23);
    p = _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(scale)), _mm256_set1_ps(2.0f));
    p = _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_set1_ps(EXP_LOW), _CMP_LT_OQ), p);
    p = _mm256_blendv_ps(p, _mm256_set1_ps(INFINITY), _mm256_cmp_ps(x, _mm256_set1_ps(EXP_HIGH), _CMP_GT_OQ));
    return _mm256_blendv_ps(p, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

/// scalar_exponent_add() on eight lanes. A magnitude is below 2^31: with an increment up to 0 the sum fits a signed
/// lane, with a rising one it fits an unsigned lane, and only then can it pass the infinity.
AVX2_INLINE __m256 exponent_add_vector(__m256 x, __m256i increment, int rising) {
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

AVX2 static void gather_float32(
    const float *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, int narrow, float *out) {
    for (int64_t i = 0; i < count; i++) {
        const float *row = base + (int64_t)rows[i] * width;
        float *to = out + i * padded;
        int64_t j = 0;
        for (; j + LANES <= width; j += LANES) {
            const __m256 x = _mm256_loadu_ps(row + j);
            _mm256_storeu_ps(to + j, narrow ? narrow_even_vector(x) : x);
        }
        for (; j < width; j++) to[j] = narrow ? narrow_even(row[j]) : row[j];
        for (; j < padded; j++) to[j] = 0.0f;
    }
}

AVX2 static void gather_bfloat16(
    const uint16_t *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, float *out) {
    for (int64_t i = 0; i < count; i++) {
        const uint16_t *row = base + (int64_t)rows[i] * width;
        float *to = out + i * padded;
        int64_t j = 0;
        for (; j + LANES <= width; j += LANES) {
            const __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(row + j)));
            _mm256_storeu_si256((__m256i *)(to + j), _mm256_slli_epi32(x, 16));
        }
        for (; j < width; j++) to[j] = float_of((uint32_t)row[j] << 16);
        for (; j < padded; j++) to[j] = 0.0f;
    }
}

/// Scores of R rows against T tokens, R * T chains in registers.
#define SCORE_TILE(R, T) \
    AVX2_INLINE void score_tile_##R##x##T( \
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
            out[r * stride + t] = sum_vector(sum[r][t]) * scale; \
    }
SCORE_TILE(4, 3)
SCORE_TILE(4, 1)
SCORE_TILE(1, 8)
SCORE_TILE(1, 1)

/// Scores of all rows against the tokens of one strip, whose keys stay in the first-level cache.
AVX2_INLINE void score_strip(
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

AVX2 static void scores(
    const float *queries, int64_t rows, const float *keys, int64_t tokens, int64_t padded, float scale, float *scores,
    int64_t scoreStride) {
    const int64_t strip = 24;
    for (int64_t t = 0; t < tokens; t += strip) {
        const int64_t some = tokens - t < strip ? tokens - t : strip;
        score_strip(queries, rows, keys + t * padded, some, padded, scale, scores + t, scoreStride);
    }
}

AVX2 static float row_maximum(const float *scores, int64_t count, float start) {
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

AVX2 static float row_exponentials(
    float *scores, int64_t count, float shift, float weight, int narrow, int sumRounded) {
    const __m256 by = _mm256_set1_ps(shift), times = _mm256_set1_ps(weight);
    __m256 sum = _mm256_setzero_ps();
    for (int64_t t = 0; t < count; t += LANES) {
        const __m256i mask = first_lanes(count - t < LANES ? count - t : LANES);
        const __m256 e = exp_vector(_mm256_sub_ps(_mm256_maskload_ps(scores + t, mask), by));
        __m256 p = _mm256_mul_ps(e, times);
        if (narrow) p = cut_vector(p, _mm256_set1_epi32(0x8000));
        _mm256_maskstore_ps(scores + t, mask, p);
        sum = _mm256_add_ps(sum, _mm256_and_ps(sumRounded ? p : e, _mm256_castsi256_ps(mask)));
    }
    return sum_vector(sum);
}

/// Adds R rows x C vectors of columns over all tokens, R * C chains in registers.
#define VALUE_TILE(R, C) \
    AVX2_INLINE void value_tile_##R##x##C( \
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

AVX2 static void accumulate_values(
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

AVX2 static void exponent_add(float *x, int64_t count, int32_t increment) {
    const __m256i by = _mm256_set1_epi32(increment);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        _mm256_storeu_ps(x + i, exponent_add_vector(_mm256_loadu_ps(x + i), by, increment > 0));
    for (; i < count; i++) x[i] = scalar_exponent_add(x[i], increment);
}

AVX2 static void multiply(float *x, int64_t count, float factor) {
    const __m256 by = _mm256_set1_ps(factor);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), by));
    for (; i < count; i++) x[i] *= factor;
}

AVX2 static void add_aligned(float *sum, const float *x, int64_t count, float factor, int32_t increment) {
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

AVX2 static void divide(const float *x, int64_t count, float divisor, float *out) {
    const __m256 by = _mm256_set1_ps(divisor);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) _mm256_storeu_ps(out + i, _mm256_div_ps(_mm256_loadu_ps(x + i), by));
    for (; i < count; i++) out[i] = x[i] / divisor;
}

const softpod_attention_table *softpod_attention_avx2(void) {
    static const softpod_attention_table table = {
        .name = "avx2",
        .gather_float32 = gather_float32,
        .gather_bfloat16 = gather_bfloat16,
        .scores = scores,
        .row_maximum = row_maximum,
        .row_exponentials = row_exponentials,
        .accumulate_values = accumulate_values,
        .exponent_add = exponent_add,
        .multiply = multiply,
        .add_aligned = add_aligned,
        .divide = divide,
    };
    return (softpod_cpu_features() & SOFTPOD_CPU_AVX2) ? &table : NULL;
}
#else
const softpod_attention_table *softpod_attention_avx2(void) { return NULL; }
#endif
