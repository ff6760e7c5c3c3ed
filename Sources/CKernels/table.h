// A table out of the bodies that were included before: each file of a table sets its instruction set, includes this, and is done.
#include "dense_body.h"
#include "gemm_body.h"
#include "gemm_int8_body.h"
#include "include/kernels.h"
#include "reduce_body.h"
#include "rows_body.h"
#if defined(SOFTPOD_TABLE_AVX2)
#include "attention_avx2.h"
#else
#include "attention_portable.h"
#endif

#define SOFTPOD_TABLE(NAME)                                                                                            \
    {                                                                                                                  \
        .name = (NAME), .bit_equal = 1,                                                                                \
        .dense = {gemm_rows, gemm_columns, gemm_int8, rms_norm, exp_rows, sigmoid, swiglu, softmax, add_scaled,        \
                  int8_residual, round_bfloat16},                                                                      \
        .rows = {row_to_bfloat16, row_from_bfloat16, row_to_int8, row_from_int8, row_weighted_sum},                    \
        .reduce = {reduce_load, reduce_accumulate, reduce_store},                                                      \
        .attention = {gather_float32, gather_bfloat16, scores, row_maximum, row_exponentials, accumulate_values,       \
                      exponent_add, multiply, add_aligned, divide},                                                    \
    }
