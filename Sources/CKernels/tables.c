// Which table a processor can run, and the rules for one number.
#include "cpu.h"
#include "kernels.h"
#include "numeric.h"

extern const softpod_kernels softpod_table_portable;

const softpod_kernels *softpod_kernels_of(int set) {
    if (set == SOFTPOD_SET_PORTABLE) return &softpod_table_portable;
#if defined(__x86_64__)
    extern const softpod_kernels softpod_table_avx2;
    if (set == SOFTPOD_SET_AVX2 && (softpod_cpu_features() & SOFTPOD_CPU_AVX2)) return &softpod_table_avx2;
#endif
    return NULL;
}

float softpod_exp(float x) { return scalar_exp(x); }

float softpod_exponent_add(float x, int32_t increment) { return scalar_exponent_add(x, increment); }

// log x = e ln 2 + log f, f in [sqrt(1/2), sqrt 2), log f = 2 atanh z, z = (f - 1) / (f + 1), |z| <= 0.172: the series
// through z^17 leaves an error under 2e-15, far below half an ulp of a float.
float softpod_log(float x) {
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
