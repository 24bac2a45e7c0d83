#include "bounds.h"

#include <math.h>

// How many deviations a product may be off. What coarse codes are off is no part of the weights (the importer sees to it), so
// that the sum of a thousand is nearly normal: beyond seven less than once in 10^11, and only the largest product matters.
static const float deviations = 7;

// A row's weights are at most so many deviations in the mean square, which is what quantising x costs; the importer sees to
// it. And rounding to a byte costs a fine weight no more than this part of a deviation.
static const float weight_deviations = 4, fine_deviations = 0.1f;

static float value(const ck_activations *x, int is_float, size_t i) {
    return is_float ? x->values[i] : x->scale32[i / 32] * (float)x->codes[i];
}

// Quantises the values of columns order[0 ..< there], times their factors, with one scale; returns the sum of squares, and
// adds that of what is lost.
static float quantise(int8_t *codes, size_t count, size_t there, const ck_activations *x, int is_float,
                      const uint32_t *order, const float *factors, float *scale, int32_t *sum, float *lost) {
    float largest = 0, squares = 0;
    for (size_t i = 0; i < there; i++) {
        const float v = value(x, is_float, order[i]) * factors[order[i]];
        // Not fmaxf: a NaN must stay.
        largest = fabsf(v) <= largest ? largest : fabsf(v);
        squares += v * v;
    }
    *scale = largest / 127;
    *sum = 0;
    const float inverse = largest > 0 && isfinite(127 / largest) ? 127 / largest : 0;
    for (size_t i = 0; i < count; i++) {
        codes[i] = 0;
        if (i >= there) continue;
        const float v = value(x, is_float, order[i]) * factors[order[i]];
        const float code = isfinite(v) ? rintf(v * inverse) : 0;
        codes[i] = (int8_t)code;
        *sum += codes[i];
        const float rest = v - *scale * code;
        *lost += rest * rest;
    }
    return squares;
}

void ck_bounds_prepare(ck_bounds_input *out, const ck_bounds *w, const ck_activations *x, int is_float,
                       const uint32_t *order, const float *factors) {
    float lost = 0;
    const size_t fine = w->fine < x->n ? w->fine : x->n;
    const float fine_squares =
        quantise(out->codes, w->fine, fine, x, is_float, order, factors, &out->fine, &out->fine_sum, &lost);
    const float coarse_squares = quantise(out->codes + w->fine, w->coarse, x->n - fine, x, is_float, order + fine,
                                          factors, &out->coarse, &out->coarse_sum, &lost);
    out->spread = deviations * sqrtf(coarse_squares + weight_deviations * weight_deviations * lost +
                                     fine_deviations * fine_deviations * fine_squares);
}

size_t ck_keep_from(uint32_t *restrict mask, const float *restrict x, size_t n, float least) {
    size_t kept = 0;
    for (size_t word = 0; word < (n + 31) / 32; word++) {
        const float *const own = x + 32 * word;
        const size_t count = n - 32 * word < 32 ? n - 32 * word : 32;
        uint32_t bits = 0;
        int any = count < 32;
        // Most words keep nothing, which is found in vectors.
        for (size_t i = 0; i < 32 && count == 32; i++) any |= !(own[i] < least);
        for (size_t i = 0; i < count && any; i++) bits |= (uint32_t)!(own[i] < least) << i;
        mask[word] = bits;
        kept += (size_t)__builtin_popcount(bits);
    }
    return kept;
}
