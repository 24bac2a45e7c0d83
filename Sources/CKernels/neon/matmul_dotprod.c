// Products with many activation vectors with the dot-product instructions: 4 vectors by 16 outputs, whose
// sums fill half of the registers.
#if defined(__aarch64__)
#include "matmul.h"

CK_TARGET_DOTPROD CK_INLINE void tile_dots(int32x4_t dots[4][4], const int8_t *restrict codes,
                                           const int8_t *const act[4], int group, int bits) {
    (void)bits;
#pragma GCC unroll 4
    for (int t = 0; t < 4; t++)
        for (int j = 0; j < 4; j++) dots[t][j] = vdupq_n_s32(0);
#pragma GCC unroll 2
    for (int k = 0; k < group; k += 16) {
        const int8x16_t a[4] = {vld1q_s8(act[0] + k), vld1q_s8(act[1] + k), vld1q_s8(act[2] + k),
                                vld1q_s8(act[3] + k)};
#define CK_FOUR(lane)                                                                        \
    for (int j = 0; j < 4; j++) {                                                            \
        const int8x16_t w = vld1q_s8(codes + 16 * (k + 4 * (lane) + j));                     \
        for (int t = 0; t < 4; t++) dots[t][j] = vdotq_laneq_s32(dots[t][j], w, a[t], lane); \
    }
        CK_FOUR(0) CK_FOUR(1) CK_FOUR(2) CK_FOUR(3)
#undef CK_FOUR
    }
}

#define CK_TARGET CK_TARGET_DOTPROD
#define CK_NAME(name) name##_neon_dotprod
#define CK_VECTORS 4
#define CK_EIGHTS 0
#define CK_TILE_DOTS tile_dots
#include "matmul_body.h"
#endif
