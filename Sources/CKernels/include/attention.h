// The inner loops of latent attention: gather, scores, softmax row, values, rescale.
//
// The portable table defines every bit of every result: the others do the
// same operations on the same lanes in the same order, so a result never depends on the machine. The rules that make
// it so, and that a new table must keep (or say that it does not):
//
//   - A dot product runs over eight lanes: lane j takes the elements j, j+8, j+16 ... by fused multiply-add in ascending
//     order. Eight lanes are summed as ((0+4)+(2+6)) + ((1+5)+(3+7)).
//   - A value column is one chain of fused multiply-adds over the tokens in ascending order, then one addition to the
//     accumulator.
//   - A row of scores sums its exponentials over eight lanes, lane = token mod 8, with the tree above.
//   - exp is softpod_exp, the same polynomial everywhere.
//   - No result of a row depends on how many rows, heads or columns the call has.
//
// Rows may be strided; strides count elements. All pointers may be unaligned. Nothing here allocates or blocks.
#pragma once

#include <stdint.h>

/// The accumulator and score columns are handled in groups of this many floats; widths and strides marked "padded" are
/// multiples of it.
#define SOFTPOD_ATTENTION_LANES 8

typedef struct softpod_attention_kernels {
    /// Copies the rows numbered `rows[0..<count]` of a float cache, row = `width` floats at `base + row * width`, to
    /// `out + i * padded`, and sets the columns from `width` up to `padded` to zero. If `narrow`, values are rounded to
    /// bfloat16, halves to even.
    void (*gather_float32)(
        const float *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, int narrow, float *out);

    /// The same from a bfloat16 cache; widening is exact.
    void (*gather_bfloat16)(
        const uint16_t *base, const int32_t *rows, int64_t count, int64_t width, int64_t padded, float *out);

    /// scores[r * scoreStride + t] = scale * (queries[r] . keys[t]) for `rows` queries and `tokens` keys of `padded`
    /// columns each.
    void (*scores)(
        const float *queries, int64_t rows, const float *keys, int64_t tokens, int64_t padded, float scale,
        float *scores, int64_t scoreStride);

    /// The largest of `start` and the `count` scores; NaN never wins.
    float (*row_maximum)(const float *scores, int64_t count, float start);

    /// scores[t] <- round(exp(scores[t] - shift) * weight); returns the sum of the exponentials.
    /// `narrow` rounds the product to bfloat16, halves away from zero; without it `round` is the identity.
    /// `sumRounded` sums what was written instead of the unweighted exponentials.
    float (*row_exponentials)(
        float *scores, int64_t count, float shift, float weight, int narrow, int sumRounded);

    /// out[r * outStride + d] += sum over t of weights[r * weightStride + t] * values[t * valueStride + d], for `padded`
    /// columns d. `values` must have at least `padded` readable columns in every row.
    void (*accumulate_values)(
        const float *weights, int64_t weightStride, int64_t rows, const float *values, int64_t valueStride,
        int64_t tokens, int64_t padded, float *out, int64_t outStride);

    /// Adds `increment` to the bits of every element, guarded: see softpod_exponent_add.
    void (*exponent_add)(float *x, int64_t count, int32_t increment);

    /// x[i] <- x[i] * factor.
    void (*multiply)(float *x, int64_t count, float factor);

    /// sum[i] <- sum[i] + exponent_add(x[i] * factor, increment); an increment of 0 leaves the product as it is.
    void (*add_aligned)(float *sum, const float *x, int64_t count, float factor, int32_t increment);

    /// out[i] <- x[i] / divisor.
    void (*divide)(const float *x, int64_t count, float divisor, float *out);
} softpod_attention_kernels;

/// e^x for one value, by the rule of all kernels: within 1.5 ulp; under -87.3366 (the smallest normal number) the result is +0, over the
/// largest float it is +inf, NaN passes.
float softpod_exp(float x);

/// The natural logarithm of a positive normal float, correctly rounded but for rare halves (it is computed in double);
/// 0 gives -inf, +inf gives +inf, negative values and NaN give NaN.
float softpod_log(float x);

/// The guarded exponent add: the float whose bits are those of `x` plus `increment`, an integer N = n * 2^23 (+ a
/// small correction), which is x * 2^n. Where the result's exponent would be 0 or less, and for zeros and denormals,
/// the result is the zero of x's sign; where it would be above the range, the infinity; infinities and NaN pass.
float softpod_exponent_add(float x, int32_t increment);
