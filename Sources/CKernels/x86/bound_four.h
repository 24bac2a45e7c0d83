// The end of four rows' bounds, for x86; included below the lanes of an instruction set.
#ifndef CK_BOUND_FOUR_H
#define CK_BOUND_FOUR_H

#include "../bounds.h"

// fine and coarse: the rows' sums of products of codes, offsets not yet subtracted: `fine_offset` and 1.5.
CK_INLINE __m128 bound_four(const ck_bounds *w, const ck_bounds_input *x, const uint8_t *const row[4], __m128i fine,
                            __m128i coarse, int fine_offset) {
    __m128 factors[4];
    for (int r = 0; r < 4; r++) {
        factors[r] = _mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)ck_bounds_factors(w, row[r])));
    }
    _MM_TRANSPOSE4_PS(factors[0], factors[1], factors[2], factors[3]);
    const __m128 coarse_net =
        _mm_sub_ps(_mm_cvtepi32_ps(coarse), _mm_set1_ps(1.5f * (float)x->coarse_sum));
    const __m128i fine_net = _mm_sub_epi32(fine, _mm_set1_epi32(fine_offset * x->fine_sum));
    const __m128 coarse_part = _mm_mul_ps(_mm_set1_ps(x->coarse), coarse_net);
    const __m128 fine_part = _mm_mul_ps(_mm_set1_ps(x->fine), _mm_cvtepi32_ps(fine_net));
    const __m128 product = _mm_fmadd_ps(factors[0], coarse_part, _mm_mul_ps(factors[1], fine_part));
    return _mm_fmadd_ps(factors[2], _mm_set1_ps(x->spread), product);
}

// Where four rows from r on lie; of those at and behind `end`, the first again.
CK_INLINE void four_rows(const uint8_t *row[4], const ck_bounds *w, size_t r, size_t end) {
    for (size_t i = 0; i < 4; i++) row[i] = ck_bounds_row(w, r + i < end ? r + i : r);
}

CK_INLINE void store_four(float *y, size_t count, __m128 bounds) {
    float all[4];
    _mm_storeu_ps(all, bounds);
    for (size_t i = 0; i < 4 && i < count; i++) y[i] = all[i];
}

#endif
