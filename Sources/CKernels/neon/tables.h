// The operations of the NEON tables that are not of every table; suffix: the instruction set.
#ifndef CK_NEON_TABLES_H
#define CK_NEON_TABLES_H

#include "../scalar/scalar.h"

void ck_neon_quantize(ck_activations *x, const float *values, size_t n);
void ck_neon_rms_norm(float *out, const float *x, const float *gain, size_t n, float epsilon);
void ck_neon_activate(float *g, size_t n, int kind);
void ck_neon_activate_multiply(float *g, const float *u, size_t n, int kind);
void ck_neon_rope(float *x, size_t heads, size_t head_dim, size_t rotated, const float *cosines,
                  const float *sines, int interleaved);
void ck_neon_attend(const ck_attention *job);
void ck_neon_to_half(uint16_t *out, const float *x, size_t n);
void ck_neon_keep(uint32_t *mask, const float *x, const float *center, const float *limits, size_t n);

void ck_neon_rows_dot_floats(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                             size_t begin, size_t end);
void ck_neon_channels_add_floats(float *y, const ck_channels *w, const ck_activations *x,
                                 const uint32_t *mask, size_t block_begin, size_t block_end, size_t out_begin,
                                 size_t out_end);
void ck_neon_rows_matmul_floats(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin,
                                size_t end, void *scratch);
void ck_neon_channels_matmul_floats(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                                    size_t out_begin, size_t out_end, void *scratch);

#define CK_PER_SET(set)                                                                                      \
    void ck_rows_dot_##set(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,        \
                           size_t begin, size_t end);                                                        \
    void ck_rows_bound_##set(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin,           \
                             size_t end);                                                                    \
    void ck_channels_add_##set(float *y, const ck_channels *w, const ck_activations *x,                      \
                               const uint32_t *mask, size_t block_begin, size_t block_end, size_t out_begin, \
                               size_t out_end);                                                              \
    void ck_rows_matmul_##set(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin,  \
                              size_t end, void *scratch);                                                    \
    void ck_channels_matmul_##set(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,        \
                                  size_t out_begin, size_t out_end, void *scratch);
CK_PER_SET(neon)
CK_PER_SET(neon_dotprod)
CK_PER_SET(neon_i8mm)
#undef CK_PER_SET

#endif
