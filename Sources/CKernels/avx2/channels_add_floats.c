// Sums of channels of float weights: a tile of 64 outputs stays in registers while a block's channels are
// added.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"

CK_INLINE void add_floats(const int bits, float *restrict y, const ck_channels *restrict w,
                          const ck_activations *restrict x, const uint32_t *restrict mask, size_t block_begin,
                          size_t block_end, size_t out_begin, size_t out_end) {
    const size_t size = ck_float_bytes(bits);
    for (size_t b = block_begin; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, w->channels);
        for (size_t j = out_begin; j < out_end && kept != 0; j += 64) {
            __m256 sum[8];
            for (size_t i = 0; i < 8; i++) sum[i] = _mm256_loadu_ps(y + j + 8 * i);
            for (uint32_t left = kept; left != 0; left &= left - 1) {
                const size_t c = b * 32 + (size_t)__builtin_ctz(left);
                const uint8_t *run = ck_channel(w, c);
                const __m256 value = _mm256_set1_ps(x->values[c]);
                // The same outputs of a later channel; one line holds 64 bytes of them.
                for (size_t k = 0; k < size; k++) {
                    _mm_prefetch((const char *)run + 8 * w->stride + j * size + 64 * k, _MM_HINT_T1);
                }
                for (size_t i = 0; i < 8; i++) {
                    sum[i] = _mm256_fmadd_ps(float_weights8(bits, run, j + 8 * i), value, sum[i]);
                }
            }
            for (size_t i = 0; i < 8; i++) _mm256_storeu_ps(y + j + 8 * i, sum[i]);
        }
    }
}

CK_AVX2 void ck_avx2_channels_add_floats(float *y, const ck_channels *w, const ck_activations *x,
                                         const uint32_t *mask, size_t block_begin, size_t block_end,
                                         size_t out_begin, size_t out_end) {
    switch (w->form.bits) {
        case CK_F16:
            add_floats(CK_F16, y, w, x, mask, block_begin, block_end, out_begin, out_end);
            break;
        case CK_BF16:
            add_floats(CK_BF16, y, w, x, mask, block_begin, block_end, out_begin, out_end);
            break;
        default:
            add_floats(CK_F32, y, w, x, mask, block_begin, block_end, out_begin, out_end);
            break;
    }
}
#endif
