// Rows of 4-bit codes in groups of 32 and of 6-bit codes in groups of 16, 256 columns a step.
//
// A step holds four units of 64 codes. Lane u of a vector (a lane has 128 bits) belongs to unit u: "part" p
// of it are the codes 16 p ..< 16 p + 16. So the four parts are four vectors, one lane holds codes of one
// group only, and what is left of a step is one vector of sums in the order of the groups. Zen 4, one thread,
// from cache, against units taken one after another: Q4_K 31 -> 37 GB/s, Q6_K 23 -> 33.
#ifndef CK_AVX512_ROW_STEPS_H
#define CK_AVX512_ROW_STEPS_H

#include "lanes.h"

enum { STEP = 256, STEP_COLUMNS_AT_MOST = 16384, STEPS_AT_MOST = STEP_COLUMNS_AT_MOST / STEP };

// Activations in the order in which steps use them.
typedef struct {
    int8_t codes[STEPS_AT_MOST][4][64];
    // What the codes' offset adds to each lane: sums begin with it. 4 bits: of parts 0 and 1, and 16 times
    // that of parts 2 and 3.
    int32_t start[STEPS_AT_MOST][4][16];
    float scales[STEPS_AT_MOST][2][16];
    float sums[STEPS_AT_MOST][8];
} step_activations;

_Static_assert(sizeof(step_activations) <= CK_ARRANGEMENT_BYTES, "calls may share them");

// How many of the units of step s exist; 4 or more: all.
CK_INLINE size_t step_units(size_t padded, size_t s) { return padded / 64 - 4 * s; }

// The dwords of a vector of two units, of which `units` exist.
CK_INLINE __mmask16 unit_dwords(size_t units) { return units >= 2 ? 0xffff : units == 1 ? 0x00ff : 0; }

// Scales of sub scales are made 256 times smaller: a sub scale stands in the upper byte of 16 bits.
CK_INLINE void arrange_steps(const int bits, const int levels, const int offset,
                             step_activations *restrict to, const ck_activations *restrict x, size_t padded) {
    const __m512i zero = _mm512_setzero_si512(), subtracted = _mm512_set1_epi8((char)offset);
    const __m512 factor = _mm512_set1_ps(levels == 2 ? 1.0f / 256 : 1);
    for (size_t s = 0; s * STEP < padded; s++) {
        const size_t units = step_units(padded, s);
        __m512i u[4], part[4];
        for (size_t i = 0; i < 4; i++)
            u[i] = i < units ? _mm512_loadu_si512(x->codes + STEP * s + 64 * i) : zero;
        const __m512i a = _mm512_shuffle_i64x2(u[0], u[1], 0x44), b = _mm512_shuffle_i64x2(u[2], u[3], 0x44);
        const __m512i c = _mm512_shuffle_i64x2(u[0], u[1], 0xee), d = _mm512_shuffle_i64x2(u[2], u[3], 0xee);
        part[0] = _mm512_shuffle_i64x2(a, b, 0x88);
        part[1] = _mm512_shuffle_i64x2(a, b, 0xdd);
        part[2] = _mm512_shuffle_i64x2(c, d, 0x88);
        part[3] = _mm512_shuffle_i64x2(c, d, 0xdd);
        for (size_t p = 0; p < 4; p++) _mm512_store_si512(to->codes[s][p], part[p]);
        if (offset && bits == 6) {
            for (size_t p = 0; p < 4; p++) {
                const __m512i added = _mm512_dpbusd_epi32(zero, subtracted, part[p]);
                _mm512_store_si512(to->start[s][p], _mm512_sub_epi32(zero, added));
            }
        } else if (offset) {
            const __m512i low = _mm512_dpbusd_epi32(zero, subtracted, part[0]),
                          high = _mm512_dpbusd_epi32(zero, subtracted, part[2]);
            const __m512i first = _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(low, subtracted, part[1]));
            const __m512i second = _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(high, subtracted, part[3]));
            _mm512_store_si512(to->start[s][0], first);
            _mm512_store_si512(to->start[s][1], _mm512_slli_epi32(second, 4));
        }
        const __mmask8 groups = (__mmask8)first_lanes(2 * units);
        const __m512 scale =
            _mm512_mul_ps(factor, _mm512_castps256_ps512(_mm256_maskz_loadu_ps(groups, x->scale32 + 8 * s)));
        const __m512i pairs = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
        const __m512i even = _mm512_set_epi32(6, 6, 6, 6, 4, 4, 4, 4, 2, 2, 2, 2, 0, 0, 0, 0);
        if (bits == 6) {
            _mm512_store_ps(to->scales[s][0], _mm512_permutexvar_ps(even, scale));
            _mm512_store_ps(to->scales[s][1],
                            _mm512_permutexvar_ps(_mm512_add_epi32(even, _mm512_set1_epi32(1)), scale));
        } else {
            _mm512_store_ps(to->scales[s][0], _mm512_permutexvar_ps(pairs, scale));
        }
        _mm256_store_ps(to->sums[s], _mm256_maskz_loadu_ps(groups, x->sum32 + 8 * s));
    }
}

// Parts p and p + 2 of a step's plane of low nibbles, one in each nibble: into[p].
CK_INLINE void step_nibbles(const uint8_t *run, size_t s, size_t units, __m512i into[2]) {
    const __m512i a = _mm512_maskz_loadu_epi32(unit_dwords(units), run + 128 * s);
    const __m512i b = _mm512_maskz_loadu_epi32(units > 2 ? unit_dwords(units - 2) : 0, run + 128 * s + 64);
    into[0] = _mm512_shuffle_i64x2(a, b, 0x88);
    into[1] = _mm512_shuffle_i64x2(a, b, 0xdd);
}

// Sums of eight codes of 4 bits as 16-bit numbers: lane u has four of group 2 u and four of group 2 u + 1.
CK_INLINE __m512i step_sums4(const int offset, const uint8_t *run, const step_activations *x, size_t s,
                             size_t units) {
    const __m512i low = _mm512_set1_epi8(15), high = _mm512_set1_epi8((char)0xf0);
    __m512i nibbles[2], first = _mm512_setzero_si512(), second = first;
    step_nibbles(run, s, units, nibbles);
    if (offset) first = _mm512_load_si512(x->start[s][0]), second = _mm512_load_si512(x->start[s][1]);
    for (size_t p = 0; p < 2; p++) {
        first =
            _mm512_dpbusd_epi32(first, _mm512_and_si512(nibbles[p], low), _mm512_load_si512(x->codes[s][p]));
        second = _mm512_dpbusd_epi32(second, _mm512_and_si512(nibbles[p], high),
                                     _mm512_load_si512(x->codes[s][p + 2]));
    }
    return _mm512_packs_epi32(first, _mm512_srai_epi32(second, 4));
}

// Sums of four codes of 6 bits as 16-bit numbers: lane u of into[i] has four of group 4 u + 2 i, then four of
// the one after.
CK_INLINE void step_sums6(const uint8_t *run, const uint8_t *high, const step_activations *x, size_t s,
                          size_t units, __m512i into[2]) {
    const __m512i low = _mm512_set1_epi8(15);
    __m512i nibbles[2];
    step_nibbles(run, s, units, nibbles);
    const __m512i upper = _mm512_maskz_loadu_epi32(first_lanes(4 * units), high + 64 * s);
    // A byte has bits 4 and 5 of all four parts. Without the neighbours' bits a shift by 16 bits leaves the
    // upper half of each byte right.
    const __m512i even = _mm512_and_si512(upper, _mm512_set1_epi8(0x33)),
                  odd = _mm512_and_si512(upper, _mm512_set1_epi8((char)0xcc));
    __m512i sum[4];
#define PART(p, nibble, top)                                                                          \
    sum[p] = _mm512_dpbusd_epi32(_mm512_load_si512(x->start[s][p]),                                   \
                                 _mm512_ternarylogic_epi64(nibble, low, top, 0xe2), /* low ? a : c */ \
                                 _mm512_load_si512(x->codes[s][p]))
    PART(0, nibbles[0], _mm512_slli_epi16(even, 4));
    PART(1, nibbles[1], _mm512_slli_epi16(odd, 2));
    PART(2, _mm512_srli_epi16(nibbles[0], 4), even);
    PART(3, _mm512_srli_epi16(nibbles[1], 4), _mm512_srli_epi16(odd, 2));
#undef PART
    into[0] = _mm512_packs_epi32(sum[0], sum[1]);
    into[1] = _mm512_packs_epi32(sum[2], sum[3]);
}

// Sixteen 16-bit numbers 256 times a sub scale: in lane u four times number `first + step u`, four times the
// next.
CK_INLINE __m512i spread_sub_scales(__m128i sub, const int first, const int step) {
    const __m512i pattern = _mm512_broadcast_i32x4(
        _mm_set_epi8(1, -128, 1, -128, 1, -128, 1, -128, 0, -128, 0, -128, 0, -128, 0, -128));
    const int a = first * 0x01010101, b = (first + step) * 0x01010101, c = (first + 2 * step) * 0x01010101,
              d = (first + 3 * step) * 0x01010101;
    const __m512i lanes = _mm512_set_epi32(d, d, d, d, c, c, c, c, b, b, b, b, a, a, a, a);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(sub), _mm512_add_epi8(pattern, lanes));
}

// 8 or 16 sub scales of a step; of the last step those that exist.
CK_INLINE __m128i step_bytes(const int whole, __mmask16 there, const uint8_t *p, const int count) {
    if (!whole) return _mm_maskz_loadu_epi8(there, p);
    return count == 8 ? _mm_loadl_epi64((const __m128i *)p) : _mm_loadu_si128((const __m128i *)p);
}

// Where the parts of a row lie.
typedef struct {
    const uint8_t *run, *high, *scales, *mins;
    const float *supers, *super_mins;  // levels 2
} step_row;

typedef struct {
    __m512 sum;
    __m256 min;
} step_total;

// total += step s of a row.
CK_INLINE void add_step(const int bits, const int levels, const int has_min, const int offset,
                        step_total *restrict total, const step_row *restrict w,
                        const step_activations *restrict x, size_t s, size_t units) {
    const __m512 scale = _mm512_load_ps(x->scales[s][0]);
    const __mmask16 groups = first_lanes(bits == 6 ? 4 * units : 2 * units);
    if (bits == 6) {
        __m512i sums[2];
        step_sums6(w->run, w->high, x, s, units, sums);
        const __m128i sub = step_bytes(units == 4, groups, w->scales + 16 * s, 16);
        const __m512i first = _mm512_madd_epi16(sums[0], spread_sub_scales(sub, 0, 4)),
                      second = _mm512_madd_epi16(sums[1], spread_sub_scales(sub, 2, 4));
        const __m512 value = _mm512_fmadd_ps(_mm512_cvtepi32_ps(second), _mm512_load_ps(x->scales[s][1]),
                                             _mm512_mul_ps(_mm512_cvtepi32_ps(first), scale));
        total->sum = _mm512_fmadd_ps(value, _mm512_set1_ps(w->supers[s]), total->sum);
        return;
    }
    const __m512i sums = step_sums4(offset, w->run, x, s, units);
    if (levels == 2) {
        const __m128i sub = step_bytes(units == 4, groups, w->scales + 8 * s, 8);
        const __m512i product = _mm512_madd_epi16(sums, spread_sub_scales(sub, 0, 2));
        total->sum = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(product), scale),
                                     _mm512_set1_ps(w->supers[s]), total->sum);
    } else {
        const __m256i twice = _mm256_set_epi8(15, 14, 15, 14, 13, 12, 13, 12, 11, 10, 11, 10, 9, 8, 9, 8, 7,
                                              6, 7, 6, 5, 4, 5, 4, 3, 2, 3, 2, 1, 0, 1, 0);
        const __m256i halves8 =
            _mm256_broadcastsi128_si256(_mm_maskz_loadu_epi16((__mmask8)groups, w->scales + 16 * s));
        const __m512i product = _mm512_madd_epi16(sums, _mm512_set1_epi16(1));
        total->sum = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(product), scale),
                                     _mm512_cvtph_ps(_mm256_shuffle_epi8(halves8, twice)), total->sum);
    }
    if (!has_min) return;
    const __m256 activation_sums = _mm256_load_ps(x->sums[s]);
    if (levels == 2) {
        const __m128i sub = step_bytes(units == 4, groups, w->mins + 8 * s, 8);
        const __m256 min = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(sub)), activation_sums);
        total->min = _mm256_fmadd_ps(min, _mm256_set1_ps(w->super_mins[s]), total->min);
    } else {
        const __m128i halves8 = _mm_maskz_loadu_epi16((__mmask8)groups, w->mins + 16 * s);
        total->min = _mm256_fmadd_ps(_mm256_cvtph_ps(halves8), activation_sums, total->min);
    }
}

// y[r] = the dot products of `count` rows, which share the loads of activations. What is added to what does
// not depend on count. Two rows of 4 bits were 3 % faster than one and 15 % faster than four; of 6 bits one
// was 15 % faster than two, which need more registers than there are.
CK_INLINE void dot_rows(const int bits, const int levels, const int has_min, const int offset,
                        const int count, const ck_rows *restrict w, const uint8_t *const run[2],
                        const step_activations *restrict x, float y[2]) {
    const size_t padded = ck_pad64(w->cols), groups = padded / (bits == 6 ? 16 : 32), kinds = has_min ? 2 : 1,
                 size = levels == 1 ? 2 : 1, steps = (padded + STEP - 1) / STEP;
    const ck_form form = {.bits = (uint8_t)bits};  // known to the compiler, unlike w->form
    _Alignas(64) float supers[2][2 * STEPS_AT_MOST];
    step_row row[2];
    step_total total[2];
    for (int r = 0; r < count; r++) {
        const uint8_t *scales = run[r] + ck_packed_bytes(&form, padded);
        row[r] = (step_row){run[r],    run[r] + padded / 2, scales, scales + size * groups,
                            supers[r], supers[r] + steps};
        for (size_t i = 0; levels == 2 && i < steps * kinds; i += 16) {
            const __mmask16 there = first_lanes(steps * kinds - i);
            _mm512_store_ps(supers[r] + i, halves_masked(there, scales + kinds * groups + 2 * i));
        }
        total[r] = (step_total){_mm512_setzero_ps(), _mm256_setzero_ps()};
    }
    for (size_t s = 0; s < padded / STEP; s++) {
        for (int r = 0; r < count; r++) add_step(bits, levels, has_min, offset, &total[r], &row[r], x, s, 4);
    }
    if (padded % STEP != 0) {
        for (int r = 0; r < count; r++)
            add_step(bits, levels, has_min, offset, &total[r], &row[r], x, steps - 1,
                     step_units(padded, steps - 1));
    }
    for (int r = 0; r < count; r++) {
        const __m512 min = _mm512_zextps256_ps512(total[r].min);
        y[r] = _mm512_reduce_add_ps(has_min ? _mm512_sub_ps(total[r].sum, min) : total[r].sum);
    }
}

#endif
