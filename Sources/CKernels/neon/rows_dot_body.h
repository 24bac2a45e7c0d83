// Dot products of rows, once per instruction set. Before including it define
//   CK_TARGET      the functions' target attribute
//   CK_NAME(name)  the name for this instruction set
//   CK_TWO_ROWS(bits, levels)  whether two rows are taken at a time, sharing the loads of the activations
//   CK_QUAD_DOTS   int32x4_t (low, high, activation codes, bits, group, units): the integer dot products of
//                  four groups; groups of 32 with units == 1 are two, and the upper half is zero
//
// Scales, minima and sums are applied to four groups at a time, a "quad": per 32 weights that is a quarter of
// the work of one group after another.

#include "rows_dot.h"

// scale32 * dot - net offset * sum of one quad.
CK_TARGET CK_INLINE float32x4_t CK_NAME(quad_terms)(const uint8_t *restrict row, const row_parts *p,
                                                    const ck_activations *restrict x, size_t quad, int units,
                                                    int bits, int group, int offset) {
    const size_t unit = group == 32 ? 2 * quad : quad;
    const int32x4_t dots =
        CK_QUAD_DOTS(row + unit * ck_low_bytes(bits), row + p->high + unit * ck_high_bytes(bits),
                     x->codes + unit * 64, bits, group, units);
    const int half = group == 32 && units == 1, net = offset - unpack_bias(bits);
    const float32x4_t scale = quad_of((group == 32 ? x->scale32 : x->scale16) + 4 * quad, half);
    const float32x4_t terms = vmulq_f32(vcvtq_f32_s32(dots), scale);
    if (net == 0) return terms;
    const float32x4_t sum = quad_of((group == 32 ? x->sum32 : x->sum16) + 4 * quad, half);
    return vfmsq_f32(terms, sum, vdupq_n_f32((float)net));
}

// Adds one quad of a form with one level of scales.
CK_TARGET CK_INLINE float32x4_t CK_NAME(add_quad)(float32x4_t y, const uint8_t *restrict row,
                                                  const row_parts *p, const ck_activations *restrict x,
                                                  size_t quad, int units, int bits, int has_min, int offset) {
    const uint8_t *const scales = row + p->scales + 8 * quad, *const mins = scales + 2 * p->groups;
    const float32x4_t terms = CK_NAME(quad_terms)(row, p, x, quad, units, bits, 32, offset);
    y = vfmaq_f32(y, terms, units == 2 ? halves4(scales) : halves2(scales));
    if (!has_min) return y;
    const float32x4_t sum = quad_of(x->sum32 + 4 * quad, units == 1);
    return vfmsq_f32(y, sum, units == 2 ? halves4(mins) : halves2(mins));
}

// Adds up to 256 weights of a form with two levels: the sub scales meet their groups first, the super scale
// meets the sum. `units` is 4, or fewer in a row's last block.
CK_TARGET CK_INLINE float32x4_t CK_NAME(add_block)(float32x4_t y, const uint8_t *restrict row,
                                                   const row_parts *p, const ck_activations *restrict x,
                                                   size_t block, int units, int bits, int group, int has_min,
                                                   int offset) {
    const int per_quad = group / 16, groups = units * 64 / group;
    const uint8_t *const scales = row + p->scales + block * (256 / (size_t)group);
    const uint8_t *const supers = row + p->supers + 2 * block;
    const int8x16_t sub = sub_bytes(scales, groups),
                    sub_min = sub_bytes(scales + p->groups, has_min ? groups : 0);
    float32x4_t inner = vdupq_n_f32(0), inner_min = inner;
#pragma GCC unroll 4
    for (int q = 0; q * per_quad < units; q++) {
        const size_t quad = block * (4 / (size_t)per_quad) + (size_t)q;
        const int left = units - q * per_quad < per_quad ? 1 : per_quad;
        const float32x4_t terms = CK_NAME(quad_terms)(row, p, x, quad, left, bits, group, offset);
        const float32x4_t scale = bytes_as_floats(sub, q);
        inner = q == 0 ? vmulq_f32(terms, scale) : vfmaq_f32(inner, terms, scale);
        if (!has_min) continue;
        const float32x4_t sum = quad_of((group == 32 ? x->sum32 : x->sum16) + 4 * quad, left != per_quad);
        const float32x4_t min = bytes_as_floats(sub_min, q);
        inner_min = q == 0 ? vmulq_f32(sum, min) : vfmaq_f32(inner_min, sum, min);
    }
    y = vfmaq_n_f32(y, inner, half1(supers));
    return has_min ? vfmsq_n_f32(y, inner_min, half1(supers + 2 * p->blocks)) : y;
}

// The units that are left after whole steps. Apart from the loop, which it would cost registers.
typedef float32x4_t CK_NAME(tail)(float32x4_t y, const uint8_t *row, const row_parts *p,
                                  const ck_activations *x, size_t step, int units);

// y[0 ..< rows] of one or two rows, while the lines of the rows after them are fetched.
CK_TARGET CK_INLINE void CK_NAME(dot_rows)(float *restrict y, const uint8_t *const row[2],
                                           const uint8_t *const next[2], int rows,
                                           const ck_activations *restrict x, const row_parts *p,
                                           CK_NAME(tail) * tail, int bits, int group, int levels, int has_min,
                                           int offset) {
    const size_t step_units = levels == 2 ? 4 : 2, steps = p->units / step_units;
    const int left = (int)(p->units % step_units), lines = lines_of_step(bits, group, levels, has_min);
    const size_t stride = steps > 0 ? p->end / steps : 0;
    float32x4_t sum[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
    const uint8_t *ahead[2] = {next[0], next[1]};
    for (size_t s = 0; s < steps; s++) {
#pragma GCC unroll 2
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
            for (int line = 0; line < lines; line++) __builtin_prefetch(ahead[r] + 64 * line);
            ahead[r] += stride;
            sum[r] = levels == 1
                         ? CK_NAME(add_quad)(sum[r], row[r], p, x, s, 2, bits, has_min, offset)
                         : CK_NAME(add_block)(sum[r], row[r], p, x, s, 4, bits, group, has_min, offset);
        }
    }
    for (int r = 0; r < rows; r++)
        y[r] = vaddvq_f32(left > 0 ? tail(sum[r], row[r], p, x, steps, left) : sum[r]);
}

CK_TARGET CK_INLINE void CK_NAME(rows_dot_form)(float *restrict y, const ck_rows *w,
                                                const ck_activations *restrict x,
                                                const uint32_t *restrict list, size_t begin, size_t end,
                                                CK_NAME(tail) * tail, int bits, int group, int levels,
                                                int has_min, int offset) {
    const row_parts parts = parts_of(w->cols, bits, group, levels, has_min);
    size_t i = begin;
    for (; CK_TWO_ROWS(bits, levels) && i + 1 < end; i += 2) {
        const uint8_t *const row[2] = {row_at(w, list, i), row_at(w, list, i + 1)};
        const uint8_t *const next[2] = {row_ahead(w, list, i, 2, end), row_ahead(w, list, i, 3, end)};
        CK_NAME(dot_rows)
        (y + i, row, next, 2, x, &parts, tail, bits, group, levels, has_min, offset);
    }
    for (; i < end; i++) {
        const uint8_t *const row[2] = {row_at(w, list, i), NULL};
        const uint8_t *const next[2] = {row_ahead(w, list, i, 1, end), NULL};
        CK_NAME(dot_rows)
        (y + i, row, next, 1, x, &parts, tail, bits, group, levels, has_min, offset);
    }
}

#define CK_FORM(name, bits, group, levels, has_min, offset)                                          \
    CK_TARGET static __attribute__((noinline)) float32x4_t CK_NAME(tail_##name)(                     \
        float32x4_t y, const uint8_t *row, const row_parts *p, const ck_activations *x, size_t step, \
        int units) {                                                                                 \
        if ((levels) == 1) return CK_NAME(add_quad)(y, row, p, x, step, 1, bits, has_min, offset);   \
        return CK_NAME(add_block)(y, row, p, x, step, units, bits, group, has_min, offset);          \
    }                                                                                                \
    CK_TARGET static __attribute__((noinline)) void CK_NAME(rows_dot_##name)(                        \
        float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list, size_t begin,     \
        size_t end) {                                                                                \
        CK_NAME(rows_dot_form)                                                                       \
        (y, w, x, list, begin, end, CK_NAME(tail_##name), bits, group, levels, has_min, offset);     \
    }
CK_EACH_FORM(CK_FORM)
#undef CK_FORM

void CK_NAME(ck_rows_dot)(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                          size_t begin, size_t end) {
    if (begin >= end) return;
#define CK_FORM(name, bits, group, levels, has_min, offset)      \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) \
        return CK_NAME(rows_dot_##name)(y, w, x, list, begin, end);
    CK_EACH_FORM(CK_FORM)
#undef CK_FORM
    if (ck_is_float(&w->form)) return ck_neon_rows_dot_floats(y, w, x, list, begin, end);
    ck_scalar_rows_dot(y, w, x, list, begin, end);
}
