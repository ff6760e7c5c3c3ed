#include "cpu.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <cpuid.h>

/// The register-state bits the operating system saves (XCR0). Only asked where OSXSAVE is set.
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

static uint32_t detect(void) {
    const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    uint32_t a, b, c, d, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & osxsave) || !(c & avx)) return 0;
    const int hasFma = (c & fma) && (c & f16c);
    const uint64_t state = saved_state();
    if ((state & 0x6) != 0x6) return 0;  // XMM and YMM
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (hasFma && (b & (1u << 5))) features |= SOFTPOD_CPU_AVX2;
    const uint32_t f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    const uint32_t all = f | dq | bw | vl;
    if ((features & SOFTPOD_CPU_AVX2) && (b & all) == all && (state & 0xE6) == 0xE6) {  // and opmask, ZMM
        features |= SOFTPOD_CPU_AVX512;
        if (c & (1u << 10)) features |= SOFTPOD_CPU_VPCLMUL;
        if (c & (1u << 11)) features |= SOFTPOD_CPU_AVX512_VNNI;
        if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5))) features |= SOFTPOD_CPU_AVX512_BF16;
    }
    return features;
}
#elif defined(__aarch64__)
static uint32_t detect(void) { return SOFTPOD_CPU_NEON; }
#else
static uint32_t detect(void) { return 0; }
#endif

uint32_t softpod_cpu_features(void) {
    // The top bit says "asked". Relaxed is enough: the value is the whole message.
    static _Atomic uint32_t known;
    uint32_t value = atomic_load_explicit(&known, memory_order_relaxed);
    if (value == 0) {
        value = detect() | 0x80000000u;
        atomic_store_explicit(&known, value, memory_order_relaxed);
    }
    return value & 0x7FFFFFFFu;
}
