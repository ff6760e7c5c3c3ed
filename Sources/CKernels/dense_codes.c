#include "dense_vector.h"

/// The largest magnitude, or NaN if there is one.
INLINE float magnitude(const float *x, size_t count) {
    f8 top = splat(0), poison = splat(0);
    size_t i = 0;
    for (; i < count; i += 8) {
        f8 v = count - i >= 8 ? load8(x + i) : load_part(x + i, count - i, 0);
        top = max8(abs8(v), top);
        poison += v * splat(0);  // 0 for finite values, NaN for NaN and infinities
    }
    float maximum = 0;
    for (int lane = 0; lane < 8; lane++) maximum = top[lane] > maximum ? top[lane] : maximum;
    return maximum + sum8(poison);
}

INLINE void quantise_int8_body(
    const float *x, size_t x_stride, int8_t *codes, size_t codes_stride, float *scales, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++, x += x_stride, codes += codes_stride) {
        float scale = magnitude(x, width) / 127.0f;
        scales[r] = scale;
        // A row that cannot be scaled (all zero, too small to invert, or not finite) has zero codes; the scale tells which.
        int usable = scale >= 1e-37f && scale <= 3e38f;
        f8 divisor = splat(scale);
        for (size_t i = 0; i < width; i += 8) {
            size_t count = width - i < 8 ? width - i : 8;
            f8 v = count == 8 ? load8(x + i) : load_part(x + i, count, 0);
            v = usable ? round8(v / divisor) : splat(0);
            for (size_t lane = 0; lane < count; lane++) codes[i + lane] = (int8_t)v[lane];
        }
    }
}

TWINS(
    void, quantise_int8,
    (const float *x, size_t x_stride, int8_t *codes, size_t codes_stride, float *scales, size_t rows, size_t width),
    (x, x_stride, codes, codes_stride, scales, rows, width))

INLINE void int8_residual_body(
    const float *x, size_t x_stride, const int8_t *codes, const float *scales, float *y, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++, x += x_stride, codes += width, y += width)
        for (size_t i = 0; i < width; i++) y[i] = __builtin_fmaf(-(float)codes[i], scales[r], x[i]);
}

TWINS(
    void, int8_residual,
    (const float *x, size_t x_stride, const int8_t *codes, const float *scales, float *y, size_t rows, size_t width),
    (x, x_stride, codes, scales, y, rows, width))

INLINE void narrow_bf16_body(const float *x, uint16_t *codes, size_t count) {
    for (size_t i = 0; i < count; i += 8) {
        size_t part = count - i < 8 ? count - i : 8;
        h8 v = __builtin_convertvector(narrow8(part == 8 ? load8(x + i) : load_part(x + i, part, 0)), h8);
        memcpy(codes + i, &v, part * sizeof(uint16_t));
    }
}
TWINS(void, narrow_bf16, (const float *x, uint16_t *codes, size_t count), (x, codes, count))

INLINE void widen_bf16_body(const uint16_t *codes, float *y, size_t count) {
    for (size_t i = 0; i < count; i += 8) {
        size_t part = count - i < 8 ? count - i : 8;
        h8 v = {0};
        memcpy(&v, codes + i, part * sizeof(uint16_t));
        store_part(y + i, widen8(v), part);
    }
}
TWINS(void, widen_bf16, (const uint16_t *codes, float *y, size_t count), (codes, y, count))

INLINE void round_bf16_body(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i += 8) {
        size_t part = count - i < 8 ? count - i : 8;
        f8 v = part == 8 ? load8(x + i) : load_part(x + i, part, 0);
        store_part(y + i, (f8)(narrow8(v) << 16), part);
    }
}
TWINS(void, round_bf16, (const float *x, float *y, size_t count), (x, y, count))
