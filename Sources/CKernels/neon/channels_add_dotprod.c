// Sums of channels with the dot-product instructions: four channels are interleaved byte by byte, so that a
// 32-bit lane holds them for one output and one instruction adds all four.
#if defined(__aarch64__)
#include "channels_add.h"

// Sixteen bytes of four channels as four vectors; lane o of vector k is byte 4 k + o of each.
CK_INLINE void interleave(uint8x16_t out[4], uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint16x8_t ab0 = vreinterpretq_u16_u8(vzip1q_u8(a, b)), cd0 = vreinterpretq_u16_u8(vzip1q_u8(c, d));
    const uint16x8_t ab1 = vreinterpretq_u16_u8(vzip2q_u8(a, b)), cd1 = vreinterpretq_u16_u8(vzip2q_u8(c, d));
    out[0] = vreinterpretq_u8_u16(vzip1q_u16(ab0, cd0));
    out[1] = vreinterpretq_u8_u16(vzip2q_u16(ab0, cd0));
    out[2] = vreinterpretq_u8_u16(vzip1q_u16(ab1, cd1));
    out[3] = vreinterpretq_u8_u16(vzip2q_u16(ab1, cd1));
}

CK_INLINE void interleave_at(uint8x16_t out[4], const uint8_t *const code[4], size_t at) {
    interleave(out, vld1q_u8(code[0] + at), vld1q_u8(code[1] + at), vld1q_u8(code[2] + at),
               vld1q_u8(code[3] + at));
}

CK_TARGET_DOTPROD CK_INLINE int32x4_t dot4(int32x4_t acc, uint8x16_t code, int8x16_t act) {
    return vdotq_s32(acc, vreinterpretq_s8_u8(code), act);
}

CK_TARGET_DOTPROD CK_INLINE void add4_bits4(int32x4_t acc[16], const uint8_t *const code[4], size_t low,
                                            int8x16_t act) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
        uint8x16_t v[4];
        interleave_at(v, code, low + 16 * (size_t)half);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            acc[4 * half + k] = dot4(acc[4 * half + k], vandq_u8(v[k], vdupq_n_u8(15)), act);
            acc[8 + 4 * half + k] = dot4(acc[8 + 4 * half + k], vshrq_n_u8(v[k], 4), act);
        }
    }
}

// Bit 4 of eight outputs is one byte per channel; `missing` has lane j for outputs 8 j ..< 8 j + 8, inverted.
CK_TARGET_DOTPROD CK_INLINE void add4_bits5(int32x4_t acc[16], const uint8_t *const code[4], size_t low,
                                            size_t high, int8x16_t act) {
    const uint8x16_t first = {1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8}, second = vshlq_n_u8(first, 4);
    const uint8x8_t a = vld1_u8(code[0] + high), b = vld1_u8(code[1] + high);
    const uint8x8_t c = vld1_u8(code[2] + high), d = vld1_u8(code[3] + high);
    const uint16x8_t ab = vreinterpretq_u16_u8(vmvnq_u8(vcombine_u8(vzip1_u8(a, b), vzip2_u8(a, b))));
    const uint16x8_t cd = vreinterpretq_u16_u8(vmvnq_u8(vcombine_u8(vzip1_u8(c, d), vzip2_u8(c, d))));
    const uint32x4_t missing[2] = {vreinterpretq_u32_u16(vzip1q_u16(ab, cd)),
                                   vreinterpretq_u32_u16(vzip2q_u16(ab, cd))};
#define CK_MISSING(j) vreinterpretq_u8_u32(vdupq_laneq_u32(missing[(j) / 4], (j) % 4))
#define CK_HALF(half)                                                                     \
    do {                                                                                  \
        uint8x16_t v[4];                                                                  \
        interleave_at(v, code, low + 16 * (half));                                        \
        const uint8x16_t m[4] = {CK_MISSING(2 * (half)), CK_MISSING(2 * (half) + 1),      \
                                 CK_MISSING(4 + 2 * (half)), CK_MISSING(5 + 2 * (half))}; \
        for (int k = 0; k < 4; k++) {                                                     \
            const uint8x16_t bit = k % 2 == 0 ? first : second;                           \
            const uint8x16_t lower = vsliq_n_u8(v[k], vtstq_u8(m[k / 2], bit), 4);        \
            const uint8x16_t upper = vsriq_n_u8(vtstq_u8(m[2 + k / 2], bit), v[k], 4);    \
            acc[4 * (half) + k] = dot4(acc[4 * (half) + k], lower, act);                  \
            acc[8 + 4 * (half) + k] = dot4(acc[8 + 4 * (half) + k], upper, act);          \
        }                                                                                 \
    } while (0)
    CK_HALF(0);
    CK_HALF(1);
#undef CK_HALF
#undef CK_MISSING
}

CK_TARGET_DOTPROD CK_INLINE void add4_bits6(int32x4_t acc[16], const uint8_t *const code[4], size_t low,
                                            size_t high, int8x16_t act) {
    const uint8x16_t six = vdupq_n_u8(63);
    uint8x16_t a[4], b[4], h[4];
    interleave_at(h, code, high);
    interleave_at(a, code, low);
    interleave_at(b, code, low + 16);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        const uint8x16_t h2 = vshrq_n_u8(h[k], 2);
        acc[k] = dot4(acc[k], vandq_u8(vsliq_n_u8(a[k], h[k], 4), six), act);
        acc[4 + k] = dot4(acc[4 + k], vandq_u8(vsliq_n_u8(b[k], h2, 4), six), act);
        acc[8 + k] = dot4(acc[8 + k], vandq_u8(vsriq_n_u8(h[k], a[k], 4), six), act);
        acc[12 + k] = dot4(acc[12 + k], vandq_u8(vsriq_n_u8(h2, b[k], 4), six), act);
    }
}

CK_TARGET_DOTPROD CK_INLINE void add4_bits8(int32x4_t acc[16], const uint8_t *const code[4], size_t low,
                                            int8x16_t act) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint8x16_t v[4];
        interleave_at(v, code, low + 16 * (size_t)i);
        for (int k = 0; k < 4; k++) acc[4 * i + k] = dot4(acc[4 * i + k], v[k], act);
    }
}

CK_TARGET_DOTPROD CK_INLINE void tile_sums(int32x4_t acc[16], const channel_group *restrict g, size_t low,
                                           size_t high, int bits) {
    for (int c = 0; c < g->padded; c += 4) {
        int32_t four;
        memcpy(&four, g->act + c, 4);
        const int8x16_t act = vreinterpretq_s8_s32(vdupq_n_s32(four));
        const uint8_t *const code[4] = {g->code[c], g->code[c + 1], g->code[c + 2], g->code[c + 3]};
        if (bits == 4) add4_bits4(acc, code, low, act);
        if (bits == 5) add4_bits5(acc, code, low, high, act);
        if (bits == 6) add4_bits6(acc, code, low, high, act);
        if (bits == 8) add4_bits8(acc, code, low, act);
    }
}

#define CK_TARGET CK_TARGET_DOTPROD
#define CK_NAME(name) name##_neon_dotprod
#define CK_TILE_SUMS tile_sums
#include "channels_add_body.h"
#endif
