#include "scalar.h"

static void add_floats(float *y, const ck_channels *w, const ck_activations *x, uint32_t kept, size_t block,
                       size_t out_begin, size_t out_end) {
    for (; kept != 0; kept &= kept - 1) {
        const size_t c = block * 32 + (size_t)__builtin_ctz(kept);
        const uint8_t *run = ck_channel(w, c);
        for (size_t j = out_begin; j < out_end; j++) y[j] += ck_float_code(&w->form, run, j) * x->values[c];
    }
}

void ck_scalar_channels_add(float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                            size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) {
    const size_t padded = ck_pad64(w->outputs), group = w->form.group;
    for (size_t b = block_begin; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, w->channels);
        if (ck_is_float(&w->form)) {
            add_floats(y, w, x, kept, b, out_begin, out_end);
            continue;
        }
        for (size_t half = 0; half < 32 / group; half++) {
            const uint32_t part = group == 32 ? kept : kept >> (16 * half) & 0xffffu;
            if (part == 0) continue;
            const size_t first = b * 32 + half * group;
            const float activation_scale = x->scale32[b];
            int32_t codes = 0;
            for (uint32_t left = part; left != 0; left &= left - 1) codes += x->codes[first + (size_t)__builtin_ctz(left)];
            const float activation_sum = activation_scale * (float)codes;
            for (size_t j = out_begin; j < out_end; j++) {
                int32_t product = 0;
                for (uint32_t left = part; left != 0; left &= left - 1) {
                    const size_t c = first + (size_t)__builtin_ctz(left);
                    product += ck_code(&w->form, ck_channel(w, c), padded, j) * x->codes[c];
                }
                float scale, min;
                ck_plane_scale(w, first / group, j, &scale, &min);
                y[j] += scale * (activation_scale * (float)product - (float)w->form.offset * activation_sum) -
                        min * activation_sum;
            }
        }
    }
}

void ck_scalar_channels_matmul(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                               size_t out_begin, size_t out_end, void *scratch) {
    (void)scratch;
    for (size_t t = 0; t < x->count; t++) {
        const ck_activations vector = ck_batch_vector(x, t);
        ck_scalar_channels_add(y + t * y_stride, w, &vector, NULL, 0, (w->channels + 31) / 32, out_begin, out_end);
    }
}
