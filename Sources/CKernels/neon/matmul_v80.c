// Products with many activation vectors without the dot-product instructions.
//
// Eight products a 16-bit lane at most (a group of 32): 127 * 31 * 8 = 31496 for 5 bits and fewer, 16 inputs
// of 6 bits 127 * 32 * 4. Eight bits are widened after two products, 127 * 128 * 2 = 32512.
#if defined(__aarch64__)
#include "matmul.h"

CK_INLINE void tile_dots(int32x4_t dots[2][4], const int8_t *restrict codes, const int8_t *const act[2],
                         int group, int bits) {
    const int run = bits == 8 ? 8 : group;  // inputs that one 16-bit sum takes
    int32x4_t wide[2][8];
    for (int begin = 0; begin < group; begin += run) {
        int16x8_t lanes[2][8];
#pragma GCC unroll 8
        for (int k = begin; k < begin + run; k += 4) {
#pragma GCC unroll 2
            for (int t = 0; t < 2; t++) {
                const int8x16_t a =
                    vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(const void *)(act[t] + k)));
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) {
                    const int8x16_t w = vld1q_s8(codes + 16 * (k + j));
                    int16x8_t *const low = &lanes[t][2 * j], *const high = low + 1;
                    *low = k == begin ? vmull_s8(vget_low_s8(w), vget_low_s8(a))
                                      : vmlal_s8(*low, vget_low_s8(w), vget_low_s8(a));
                    *high = k == begin ? vmull_high_s8(w, a) : vmlal_high_s8(*high, w, a);
                }
            }
        }
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++)
            for (int t = 0; t < 2; t++)
                wide[t][j] = begin == 0 ? vpaddlq_s16(lanes[t][j]) : vpadalq_s16(wide[t][j], lanes[t][j]);
    }
    for (int t = 0; t < 2; t++)
        for (int j = 0; j < 4; j++) dots[t][j] = vpaddq_s32(wide[t][2 * j], wide[t][2 * j + 1]);
}

#define CK_TARGET
#define CK_NAME(name) name##_neon
#define CK_VECTORS 2
#define CK_EIGHTS 0
#define CK_TILE_DOTS tile_dots
#include "matmul_body.h"
#endif
