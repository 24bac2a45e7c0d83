#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "lanes.h"

CK_INLINE void add_floats(const int bits, float *restrict y, const ck_channels *restrict w,
                          const ck_activations *restrict x, const uint32_t *restrict mask, size_t block_begin,
                          size_t block_end, size_t out_begin, size_t out_end) {
    for (size_t b = block_begin; b < block_end; b++) {
        for (uint32_t kept = ck_block_mask(mask, b, w->channels); kept != 0; kept &= kept - 1) {
            const size_t c = b * 32 + (size_t)__builtin_ctz(kept);
            const uint8_t *run = ck_channel(w, c);
            const __m512 value = _mm512_set1_ps(x->values[c]);
            for (size_t j = out_begin; j < out_end; j += 16) {
                const __mmask16 m = first_lanes(out_end - j);
                __m512 codes;
                if (bits == CK_F16) {
                    codes = halves_masked(m, run + 2 * j);
                } else if (bits == CK_F32) {
                    codes = _mm512_maskz_loadu_ps(m, run + 4 * j);
                } else {
                    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, run + 2 * j));
                    codes = _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
                }
                _mm512_mask_storeu_ps(y + j, m,
                                      _mm512_fmadd_ps(codes, value, _mm512_maskz_loadu_ps(m, y + j)));
            }
        }
    }
}

void ck_avx512_channels_add_floats(float *y, const ck_channels *w, const ck_activations *x,
                                   const uint32_t *mask, size_t block_begin, size_t block_end,
                                   size_t out_begin, size_t out_end) {
    switch (w->form.bits) {
        case CK_F16:
            add_floats(CK_F16, y, w, x, mask, block_begin, block_end, out_begin, out_end);
            return;
        case CK_BF16:
            add_floats(CK_BF16, y, w, x, mask, block_begin, block_end, out_begin, out_end);
            return;
        default:
            add_floats(CK_F32, y, w, x, mask, block_begin, block_end, out_begin, out_end);
            return;
    }
}
CK_TARGET_END
#endif
