#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"

CK_AVX2 void ck_avx2_to_half(uint16_t *out, const float *x, size_t n) {
    const size_t whole = n / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        _mm_storeu_si128((__m128i *)(out + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    }
    for (size_t i = whole; i < n; i++) out[i] = _cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT);
}
#endif
