#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "floats.h"
#include "../x86/prefetch.h"

// Channels that are added at once: their sums are loaded and stored once for all of them, which changes no bit.
enum { AT_ONCE = 4 };

// Adds `count` channels, which begin at run[c], to the outputs out_begin ..< out_end. Those that come next begin at next[c],
// and are asked for meanwhile.
CK_INLINE void add_some(const int bits, const size_t count, float *restrict y, const uint8_t *const *run,
                        const float *value, const uint8_t *const *next, size_t out_begin, size_t out_end) {
    const size_t size = ck_float_bytes(bits);
    for (size_t j = out_begin; j < out_end; j += 16) {
        const __mmask16 m = first_lanes(out_end - j);
        __m512 sum = _mm512_maskz_loadu_ps(m, y + j);
        for (size_t c = 0; c < count; c++) {
            const char *const later = (const char *)next[c] + size * j;
            if ((uintptr_t)later % 64 < 16 * size) _mm_prefetch(later, _MM_HINT_T1);
            sum = _mm512_fmadd_ps(float_codes(bits, m, run[c], j), _mm512_set1_ps(value[c]), sum);
        }
        _mm512_mask_storeu_ps(y + j, m, sum);
    }
}

// Adds the kept channels of block b, at least one. asked: what to ask for meanwhile.
CK_INLINE void add_block(const int bits, float *restrict y, const ck_channels *restrict w,
                         const ck_activations *restrict x, uint32_t kept, size_t b, const ck_ahead *restrict asked,
                         size_t out_begin, size_t out_end) {
    const uint8_t *run[32 + AT_ONCE];
    float value[32];
    size_t count = 0;
    for (; kept != 0; kept &= kept - 1) {
        const size_t c = b * 32 + (size_t)__builtin_ctz(kept);
        run[count] = ck_channel(w, c);
        value[count++] = x->values[c];
    }
    for (size_t i = 0; i < AT_ONCE; i++) run[count + i] = run[count - 1];
    stretch_list ahead;
    list_records(&ahead, asked);
    line_walk walk = begin_walk(&ahead, (count + AT_ONCE - 1) / AT_ONCE, 1);
    for (size_t i = 0; i < count; i += AT_ONCE) {
        prefetch_share(&walk, &ahead);
        if (i + AT_ONCE <= count) {
            add_some(bits, AT_ONCE, y, run + i, value + i, run + i + AT_ONCE, out_begin, out_end);
            continue;
        }
        for (size_t c = i; c < count; c++)
            add_some(bits, 1, y, run + c, value + c, run + c + 1, out_begin, out_end);
    }
}

CK_INLINE void add_floats(const int bits, float *restrict y, const ck_channels *restrict w,
                          const ck_activations *restrict x, const uint32_t *restrict mask, size_t block_begin,
                          size_t block_end, size_t out_begin, size_t out_end) {
    for (size_t b = block_begin; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, w->channels);
        if (kept == 0) continue;
        const ck_ahead asked = ck_ahead_share(&w->ahead, b - block_begin, block_end - block_begin);
        add_block(bits, y, w, x, kept, b, &asked, out_begin, out_end);
    }
}

void ck_avx512_channels_add_floats(float *y, const ck_channels *w, const ck_activations *x,
                                   const uint32_t *mask, size_t block_begin, size_t block_end,
                                   size_t out_begin, size_t out_end) {
    FOR_FLOATS(add_floats, y, w, x, mask, block_begin, block_end, out_begin, out_end);
}
CK_TARGET_END
#endif
