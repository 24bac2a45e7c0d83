// Sums of channels without the dot-product instructions: codes times one activation, added in 16-bit lanes
// for as many channels as fit there, then in 32-bit ones. With |activation| <= 127:
//   4 bits: 127 * 15 * 16 = 30480 and 5 bits (-16 ... 15): 127 * 16 * 16 = 32512 take 16 channels,
//   6 bits: 127 * 63 * 4 = 32004 take 4, 8 bits: 127 * 128 * 2 = 32512 take 2.
#if defined(__aarch64__)
#include "channels_add.h"

CK_INLINE void tile_sums(int32x4_t acc[16], const channel_group *restrict g, size_t low, size_t high,
                         int bits) {
    const int run = bits == 8 ? 2 : bits == 6 ? 4 : 16;
    for (int begin = 0; begin < g->active; begin += run) {
        const int end = begin + run < g->active ? begin + run : g->active;
        int16x8_t lanes[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) lanes[i] = vdupq_n_s16(0);
        for (int c = begin; c < end; c++) {
            const int8x16_t act = vld1q_dup_s8(g->act + c);
            int8x16_t code[4];
            unit_codes(code, g->code[c] + low, g->code[c] + high, bits);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                lanes[2 * i] = vmlal_s8(lanes[2 * i], vget_low_s8(code[i]), vget_low_s8(act));
                lanes[2 * i + 1] = vmlal_high_s8(lanes[2 * i + 1], code[i], act);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            acc[2 * i] = vaddw_s16(acc[2 * i], vget_low_s16(lanes[i]));
            acc[2 * i + 1] = vaddw_high_s16(acc[2 * i + 1], lanes[i]);
        }
    }
}

#define CK_TARGET
#define CK_NAME(name) name##_neon
#define CK_TILE_SUMS tile_sums
#include "channels_add_body.h"
#endif
