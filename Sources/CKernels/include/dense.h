// Dense kernels: matrix times rows, norms, activations, softmax, quantisation.
//
// All tables run the same lane structure, so they give the same bits, and one row's result does not depend on how many rows a call has.
// Matrices are row-major; a "stride" counts elements from one row to the next. Callers have checked every bound.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SOFTPOD_WEIGHT_BF16 = 0, SOFTPOD_WEIGHT_F32 = 1 };

typedef struct softpod_dense_kernels {
    /// y[r][o] = sum over k of x[r][k] w[o][k]: eight lanes (k mod 8) of fused multiply-adds in order of k, then a fixed tree.
    void (*gemm_rows)(
        const void *w, int kind, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows,
        size_t outputs, size_t inputs);

    /// y[r][o] = sum over k of x[r][k] w[k][o]: one chain of fused multiply-adds in order of k for each output.
    void (*gemm_columns)(
        const void *w, int kind, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows,
        size_t outputs, size_t inputs);

    /// y[r][o] = float(sum over k of x[r][k] w[o][k]) w_scale[o] x_scale[r]; the sum is an exact int32, so inputs <= 131072.
    void (*gemm_int8)(
        const int8_t *w, const float *w_scale, size_t w_stride, const int8_t *x, const float *x_scale, size_t x_stride,
        float *y, size_t y_stride, size_t rows, size_t outputs, size_t inputs);

    /// y = x / sqrt(mean(x^2) + epsilon) * weight, for each row.
    void (*rms_norm)(
        const float *x, size_t x_stride, const float *weight, float epsilon, float *y, size_t y_stride, size_t rows,
        size_t width);

    /// y[i] = e^x[i], within 1 ulp or so; below the smallest normal number the result is 0.
    void (*exp)(const float *x, float *y, size_t count);

    /// y[i] = 1 / (1 + e^-x[i]).
    void (*sigmoid)(const float *x, float *y, size_t count);

    /// y[i] = gate[i] sigmoid(gate[i]) up[i].
    void (*swiglu)(const float *gate, const float *up, float *y, size_t count);

    /// x <- softmax(x * scale) in place; returns the maximum of x * scale, and the sum of exponentials through `sum`.
    float (*softmax)(float *x, float scale, size_t count, float *sum);

    /// y[i] += x[i] * factor, as one fused multiply-add.
    void (*add_scaled)(const float *x, float factor, float *y, size_t count);

    /// y[r][i] = x[r][i] - codes[r][i] scale[r], rounded once: what the codes leave out. `y` is packed like `codes`.
    void (*int8_residual)(
        const float *x, size_t x_stride, const int8_t *codes, const float *scales, float *y, size_t rows, size_t width);

    /// y[i] = x[i] after a round trip through bfloat16. `x` and `y` may be the same.
    void (*round_bfloat16)(const float *x, float *y, size_t count);
} softpod_dense_kernels;
