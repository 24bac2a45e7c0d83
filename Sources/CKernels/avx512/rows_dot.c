#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "lanes.h"

// Sums of four lanes each of p0..p3: the sum over 128-bit lane L of p[u] goes to dword u of lane L.
CK_INLINE __m512i fold4(__m512i p0, __m512i p1, __m512i p2, __m512i p3) {
    const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(p0, p1), _mm512_unpackhi_epi32(p0, p1));
    const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(p2, p3), _mm512_unpackhi_epi32(p2, p3));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

// The products of unit u, four codes to a lane.
CK_INLINE __m512i unit_products(const int bits, const uint8_t *run, const uint8_t *high, const int8_t *x,
                                size_t u) {
    const __m512i activations = _mm512_loadu_si512(x + 64 * u), zero = _mm512_setzero_si512();
    const __m512i codes = unit_codes(bits, run, high, u);
    if (bits != 8) return _mm512_dpbusd_epi32(zero, codes, activations);
    // The instruction wants one unsigned side: 128 is added to the codes and its products are taken off
    // again.
    const __m512i sign = _mm512_set1_epi8(-128);
    const __m512i shifted = _mm512_dpbusd_epi32(zero, _mm512_xor_si512(codes, sign), activations);
    return _mm512_sub_epi32(shifted, _mm512_dpbusd_epi32(zero, sign, activations));
}

// Integer dot products of 16 groups: 4 units of groups of 16, or 8 units of groups of 32; `units` there are.
CK_INLINE __m512i group_sums(const int bits, const int group, const uint8_t *run, const uint8_t *high,
                             const int8_t *x, size_t u, size_t units) {
    const __m512i zero = _mm512_setzero_si512();
#define UNIT(i) ((i) < units ? unit_products(bits, run, high, x, u + (i)) : zero)
    const __m512i first = fold4(UNIT(0), UNIT(1), UNIT(2), UNIT(3));
    if (group == 16) {
        const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
        return _mm512_permutexvar_epi32(order, first);
    }
    const __m512i second = units > 4 ? fold4(UNIT(4), UNIT(5), UNIT(6), UNIT(7)) : zero;
#undef UNIT
    // Groups of unit v: lanes 0 and 1 (dwords v, 4 + v), lanes 2 and 3 (8 + v, 12 + v).
    const __m512i even = _mm512_set_epi32(27, 19, 26, 18, 25, 17, 24, 16, 11, 3, 10, 2, 9, 1, 8, 0);
    const __m512i odd = _mm512_set_epi32(31, 23, 30, 22, 29, 21, 28, 20, 15, 7, 14, 6, 13, 5, 12, 4);
    return _mm512_add_epi32(_mm512_permutex2var_epi32(first, even, second),
                            _mm512_permutex2var_epi32(first, odd, second));
}

// Where the parts of a row lie.
typedef struct {
    const uint8_t *run, *high, *scales, *supers;
    size_t groups, super_count;
} row_parts;

// The super scales of 16 groups from group g on, each repeated over its groups. `supers` may be the minima's.
CK_INLINE __m512 super_scales(const int group, const uint8_t *supers, size_t g, size_t count) {
    const size_t s = g * (size_t)group / 256;
    if (group == 16) return _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)ck_load16(supers + 2 * s)));
    const __m256i low = _mm256_castsi128_si256(_mm_set1_epi16((int16_t)ck_load16(supers + 2 * s)));
    const size_t other = s + 1 < count ? s + 1 : s;
    return _mm512_cvtph_ps(
        _mm256_inserti128_si256(low, _mm_set1_epi16((int16_t)ck_load16(supers + 2 * other)), 1));
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

// Listed rows lie in bundles with other weights between them, which the processor cannot guess: while a full
// block of a feed-forward layer is read, the next one is asked for, otherwise the next rows of the list. Rows
// one after another are fetched well without help; only wide codes gain from asking a few rows ahead, and for
// the page after those (measured on Zen 4: Q6_K 13 -> 19 GB/s a core, Q8_0 22 -> 24, Q4_K and Q4_1 lose 5 %).
enum { BLOCK_ROWS = 32, ROWS_AHEAD = 4, BYTES_AHEAD = 8192, PAGES_AHEAD = 32768 };

CK_INLINE void prefetch_on(const uint8_t *run, size_t bytes) {
    const uintptr_t from = (uintptr_t)run + BYTES_AHEAD, end = from + bytes;
    for (uintptr_t line = (from + 63) / 64 * 64; line < end; line += 64) {
        if (line % 4096 == 0) _mm_prefetch((const char *)line + PAGES_AHEAD, _MM_HINT_T1);
        _mm_prefetch((const char *)line, _MM_HINT_T1);
    }
}

CK_INLINE void prefetch_row(const ck_rows *restrict w, const uint32_t *restrict list, size_t i, size_t end,
                            int full, size_t bytes) {
    const size_t row = full ? list[i] + BLOCK_ROWS : i + ROWS_AHEAD < end ? list[i + ROWS_AHEAD] : list[i];
    const uint8_t *run = w->base + row * w->stride;
    for (size_t b = 0; b < bytes; b += 64) _mm_prefetch((const char *)run + b, _MM_HINT_T1);
}

#define FORM(name, bits, group, levels, has_min, offset)                                                     \
    static void dot_##name(float *restrict y, const ck_rows *restrict w, const ck_activations *restrict x,   \
                           const uint32_t *restrict list, size_t begin, size_t end) {                        \
        const size_t padded = ck_pad64(w->cols), scales = padded / group * (levels == 1 ? 2 : 1);            \
        const size_t bytes = ck_packed_bytes(&w->form, padded) + scales * (has_min ? 2 : 1);                 \
        const int full = list && end - begin == BLOCK_ROWS && list[end - 1] - list[begin] == BLOCK_ROWS - 1; \
        for (size_t i = begin; i < end; i++) {                                                               \
            if (list)                                                                                        \
                prefetch_row(w, list, i, end, full, bytes);                                                  \
            else if (bits > 5)                                                                               \
                prefetch_on(w->base + i * w->stride, w->stride);                                             \
            const uint8_t *run = w->base + (list ? list[i] : i) * w->stride;                                 \
            y[i] = row_dot(bits, group, levels, has_min, offset, w, x, run);                                 \
        }                                                                                                    \
    }
CK_EACH_FORM(FORM)
#undef FORM

// 16 floats of a run of float codes; lanes outside m are zero.
CK_INLINE __m512 float_codes(const int bits, __mmask16 m, const uint8_t *run, size_t i) {
    if (bits == CK_F16) return halves_masked(m, run + 2 * i);
    if (bits == CK_F32) return _mm512_maskz_loadu_ps(m, run + 4 * i);
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, run + 2 * i));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

CK_INLINE void dot_floats(const int bits, float *restrict y, const ck_rows *restrict w,
                          const ck_activations *restrict x, const uint32_t *restrict list, size_t begin,
                          size_t end) {
    for (size_t i = begin; i < end; i++) {
        const uint8_t *run = w->base + (list ? list[i] : i) * w->stride;
        __m512 sum[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
        for (size_t c = 0; c < w->cols; c += 32) {
            for (size_t part = 0; part < 2; part++) {
                const size_t at = c + 16 * part;
                const __mmask16 m = at < w->cols ? first_lanes(w->cols - at) : 0;
                sum[part] = _mm512_fmadd_ps(float_codes(bits, m, run, at),
                                            _mm512_maskz_loadu_ps(m, x->values + at), sum[part]);
            }
        }
        y[i] = _mm512_reduce_add_ps(_mm512_add_ps(sum[0], sum[1]));
    }
}

void ck_avx512_rows_dot(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                        size_t begin, size_t end) {
    switch (w->form.bits) {
        case CK_F16:
            dot_floats(CK_F16, y, w, x, list, begin, end);
            return;
        case CK_BF16:
            dot_floats(CK_BF16, y, w, x, list, begin, end);
            return;
        case CK_F32:
            dot_floats(CK_F32, y, w, x, list, begin, end);
            return;
        default:
            break;
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
