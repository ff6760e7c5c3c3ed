// Norms, activations, softmax.
#pragma once

#include "vector.h"

static void rms_norm(
    const float *x, size_t x_stride, const float *weight, float epsilon, float *y, size_t y_stride, size_t rows,
    size_t width) {
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        f8 squares = splat(0);
        size_t i = 0;
        for (; i + 8 <= width; i += 8) squares = fma8(load8(x + i), load8(x + i), squares);
        if (i < width) {
            f8 rest = load_part(x + i, width - i, 0);
            squares = fma8(rest, rest, squares);
        }
        float factor = 1.0f / __builtin_sqrtf(sum8(squares) / (float)width + epsilon);
        for (i = 0; i < width; i++) y[i] = (x[i] * factor) * weight[i];
    }
}

#define MAP8(expression, tail)                                                                                         \
    size_t i = 0;                                                                                                      \
    for (; i + 8 <= count; i += 8) store8(y + i, expression);                                                          \
    if (i < count) store_part(y + i, tail, count - i)

static void exp_rows(const float *x, float *y, size_t count) {
    MAP8(exp8(load8(x + i)), exp8(load_part(x + i, count - i, 0)));
}
static void sigmoid(const float *x, float *y, size_t count) {
    MAP8(sigmoid8(load8(x + i)), sigmoid8(load_part(x + i, count - i, 0)));
}
INLINE f8 swiglu8(f8 gate, f8 up) { return gate / (splat(1) + exp8(-gate)) * up; }
static void swiglu(const float *gate, const float *up, float *y, size_t count) {
    MAP8(
        swiglu8(load8(gate + i), load8(up + i)),
        swiglu8(load_part(gate + i, count - i, 0), load_part(up + i, count - i, 0)));
}
static float softmax(float *x, float scale, size_t count, float *sum) {
    const float low = -__builtin_inff();
    f8 top = splat(low);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        f8 v = load8(x + i) * splat(scale);
        store8(x + i, v);
        top = max8(v, top);
    }
    if (i < count) {
        f8 v = load_part(x + i, count - i, 0) * splat(scale);
        store_part(x + i, v, count - i);
        top = max8(load_part(x + i, count - i, low), top);
    }
    float maximum = top[0];
    for (int lane = 1; lane < 8; lane++) maximum = top[lane] > maximum ? top[lane] : maximum;
    f8 total = splat(0);
    for (i = 0; i + 8 <= count; i += 8) {
        f8 v = exp8(load8(x + i) - splat(maximum));
        store8(x + i, v);
        total += v;
    }
    if (i < count) {
        f8 v = exp8(load_part(x + i, count - i, low) - splat(maximum));
        store_part(x + i, v, count - i);
        total += v;
    }
    *sum = sum8(total);
    for (i = 0; i < count; i++) x[i] = x[i] / *sum;
    return maximum;
}
static void add_scaled(const float *x, float factor, float *y, size_t count) {
    MAP8(
        fma8(load8(x + i), splat(factor), load8(y + i)),
        fma8(load_part(x + i, count - i, 0), splat(factor), load_part(y + i, count - i, 0)));
}

static void int8_residual(
    const float *x, size_t x_stride, const int8_t *codes, const float *scales, float *y, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++, x += x_stride, codes += width, y += width)
        for (size_t i = 0; i < width; i++) y[i] = __builtin_fmaf(-(float)codes[i], scales[r], x[i]);
}

static void round_bfloat16(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = narrow_even(x[i]);
}
