// Products of rows and float matrices.
#pragma once

#include "vector.h"

// A tile is R rows by O outputs, all accumulators in registers; R and O are constants at every call, so the loops over
// them vanish. A result's own chain of operations is the same in every tile.

INLINE void rows_tile(
    const int R, const int O, const int kind, const void *w, size_t first, size_t w_stride, const float *x,
    size_t x_stride, float *y, size_t y_stride, size_t inputs) {
    f8 sum[4][8];
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (int o = 0; o < O; o++) sum[r][o] = splat(0);
    size_t k = 0;
    for (; k + 8 <= inputs; k += 8) {
        f8 weight[8];
#pragma clang loop unroll(full)
        for (int o = 0; o < O; o++) weight[o] = load_weights(w, kind, first + (size_t)o * w_stride + k);
#pragma clang loop unroll(full)
        for (int r = 0; r < R; r++) {
            f8 value = load8(x + (size_t)r * x_stride + k);
#pragma clang loop unroll(full)
            for (int o = 0; o < O; o++) sum[r][o] = fma8(value, weight[o], sum[r][o]);
        }
    }
    if (k < inputs) {
#pragma clang loop unroll(full)
        for (int r = 0; r < R; r++) {
            f8 value = load_part(x + (size_t)r * x_stride + k, inputs - k, 0);
#pragma clang loop unroll(full)
            for (int o = 0; o < O; o++) {
                f8 weight = load_weights_part(w, kind, first + (size_t)o * w_stride + k, inputs - k);
                sum[r][o] = fma8(value, weight, sum[r][o]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (int o = 0; o < O; o++) y[(size_t)r * y_stride + (size_t)o] = sum8(sum[r][o]);
}

#define ROWS_PASS(R, O)                                                                                                \
    for (; o + (O) <= outputs; o += (O))                                                                               \
    rows_tile(R, O, kind, w, o * w_stride, w_stride, x, x_stride, y + o, y_stride, inputs)

/// All outputs for R rows.
INLINE void rows_strip(
    const int R, const int kind, const void *w, size_t w_stride, const float *x, size_t x_stride, float *y,
    size_t y_stride, size_t outputs, size_t inputs) {
    size_t o = 0;
    if (R == 1) ROWS_PASS(1, 8);
    if (R == 2) ROWS_PASS(2, 4);
    if (R == 3) ROWS_PASS(3, 3);
    if (R == 4) ROWS_PASS(4, 3);
    ROWS_PASS(R, 1);
}

INLINE void gemm_rows_kind(
    const int kind, const void *w, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride,
    size_t rows, size_t outputs, size_t inputs) {
    size_t size = kind == SOFTPOD_WEIGHT_F32 ? 4 : 2;
    // Blocks of outputs keep their weights in the second-level cache while all rows pass over them.
    size_t block = inputs ? (size_t)(128 * 1024) / (inputs * size) / 24 * 24 : outputs;
    if (block < 24) block = 24;
    for (size_t from = 0; from < outputs; from += block) {
        size_t count = outputs - from < block ? outputs - from : block;
        const void *part = (const char *)w + from * w_stride * size;
        size_t r = 0;
        for (; r + 4 <= rows; r += 4)
            rows_strip(4, kind, part, w_stride, x + r * x_stride, x_stride, y + r * y_stride + from, y_stride, count, inputs);
        const float *xr = x + r * x_stride;
        float *yr = y + r * y_stride + from;
        if (rows - r == 3) rows_strip(3, kind, part, w_stride, xr, x_stride, yr, y_stride, count, inputs);
        if (rows - r == 2) rows_strip(2, kind, part, w_stride, xr, x_stride, yr, y_stride, count, inputs);
        if (rows - r == 1) rows_strip(1, kind, part, w_stride, xr, x_stride, yr, y_stride, count, inputs);
    }
}

static void gemm_rows(
    const void *w, int kind, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows,
    size_t outputs, size_t inputs) {
    if (kind == SOFTPOD_WEIGHT_F32)
        gemm_rows_kind(SOFTPOD_WEIGHT_F32, w, w_stride, x, x_stride, y, y_stride, rows, outputs, inputs);
    else
        gemm_rows_kind(SOFTPOD_WEIGHT_BF16, w, w_stride, x, x_stride, y, y_stride, rows, outputs, inputs);
}

/// R rows by C vectors of eight outputs; `part` (1...8) is how many outputs the last vector really has.
INLINE void columns_tile(
    const int R, const int C, const int whole, const int kind, const void *w, size_t first, size_t w_stride,
    const float *x, size_t x_stride, float *y, size_t y_stride, size_t inputs, size_t part) {
    f8 sum[4][8];
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (int c = 0; c < C; c++) sum[r][c] = splat(0);
    for (size_t k = 0; k < inputs; k++) {
        f8 weight[8];
#pragma clang loop unroll(full)
        for (int c = 0; c < C; c++) {
            size_t at = first + k * w_stride + (size_t)c * 8;
            weight[c] = whole ? load_weights(w, kind, at) : load_weights_part(w, kind, at, part);
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < R; r++) {
            f8 value = splat(x[(size_t)r * x_stride + k]);
#pragma clang loop unroll(full)
            for (int c = 0; c < C; c++) sum[r][c] = fma8(value, weight[c], sum[r][c]);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (int c = 0; c < C; c++)
            store_part(y + (size_t)r * y_stride + (size_t)c * 8, sum[r][c], whole ? 8 : part);
}

#define COLUMNS_PASS(R, C)                                                                                             \
    for (; o + 8 * (C) <= outputs; o += 8 * (C))                                                                       \
    columns_tile(R, C, 1, kind, w, o, w_stride, x, x_stride, y + o, y_stride, inputs, 8)

INLINE void columns_strip(
    const int R, const int kind, const void *w, size_t w_stride, const float *x, size_t x_stride, float *y,
    size_t y_stride, size_t outputs, size_t inputs) {
    size_t o = 0;
    if (R == 1) COLUMNS_PASS(1, 8);
    if (R == 2) COLUMNS_PASS(2, 4);
    if (R == 3) COLUMNS_PASS(3, 2);
    if (R == 4) COLUMNS_PASS(4, 2);
    COLUMNS_PASS(R, 1);
    if (o < outputs)
        columns_tile(R, 1, 0, kind, w, o, w_stride, x, x_stride, y + o, y_stride, inputs, outputs - o);
}

INLINE void gemm_columns_kind(
    const int kind, const void *w, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride,
    size_t rows, size_t outputs, size_t inputs) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4)
        columns_strip(4, kind, w, w_stride, x + r * x_stride, x_stride, y + r * y_stride, y_stride, outputs, inputs);
    const float *xr = x + r * x_stride;
    float *yr = y + r * y_stride;
    if (rows - r == 3) columns_strip(3, kind, w, w_stride, xr, x_stride, yr, y_stride, outputs, inputs);
    if (rows - r == 2) columns_strip(2, kind, w, w_stride, xr, x_stride, yr, y_stride, outputs, inputs);
    if (rows - r == 1) columns_strip(1, kind, w, w_stride, xr, x_stride, yr, y_stride, outputs, inputs);
}

static void gemm_columns(
    const void *w, int kind, size_t w_stride, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows,
    size_t outputs, size_t inputs) {
    if (kind == SOFTPOD_WEIGHT_F32)
        gemm_columns_kind(SOFTPOD_WEIGHT_F32, w, w_stride, x, x_stride, y, y_stride, rows, outputs, inputs);
    else
        gemm_columns_kind(SOFTPOD_WEIGHT_BF16, w, w_stride, x, x_stride, y, y_stride, rows, outputs, inputs);
}

