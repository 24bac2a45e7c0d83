// SiLU and GELU (tanh form), alone and times a second vector.
#if defined(__aarch64__)
#include "exponential.h"
#include "tables.h"

// Both are x / (1 + exp(-z)): z = x for SiLU; for GELU 0.5 x (1 + tanh u) with z = 2 u,
// u = sqrt(2 / pi) (x + 0.044715 x^3).
CK_INLINE float32x4_t activated(float32x4_t x, int kind) {
    float32x4_t z = x;
    if (kind == CK_GELU_TANH) {
        const float32x4_t inner = vfmaq_n_f32(vdupq_n_f32(1), vmulq_f32(x, x), 0.044715f);
        z = vmulq_f32(vmulq_n_f32(x, 2 * 0.79788456f), inner);
    }
    return vdivq_f32(x, vaddq_f32(vdupq_n_f32(1), exponential(vnegq_f32(z))));
}

CK_INLINE void activate_all(float *restrict g, const float *restrict u, size_t n, int kind) {
    size_t i = 0;
    // One exponential is a chain of dependent operations; four abreast keep an in-order core busy.
#pragma GCC unroll 4
    for (; i + 4 <= n; i += 4) {
        const float32x4_t a = activated(vld1q_f32(g + i), kind);
        vst1q_f32(g + i, u != NULL ? vmulq_f32(a, vld1q_f32(u + i)) : a);
    }
    if (i == n) return;
    float last[4] = {0}, factor[4] = {0};
    memcpy(last, g + i, (n - i) * sizeof(float));
    if (u != NULL) memcpy(factor, u + i, (n - i) * sizeof(float));
    const float32x4_t a = activated(vld1q_f32(last), kind);
    vst1q_f32(last, u != NULL ? vmulq_f32(a, vld1q_f32(factor)) : a);
    memcpy(g + i, last, (n - i) * sizeof(float));
}

void ck_neon_activate(float *g, size_t n, int kind) {
    if (kind == CK_GELU_TANH)
        activate_all(g, NULL, n, CK_GELU_TANH);
    else
        activate_all(g, NULL, n, CK_SILU);
}

void ck_neon_activate_multiply(float *g, const float *u, size_t n, int kind) {
    if (kind == CK_GELU_TANH)
        activate_all(g, u, n, CK_GELU_TANH);
    else
        activate_all(g, u, n, CK_SILU);
}
#endif
