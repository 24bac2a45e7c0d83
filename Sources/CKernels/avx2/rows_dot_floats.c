// Dot products of rows of float weights.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"

CK_INLINE void dot_floats(const int bits, float *restrict y, const ck_rows *restrict w,
                          const ck_activations *restrict x, const uint32_t *restrict list, size_t begin,
                          size_t end) {
    const size_t whole = w->cols / 32 * 32;
    for (size_t i = begin; i < end; i++) {
        const uint8_t *row = ck_row(w, list ? list[i] : i);
        __m256 sum[4];
        for (int k = 0; k < 4; k++) sum[k] = _mm256_setzero_ps();
        for (size_t c = 0; c < whole; c += 32) {
            for (size_t k = 0; k < 4; k++) {
                const size_t at = c + 8 * k;
                sum[k] =
                    _mm256_fmadd_ps(float_weights8(bits, row, at), _mm256_loadu_ps(x->values + at), sum[k]);
            }
        }
        float rest = 0;
        for (size_t c = whole; c < w->cols; c++) rest += ck_float_code(&w->form, row, c) * x->values[c];
        y[i] = rest + sum8(_mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
    }
}

CK_AVX2 void ck_avx2_rows_dot_floats(float *y, const ck_rows *w, const ck_activations *x,
                                     const uint32_t *list, size_t begin, size_t end) {
    switch (w->form.bits) {
        case CK_F16:
            dot_floats(CK_F16, y, w, x, list, begin, end);
            break;
        case CK_BF16:
            dot_floats(CK_BF16, y, w, x, list, begin, end);
            break;
        default:
            dot_floats(CK_F32, y, w, x, list, begin, end);
            break;
    }
}
#endif
