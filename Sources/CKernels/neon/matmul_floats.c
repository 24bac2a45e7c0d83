// Products of float weights with many activation vectors; every NEON table has these.
#if defined(__aarch64__)
#include "lanes.h"
#include "tables.h"

enum { STRETCH = 1024 };  // columns of four rows that are converted at a time: 16 KB

// y[v * y_stride + r] += w[r] . x[v] for four rows and one or two vectors; n is a multiple of 4.
CK_INLINE void product4(float *restrict y, size_t y_stride, const float *restrict w, const float *restrict x,
                        size_t x_stride, size_t n, int vectors, size_t rows, int add) {
    float32x4_t sum[2][4];
    for (int v = 0; v < 2; v++)
        for (int r = 0; r < 4; r++) sum[v][r] = vdupq_n_f32(0);
    for (size_t c = 0; c < n; c += 4) {
        float32x4_t a[2];
        for (int v = 0; v < vectors; v++) a[v] = vld1q_f32(x + (size_t)v * x_stride + c);
        for (int r = 0; r < 4; r++) {
            const float32x4_t weights = vld1q_f32(w + r * STRETCH + c);
            for (int v = 0; v < vectors; v++) sum[v][r] = vfmaq_f32(sum[v][r], weights, a[v]);
        }
    }
    for (int v = 0; v < vectors; v++) {
        float four[4];
        vst1q_f32(four, add_pairs_tree_f32(sum[v][0], sum[v][1], sum[v][2], sum[v][3]));
        for (size_t r = 0; r < rows; r++) {
            float *const to = y + (size_t)v * y_stride + r;
            *to = add ? *to + four[r] : four[r];
        }
    }
}

void ck_neon_rows_matmul_floats(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin,
                                size_t end, void *scratch) {
    float *const four = scratch;
    const size_t size = ck_float_bytes(w->form.bits);
    for (size_t row = begin; row < end; row += 4) {
        const size_t rows = end - row < 4 ? end - row : 4;
        for (size_t c = 0; c < w->cols; c += STRETCH) {
            const size_t n = w->cols - c < STRETCH ? w->cols - c : STRETCH, whole = n / 4 * 4;
            for (size_t r = 0; r < 4; r++) {
                const uint8_t *const from =
                    ck_row(w, row + (r < rows ? r : rows - 1)) + c * size;
                size_t i = 0;
                for (; i + 8 <= n; i += 8) {
                    const float32x4x2_t v = float_weights8(from + i * size, w->form.bits);
                    vst1q_f32(four + r * STRETCH + i, v.val[0]);
                    vst1q_f32(four + r * STRETCH + i + 4, v.val[1]);
                }
                for (; i < n; i++) four[r * STRETCH + i] = ck_float_code(&w->form, from, i);
            }
            for (size_t t = 0; t < x->count; t += 2) {
                const float *const values = x->values + t * x->value_stride + c;
                float *const to = y + t * y_stride + row;
                if (t + 1 < x->count)
                    product4(to, y_stride, four, values, x->value_stride, whole, 2, rows, c > 0);
                else
                    product4(to, y_stride, four, values, x->value_stride, whole, 1, rows, c > 0);
                for (size_t v = 0; v < 2 && t + v < x->count; v++)
                    for (size_t r = 0; r < rows; r++)
                        for (size_t i = whole; i < n; i++)
                            to[v * y_stride + r] += four[r * STRETCH + i] * values[v * x->value_stride + i];
            }
        }
    }
}

void ck_neon_channels_matmul_floats(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                                    size_t out_begin, size_t out_end, void *scratch) {
    (void)scratch;
    // A block of 32 channels by 64 outputs stays in the first cache while every vector uses it.
    for (size_t j = out_begin; j < out_end; j += 64) {
        const size_t end = j + 64 < out_end ? j + 64 : out_end;
        for (size_t block = 0; block < (w->channels + 31) / 32; block++) {
            for (size_t t = 0; t < x->count; t++) {
                const ck_activations vector = ck_batch_vector(x, t);
                ck_neon_channels_add_floats(y + t * y_stride, w, &vector, NULL, block, block + 1, j, end);
            }
        }
    }
}
#endif
