// The operations of the AVX-512 table.
#ifndef CK_AVX512_H
#define CK_AVX512_H

#include "../include/ckernels.h"

void ck_avx512_quantize(ck_activations *x, const float *values, size_t n);
void ck_avx512_rows_dot(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                        size_t begin, size_t end);
void ck_avx512_rows_dot_floats(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                               size_t begin, size_t end);
void ck_avx512_rows_bound(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin, size_t end);
void ck_avx512_channels_add(float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                            size_t block_begin, size_t block_end, size_t out_begin, size_t out_end);
void ck_avx512_channels_add_floats(float *y, const ck_channels *w, const ck_activations *x,
                                   const uint32_t *mask, size_t block_begin, size_t block_end,
                                   size_t out_begin, size_t out_end);
void ck_avx512_rows_matmul(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin,
                           size_t end, void *scratch);
void ck_avx512_channels_matmul(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                               size_t out_begin, size_t out_end, void *scratch);
void ck_avx512_rms_norm(float *out, const float *x, const float *gain, size_t n, float epsilon);
void ck_avx512_activate(float *g, size_t n, int kind);
void ck_avx512_activate_multiply(float *g, const float *u, size_t n, int kind);
void ck_avx512_rope(float *x, size_t heads, size_t head_dim, size_t rotated, const float *cosines,
                    const float *sines, int interleaved);
void ck_avx512_attend(const ck_attention *job);
void ck_avx512_to_half(uint16_t *out, const float *x, size_t n);
void ck_avx512_keep(uint32_t *mask, const float *x, const float *center, const float *limits, size_t n);

#endif
