// The same loops for AVX2. On other architectures this file is empty and the portable code is vectorised as it is.
#if defined(__x86_64__)
#include <math.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define SUFFIX _avx2
#include "reduce_body.h"
#pragma clang attribute pop
#endif
typedef int softpod_reduce_avx2_is_not_empty;
