// Bounds of products from rough rows, four rows at a time.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "lanes.h"
#include "../x86/row_walk.h"
#include "../x86/bound_four.h"

// Sums of the lanes of four vectors.
CK_INLINE __m128i lane_sums(const __m512i v[4]) {
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    const __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Codes stay where they lie in their bytes, as multiples of 1, 4, 16 and 64, and each of these has a sum of its own: that
// saves the shifts. A sum of 2^14 products of 192 and 127 fits.
typedef struct {
    __m512i of[4];
} coarse_sums;

CK_INLINE void add_unit(coarse_sums *sums, __m512i bytes, const __m512i x[4]) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        const __m512i codes = _mm512_and_si512(bytes, _mm512_set1_epi8((char)(3 << (2 * k))));
        sums->of[k] = _mm512_dpbusd_epi32(sums->of[k], codes, x[k]);
    }
}

CK_INLINE __m512i coarse_sum(const coarse_sums *s) {
    const __m512i low = _mm512_add_epi32(s->of[0], _mm512_srai_epi32(s->of[1], 2));
    const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(s->of[2], 4), _mm512_srai_epi32(s->of[3], 6));
    return _mm512_add_epi32(low, high);
}

// Adds the unit of coarse codes that begins at column i, of which those lanes are `there`.
CK_INLINE void add_units(coarse_sums sums[4], const ck_bounds *w, const ck_bounds_input *x, const uint8_t *const row[4],
                         size_t i, size_t width, __mmask64 there) {
    const int8_t *codes = x->codes + w->fine + i;
    __m512i parts[4];
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; k++) parts[k] = _mm512_maskz_loadu_epi8(there, codes + k * width);
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) add_unit(&sums[r], _mm512_maskz_loadu_epi8(there, row[r] + w->fine + i / 4), parts);
}

void ck_avx512_rows_bound(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin, size_t end) {
    const __m512i zero = _mm512_setzero_si512(), sign = _mm512_set1_epi8((char)0x80);
    const size_t whole = w->coarse / CK_COARSE_UNIT * CK_COARSE_UNIT;
    for (size_t first = begin; first < end; first += 4) {
        const uint8_t *row[4];
        four_rows(row, w, first, end);
        prefetch_on(row[0], 4 * w->stride);
        __m512i fine[4] = {zero, zero, zero, zero}, coarse[4];
        coarse_sums sums[4];
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) sums[r] = (coarse_sums){{zero, zero, zero, zero}};
        for (size_t i = 0; i < w->fine; i += 64) {
            const __m512i codes = _mm512_loadu_si512(x->codes + i);
#pragma GCC unroll 4
            for (int r = 0; r < 4; r++) {
                // The instruction wants unsigned weights: 128 more than these are.
                const __m512i weights = _mm512_xor_si512(_mm512_loadu_si512(row[r] + i), sign);
                fine[r] = _mm512_dpbusd_epi32(fine[r], weights, codes);
            }
        }
        for (size_t i = 0; i < whole; i += CK_COARSE_UNIT) {
            add_units(sums, w, x, row, i, CK_COARSE_UNIT / 4, ~(__mmask64)0);
        }
        if (whole < w->coarse) {
            const size_t width = ck_coarse_width(w, whole);
            add_units(sums, w, x, row, whole, width, ~(__mmask64)0 >> (64 - width));
        }
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) coarse[r] = coarse_sum(&sums[r]);
        store_four(y + first, end - first, bound_four(w, x, row, lane_sums(fine), lane_sums(coarse), 128));
    }
}
CK_TARGET_END
#endif
