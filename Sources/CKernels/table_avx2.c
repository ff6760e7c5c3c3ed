// The table for AVX2 with fused multiply-add and half-precision conversion; on other architectures this file is empty.
typedef int softpod_table_avx2_is_not_empty;
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SOFTPOD_TABLE_AVX2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "table.h"
#pragma clang attribute pop

extern const softpod_kernels softpod_table_avx2;
const softpod_kernels softpod_table_avx2 = SOFTPOD_TABLE("avx2");
#endif
