// Dot products of rows of floats; every NEON table has this one.
#if defined(__aarch64__)
#include "rows_dot.h"

CK_INLINE float dot_floats(const uint8_t *restrict row, const uint8_t *restrict next, const float *restrict x,
                           size_t cols, int bits) {
    const size_t size = ck_float_bytes(bits);
    float32x4_t sum[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    size_t c = 0;
    for (; c + 16 <= cols; c += 16) {
        if (c * size % 64 == 0) __builtin_prefetch(next + c * size);
        for (int i = 0; i < 2; i++) {
            const float32x4x2_t w = float_weights8(row + (c + 8 * (size_t)i) * size, bits);
            sum[2 * i] = vfmaq_f32(sum[2 * i], w.val[0], vld1q_f32(x + c + 8 * i));
            sum[2 * i + 1] = vfmaq_f32(sum[2 * i + 1], w.val[1], vld1q_f32(x + c + 8 * i + 4));
        }
    }
    float last[16] = {0};
    uint8_t last_row[64] = {0};
    if (c < cols) {
        memcpy(last, x + c, (cols - c) * sizeof(float));
        memcpy(last_row, row + c * size, (cols - c) * size);
        for (int i = 0; i < 2; i++) {
            const float32x4x2_t w = float_weights8(last_row + 8 * (size_t)i * size, bits);
            sum[2 * i] = vfmaq_f32(sum[2 * i], w.val[0], vld1q_f32(last + 8 * i));
            sum[2 * i + 1] = vfmaq_f32(sum[2 * i + 1], w.val[1], vld1q_f32(last + 8 * i + 4));
        }
    }
    return vaddvq_f32(vaddq_f32(vaddq_f32(sum[0], sum[1]), vaddq_f32(sum[2], sum[3])));
}

void ck_neon_rows_dot_floats(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                             size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        const uint8_t *const row = row_at(w, list, i), *const next = row_ahead(w, list, i, 1, end);
        switch (w->form.bits) {
            case CK_F16:
                y[i] = dot_floats(row, next, x->values, w->cols, CK_F16);
                break;
            case CK_BF16:
                y[i] = dot_floats(row, next, x->values, w->cols, CK_BF16);
                break;
            default:
                y[i] = dot_floats(row, next, x->values, w->cols, CK_F32);
                break;
        }
    }
}
#endif
