// Float weights, 16 at a time.
#ifndef CK_AVX512_FLOATS_H
#define CK_AVX512_FLOATS_H

#include "lanes.h"

// 16 floats of a run of float codes; lanes outside m are zero.
CK_INLINE __m512 float_codes(const int bits, __mmask16 m, const uint8_t *run, size_t i) {
    if (bits == CK_F16) return halves_masked(m, run + 2 * i);
    if (bits == CK_F32) return _mm512_maskz_loadu_ps(m, run + 4 * i);
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, run + 2 * i));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

// Calls a function for the kind of float that `w` has, which is constant in its loops.
#define FOR_FLOATS(function, ...)                                \
    switch (w->form.bits) {                                      \
        case CK_F16: function(CK_F16, __VA_ARGS__); break;   \
        case CK_BF16: function(CK_BF16, __VA_ARGS__); break; \
        default: function(CK_F32, __VA_ARGS__); break;       \
    }

#endif
