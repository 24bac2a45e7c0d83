#include "ck_internal.h"

void ck_row_decode(float *out, const ck_rows *w, size_t row) {
    const uint8_t *run = ck_row(w, row);
    const size_t padded = ck_pad64(w->cols);
    if (ck_is_float(&w->form)) {
        for (size_t i = 0; i < w->cols; i++) out[i] = ck_float_code(&w->form, run, i);
        return;
    }
    const uint8_t *scales = run + ck_packed_bytes(&w->form, padded);
    float scale = 0, min = 0;
    for (size_t i = 0; i < w->cols; i++) {
        if (i % w->form.group == 0) ck_row_scale(&w->form, scales, padded, i / w->form.group, &scale, &min);
        out[i] = scale * (float)(ck_code(&w->form, run, padded, i) - w->form.offset) - min;
    }
}

void ck_channel_decode(float *out, const ck_channels *w, size_t channel) {
    const uint8_t *run = ck_channel(w, channel);
    const size_t padded = ck_pad64(w->outputs);
    for (size_t j = 0; j < w->outputs; j++) {
        if (ck_is_float(&w->form)) {
            out[j] = ck_float_code(&w->form, run, j);
            continue;
        }
        float scale, min;
        ck_plane_scale(w, channel / w->form.group, j, &scale, &min);
        out[j] = scale * (float)(ck_code(&w->form, run, padded, j) - w->form.offset) - min;
    }
}
