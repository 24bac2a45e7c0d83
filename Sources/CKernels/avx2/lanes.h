// What the AVX2 kernels share: their target, forms as constants, and codes from packed units.
#ifndef CK_AVX2_LANES_H
#define CK_AVX2_LANES_H

#include <immintrin.h>

#include "../scalar/scalar.h"
#include "avx2.h"

// On every function: SwiftPM has no flags per file, and select.c asks the processor for these three.
#define CK_AVX2 __attribute__((target("avx2,fma,f16c")))
#define CK_INLINE CK_AVX2 static inline __attribute__((always_inline))

// Whether a line of a later page is asked for in time: see `ck_touch_page`. Zen 3, rows of Q4_K, Q6_K and Q8_0 in order, one
// core, share of plain reading with that | without: 77, 71, 82 | 95, 85, 102 %; bundles the same with both.
enum { WALKS_PAGES = 0 };

// The integer forms that models come in: (name, bits, group, levels, has_min, offset). Each becomes a kernel
// of its own, so that the five numbers are constants in its loops.
#define CK_EACH_FORM(FORM)      \
    FORM(q4_0, 4, 32, 1, 0, 8)  \
    FORM(q4_1, 4, 32, 1, 1, 0)  \
    FORM(q5_0, 5, 32, 1, 0, 16) \
    FORM(q5_1, 5, 32, 1, 1, 0)  \
    FORM(q8_0, 8, 32, 1, 0, 0)  \
    FORM(q3_k, 4, 16, 2, 0, 4)  \
    FORM(q4_k, 4, 32, 2, 1, 0)  \
    FORM(q5_k, 5, 32, 2, 1, 0)  \
    FORM(q6_k, 6, 16, 2, 0, 32)

static inline int form_is(const ck_form *f, int bits, int group, int levels, int has_min, int offset) {
    return f->bits == bits && f->group == group && f->levels == levels && f->has_min == has_min &&
           f->offset == offset;
}

CK_INLINE __m256i load32(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
CK_INLINE __m128i load16(const void *p) { return _mm_loadu_si128((const __m128i *)p); }

// The first n bytes at p and zeros behind; n is 2, 4, 6, 8, 12 or 16. Reads no byte further.
CK_INLINE __m128i load_some(const uint8_t *p, size_t n) {
    int32_t word;
    int16_t half;
    switch (n) {
        case 2:
            memcpy(&half, p, 2);
            return _mm_cvtsi32_si128((uint16_t)half);
        case 4:
            memcpy(&word, p, 4);
            return _mm_cvtsi32_si128(word);
        case 6:
            memcpy(&word, p, 4);
            memcpy(&half, p + 4, 2);
            return _mm_insert_epi16(_mm_cvtsi32_si128(word), half, 2);
        case 8:
            return _mm_loadl_epi64((const __m128i *)p);
        case 12:
            memcpy(&word, p + 8, 4);
            return _mm_insert_epi32(_mm_loadl_epi64((const __m128i *)p), word, 2);
        default:
            return load16(p);
    }
}

CK_INLINE __m256 halves8(const uint8_t *p) { return _mm256_cvtph_ps(load16(p)); }
CK_INLINE __m256 bytes8(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
CK_INLINE float half1(const uint8_t *p) { return _cvtsh_ss(ck_load16(p)); }

// Scales or minima of groups g ... g + 7 of a row, of which `count` are there; zeros behind. super: their
// super scale's place, one for all.
CK_INLINE __m256 row_factors(const int levels, const uint8_t *each, const uint8_t *supers, size_t g,
                             size_t count, size_t super) {
    if (levels == 1) return _mm256_cvtph_ps(load_some(each + 2 * g, 2 * count));
    const __m256 sub = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_some(each + g, count)));
    return _mm256_mul_ps(sub, _mm256_set1_ps(half1(supers + 2 * super)));
}

// Ones in the first n of eight lanes; n may exceed 8.
CK_INLINE __m256i first_lanes(size_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n > 8 ? 8 : (int)n), lane);
}

CK_INLINE float sum8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// Codes 0 ... 31 and 32 ... 63 of a unit as bytes in order; unsigned for 4 to 6 bits, signed for 8.
CK_INLINE void unit_codes(__m256i code[2], const int bits, const uint8_t *low, const uint8_t *high) {
    code[0] = load32(low);
    if (bits == 8) {
        code[1] = load32(low + 32);
        return;
    }
    const __m256i nibble = _mm256_set1_epi8(15);
    code[1] = _mm256_and_si256(_mm256_srli_epi16(code[0], 4), nibble);
    code[0] = _mm256_and_si256(code[0], nibble);
    if (bits == 5) {
        // Every byte gets the byte that holds its bit, then keeps only that bit.
        const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2,
                                                2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
        const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201u), sixteen = _mm256_set1_epi8(16);
        for (int i = 0; i < 2; i++) {
            int32_t word;
            memcpy(&word, high + 4 * i, 4);
            const __m256i own = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(word), spread), bit);
            code[i] = _mm256_or_si256(code[i], _mm256_and_si256(_mm256_cmpeq_epi8(own, bit), sixteen));
        }
    }
    if (bits == 6) {
        // Bits 2q and 2q + 1 of a byte go to bits 4 and 5 of quarter q; the mask drops what crosses bytes.
        const __m256i four = _mm256_broadcastsi128_si256(load16(high)), top = _mm256_set1_epi8(0x30);
        const __m256i first = _mm256_sllv_epi64(four, _mm256_setr_epi64x(4, 4, 2, 2));
        const __m256i second = _mm256_srlv_epi64(four, _mm256_setr_epi64x(0, 0, 2, 2));
        code[0] = _mm256_or_si256(code[0], _mm256_and_si256(first, top));
        code[1] = _mm256_or_si256(code[1], _mm256_and_si256(second, top));
    }
}

// Eight float weights: CK_F16, CK_BF16 or CK_F32.
CK_INLINE __m256 float_weights8(const int bits, const uint8_t *run, size_t i) {
    if (bits == CK_F16) return halves8(run + 2 * i);
    if (bits == CK_F32) return _mm256_loadu_ps((const float *)(const void *)(run + 4 * i));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(run + 2 * i)), 16));
}

#endif
