#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"

CK_INLINE float largest_of(__m256 v) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

CK_INLINE int32_t sum_of(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_unpackhi_epi64(s, s));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 1)));
}

CK_AVX2 void ck_avx2_quantize(ck_activations *x, const float *values, size_t n) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    x->n = n;
    x->values = values;
    for (size_t g = 0; g < ck_pad64(n) / 32; g++) {
        const size_t first = g * 32;
        __m256 v[4], top = _mm256_setzero_ps();
        for (size_t i = 0; i < 4; i++) {
            const size_t at = first + 8 * i;
            // A masked load of no lanes reads nothing, but its address must not run past the buffer.
            v[i] = at + 8 <= n ? _mm256_loadu_ps(values + at)
                   : at < n    ? _mm256_maskload_ps(values + at, first_lanes(n - at))
                               : _mm256_setzero_ps();
            top = _mm256_max_ps(_mm256_and_ps(v[i], magnitude), top);
        }
        const float largest = largest_of(top), scale = largest / 127,
                    inverse = largest > 0 ? 127 / largest : 0;
        __m256i code[4];
        for (size_t i = 0; i < 4; i++)
            code[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], _mm256_set1_ps(inverse)));
        const int32_t lower = sum_of(_mm256_add_epi32(code[0], code[1]));
        const int32_t upper = sum_of(_mm256_add_epi32(code[2], code[3]));
        const __m256i bytes =
            _mm256_packs_epi16(_mm256_packs_epi32(code[0], code[1]), _mm256_packs_epi32(code[2], code[3]));
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // both packs work within halves
        _mm256_storeu_si256((__m256i *)(x->codes + first), _mm256_permutevar8x32_epi32(bytes, order));
        x->scale32[g] = x->scale16[2 * g] = x->scale16[2 * g + 1] = scale;
        x->sum16[2 * g] = scale * (float)lower;
        x->sum16[2 * g + 1] = scale * (float)upper;
        x->sum32[g] = scale * (float)(lower + upper);
    }
}
#endif
