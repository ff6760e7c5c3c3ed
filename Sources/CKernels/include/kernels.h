// One table of kernels for each instruction set: the one way in which code is chosen for a processor.
//
// A table is bit-equal if it gives the same bits as the portable one for every input, and bounded if an instruction of its own rounding
// (a dot product of bfloat16 pairs) makes it differ; its results are then judged by error against the oracle, and are the same bits for every
// layout of dies on that table.
#pragma once

#include "attention.h"
#include "dense.h"
#include "reduce.h"
#include "rows.h"

/// The instruction sets there are tables for, worst first.
enum { SOFTPOD_SET_PORTABLE = 0, SOFTPOD_SET_AVX2 = 1, SOFTPOD_SET_COUNT = 2 };

typedef struct softpod_kernels {
    /// What SOFTPOD_KERNELS and `softpod info` call it.
    const char *name;
    /// 1 if bit-equal to the portable table, 0 if bounded.
    int bit_equal;
    softpod_dense_kernels dense;
    softpod_row_kernels rows;
    softpod_reduce_kernels reduce;
    softpod_attention_kernels attention;
} softpod_kernels;

/// The table of a set; null where this build or this processor has none.
const softpod_kernels *softpod_kernels_of(int set);
