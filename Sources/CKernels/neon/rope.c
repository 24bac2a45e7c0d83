// Rotary position embedding, both ways of pairing elements.
#if defined(__aarch64__)
#include "lanes.h"
#include "tables.h"

CK_INLINE float32x4x2_t turned(float32x4x2_t v, float32x4_t cosine, float32x4_t sine) {
    float32x4x2_t out;
    out.val[0] = vfmsq_f32(vmulq_f32(v.val[0], cosine), v.val[1], sine);
    out.val[1] = vfmaq_f32(vmulq_f32(v.val[1], cosine), v.val[0], sine);
    return out;
}

void ck_neon_rope(float *x, size_t heads, size_t head_dim, size_t rotated, const float *cosines,
                  const float *sines, int interleaved) {
    const size_t half = rotated / 2;
    for (size_t head = 0; head < heads; head++) {
        float *const v = x + head * head_dim;
        size_t i = 0;
        for (; i + 4 <= half; i += 4) {
            const float32x4_t cosine = vld1q_f32(cosines + i), sine = vld1q_f32(sines + i);
            if (interleaved) {
                vst2q_f32(v + 2 * i, turned(vld2q_f32(v + 2 * i), cosine, sine));
                continue;
            }
            const float32x4x2_t pair = {{vld1q_f32(v + i), vld1q_f32(v + half + i)}};
            const float32x4x2_t out = turned(pair, cosine, sine);
            vst1q_f32(v + i, out.val[0]);
            vst1q_f32(v + half + i, out.val[1]);
        }
        for (; i < half; i++) {
            float *const first = v + (interleaved ? 2 * i : i), *const second =
                                                                    first + (interleaved ? 1 : half);
            const float a = *first, b = *second;
            *first = a * cosines[i] - b * sines[i];
            *second = a * sines[i] + b * cosines[i];
        }
    }
}
#endif
