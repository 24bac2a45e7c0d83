// Dot products of rows with the dot-product instructions (Cortex-A55, A76 and later).
#if defined(__aarch64__)
#include "rows_dot.h"

CK_TARGET_DOTPROD CK_INLINE int32x4_t quad_dots(const uint8_t *restrict low, const uint8_t *restrict high,
                                                const int8_t *restrict act, int bits, int group, int units) {
    int32x4_t sum[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
#pragma GCC unroll 2
    for (int u = 0; u < units; u++) {
        int8x16_t code[4];
        int8x16_t a[4];
        for (int i = 0; i < 4; i++) a[i] = vld1q_s8(act + 64 * u + 16 * i);
        unit_codes(code, low + (size_t)u * ck_low_bytes(bits), high + (size_t)u * ck_high_bytes(bits),
                   bits);
        for (int i = 0; i < 4; i++) {
            const int g = group == 16 ? i : 2 * u + i / 2;
            sum[g] = vdotq_s32(sum[g], code[i], a[i]);
        }
    }
    return add_pairs_tree(sum[0], sum[1], sum[2], sum[3]);
}

#define CK_TARGET CK_TARGET_DOTPROD
#define CK_NAME(name) name##_neon_dotprod
// Two rows where the registers suffice for both (counted by their spills: none, against 10 to 40).
#define CK_TWO_ROWS(bits, levels) ((levels) == 1 && (bits) != 5)
#define CK_QUAD_DOTS quad_dots
#include "rows_dot_body.h"
#endif
