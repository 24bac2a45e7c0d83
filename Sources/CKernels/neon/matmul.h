// Packing of weights for products with many activation vectors.
//
// A panel is 64 outputs by up to 1024 inputs, unpacked once to signed bytes less the form's offset, in four
// strips of 16 outputs. Within a strip, `fours` order is [inputs / 4][16 outputs][4]: a 32-bit lane holds
// four inputs of one output, as sdot wants them; `eights` order is [inputs / 8][8 pairs of outputs][2][8], as
// smmla does. Scales and minima become floats [groups][16 outputs], so that the form matters no longer.
#ifndef CK_NEON_MATMUL_H
#define CK_NEON_MATMUL_H

#include "lanes.h"
#include "tables.h"

enum { PANEL_OUTPUTS = 64, STRIPS = 4, PANEL_INPUTS = 1024, PANEL_GROUPS = PANEL_INPUTS / 16 };

typedef struct {
    int8_t codes[STRIPS][PANEL_INPUTS * 16];
    float scales[STRIPS][PANEL_GROUPS][16];
    float mins[STRIPS][PANEL_GROUPS][16];
} matmul_panel;

_Static_assert(sizeof(matmul_panel) <= CK_SCRATCH_BYTES, "a panel fits in the scratch");

// Four outputs by inputs 4 i ..< 4 i + 8 into a strip; quad is the four outputs' place in it.
CK_INLINE void store_fours(int8_t *restrict strip, size_t input, int quad, int32x4_t even, int32x4_t odd,
                           int eights) {
    int8_t *const to = strip + input * 16 + (size_t)quad * (eights ? 32 : 16);
    if (eights) {
        vst1q_s8(to, vreinterpretq_s8_s32(vzip1q_s32(even, odd)));
        vst1q_s8(to + 16, vreinterpretq_s8_s32(vzip2q_s32(even, odd)));
    } else {
        vst1q_s8(to, vreinterpretq_s8_s32(even));
        vst1q_s8(to + 64, vreinterpretq_s8_s32(odd));
    }
}

// One unit of 64 inputs of four rows.
CK_INLINE void pack_rows4(int8_t *restrict strip, size_t input, int quad, const uint8_t *const low[4],
                          const uint8_t *const high[4], int bits, int offset, int eights) {
    int8x16_t code[4][4];
    for (int r = 0; r < 4; r++) unit_codes(code[r], low[r], high[r], bits);
    for (int i = 0; i < 4; i++) {
        int32x4_t w[4];
        for (int r = 0; r < 4; r++)
            w[r] =
                vreinterpretq_s32_s8(vsubq_s8(code[r][i], vdupq_n_s8((int8_t)(offset - unpack_bias(bits)))));
        const int64x2_t a = vreinterpretq_s64_s32(vtrn1q_s32(w[0], w[1])),
                        b = vreinterpretq_s64_s32(vtrn2q_s32(w[0], w[1]));
        const int64x2_t c = vreinterpretq_s64_s32(vtrn1q_s32(w[2], w[3])),
                        d = vreinterpretq_s64_s32(vtrn2q_s32(w[2], w[3]));
        const size_t at = input + 16 * (size_t)i;
        store_fours(strip, at, quad, vreinterpretq_s32_s64(vtrn1q_s64(a, c)),
                    vreinterpretq_s32_s64(vtrn1q_s64(b, d)), eights);
        store_fours(strip, at + 8, quad, vreinterpretq_s32_s64(vtrn2q_s64(a, c)),
                    vreinterpretq_s32_s64(vtrn2q_s64(b, d)), eights);
    }
}

// One unit of 64 outputs of eight channels, into all strips.
CK_INLINE void pack_channels8(matmul_panel *restrict panel, size_t input, const uint8_t *const low[8],
                              const uint8_t *const high[8], int bits, int offset, int eights) {
    int8x16_t code[8][4];
    for (int c = 0; c < 8; c++) unit_codes(code[c], low[c], high[c], bits);
    for (int s = 0; s < STRIPS; s++) {
        int16x8_t pair[4][2];
        for (int c = 0; c < 4; c++) {
            const int8x16_t shift = vdupq_n_s8((int8_t)(offset - unpack_bias(bits)));
            const int8x16_t a = vsubq_s8(code[2 * c][s], shift), b = vsubq_s8(code[2 * c + 1][s], shift);
            pair[c][0] = vreinterpretq_s16_s8(vzip1q_s8(a, b)),
            pair[c][1] = vreinterpretq_s16_s8(vzip2q_s8(a, b));
        }
        for (int half = 0; half < 2; half++) {
            const int16x8_t *const p = &pair[0][half];
            store_fours(panel->codes[s], input, 2 * half, vreinterpretq_s32_s16(vzip1q_s16(p[0], p[2])),
                        vreinterpretq_s32_s16(vzip1q_s16(p[4], p[6])), eights);
            store_fours(panel->codes[s], input, 2 * half + 1, vreinterpretq_s32_s16(vzip2q_s16(p[0], p[2])),
                        vreinterpretq_s32_s16(vzip2q_s16(p[4], p[6])), eights);
        }
    }
}

void ck_neon_pack_row_scales(matmul_panel *panel, const ck_rows *w, size_t row, size_t end, size_t input,
                             size_t inputs);
void ck_neon_pack_channel_scales(matmul_panel *panel, const ck_channels *w, size_t output, size_t input,
                                 size_t inputs);

#endif
