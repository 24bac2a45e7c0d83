// Integer sums of a group's channels, for the AVX2 sums of channels: of a unit of 64 outputs or of two, eight outputs to a
// vector and in order. Two channels are taken at a time: their codes are interleaved, so that one instruction multiplies both
// with their activations and adds. Sums stay in 16 bits for as long as they fit.
#ifndef CK_AVX2_CHANNEL_SUMS_H
#define CK_AVX2_CHANNEL_SUMS_H

#include "channels_add.h"

// Whether a form's sums are multiplied by their outputs' sub scales, and have their offset taken off.
CK_INLINE int sums_are_scaled(const int bits, const int levels) { return levels == 2 && bits != 5; }

// Sums of `count` units of 64 outputs in 16 bits: vector 4 u + 0 holds outputs 0 ... 7 | 16 ... 23 of unit u, 4 u + 1 those
// 8 above, 4 u + 2 and 4 u + 3 the same of its second 32 outputs. Of nibbles eight pairs fit, 8 * 2 * 127 * 15. The upper two
// of 6 bits have sums of their own, for which they stay where they are in their bytes: bits 2 and 3 in the second lane.
CK_INLINE void add_pairs(__m256i *restrict sum, __m256i *restrict upper, const int bits, const size_t count,
                         const channel_group *restrict g, size_t begin, size_t end, size_t low, size_t high) {
    const __m256i nibble = _mm256_set1_epi8(15), two = _mm256_setr_m128i(_mm_set1_epi8(3), _mm_set1_epi8(12));
    for (size_t p = begin; p < end; p++) {
        const uint8_t *const a = g->code[2 * p], *const b = g->code[2 * p + 1];
        const __m256i x = _mm256_set1_epi32((int)g->pair[p]);
        fetch_pair(bits, count, g, p);
#pragma GCC unroll 2
        for (size_t u = 0; u < count; u++) {
            const __m256i one = load32(a + low + 32 * u), other = load32(b + low + 32 * u);
            const __m256i c[2] = {_mm256_unpacklo_epi8(one, other), _mm256_unpackhi_epi8(one, other)};
#pragma GCC unroll 2
            for (size_t i = 0; i < 2; i++) {
                const __m256i first = _mm256_and_si256(c[i], nibble),
                              second = _mm256_and_si256(_mm256_srli_epi16(c[i], 4), nibble);
                sum[4 * u + i] = _mm256_add_epi16(sum[4 * u + i], _mm256_maddubs_epi16(first, x));
                sum[4 * u + i + 2] = _mm256_add_epi16(sum[4 * u + i + 2], _mm256_maddubs_epi16(second, x));
            }
        }
        if (bits != 6) continue;
        const __m256i one = _mm256_broadcastsi128_si256(load16(a + high)),
                      other = _mm256_broadcastsi128_si256(load16(b + high));
        const __m256i c[2] = {_mm256_unpacklo_epi8(one, other), _mm256_unpackhi_epi8(one, other)};
#pragma GCC unroll 2
        for (size_t i = 0; i < 2; i++) {
            const __m256i first = _mm256_and_si256(c[i], two),
                          second = _mm256_and_si256(_mm256_srli_epi16(c[i], 4), two);
            upper[i] = _mm256_add_epi16(upper[i], _mm256_maddubs_epi16(first, x));
            upper[i + 2] = _mm256_add_epi16(upper[i + 2], _mm256_maddubs_epi16(second, x));
        }
    }
}

// A unit's 32-bit sums from two sets of 16-bit ones, each times its factor: eight outputs to a vector, in order.
CK_INLINE void widen(__m256i dots[8], const __m256i first[4], const __m256i second[4], const __m256i factor[4],
                     const __m256i second_factor[4]) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(first[i], second[i]),
                                              _mm256_unpacklo_epi16(factor[i], second_factor[i]));
        const __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(first[i], second[i]),
                                               _mm256_unpackhi_epi16(factor[i], second_factor[i]));
        const int at = i / 2 * 4 + i % 2;
        dots[at] = _mm256_permute2x128_si256(low, high, 0x20);
        dots[at + 2] = _mm256_permute2x128_si256(low, high, 0x31);
    }
}

// What 16-bit sums of a unit are multiplied with, in their order: the outputs' sub scales, or one.
CK_INLINE void unit_factors(__m256i factor[4], const int levels, const uint8_t *sub_scales) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
        if (levels == 1) {
            factor[2 * half] = factor[2 * half + 1] = _mm256_set1_epi16(1);
            continue;
        }
        const __m256i s = load32(sub_scales + 32 * half);
        factor[2 * half] = _mm256_srai_epi16(_mm256_unpacklo_epi8(s, s), 8);
        factor[2 * half + 1] = _mm256_srai_epi16(_mm256_unpackhi_epi8(s, s), 8);
    }
}

// Sums of `count` units of nibbles. Only those of at most 16 channels have both sub scales and an offset.
CK_INLINE void nibble_sums(__m256i *restrict dots, const int levels, const int offset, const size_t count,
                           const channel_group *restrict g, size_t low, const uint8_t *restrict sub_scales) {
    enum { MOST = 8 };
    __m256i first[8], second[8];
    for (size_t i = 0; i < 4 * count; i++) {
        first[i] = levels == 2 ? _mm256_set1_epi16((int16_t)(-offset * g->sum)) : _mm256_setzero_si256();
        second[i] = _mm256_setzero_si256();
    }
    add_pairs(first, NULL, 4, count, g, 0, g->pairs < MOST ? g->pairs : MOST, low, 0);
    add_pairs(second, NULL, 4, count, g, MOST, g->pairs, low, 0);
#pragma GCC unroll 2
    for (size_t u = 0; u < count; u++) {
        __m256i factor[4];
        unit_factors(factor, levels, sub_scales + 64 * u);
        widen(dots + 8 * u, first + 4 * u, second + 4 * u, factor, factor);
    }
}

// Sums of a unit of 6-bit codes, of at most 16 channels. The offset, 32, is twice the place of the upper bits; their sums may
// wrap around before the end, where they fit again.
CK_INLINE void six_bit_sums(__m256i dots[8], const channel_group *restrict g, size_t low, size_t high,
                            const uint8_t *restrict sub_scales) {
    const __m256i places = _mm256_setr_m128i(_mm_set1_epi16(16), _mm_set1_epi16(4)),
                  start = _mm256_setr_m128i(_mm_set1_epi16((int16_t)(-2 * g->sum)), _mm_set1_epi16((int16_t)(-8 * g->sum)));
    __m256i sum[4], upper[4], factor[4], upper_factor[4];
    for (int i = 0; i < 4; i++) {
        sum[i] = _mm256_setzero_si256();
        upper[i] = start;
    }
    add_pairs(sum, upper, 6, 1, g, 0, g->pairs, low, high);
    unit_factors(factor, 2, sub_scales);
    for (int i = 0; i < 4; i++) upper_factor[i] = _mm256_mullo_epi16(factor[i], places);
    widen(dots, sum, upper, factor, upper_factor);
}

// Sums of a unit of 5-bit codes, without their offset. Four pairs fit in 16 bits: 4 * 2 * 127 * 31.
CK_INLINE void five_bit_sums(__m256i dots[8], const channel_group *restrict g, size_t low, size_t high) {
    enum { MOST = 4 };
    const __m256i one = _mm256_set1_epi16(1), ones[4] = {one, one, one, one};
    for (int i = 0; i < 8; i++) dots[i] = _mm256_setzero_si256();
    for (size_t begin = 0; begin < g->pairs; begin += 2 * MOST) {
        __m256i sum[2][4], wide[8];
        for (size_t half = 0; half < 2; half++) {
            const size_t from = begin + half * MOST, end = from + MOST < g->pairs ? from + MOST : g->pairs;
            for (int i = 0; i < 4; i++) sum[half][i] = _mm256_setzero_si256();
            for (size_t p = from; p < end; p++) {
                const __m256i x = _mm256_set1_epi32((int)g->pair[p]);
                fetch_pair(5, 1, g, p);
                __m256i a[2], b[2];
                unit_codes(a, 5, g->code[2 * p] + low, g->code[2 * p] + high);
                unit_codes(b, 5, g->code[2 * p + 1] + low, g->code[2 * p + 1] + high);
                for (int i = 0; i < 4; i++) {
                    const __m256i c =
                        i % 2 == 0 ? _mm256_unpacklo_epi8(a[i / 2], b[i / 2]) : _mm256_unpackhi_epi8(a[i / 2], b[i / 2]);
                    sum[half][i] = _mm256_add_epi16(sum[half][i], _mm256_maddubs_epi16(c, x));
                }
            }
        }
        widen(wide, sum[0], sum[1], ones, ones);
        for (int i = 0; i < 8; i++) dots[i] = _mm256_add_epi32(dots[i], wide[i]);
    }
}

// Sums of a unit of 8-bit codes.
CK_INLINE void eight_bit_sums(__m256i dots[8], const channel_group *restrict g, size_t low) {
    __m256i wide[8];
    for (int i = 0; i < 8; i++) wide[i] = _mm256_setzero_si256();
    for (size_t p = 0; p < g->pairs; p++) {
        const __m256i x = _mm256_set1_epi32((int)g->pair[p]);
        fetch_pair(8, 1, g, p);
        for (size_t i = 0; i < 4; i++) {
            const __m256i a = _mm256_cvtepi8_epi16(load16(g->code[2 * p] + low + 16 * i));
            const __m256i b = _mm256_cvtepi8_epi16(load16(g->code[2 * p + 1] + low + 16 * i));
            wide[2 * i] = _mm256_add_epi32(wide[2 * i], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), x));
            wide[2 * i + 1] = _mm256_add_epi32(wide[2 * i + 1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), x));
        }
    }
    for (int i = 0; i < 4; i++) {
        dots[2 * i] = _mm256_permute2x128_si256(wide[2 * i], wide[2 * i + 1], 0x20);
        dots[2 * i + 1] = _mm256_permute2x128_si256(wide[2 * i], wide[2 * i + 1], 0x31);
    }
}

#endif
