// Dot products of rows without the dot-product instructions (Cortex-A53, A72).
//
// Products of 8 by 8 bits stay in 16-bit lanes as long as they fit, |activation| <= 127:
//   4 bits,  32 codes: 4 products a lane, 127 * 15 * 4 = 7620, two pairwise sums make 30480
//   5 bits (-16 ... 15): 127 * 16 * 4 = 8128, two pairwise sums make 32512
//   6 bits,  16 codes: 2 products a lane, 127 * 63 * 2 = 16002, one pairwise sum makes 32004
//   8 bits: 2 products a lane, 127 * 128 * 2 = 32512, widened at once
#if defined(__aarch64__)
#include "rows_dot.h"

CK_INLINE int16x8_t mul16(int8x16_t code, int8x16_t act) {
    return vmlal_high_s8(vmull_s8(vget_low_s8(code), vget_low_s8(act)), code, act);
}

CK_INLINE int16x8_t mul16_add(int16x8_t sum, int8x16_t code, int8x16_t act) {
    return vmlal_high_s8(vmlal_s8(sum, vget_low_s8(code), vget_low_s8(act)), code, act);
}

CK_INLINE int32x4_t quad_dots(const uint8_t *restrict low, const uint8_t *restrict high,
                              const int8_t *restrict act, int bits, int group, int units) {
    int16x8_t lanes[4] = {vdupq_n_s16(0), vdupq_n_s16(0), vdupq_n_s16(0), vdupq_n_s16(0)};
    int32x4_t wide[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
#pragma GCC unroll 2
    for (int u = 0; u < units; u++) {
        int8x16_t code[4];
        int8x16_t a[4];
        for (int i = 0; i < 4; i++) a[i] = vld1q_s8(act + 64 * u + 16 * i);
        unit_codes(code, low + (size_t)u * ck_low_bytes(bits), high + (size_t)u * ck_high_bytes(bits),
                   bits);
        if (group == 16) {
            for (int i = 0; i < 4; i++) lanes[i] = mul16(code[i], a[i]);
        } else {
            for (int i = 0; i < 2; i++) {
                if (bits == 8)
                    wide[2 * u + i] = vpadalq_s16(vpaddlq_s16(mul16(code[2 * i], a[2 * i])),
                                                  mul16(code[2 * i + 1], a[2 * i + 1]));
                else
                    lanes[2 * u + i] = mul16_add(mul16(code[2 * i], a[2 * i]), code[2 * i + 1], a[2 * i + 1]);
            }
        }
    }
    if (bits == 8) return add_pairs_tree(wide[0], wide[1], wide[2], wide[3]);
    const int16x8_t p01 = vpaddq_s16(lanes[0], lanes[1]), p23 = vpaddq_s16(lanes[2], lanes[3]);
    if (bits == 6) return vpaddq_s32(vpaddlq_s16(p01), vpaddlq_s16(p23));
    return vpaddlq_s16(vpaddq_s16(p01, p23));
}

#define CK_TARGET
#define CK_NAME(name) name##_neon
// Two rows at once spill ten registers and more.
#define CK_TWO_ROWS(bits, levels) 0
#define CK_QUAD_DOTS quad_dots
#include "rows_dot_body.h"
#endif
