// Bounds of products from rough rows, four rows at a time.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"
#include "../x86/bound_four.h"
#include "../x86/row_walk.h"

// Sums of the lanes of four vectors.
CK_INLINE __m128i lane_sums(const __m256i v[4]) {
    const __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

// Adds to 16-bit sums the products of the four codes of each byte: at most 4 * 2 * 3 * 127 a lane.
CK_INLINE __m256i add_bytes(__m256i sums, __m256i bytes, const __m256i x[4]) {
    const __m256i three = _mm256_set1_epi8(3);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        const __m256i codes = _mm256_and_si256(_mm256_srli_epi16(bytes, 2 * k), three);
        sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(codes, x[k]));
    }
    return sums;
}

CK_AVX2 void ck_avx2_rows_bound(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin, size_t end) {
    const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
    for (size_t first = begin; first < end; first += 4) {
        const uint8_t *row[4];
        four_rows(row, w, first, end);
        prefetch_on(row[0], 4 * w->stride);
        __m256i fine[4] = {zero, zero, zero, zero}, coarse[4] = {zero, zero, zero, zero};
        for (size_t i = 0; i < w->fine; i += 16) {
            const __m256i codes = _mm256_cvtepi8_epi16(load16(x->codes + i));
#pragma GCC unroll 4
            for (int r = 0; r < 4; r++) {
                const __m256i weights = _mm256_cvtepi8_epi16(load16(row[r] + i));
                fine[r] = _mm256_add_epi32(fine[r], _mm256_madd_epi16(weights, codes));
            }
        }
        for (size_t i = 0; i < w->coarse; i += CK_COARSE_UNIT) {
            const size_t width = ck_coarse_width(w, i);
            const int8_t *codes = x->codes + w->fine + i;
            __m256i sums[4] = {zero, zero, zero, zero};
            for (size_t j = 0; j < width; j += 32) {
                // The last unit may end with half a vector.
                const int is_half = width - j < 32;
                __m256i parts[4];
#pragma GCC unroll 4
                for (size_t k = 0; k < 4; k++) {
                    const int8_t *part = codes + k * width + j;
                    parts[k] = is_half ? _mm256_zextsi128_si256(load16(part)) : load32(part);
                }
#pragma GCC unroll 4
                for (int r = 0; r < 4; r++) {
                    const uint8_t *bytes = row[r] + w->fine + i / 4 + j;
                    sums[r] = add_bytes(sums[r], is_half ? _mm256_zextsi128_si256(load16(bytes)) : load32(bytes), parts);
                }
            }
#pragma GCC unroll 4
            for (int r = 0; r < 4; r++) coarse[r] = _mm256_add_epi32(coarse[r], _mm256_madd_epi16(sums[r], ones));
        }
        store_four(y + first, end - first, bound_four(w, x, row, lane_sums(fine), lane_sums(coarse), 0));
    }
}
#endif
