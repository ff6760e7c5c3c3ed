// The table that defines every result, in plain C. It is slow where fmaf is a call; it is right everywhere.
#include "attention.h"
#include "attention_scalar.h"

#include <stddef.h>

#define LANES SOFTPOD_ATTENTION_LANES

static void gather_float32(
    const float *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, int narrow, float *out) {
    for (int64_t i = 0; i < count; i++) {
        const float *row = base + (int64_t)rows[i] * width;
        float *to = out + i * padded;
        for (int64_t j = 0; j < width; j++) to[j] = narrow ? narrow_even(row[j]) : row[j];
        for (int64_t j = width; j < padded; j++) to[j] = 0.0f;
    }
}

static void gather_bfloat16(
    const uint16_t *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, float *out) {
    for (int64_t i = 0; i < count; i++) {
        const uint16_t *row = base + (int64_t)rows[i] * width;
        float *to = out + i * padded;
        for (int64_t j = 0; j < width; j++) to[j] = float_of((uint32_t)row[j] << 16);
        for (int64_t j = width; j < padded; j++) to[j] = 0.0f;
    }
}

static void scores(
    const float *queries, int64_t rows, const float *keys, int64_t tokens, int64_t padded, float scale,
    float *scores, int64_t scoreStride) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t t = 0; t < tokens; t++) {
            const float *q = queries + r * padded, *k = keys + t * padded;
            float lanes[LANES] = {0};
            for (int64_t j = 0; j < padded; j += LANES)
                for (int l = 0; l < LANES; l++) lanes[l] = fmaf(q[j + l], k[j + l], lanes[l]);
            scores[r * scoreStride + t] = sum_lanes(lanes) * scale;
        }
    }
}

static float row_maximum(const float *scores, int64_t count, float start) {
    float best = start;
    for (int64_t t = 0; t < count; t++) best = scores[t] > best ? scores[t] : best;
    return best;
}

static float row_exponentials(float *scores, int64_t count, float shift, float weight, int narrow, int sumRounded) {
    float lanes[LANES] = {0};
    for (int64_t t = 0; t < count; t++) {
        const float e = scalar_exp(scores[t] - shift);
        float p = e * weight;
        if (narrow) p = narrow_away(p);
        scores[t] = p;
        lanes[t % LANES] += sumRounded ? p : e;
    }
    return sum_lanes(lanes);
}

static void accumulate_values(
    const float *weights, int64_t weightStride, int64_t rows, const float *values, int64_t valueStride, int64_t tokens,
    int64_t padded, float *out, int64_t outStride) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t d = 0; d < padded; d += LANES) {
            float sum[LANES] = {0};
            for (int64_t t = 0; t < tokens; t++) {
                const float w = weights[r * weightStride + t], *v = values + t * valueStride + d;
                for (int l = 0; l < LANES; l++) sum[l] = fmaf(w, v[l], sum[l]);
            }
            for (int l = 0; l < LANES; l++) out[r * outStride + d + l] += sum[l];
        }
    }
}

static void exponent_add(float *x, int64_t count, int32_t increment) {
    for (int64_t i = 0; i < count; i++) x[i] = scalar_exponent_add(x[i], increment);
}

static void multiply(float *x, int64_t count, float factor) {
    for (int64_t i = 0; i < count; i++) x[i] *= factor;
}

static void add_aligned(float *sum, const float *x, int64_t count, float factor, int32_t increment) {
    for (int64_t i = 0; i < count; i++) {
        const float product = x[i] * factor;
        sum[i] += increment == 0 ? product : scalar_exponent_add(product, increment);
    }
}

static void divide(const float *x, int64_t count, float divisor, float *out) {
    for (int64_t i = 0; i < count; i++) out[i] = x[i] / divisor;
}

const softpod_attention_table *softpod_attention_portable(void) {
    static const softpod_attention_table table = {
        .name = "portable",
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
    return &table;
}

const softpod_attention_table *softpod_attention_best(void) {
    const softpod_attention_table *fast = softpod_attention_avx2();
    return fast != NULL ? fast : softpod_attention_portable();
}

float softpod_attention_exp(float x) { return scalar_exp(x); }

float softpod_attention_exponent_add(float x, int32_t increment) { return scalar_exponent_add(x, increment); }

// log x = e ln 2 + log f, f in [sqrt(1/2), sqrt 2), log f = 2 atanh z, z = (f - 1) / (f + 1), |z| <= 0.172: the series
// through z^17 leaves an error under 2e-15, far below half an ulp of a float.
float softpod_attention_log(float x) {
    if (x != x || x < 0.0f) return NAN;
    if (x == 0.0f) return -INFINITY;
    if (x == INFINITY) return x;
    int exponent;
    double f = frexp((double)x, &exponent);
    if (f < 0.70710678118654752) {
        f *= 2.0;
        exponent -= 1;
    }
    const double z = (f - 1.0) / (f + 1.0), z2 = z * z;
    double series = 0.0;
    for (int k = 17; k >= 1; k -= 2) series = series * z2 + 1.0 / k;
    return (float)(exponent * 0.69314718055994530942 + 2.0 * z * series);
}
