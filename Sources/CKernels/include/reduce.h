// Element-wise reductions: widen the first rank's elements, fold in the others' in rank order, narrow once.
// What they compute is defined in Tensors/Reduction.swift; the portable and the AVX2 code give the same bits, because no
// element meets another and contraction into fused multiply-adds is off.
#pragma once

#include <stddef.h>

// `type` is ElementType's raw value, `reduction` Reduction's; `count` is in elements. Accumulators are float for the 16-bit
// types, else of the type itself. Nothing overlaps. `avx2` may be 1 only where softpod_cpu_features has SOFTPOD_CPU_AVX2.

/// accumulators = widen(source)
void softpod_reduce_load(int avx2, int type, void *accumulators, const void *source, size_t count);
/// accumulators = accumulators (reduction) widen(source)
void softpod_reduce_accumulate(int avx2, int type, int reduction, void *accumulators, const void *source, size_t count);
/// destination = narrow(accumulators), NaNs made canonical
void softpod_reduce_store(int avx2, int type, void *destination, const void *accumulators, size_t count);
