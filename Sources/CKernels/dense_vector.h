#ifndef SOFTPOD_DENSE_VECTOR_H
#define SOFTPOD_DENSE_VECTOR_H

// Eight float lanes in the compiler's own vector extension. Each kernel body is written once with these and compiled
// twice: for AVX2 + FMA, and for the baseline of the target, where a fused multiply-add may become a call of fmaf. Both
// round every step alike, so the two agree in every bit.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dense.h"

// The vectors never cross a real function border (everything is inlined), so their calling convention is moot.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float f8 __attribute__((vector_size(32)));
typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i8x __attribute__((vector_size(32)));
typedef uint32_t u8x __attribute__((vector_size(32)));
typedef uint16_t h8 __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline))
#define UNPAREN(...) __VA_ARGS__

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define IS_AVX2(isa) ((isa) == SOFTPOD_ISA_AVX2)
#else
#define AVX2
#define IS_AVX2(isa) 0
#endif

/// Defines `softpod_<name>` from `<name>_body`: the same source compiled for both instruction sets.
#define TWINS(result, name, parameters, arguments)                                                                     \
    static result name##_portable parameters { return name##_body arguments; }                                         \
    AVX2 static result name##_avx2 parameters { return name##_body arguments; }                                        \
    result softpod_##name(int isa, UNPAREN parameters) {                                                               \
        return IS_AVX2(isa) ? name##_avx2 arguments : name##_portable arguments;                                       \
    }

INLINE f8 splat(float value) { return (f8){value, value, value, value, value, value, value, value}; }

INLINE f8 load8(const float *p) {
    f8 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/// The first `count` (< 8) lanes from memory, the others `fill`.
INLINE f8 load_part(const float *p, size_t count, float fill) {
    f8 v = splat(fill);
    memcpy(&v, p, count * sizeof(float));
    return v;
}

INLINE void store8(float *p, f8 v) { memcpy(p, &v, sizeof v); }
INLINE void store_part(float *p, f8 v, size_t count) { memcpy(p, &v, count * sizeof(float)); }

INLINE f8 widen8(h8 codes) { return (f8)(__builtin_convertvector(codes, u8x) << 16); }

/// Eight weights from element `index` on, as floats; exact for both kinds.
INLINE f8 load_weights(const void *w, int kind, size_t index) {
    if (kind == SOFTPOD_WEIGHT_F32) return load8((const float *)w + index);
    h8 codes;
    memcpy(&codes, (const uint16_t *)w + index, sizeof codes);
    return widen8(codes);
}

INLINE f8 load_weights_part(const void *w, int kind, size_t index, size_t count) {
    if (kind == SOFTPOD_WEIGHT_F32) return load_part((const float *)w + index, count, 0);
    h8 codes = {0};
    memcpy(&codes, (const uint16_t *)w + index, count * sizeof(uint16_t));
    return widen8(codes);
}

INLINE f8 fma8(f8 a, f8 b, f8 c) { return __builtin_elementwise_fma(a, b, c); }

/// ((v0+v4)+(v2+v6)) + ((v1+v5)+(v3+v7)).
INLINE float sum8(f8 v) {
    f4 a = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
    return (a[0] + a[2]) + (a[1] + a[3]);
}

INLINE f8 select8(i8x mask, f8 yes, f8 no) { return (f8)((mask & (i8x)yes) | (~mask & (i8x)no)); }
INLINE f8 max8(f8 a, f8 b) { return select8(a > b, a, b); }
INLINE f8 abs8(f8 a) { return (f8)((u8x)a & 0x7FFFFFFFu); }

/// The nearest integer, halves to even, for |v| < 2^22: adding 1.5 * 2^23 leaves no fraction bits.
INLINE f8 round8(f8 v) { return (v + splat(12582912.0f)) - splat(12582912.0f); }

/// e^x after Cephes' expf: e^x = 2^n e^r with |r| <= ln2 / 2, and 2^n in two factors so that n = 128 does not overflow.
INLINE f8 exp8(f8 x) {
    f8 shifted = fma8(x, splat(1.44269504f), splat(12582912.0f));
    f8 n = shifted - splat(12582912.0f);
    f8 r = fma8(n, splat(-0.693359375f), x);
    r = fma8(n, splat(2.12194440e-4f), r);
    f8 p = splat(1.9875691500e-4f);
    p = fma8(p, r, splat(1.3981999507e-3f));
    p = fma8(p, r, splat(8.3334519073e-3f));
    p = fma8(p, r, splat(4.1665795894e-2f));
    p = fma8(p, r, splat(1.6666665459e-1f));
    p = fma8(p, r, splat(5.0000001201e-1f));
    f8 y = fma8(p, r * r, r) + splat(1);
    i8x power = (i8x)shifted - 0x4B400000;
    i8x half = power >> 1;
    y = y * (f8)((half + 127) << 23) * (f8)((power - half + 127) << 23);
    y = select8(x < splat(-87.3365478515625f), splat(0), y);
    y = select8(x > splat(88.7228393554687f), splat(__builtin_inff()), y);
    return select8(x != x, x, y);
}

INLINE f8 sigmoid8(f8 x) { return splat(1) / (splat(1) + exp8(-x)); }

/// The BF16 bits nearest to each lane in the low half of each lane, halves to even; NaN becomes a quiet NaN.
INLINE u8x narrow8(f8 v) {
    u8x bits = (u8x)v;
    u8x rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    u8x quiet = (bits >> 16) | 0x40;
    u8x nan = (u8x)(v != v);
    return (nan & quiet) | (~nan & rounded);
}

#endif
