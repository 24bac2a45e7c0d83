// Integer dot products of the groups of a row.
#ifndef CK_AVX512_GROUP_SUMS_H
#define CK_AVX512_GROUP_SUMS_H

#include "lanes.h"

// Sums of four lanes each of p0..p3: the sum over 128-bit lane L of p[u] goes to dword u of lane L. Products
// of four codes of 4, 5 or 6 bits fit in 16 bits, those of eight codes of 4 or 5 bits as well: then a
// multiplication by ones adds pairs.
CK_INLINE __m512i fold4(const int bits, __m512i p0, __m512i p1, __m512i p2, __m512i p3) {
    if (bits == 8) {
        const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(p0, p1), _mm512_unpackhi_epi32(p0, p1));
        const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(p2, p3), _mm512_unpackhi_epi32(p2, p3));
        return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }
    const __m512i ones = _mm512_set1_epi16(1);
    const __m512i a = _mm512_madd_epi16(_mm512_packs_epi32(p0, p1), ones);
    const __m512i b = _mm512_madd_epi16(_mm512_packs_epi32(p2, p3), ones);
    if (bits < 6) return _mm512_madd_epi16(_mm512_packs_epi32(a, b), ones);
    const __m512 fa = _mm512_castsi512_ps(a), fb = _mm512_castsi512_ps(b);
    return _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(fa, fb, 0x88)),
                            _mm512_castps_si512(_mm512_shuffle_ps(fa, fb, 0xdd)));
}

// The products of unit u, four codes to a lane.
CK_INLINE __m512i unit_products(const int bits, const uint8_t *run, const uint8_t *high, const int8_t *x,
                                size_t u) {
    const __m512i activations = _mm512_loadu_si512(x + 64 * u), zero = _mm512_setzero_si512();
    const __m512i codes = unit_codes(bits, run, high, u);
    if (bits != 8) return _mm512_dpbusd_epi32(zero, codes, activations);
    // The instruction wants one unsigned side: 128 is added to the codes and its products are taken off
    // again.
    const __m512i sign = _mm512_set1_epi8(-128);
    const __m512i shifted = _mm512_dpbusd_epi32(zero, _mm512_xor_si512(codes, sign), activations);
    return _mm512_sub_epi32(shifted, _mm512_dpbusd_epi32(zero, sign, activations));
}

// Integer dot products of 16 groups: 4 units of groups of 16, or 8 units of groups of 32; `units` there are.
CK_INLINE __m512i group_sums(const int bits, const int group, const uint8_t *run, const uint8_t *high,
                             const int8_t *x, size_t u, size_t units) {
    const __m512i zero = _mm512_setzero_si512();
#define UNIT(i) ((i) < units ? unit_products(bits, run, high, x, u + (i)) : zero)
    const __m512i first = fold4(bits, UNIT(0), UNIT(1), UNIT(2), UNIT(3));
    if (group == 16) {
        const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
        return _mm512_permutexvar_epi32(order, first);
    }
    const __m512i second = units > 4 ? fold4(bits, UNIT(4), UNIT(5), UNIT(6), UNIT(7)) : zero;
#undef UNIT
    // Groups of unit v: lanes 0 and 1 (dwords v, 4 + v), lanes 2 and 3 (8 + v, 12 + v).
    const __m512i even = _mm512_set_epi32(27, 19, 26, 18, 25, 17, 24, 16, 11, 3, 10, 2, 9, 1, 8, 0);
    const __m512i odd = _mm512_set_epi32(31, 23, 30, 22, 29, 21, 28, 20, 15, 7, 14, 6, 13, 5, 12, 4);
    return _mm512_add_epi32(_mm512_permutex2var_epi32(first, even, second),
                            _mm512_permutex2var_epi32(first, odd, second));
}

#endif
