// What this processor can do, asked once. Kernels choose their code by these bits at run time, never at compile
// time, so that one binary runs on every machine and uses the best one has.
#pragma once

#include <stdint.h>

/// The abilities kernels ask for. A bit is set only if both the processor and the operating system support it.
enum softpod_cpu_feature {
    /// AVX2, FMA3 and F16C together: the 256-bit kernels need all three.
    SOFTPOD_CPU_AVX2 = 1u << 0,
    /// AVX-512 F, BW, VL and DQ together.
    SOFTPOD_CPU_AVX512 = 1u << 1,
    /// AVX-512 dot products of bfloat16 pairs; implies SOFTPOD_CPU_AVX512.
    SOFTPOD_CPU_AVX512_BF16 = 1u << 2,
    /// AVX-512 dot products of int8 quadruples; implies SOFTPOD_CPU_AVX512.
    SOFTPOD_CPU_AVX512_VNNI = 1u << 3,
    /// Advanced SIMD, on every arm64.
    SOFTPOD_CPU_NEON = 1u << 4,
    /// Carry-less multiplication in 512-bit registers; implies SOFTPOD_CPU_AVX512.
    SOFTPOD_CPU_VPCLMUL = 1u << 5,
};

/// The set of features above, as a bit mask. The first call asks the processor; later calls read the answer.
/// Safe from any thread: racing first calls store the same value.
uint32_t softpod_cpu_features(void);
