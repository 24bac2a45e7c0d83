#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "lanes.h"
#include "group_sums.h"
#include "row_steps.h"
#include "../x86/row_walk.h"

// Where the parts of a row lie.
typedef struct {
    const uint8_t *run, *high, *scales, *supers;
    size_t groups, super_count;
} row_parts;

// The super scales of 16 groups from group g on, each repeated over its groups. `supers` may be the minima's.
CK_INLINE __m512 super_scales(const int group, const uint8_t *supers, size_t g, size_t count) {
    const size_t s = g * (size_t)group / 256;
    if (group == 16) return _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)ck_load16(supers + 2 * s)));
    uint32_t two = 0;
    if (s + 1 < count) {
        memcpy(&two, supers + 2 * s, 4);
    } else {
        two = ck_load16(supers + 2 * s);
    }
    const __m256i first =
        _mm256_set_epi64x(0x0302030203020302, 0x0302030203020302, 0x0100010001000100, 0x0100010001000100);
    return _mm512_cvtph_ps(_mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)two), first));
}

// sum += the products of 16 groups from group g on, of which m exist in `units` units.
CK_INLINE __m512 add_groups(const int bits, const int group, const int levels, const int has_min,
                            const int offset, const row_parts *restrict w, const int8_t *restrict codes,
                            const float *restrict scales, const float *restrict sums, size_t g, size_t units,
                            __mmask16 m, __m512 sum) {
    const size_t u = g * (size_t)group / 64;
    const __m512 product = _mm512_cvtepi32_ps(group_sums(bits, group, w->run, w->high, codes, u, units));
    const __m512 total = _mm512_maskz_loadu_ps(m, sums + g);
    __m512 scale, min = _mm512_setzero_ps();
    if (levels == 1) {
        scale = halves_masked(m, w->scales + 2 * g);
        if (has_min) min = halves_masked(m, w->scales + 2 * (w->groups + g));
    } else {
        scale =
            _mm512_mul_ps(bytes_masked(m, w->scales + g), super_scales(group, w->supers, g, w->super_count));
        if (has_min) {
            min = _mm512_mul_ps(bytes_masked(m, w->scales + w->groups + g),
                                super_scales(group, w->supers + 2 * w->super_count, g, w->super_count));
        }
    }
    __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, scales + g), product);
    if (offset) value = _mm512_fnmadd_ps(_mm512_set1_ps((float)offset), total, value);
    sum = _mm512_fmadd_ps(scale, value, sum);
    return has_min ? _mm512_fnmadd_ps(min, total, sum) : sum;
}

CK_INLINE float row_dot(const int bits, const int group, const int levels, const int has_min,
                        const int offset, const ck_rows *restrict w, const ck_activations *restrict x,
                        const uint8_t *restrict run) {
    const size_t padded = ck_pad64(w->cols), groups = padded / (size_t)group, per_step = group == 16 ? 4 : 8;
    const ck_form form = {.bits = (uint8_t)bits};  // known to the compiler, unlike w->form
    const uint8_t *scales = run + ck_packed_bytes(&form, padded);
    const row_parts parts = {run,    run + padded / 2,    scales, scales + groups * (has_min ? 2 : 1),
                             groups, (padded + 255) / 256};
    const float *activation_scale = group == 16 ? x->scale16 : x->scale32;
    const float *activation_sum = group == 16 ? x->sum16 : x->sum32;
    __m512 sum = _mm512_setzero_ps();
    size_t g = 0;
    for (; g + 16 <= groups; g += 16) {
        sum = add_groups(bits, group, levels, has_min, offset, &parts, x->codes, activation_scale,
                         activation_sum, g, per_step, 0xffff, sum);
    }
    if (g < groups) {
        sum = add_groups(bits, group, levels, has_min, offset, &parts, x->codes, activation_scale,
                         activation_sum, g, (groups - g) * (size_t)group / 64, first_lanes(groups - g), sum);
    }
    return _mm512_reduce_add_ps(sum);
}

CK_INLINE void dot_form(const int bits, const int group, const int levels, const int has_min,
                        const int offset, float *restrict y, const ck_rows *restrict w,
                        const ck_activations *restrict x, const uint32_t *restrict list, size_t begin,
                        size_t end) {
    const size_t padded = ck_pad64(w->cols), scales = padded / (size_t)group * (levels == 1 ? 2 : 1);
    const ck_form form = {.bits = (uint8_t)bits};
    const size_t bytes = ck_packed_bytes(&form, padded) + scales * (has_min ? 2 : 1);
    if (begin >= end) return;
    row_walk walk;
    begin_rows(&walk, w, list, begin, end);
    const int steps = (bits == 4 && group == 32) || (bits == 6 && group == 16);
    size_t i = begin;
    if (steps && padded <= STEP_COLUMNS_AT_MOST) {
        _Alignas(64) step_activations own;
        ck_arrangement once = {(uint8_t *)&own, 0}, *const kept = x->arrangement ? x->arrangement : &once;
        step_activations *const arranged = (step_activations *)(void *)kept->codes;
        const uint32_t wanted = (uint32_t)(bits | levels << 8 | offset << 16);
        if (kept->form != wanted) arrange_steps(bits, levels, offset, arranged, x, padded);
        kept->form = wanted;
        const size_t most = bits == 6 ? 1 : 2;
        for (size_t count; i < end; i += count) {
            count = end - i < most ? 1 : most;
            const uint8_t *run[2] = {NULL, NULL};
            for (size_t r = 0; r < count; r++) {
                look_ahead(&walk, w, bytes, i + r);
                run[r] = ck_row(w, list ? list[i + r] : i + r);
            }
            if (count == 2) {
                dot_rows(bits, levels, has_min, offset, 2, w, run, arranged, y + i);
            } else {
                dot_rows(bits, levels, has_min, offset, 1, w, run, arranged, y + i);
            }
        }
        return;
    }
    for (; i < end; i++) {
        look_ahead(&walk, w, bytes, i);
        y[i] = row_dot(bits, group, levels, has_min, offset, w, x, ck_row(w, list ? list[i] : i));
    }
}

#define FORM(name, bits, group, levels, has_min, offset)                                                   \
    static void dot_##name(float *restrict y, const ck_rows *restrict w, const ck_activations *restrict x, \
                           const uint32_t *restrict list, size_t begin, size_t end) {                      \
        dot_form(bits, group, levels, has_min, offset, y, w, x, list, begin, end);                         \
    }
CK_EACH_FORM(FORM)
#undef FORM

void ck_avx512_rows_dot(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                        size_t begin, size_t end) {
    if (ck_is_float(&w->form)) {
        ck_avx512_rows_dot_floats(y, w, x, list, begin, end);
        return;
    }
#define FORM(name, bits, group, levels, has_min, offset)           \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) { \
        dot_##name(y, w, x, list, begin, end);                     \
        return;                                                    \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    ck_scalar_rows_dot(y, w, x, list, begin, end);
}
CK_TARGET_END
#endif
