// Quantises activations in groups of 32 to int8 by their largest magnitude, rounding to nearest even.
#if defined(__aarch64__)
#include "lanes.h"
#include "tables.h"

CK_INLINE int16x4_t codes4(float32x4_t values, float inverse) {
    return vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(values, inverse)));
}

CK_INLINE void quantize_group(ck_activations *restrict x, const float *restrict values, size_t g) {
    float32x4_t v[8], top = vdupq_n_f32(0);
    for (int i = 0; i < 8; i++) {
        v[i] = vld1q_f32(values + 4 * i);
        top = vmaxq_f32(top, vabsq_f32(v[i]));
    }
    const float largest = vmaxvq_f32(top), scale = largest / 127, inverse = largest > 0 ? 127 / largest : 0;
    int32_t sums[2];
    for (int half = 0; half < 2; half++) {
        const float32x4_t *const h = v + 4 * half;
        const int8x8_t low = vqmovn_s16(vcombine_s16(codes4(h[0], inverse), codes4(h[1], inverse)));
        const int8x8_t high = vqmovn_s16(vcombine_s16(codes4(h[2], inverse), codes4(h[3], inverse)));
        const int8x16_t codes = vcombine_s8(low, high);
        vst1q_s8(x->codes + 32 * g + 16 * (size_t)half, codes);
        sums[half] = vaddlvq_s8(codes);
        x->scale16[2 * g + (size_t)half] = scale;
        x->sum16[2 * g + (size_t)half] = scale * (float)sums[half];
    }
    x->scale32[g] = scale;
    x->sum32[g] = scale * (float)(sums[0] + sums[1]);
}

void ck_neon_quantize(ck_activations *x, const float *values, size_t n) {
    x->n = n;
    x->values = values;
    size_t g = 0;
    for (; g < n / 32; g++) quantize_group(x, values + 32 * g, g);
    for (; g < ck_pad64(n) / 32; g++) {
        float last[32] = {0};
        if (32 * g < n) memcpy(last, values + 32 * g, (n - 32 * g) * sizeof(float));
        quantize_group(x, last, g);
    }
}
#endif
