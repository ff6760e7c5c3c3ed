// Latent attention in plain C: what defines every result. Slow where fmaf is a call; right everywhere.
#pragma once

#include "include/attention.h"
#include "numeric.h"

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
        for (int64_t j = 0; j < width; j++) to[j] = from_bfloat16(row[j]);
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
