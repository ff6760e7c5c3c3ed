// Element-wise reductions: widen the first rank's elements, fold in the others' in rank order, narrow once.
// What they compute is defined in Tensors/Reduction.swift; all tables give the same bits, because no element meets another and contraction
// into fused multiply-adds is off.
#pragma once

#include <stddef.h>

/// `type` is ElementType's raw value, `reduction` Reduction's; `count` is in elements. Accumulators are float for the 16-bit types, else of
/// the type itself. Nothing overlaps.
typedef struct softpod_reduce_kernels {
    /// accumulators = widen(source)
    void (*load)(int type, void *accumulators, const void *source, size_t count);
    /// accumulators = accumulators (reduction) widen(source)
    void (*accumulate)(int type, int reduction, void *accumulators, const void *source, size_t count);
    /// destination = narrow(accumulators), NaNs made canonical
    void (*store)(int type, void *destination, const void *accumulators, size_t count);
} softpod_reduce_kernels;
