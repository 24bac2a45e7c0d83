// What the AVX-512 kernels share. SwiftPM has no flags per file, so every function below this header is
// compiled for the instructions that select.c asks the processor for.
#ifndef CK_AVX512_LANES_H
#define CK_AVX512_LANES_H

#include <immintrin.h>

#include "../scalar/scalar.h"

#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c"))), apply_to = function)
#define CK_TARGET_END _Pragma("clang attribute pop")
#else
#define CK_TARGET_END
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c")
#endif

#define CK_INLINE static inline __attribute__((always_inline))

// Whether a line of a later page is asked for in time: see `ck_touch_page`.
enum { WALKS_PAGES = 1 };

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

CK_INLINE int form_is(const ck_form *f, int bits, int group, int levels, int has_min, int offset) {
    return f->bits == bits && f->group == group && f->levels == levels && f->has_min == has_min &&
           f->offset == offset;
}

// The first n of 16 lanes; n may exceed 16.
CK_INLINE __mmask16 first_lanes(size_t n) { return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1); }

CK_INLINE __m512 halves(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }

CK_INLINE __m512 halves_masked(__mmask16 m, const uint8_t *p) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p));
}

CK_INLINE __m512 bytes_masked(__mmask16 m, const uint8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(m, p)));
}

// The 16 elements from d on of a row of the cache.
CK_INLINE __m512 cached16(const int bits, __mmask16 m, const uint8_t *row, size_t d, size_t head_dim) {
    if (bits == CK_CACHE_HALF) return halves_masked(m, row + 2 * d);
    const uint8_t *scale = row + head_dim + d / CK_CACHE_GROUP * 2;
    return _mm512_mul_ps(bytes_masked(m, row + d), _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)ck_load16(scale))));
}

// The 64 codes of unit u of a run as bytes in order; unsigned for 4 to 6 bits, signed for 8.
// high: where the plane of high bits begins.
CK_INLINE __m512i unit_codes(const int bits, const uint8_t *run, const uint8_t *high, size_t u) {
    if (bits == 8) return _mm512_loadu_si512(run + 64 * u);
    const __m512i upper = _mm512_set_epi64(4, 4, 4, 4, 0, 0, 0, 0);
    const __m512i both = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(run + 32 * u)));
    __m512i codes = _mm512_and_si512(_mm512_srlv_epi64(both, upper), _mm512_set1_epi8(15));
    if (bits == 5) {
        uint64_t fifth;
        memcpy(&fifth, high + 8 * u, 8);
        codes = _mm512_mask_add_epi8(codes, (__mmask64)fifth, codes, _mm512_set1_epi8(16));
    }
    if (bits == 6) {
        // Bits 2q and 2q + 1 of a byte go to bits 4 and 5 of quarter q; the mask drops what crosses bytes.
        const __m512i four = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(high + 16 * u)));
        const __m512i left = _mm512_sllv_epi64(four, _mm512_set_epi64(0, 0, 0, 0, 2, 2, 4, 4));
        const __m512i placed = _mm512_srlv_epi64(left, _mm512_set_epi64(2, 2, 0, 0, 0, 0, 0, 0));
        codes = _mm512_ternarylogic_epi64(codes, placed, _mm512_set1_epi8(0x30), 0xf8);  // a | (b & c)
    }
    return codes;
}

#endif
