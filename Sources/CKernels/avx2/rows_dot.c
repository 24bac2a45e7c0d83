// Dot products of rows of integer codes. Scales, minima and sums are applied to eight groups at a time, whose
// integer sums a tree of additions brings into one vector.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "lanes.h"
#include "../x86/row_walk.h"

// Byte products of 32 codes, pairs added: 16-bit sums of at most 2 * 127 * code, or 32512 for 8 bits.
CK_INLINE __m256i pair_products(const int bits, __m256i code, __m256i x) {
    if (bits == 8) return _mm256_maddubs_epi16(_mm256_abs_epi8(code), _mm256_sign_epi8(x, code));
    return _mm256_maddubs_epi16(code, x);
}

// The sums within each 128-bit lane: dword u of lane L is the sum over lane L of p[u]. Additions stay in 16
// bits for as long as the codes' width allows: 4 * 2 * 127 * 31 and 2 * 2 * 127 * 63 fit.
CK_INLINE __m256i fold4(const int bits, const __m256i p[4]) {
    const __m256i one = _mm256_set1_epi16(1);
    __m256i q[4], s[2];
    for (int i = 0; i < 4; i++) q[i] = bits == 8 ? _mm256_madd_epi16(p[i], one) : p[i];
    for (int i = 0; i < 2; i++) {
        const __m256i low = _mm256_unpacklo_epi32(q[2 * i], q[2 * i + 1]);
        const __m256i high = _mm256_unpackhi_epi32(q[2 * i], q[2 * i + 1]);
        s[i] = bits == 8 ? _mm256_add_epi32(low, high) : _mm256_add_epi16(low, high);
        if (bits == 6) s[i] = _mm256_madd_epi16(s[i], one);
    }
    const __m256i low = _mm256_unpacklo_epi64(s[0], s[1]), high = _mm256_unpackhi_epi64(s[0], s[1]);
    if (bits >= 6) return _mm256_add_epi32(low, high);
    return _mm256_madd_epi16(_mm256_add_epi16(low, high), one);
}

// Integer dot products of eight groups in order: two units of groups of 16, or four units of groups of 32, of
// which `units` are there.
CK_INLINE __m256i group_sums(const int bits, const int group, const uint8_t *low, const uint8_t *high,
                             const int8_t *x, size_t units) {
    __m256i p[8];
    for (size_t u = 0; u < (group == 16 ? 2 : 4); u++) {
        p[2 * u] = p[2 * u + 1] = _mm256_setzero_si256();
        if (u >= units) continue;
        __m256i code[2];
        unit_codes(code, bits, low + u * ck_low_bytes(bits), high + u * ck_high_bytes(bits));
        p[2 * u] = pair_products(bits, code[0], load32(x + 64 * u));
        p[2 * u + 1] = pair_products(bits, code[1], load32(x + 64 * u + 32));
    }
    const __m256i first = fold4(bits, p);
    if (group == 16) return _mm256_permutevar8x32_epi32(first, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m256i second = fold4(bits, p + 4);
    return _mm256_add_epi32(_mm256_permute2x128_si256(first, second, 0x20),
                            _mm256_permute2x128_si256(first, second, 0x31));
}

// Where the parts of a row lie, in bytes from its begin.
typedef struct {
    size_t units, groups, high, scales, mins, supers, super_mins, end;
} row_parts;

CK_INLINE row_parts parts_of(size_t cols, const int bits, const int group, const int levels,
                             const int has_min) {
    row_parts p;
    p.units = ck_pad64(cols) / 64;
    p.groups = p.units * 64 / (size_t)group;
    p.high = p.units * ck_low_bytes(bits);
    p.scales = p.high + p.units * ck_high_bytes(bits);
    p.mins = p.scales + p.groups * (levels == 1 ? 2 : 1);
    p.supers = has_min ? p.mins + p.groups : p.mins;
    p.super_mins = p.supers + (p.units + 3) / 4 * 2;
    p.end = levels == 1 ? p.mins + (has_min ? 2 * p.groups : 0)
                        : p.super_mins + (has_min ? (p.units + 3) / 4 * 2 : 0);
    return p;
}

// Adds the part of a dot product that begins at `unit`, `units` long: eight groups, or fewer at the end.
CK_INLINE __m256 add_step(__m256 sum, const int bits, const int group, const int levels, const int has_min,
                          const int offset, const uint8_t *restrict row, const row_parts *restrict parts,
                          const ck_activations *restrict x, size_t unit, size_t units) {
    const size_t g = unit * 64 / (size_t)group, count = units * 64 / (size_t)group;
    const float *scale_at = (group == 16 ? x->scale16 : x->scale32) + g;
    const float *sum_at = (group == 16 ? x->sum16 : x->sum32) + g;
    const __m256i there = first_lanes(count);
    const __m256 scale = count == 8 ? _mm256_loadu_ps(scale_at) : _mm256_maskload_ps(scale_at, there);
    const __m256 total = count == 8 ? _mm256_loadu_ps(sum_at) : _mm256_maskload_ps(sum_at, there);
    const __m256i dots =
        group_sums(bits, group, row + unit * ck_low_bytes(bits),
                   row + parts->high + unit * ck_high_bytes(bits), x->codes + 64 * unit, units);
    __m256 value = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(dots));
    if (offset) value = _mm256_fnmadd_ps(_mm256_set1_ps((float)offset), total, value);
    sum = _mm256_fmadd_ps(row_factors(levels, row + parts->scales, row + parts->supers, g, count, unit / 4),
                          value, sum);
    if (!has_min) return sum;
    const __m256 min = row_factors(levels, row + parts->mins, row + parts->super_mins, g, count, unit / 4);
    return _mm256_fnmadd_ps(min, total, sum);
}

CK_INLINE void dot_rows(const int bits, const int group, const int levels, const int has_min,
                        const int offset, float *restrict y, const ck_rows *restrict w,
                        const ck_activations *restrict x, const uint32_t *restrict list, size_t begin,
                        size_t end) {
    const row_parts parts = parts_of(w->cols, bits, group, levels, has_min);
    const size_t step = group == 16 ? 2 : 4, steps = parts.units / step * step;
    if (begin >= end) return;
    row_walk walk;
    begin_rows(&walk, w, list, begin, end);
    for (size_t i = begin; i < end; i++) {
        const uint8_t *row = ck_row(w, list ? list[i] : i);
        look_ahead(&walk, w, parts.end, i);
        __m256 sum = _mm256_setzero_ps();
        for (size_t u = 0; u < steps; u += step) {
            sum = add_step(sum, bits, group, levels, has_min, offset, row, &parts, x, u, step);
        }
        if (steps < parts.units) {
            sum = add_step(sum, bits, group, levels, has_min, offset, row, &parts, x, steps,
                           parts.units - steps);
        }
        y[i] = sum8(sum);
    }
}

#define FORM(name, bits, group, levels, has_min, offset)                                            \
    CK_AVX2 static void dot_##name(float *restrict y, const ck_rows *restrict w,                    \
                                   const ck_activations *restrict x, const uint32_t *restrict list, \
                                   size_t begin, size_t end) {                                      \
        dot_rows(bits, group, levels, has_min, offset, y, w, x, list, begin, end);                  \
    }
CK_EACH_FORM(FORM)
#undef FORM

void ck_avx2_rows_dot(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list, size_t begin,
                      size_t end) {
#define FORM(name, bits, group, levels, has_min, offset)           \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) { \
        dot_##name(y, w, x, list, begin, end);                     \
        return;                                                    \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    if (ck_is_float(&w->form)) {
        ck_avx2_rows_dot_floats(y, w, x, list, begin, end);
    } else {
        ck_scalar_rows_dot(y, w, x, list, begin, end);
    }
}
#endif
