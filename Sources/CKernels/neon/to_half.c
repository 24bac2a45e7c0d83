// Floats to f16; the processor rounds to nearest even.
#if defined(__aarch64__)
#include "lanes.h"
#include "tables.h"

void ck_neon_to_half(uint16_t *restrict out, const float *restrict x, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
    for (; i < n; i++) {
        const __fp16 half = (__fp16)x[i];
        memcpy(out + i, &half, 2);
    }
}
#endif
