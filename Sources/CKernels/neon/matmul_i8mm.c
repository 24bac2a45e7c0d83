// Products with many activation vectors with the matrix instructions: smmla takes two vectors and two outputs
// by eight inputs. Their sums lie as [vector][output] in one register and are sorted once per group.
#if defined(__aarch64__)
#include "matmul.h"

CK_TARGET_I8MM CK_INLINE void tile_dots(int32x4_t dots[4][4], const int8_t *restrict codes,
                                        const int8_t *const act[4], int group, int bits) {
    (void)bits;
    int32x4_t acc[2][8];
    for (int p = 0; p < 2; p++)
        for (int j = 0; j < 8; j++) acc[p][j] = vdupq_n_s32(0);
#pragma GCC unroll 4
    for (int k = 0; k < group; k += 8) {
        const int8x16_t a0 = vcombine_s8(vld1_s8(act[0] + k), vld1_s8(act[1] + k));
        const int8x16_t a1 = vcombine_s8(vld1_s8(act[2] + k), vld1_s8(act[3] + k));
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            const int8x16_t w = vld1q_s8(codes + 16 * (k + j));
            acc[0][j] = vmmlaq_s32(acc[0][j], a0, w);
            acc[1][j] = vmmlaq_s32(acc[1][j], a1, w);
        }
    }
    for (int p = 0; p < 2; p++) {
        for (int j = 0; j < 4; j++) {
            const int64x2_t a = vreinterpretq_s64_s32(acc[p][2 * j]),
                            b = vreinterpretq_s64_s32(acc[p][2 * j + 1]);
            dots[2 * p][j] = vreinterpretq_s32_s64(vzip1q_s64(a, b));
            dots[2 * p + 1][j] = vreinterpretq_s32_s64(vzip2q_s64(a, b));
        }
    }
}

#define CK_TARGET CK_TARGET_I8MM
#define CK_NAME(name) name##_neon_i8mm
#define CK_VECTORS 4
#define CK_EIGHTS 1
#define CK_TILE_DOTS tile_dots
#include "matmul_body.h"
#endif
