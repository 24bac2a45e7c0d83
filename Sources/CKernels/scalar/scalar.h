// The scalar kernels, which define what is right; the other sets take over the ones they do not better.
#ifndef CK_SCALAR_H
#define CK_SCALAR_H

#include "../ck_internal.h"

void ck_scalar_quantize(ck_activations *x, const float *values, size_t n);
void ck_scalar_rows_dot(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list, size_t begin,
                        size_t end);
void ck_scalar_rows_bound(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin, size_t end);
void ck_scalar_channels_add(float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                            size_t block_begin, size_t block_end, size_t out_begin, size_t out_end);
void ck_scalar_rows_matmul(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin, size_t end,
                           void *scratch);
void ck_scalar_channels_matmul(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                               size_t out_begin, size_t out_end, void *scratch);
void ck_scalar_rms_norm(float *out, const float *x, const float *gain, size_t n, float epsilon);
void ck_scalar_activate(float *g, size_t n, int kind);
void ck_scalar_activate_multiply(float *g, const float *u, size_t n, int kind);
void ck_scalar_rope(float *x, size_t heads, size_t head_dim, size_t rotated, const float *cosines,
                    const float *sines, int interleaved);
void ck_scalar_attend(const ck_attention *job);
void ck_scalar_to_half(uint16_t *out, const float *x, size_t n);
void ck_scalar_keep(uint32_t *mask, const float *x, const float *center, const float *limits, size_t n);

// Vector t of a batch.
static inline ck_activations ck_batch_vector(const ck_batch *x, size_t t) {
    const size_t padded = ck_pad64(x->n);
    ck_activations v = {.n = x->n,
                        .values = x->values + t * x->value_stride,
                        .codes = x->codes + t * padded,
                        .scale32 = x->scale32 + t * (padded / 32),
                        .sum32 = x->sum32 + t * (padded / 32),
                        .scale16 = x->scale16 + t * (padded / 16),
                        .sum16 = x->sum16 + t * (padded / 16)};
    return v;
}

#endif
