// Float weights, 16 at a time.
#ifndef CK_AVX512_FLOATS_H
#define CK_AVX512_FLOATS_H

#include "lanes.h"

CK_INLINE size_t float_bytes(const int bits) { return bits == CK_F32 ? 4 : 2; }

// 16 floats of a run of float codes; lanes outside m are zero.
CK_INLINE __m512 float_codes(const int bits, __mmask16 m, const uint8_t *run, size_t i) {
    if (bits == CK_F16) return halves_masked(m, run + 2 * i);
    if (bits == CK_F32) return _mm512_maskz_loadu_ps(m, run + 4 * i);
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, run + 2 * i));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

#endif
