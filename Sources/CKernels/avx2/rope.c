#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"

// Pairs (i, i + half).
CK_INLINE size_t turn_halves(float *restrict v, size_t half, const float *restrict cosines,
                             const float *restrict sines) {
    size_t i = 0;
    for (; i + 8 <= half; i += 8) {
        const __m256 c = _mm256_loadu_ps(cosines + i), s = _mm256_loadu_ps(sines + i);
        const __m256 a = _mm256_loadu_ps(v + i), b = _mm256_loadu_ps(v + half + i);
        _mm256_storeu_ps(v + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
        _mm256_storeu_ps(v + half + i, _mm256_fmadd_ps(a, s, _mm256_mul_ps(b, c)));
    }
    return i;
}

// Pairs (2i, 2i + 1), four to a vector: even lanes a c - b s, odd lanes b c + a s.
CK_INLINE size_t turn_neighbours(float *restrict v, size_t half, const float *restrict cosines,
                                 const float *restrict sines) {
    const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    size_t i = 0;
    for (; i + 4 <= half; i += 4) {
        const __m256 c = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cosines + i)), twice);
        const __m256 s = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(sines + i)), twice);
        const __m256 x = _mm256_loadu_ps(v + 2 * i), swapped = _mm256_permute_ps(x, 0xb1);
        _mm256_storeu_ps(v + 2 * i, _mm256_fmaddsub_ps(x, c, _mm256_mul_ps(swapped, s)));
    }
    return i;
}

CK_AVX2 void ck_avx2_rope(float *x, size_t heads, size_t head_dim, size_t rotated, const float *cosines,
                          const float *sines, int interleaved) {
    const size_t half = rotated / 2;
    for (size_t h = 0; h < heads; h++) {
        float *v = x + h * head_dim;
        size_t i =
            interleaved ? turn_neighbours(v, half, cosines, sines) : turn_halves(v, half, cosines, sines);
        for (; i < half; i++) {
            const size_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + half;
            const float a = v[first], b = v[second];
            v[first] = a * cosines[i] - b * sines[i];
            v[second] = a * sines[i] + b * cosines[i];
        }
    }
}
#endif
