// RMS normalisation; the squares are summed in double.
#if defined(__aarch64__)
#include <math.h>

#include "lanes.h"
#include "tables.h"

void ck_neon_rms_norm(float *restrict out, const float *restrict x, const float *restrict gain, size_t n,
                      float epsilon) {
    float64x2_t square[4] = {vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0)};
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (int k = 0; k < 2; k++) {
            const float32x4_t v = vld1q_f32(x + i + 4 * k);
            const float64x2_t low = vcvt_f64_f32(vget_low_f32(v)), high = vcvt_high_f64_f32(v);
            square[2 * k] = vfmaq_f64(square[2 * k], low, low);
            square[2 * k + 1] = vfmaq_f64(square[2 * k + 1], high, high);
        }
    }
    double sum = vaddvq_f64(vaddq_f64(vaddq_f64(square[0], square[1]), vaddq_f64(square[2], square[3])));
    for (; i < n; i++) sum += (double)x[i] * (double)x[i];
    const float scale = (float)(1 / sqrt(sum / (double)n + (double)epsilon));
    for (i = 0; i + 4 <= n; i += 4)
        vst1q_f32(out + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), scale), vld1q_f32(gain + i)));
    for (; i < n; i++) out[i] = x[i] * scale * gain[i];
}
#endif
