#ifndef SOFTPOD_DENSE_H
#define SOFTPOD_DENSE_H

// Dense micro-kernels: matrix times rows, norms, activations, rotations, softmax, quantisation.
//
// Every function takes `isa` first (SOFTPOD_ISA_*). Both instruction sets run the same lane structure, so they give the
// same bits, and one row's result does not depend on how many rows a call has. Matrices are row-major; a "stride" counts
// elements from one row to the next. Callers have checked every bound.

#include <stddef.h>
#include <stdint.h>

enum { SOFTPOD_ISA_PORTABLE = 0, SOFTPOD_ISA_AVX2 = 1 };
enum { SOFTPOD_WEIGHT_BF16 = 0, SOFTPOD_WEIGHT_F32 = 1 };

/// y[r][o] = sum over k of x[r][k] w[o][k]: eight lanes (k mod 8) of fused multiply-adds in order of k, then a fixed tree.
void softpod_gemm_rows(
    int isa, const void *w, int kind, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride,
    size_t rows, size_t outputs, size_t inputs);

/// y[r][o] = sum over k of x[r][k] w[k][o]: one chain of fused multiply-adds in order of k for each output.
void softpod_gemm_columns(
    int isa, const void *w, int kind, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride,
    size_t rows, size_t outputs, size_t inputs);

/// y[r][o] = float(sum over k of x[r][k] w[o][k]) w_scale[o] x_scale[r]; the sum is an exact int32, so inputs <= 131072.
void softpod_gemm_int8(
    int isa, const int8_t *w, const float *w_scale, size_t w_stride, const int8_t *x, const float *x_scale,
    size_t x_stride, float *y, size_t y_stride, size_t rows, size_t outputs, size_t inputs);

/// y = x / sqrt(mean(x^2) + epsilon) * weight, for each row.
void softpod_rms_norm(
    int isa, const float *x, size_t x_stride, const float *weight, float epsilon, float *y, size_t y_stride, size_t rows,
    size_t width);

/// y[i] = e^x[i], within 1 ulp or so; below the smallest normal number the result is 0.
void softpod_exp(int isa, const float *x, float *y, size_t count);

/// y[i] = 1 / (1 + e^-x[i]).
void softpod_sigmoid(int isa, const float *x, float *y, size_t count);

/// y[i] = gate[i] sigmoid(gate[i]) up[i].
void softpod_swiglu(int isa, const float *gate, const float *up, float *y, size_t count);

/// x <- softmax(x * scale) in place; returns the maximum of x * scale, and the sum of exponentials through `sum`.
float softpod_softmax(int isa, float *x, float scale, size_t count, float *sum);

/// y[i] += x[i] * factor, as one fused multiply-add.
void softpod_add_scaled(int isa, const float *x, float factor, float *y, size_t count);

/// codes[r][i] = round_half_even(x[r][i] / scale[r]), scale[r] = max |x[r]| / 127. A row of zeros has scale 0.
void softpod_quantise_int8(
    int isa, const float *x, size_t x_stride, int8_t *codes, size_t codes_stride, float *scales, size_t rows,
    size_t width);

/// y[r][i] = x[r][i] - codes[r][i] scale[r], rounded once: what the codes leave out. `y` is packed like `codes`.
void softpod_int8_residual(
    int isa, const float *x, size_t x_stride, const int8_t *codes, const float *scales, float *y, size_t rows,
    size_t width);

/// codes[i] = the nearest BF16 value of x[i], halves to even; NaN stays NaN.
void softpod_narrow_bf16(int isa, const float *x, uint16_t *codes, size_t count);

/// y[i] = the value of the BF16 number codes[i]; exact.
void softpod_widen_bf16(int isa, const uint16_t *codes, float *y, size_t count);

/// y[i] = x[i] after a round trip through BF16.
void softpod_round_bf16(int isa, const float *x, float *y, size_t count);

#endif
