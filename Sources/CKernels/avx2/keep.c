// Which values are far enough from their centers, as bits.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"

CK_AVX2 void ck_avx2_keep(uint32_t *mask, const float *x, const float *center, const float *limits,
                          size_t n) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    for (size_t word = 0; word < (n + 31) / 32; word++) {
        uint32_t bits = 0;
        for (size_t i = word * 32; i < word * 32 + 32 && i < n; i += 8) {
            const __m256i there = first_lanes(n - i);
            __m256 away = _mm256_maskload_ps(x + i, there);
            if (center) away = _mm256_sub_ps(away, _mm256_maskload_ps(center + i, there));
            const __m256 far = _mm256_cmp_ps(_mm256_andnot_ps(sign, away),
                                             _mm256_maskload_ps(limits + i, there), _CMP_NLT_UQ);
            const __m256 kept = _mm256_and_ps(far, _mm256_castsi256_ps(there));
            bits |= (uint32_t)_mm256_movemask_ps(kept) << i % 32;
        }
        mask[word] = bits;
    }
}
#endif
