#include "../ck_internal.h"

#if defined(__x86_64__)
#include <math.h>

#include "lanes.h"

CK_AVX2 void ck_avx2_rms_norm(float *out, const float *x, const float *gain, size_t n, float epsilon) {
    const size_t whole = n / 16 * 16;
    __m256d sum[4];
    for (int k = 0; k < 4; k++) sum[k] = _mm256_setzero_pd();
    for (size_t i = 0; i < whole; i += 16) {
        for (size_t k = 0; k < 4; k++) {
            const __m256d v = _mm256_cvtps_pd(_mm_loadu_ps(x + i + 4 * k));
            sum[k] = _mm256_fmadd_pd(v, v, sum[k]);
        }
    }
    double four[4];
    _mm256_storeu_pd(four, _mm256_add_pd(_mm256_add_pd(sum[0], sum[1]), _mm256_add_pd(sum[2], sum[3])));
    double square = (four[0] + four[1]) + (four[2] + four[3]);
    for (size_t i = whole; i < n; i++) square += (double)x[i] * (double)x[i];
    const float scale = (float)(1 / sqrt(square / (double)n + (double)epsilon));
    for (size_t i = 0; i < n; i++) out[i] = x[i] * scale * gain[i];  // compilers make vectors of this
}
#endif
