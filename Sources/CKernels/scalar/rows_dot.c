#include "scalar.h"

static float dot(const ck_rows *w, const ck_activations *x, size_t row) {
    const uint8_t *run = ck_row(w, row);
    const size_t padded = ck_pad64(w->cols), group = w->form.group;
    float sum = 0;
    if (ck_is_float(&w->form)) {
        for (size_t i = 0; i < w->cols; i++) sum += ck_float_code(&w->form, run, i) * x->values[i];
        return sum;
    }
    const uint8_t *scales = run + ck_packed_bytes(&w->form, padded);
    const float *activation_scale = group == 16 ? x->scale16 : x->scale32;
    const float *activation_sum = group == 16 ? x->sum16 : x->sum32;
    for (size_t g = 0; g < padded / group; g++) {
        int32_t product = 0;
        for (size_t i = g * group; i < (g + 1) * group; i++) {
            product += ck_code(&w->form, run, padded, i) * x->codes[i];
        }
        float scale, min;
        ck_row_scale(&w->form, scales, padded, g, &scale, &min);
        sum += scale * (activation_scale[g] * (float)product - (float)w->form.offset * activation_sum[g]) -
               min * activation_sum[g];
    }
    return sum;
}

void ck_scalar_rows_dot(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list, size_t begin,
                        size_t end) {
    for (size_t i = begin; i < end; i++) y[i] = dot(w, x, list ? list[i] : i);
}

void ck_scalar_rows_matmul(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin, size_t end,
                           void *scratch) {
    (void)scratch;
    for (size_t t = 0; t < x->count; t++) {
        const ck_activations vector = ck_batch_vector(x, t);
        ck_scalar_rows_dot(y + t * y_stride, w, &vector, NULL, begin, end);
    }
}
