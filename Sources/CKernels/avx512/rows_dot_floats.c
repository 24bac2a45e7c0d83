#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "lanes.h"
#include "floats.h"
#include "../x86/row_walk.h"

CK_INLINE void dot_floats(const int bits, float *restrict y, const ck_rows *restrict w,
                          const ck_activations *restrict x, const uint32_t *restrict list, size_t begin,
                          size_t end) {
    if (begin >= end) return;
    row_walk walk;
    begin_rows(&walk, w, list, begin, end);
    for (size_t i = begin; i < end; i++) {
        const uint8_t *run = ck_row(w, list ? list[i] : i);
        __m512 sum[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
        look_ahead(&walk, w, ck_float_bytes(bits) * w->cols, i);
        for (size_t c = 0; c < w->cols; c += 32) {
            for (size_t part = 0; part < 2; part++) {
                const size_t at = c + 16 * part;
                const __mmask16 m = at < w->cols ? first_lanes(w->cols - at) : 0;
                sum[part] = _mm512_fmadd_ps(float_codes(bits, m, run, at),
                                            _mm512_maskz_loadu_ps(m, x->values + at), sum[part]);
            }
        }
        y[i] = _mm512_reduce_add_ps(_mm512_add_ps(sum[0], sum[1]));
    }
}

void ck_avx512_rows_dot_floats(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                               size_t begin, size_t end) {
    FOR_FLOATS(dot_floats, y, w, x, list, begin, end);
}
CK_TARGET_END
#endif
