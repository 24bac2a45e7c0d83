// Sums of channels of floats; every NEON table has this one.
#if defined(__aarch64__)
#include "lanes.h"
#include "tables.h"

// Adds the kept channels of one block in tiles of 32 outputs, whose sums stay in registers.
CK_INLINE void add_block(float *restrict y, const ck_channels *w, const float *restrict values, uint32_t kept,
                         size_t block, size_t out_begin, size_t out_end, int bits) {
    const size_t size = ck_float_bytes(bits);
    for (size_t j = out_begin; j < out_end; j += 32) {
        float32x4_t sum[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) sum[i] = vld1q_f32(y + j + 4 * i);
        for (uint32_t left = kept; left != 0; left &= left - 1) {
            const size_t c = 32 * block + (size_t)__builtin_ctz(left);
            const uint8_t *const code = ck_channel(w, c) + j * size;
            __builtin_prefetch(code + 256);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                const float32x4x2_t weights = float_weights8(code + 8 * (size_t)i * size, bits);
                sum[2 * i] = vfmaq_n_f32(sum[2 * i], weights.val[0], values[c]);
                sum[2 * i + 1] = vfmaq_n_f32(sum[2 * i + 1], weights.val[1], values[c]);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) vst1q_f32(y + j + 4 * i, sum[i]);
    }
}

void ck_neon_channels_add_floats(float *y, const ck_channels *w, const ck_activations *x,
                                 const uint32_t *mask, size_t block_begin, size_t block_end, size_t out_begin,
                                 size_t out_end) {
    for (size_t block = block_begin; block < block_end; block++) {
        const uint32_t kept = ck_block_mask(mask, block, w->channels);
        if (kept == 0) continue;
        switch (w->form.bits) {
            case CK_F16:
                add_block(y, w, x->values, kept, block, out_begin, out_end, CK_F16);
                break;
            case CK_BF16:
                add_block(y, w, x->values, kept, block, out_begin, out_end, CK_BF16);
                break;
            default:
                add_block(y, w, x->values, kept, block, out_begin, out_end, CK_F32);
                break;
        }
    }
}
#endif
