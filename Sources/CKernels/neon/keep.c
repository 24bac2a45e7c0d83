// Which values are far enough from their centers, as bits.
#if defined(__aarch64__)
#include <math.h>

#include "lanes.h"
#include "tables.h"

// All ones where |x - center| < limit.
CK_INLINE uint32x4_t near4(const float *restrict x, const float *restrict center,
                           const float *restrict limits, size_t i) {
    float32x4_t away = vld1q_f32(x + i);
    if (center) away = vsubq_f32(away, vld1q_f32(center + i));
    return vcltq_f32(vabsq_f32(away), vld1q_f32(limits + i));
}

// 16 bits: the complement of the lanes' sign bits, which a weight for each of eight bytes makes into two
// sums.
CK_INLINE uint32_t far16(const float *restrict x, const float *restrict center, const float *restrict limits,
                         size_t i) {
    const uint8x16_t weight = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(near4(x, center, limits, i)),
                                      vreinterpretq_u16_u32(near4(x, center, limits, i + 4)));
    const uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(near4(x, center, limits, i + 8)),
                                       vreinterpretq_u16_u32(near4(x, center, limits, i + 12)));
    const uint8x16_t near = vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
    const uint8x16_t far = vbicq_u8(weight, near);
    return (uint32_t)vaddv_u8(vget_low_u8(far)) | (uint32_t)vaddv_u8(vget_high_u8(far)) << 8;
}

void ck_neon_keep(uint32_t *mask, const float *x, const float *center, const float *limits, size_t n) {
    size_t word = 0;
    for (; word < n / 32; word++) {
        mask[word] = far16(x, center, limits, 32 * word) | far16(x, center, limits, 32 * word + 16) << 16;
    }
    uint32_t last = 0;
    for (size_t c = 32 * word; c < n; c++) {
        const float away = center ? x[c] - center[c] : x[c];
        last |= (uint32_t)!(fabsf(away) < limits[c]) << c % 32;
    }
    if (n % 32 != 0) mask[word] = last;
}
#endif
