// Eight float lanes in the compiler's own vector extension, with the rules of `numeric.h`. Kernel bodies are written once with these and compiled
// for each table, where a fused multiply-add may become a call of fmaf. All round every step alike, so they agree in every bit.
#pragma once

#include "include/dense.h"
#include "numeric.h"

// The vectors never cross a real function border (everything is inlined), so their calling convention is moot.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float f8 __attribute__((vector_size(32)));
typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i8x __attribute__((vector_size(32)));
typedef uint32_t u8x __attribute__((vector_size(32)));
typedef uint16_t h8 __attribute__((vector_size(16)));

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

/// The nearest integer, halves to even, for |v| < 2^22.
INLINE f8 round8(f8 v) { return (v + splat(ROUND_MAGIC)) - splat(ROUND_MAGIC); }

/// scalar_exp() on eight lanes. Lanes out of range compute something that is not used.
DEFINE_EXP(exp_in_range8, f8, i8x, splat, (i8x), (f8))
INLINE f8 exp8(f8 x) {
    f8 y = select8(x < splat(EXP_LOW), splat(0), exp_in_range8(x));
    y = select8(x > splat(EXP_HIGH), splat(INFINITY), y);
    return select8(x != x, x, y);
}

INLINE f8 sigmoid8(f8 x) { return splat(1) / (splat(1) + exp8(-x)); }

/// narrow_even() and narrow_away() on eight lanes.
INLINE f8 narrow_even8(f8 v) { return (f8)CUT_BITS((u8x)v, EVEN_BIAS((u8x)v), (u8x)(v != v)); }
INLINE f8 narrow_away8(f8 v) { return (f8)CUT_BITS((u8x)v, AWAY_BIAS, (u8x)(v != v)); }
