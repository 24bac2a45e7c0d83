// What every NEON kernel shares: targets, forms as constants, floats from halves, and codes from packed
// units.
#ifndef CK_NEON_LANES_H
#define CK_NEON_LANES_H

#include <arm_neon.h>
#include <string.h>

#include "../include/ckernels.h"

#define CK_INLINE static inline __attribute__((always_inline))

// One instruction set per function: SwiftPM has no flags per file. GCC takes the intrinsics of an extension
// only together with the architecture that brought it; every processor with the extension has that as well.
#if defined(__clang__)
#define CK_TARGET_DOTPROD __attribute__((target("dotprod")))
#define CK_TARGET_I8MM __attribute__((target("dotprod,i8mm")))
#else
#define CK_TARGET_DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#define CK_TARGET_I8MM __attribute__((target("arch=armv8.2-a+dotprod+i8mm")))
#endif

// The integer forms that models come in: (name, bits, group, levels, has_min, offset). Each becomes a kernel
// of its own, so that the five numbers are constants in its loops.
#define CK_EACH_FORM(FORM)      \
    FORM(q4_0, 4, 32, 1, 0, 8)  \
    FORM(q4_1, 4, 32, 1, 1, 0)  \
    FORM(q5_0, 5, 32, 1, 0, 16) \
    FORM(q5_1, 5, 32, 1, 1, 0)  \
    FORM(q8_0, 8, 32, 1, 0, 0)  \
    FORM(q3_k, 4, 16, 2, 0, 4)  \
    FORM(q4_k, 4, 32, 2, 1, 0)  \
    FORM(q5_k, 5, 32, 2, 1, 0)  \
    FORM(q6_k, 6, 16, 2, 0, 32)

CK_INLINE int form_is(const ck_form *f, int bits, int group, int levels, int has_min, int offset) {
    return f->bits == bits && f->group == group && f->levels == levels && f->has_min == has_min &&
           f->offset == offset;
}

// What the kernels' codes lack against the stored ones: 5-bit codes become -16 ... 15 while their last bit is
// put in, which saves an AND per vector.
CK_INLINE int unpack_bias(int bits) { return bits == 5 ? 16 : 0; }

CK_INLINE size_t units_of(size_t n) { return (n + 63) / 64; }

CK_INLINE float32x4_t halves4(const uint8_t *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }

CK_INLINE float32x4_t halves2(const uint8_t *p) {
    uint32_t pair;
    memcpy(&pair, p, 4);
    return vcvt_f32_f16(vreinterpret_f16_u32(vset_lane_u32(pair, vdup_n_u32(0), 0)));
}

CK_INLINE float half1(const uint8_t *p) {
    __fp16 half;
    memcpy(&half, p, 2);
    return (float)half;
}

// Four of sixteen signed bytes as floats. (A table lookup into the top byte and a fixed-point conversion are
// two instructions, but a lookup is three operations on Cortex-A72.)
CK_INLINE float32x4_t bytes_as_floats(int8x16_t bytes, int quarter) {
    const int16x8_t halves = vmovl_s8(quarter < 2 ? vget_low_s8(bytes) : vget_high_s8(bytes));
    return vcvtq_f32_s32(vmovl_s16(quarter % 2 == 0 ? vget_low_s16(halves) : vget_high_s16(halves)));
}

CK_INLINE int32x4_t add_pairs_tree(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}

CK_INLINE float32x4_t add_pairs_tree_f32(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d) {
    return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
}

// The 64 codes of a unit, less unpack_bias, in order. `high` is unused for 4 and 8 bits.
CK_INLINE void unit_codes(int8x16_t code[4], const uint8_t *restrict low, const uint8_t *restrict high,
                          int bits) {
    if (bits == 8) {
        for (int i = 0; i < 4; i++) code[i] = vld1q_s8((const int8_t *)low + 16 * i);
        return;
    }
    const uint8x16_t a = vld1q_u8(low), b = vld1q_u8(low + 16);
    uint8x16_t c0, c1, c2, c3;
    if (bits == 4) {
        const uint8x16_t nibble = vdupq_n_u8(15);
        c0 = vandq_u8(a, nibble), c1 = vandq_u8(b, nibble);
        c2 = vshrq_n_u8(a, 4), c3 = vshrq_n_u8(b, 4);
    } else if (bits == 5) {
        // A missing bit 4 turns the upper nibble into ones: the code less 16, as a signed byte.
        const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
        const uint8x16_t first = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}, two = vdupq_n_u8(2);
        const uint8x8_t missing8 = vmvn_u8(vld1_u8(high));
        const uint8x16_t missing = vcombine_u8(missing8, missing8);
        const uint8x16_t second = vaddq_u8(first, two), third = vaddq_u8(second, two);
        c0 = vsliq_n_u8(a, vtstq_u8(vqtbl1q_u8(missing, first), bit), 4);
        c1 = vsliq_n_u8(b, vtstq_u8(vqtbl1q_u8(missing, second), bit), 4);
        c2 = vsriq_n_u8(vtstq_u8(vqtbl1q_u8(missing, third), bit), a, 4);
        c3 = vsriq_n_u8(vtstq_u8(vqtbl1q_u8(missing, vaddq_u8(third, two)), bit), b, 4);
    } else {
        const uint8x16_t h = vld1q_u8(high), h2 = vshrq_n_u8(h, 2), six = vdupq_n_u8(63);
        c0 = vandq_u8(vsliq_n_u8(a, h, 4), six), c1 = vandq_u8(vsliq_n_u8(b, h2, 4), six);
        c2 = vandq_u8(vsriq_n_u8(h, a, 4), six), c3 = vandq_u8(vsriq_n_u8(h2, b, 4), six);
    }
    code[0] = vreinterpretq_s8_u8(c0), code[1] = vreinterpretq_s8_u8(c1);
    code[2] = vreinterpretq_s8_u8(c2), code[3] = vreinterpretq_s8_u8(c3);
}

// Eight float weights: CK_F16, CK_BF16 or CK_F32.
CK_INLINE float32x4x2_t float_weights8(const uint8_t *p, int bits) {
    float32x4x2_t w;
    if (bits == CK_F32) {
        w.val[0] = vld1q_f32((const float *)(const void *)p);
        w.val[1] = vld1q_f32((const float *)(const void *)(p + 16));
        return w;
    }
    const uint16x8_t h = vreinterpretq_u16_u8(vld1q_u8(p));
    if (bits == CK_F16) {
        w.val[0] = vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(h)));
        w.val[1] = vcvt_high_f32_f16(vreinterpretq_f16_u16(h));
    } else {
        const uint16x8_t zero = vdupq_n_u16(0);
        w.val[0] = vreinterpretq_f32_u16(vzip1q_u16(zero, h));
        w.val[1] = vreinterpretq_f32_u16(vzip2q_u16(zero, h));
    }
    return w;
}


#endif
