// SiLU and GELU (tanh form), alone and times a second vector.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "exponential.h"

// Both are x / (1 + exp(-z)): z = x for SiLU; for GELU 0.5 x (1 + tanh u) with z = 2 u,
// u = sqrt(2 / pi) (x + 0.044715 x^3).
CK_INLINE __m256 activated(__m256 x, const int kind) {
    const __m256 one = _mm256_set1_ps(1);
    __m256 z = x;
    if (kind == CK_GELU_TANH) {
        const __m256 inner = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(0.044715f), one);
        z = _mm256_mul_ps(_mm256_mul_ps(x, _mm256_set1_ps(2 * 0.79788456f)), inner);
    }
    const __m256 minus = _mm256_xor_ps(z, _mm256_set1_ps(-0.0f));
    return _mm256_div_ps(x, _mm256_add_ps(one, exponential(minus)));
}

CK_INLINE void activate_all(float *restrict g, const float *restrict u, size_t n, const int kind) {
    for (size_t i = 0; i < n; i += 8) {
        const __m256i there = first_lanes(n - i);
        const __m256 a = activated(_mm256_maskload_ps(g + i, there), kind);
        _mm256_maskstore_ps(g + i, there, u ? _mm256_mul_ps(a, _mm256_maskload_ps(u + i, there)) : a);
    }
}

CK_AVX2 void ck_avx2_activate(float *g, size_t n, int kind) {
    if (kind == CK_GELU_TANH) {
        activate_all(g, NULL, n, CK_GELU_TANH);
    } else {
        activate_all(g, NULL, n, CK_SILU);
    }
}

CK_AVX2 void ck_avx2_activate_multiply(float *g, const float *u, size_t n, int kind) {
    if (kind == CK_GELU_TANH) {
        activate_all(g, u, n, CK_GELU_TANH);
    } else {
        activate_all(g, u, n, CK_SILU);
    }
}
#endif
