// Products of integer codes with many activation vectors: tiles of 16 outputs by 4 vectors over panels.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "matmul.h"

enum { VECTORS = 4 };

// Activation vectors of one tile; a last one stands in for those that are not there.
typedef struct {
    const int8_t *codes[VECTORS];
    const float *scale[VECTORS], *sum[VECTORS];
} tile_vectors;

// How many products of four codes a 16-bit sum holds: 2 * 127 * code each.
CK_INLINE size_t quads_in_16_bits(const int bits) { return bits == 4 ? 8 : bits == 5 ? 4 : 2; }

CK_INLINE __m256i broadcast4(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}

// Integer dot products of one group: 4 vectors with 16 outputs.
CK_INLINE void tile_dots(__m256i dots[VECTORS][2], const int bits, const int group,
                         const uint8_t *restrict codes, const tile_vectors *restrict x, size_t at) {
    const __m256i one = _mm256_set1_epi16(1), zero = _mm256_setzero_si256();
    const size_t quads = (size_t)group / 4;
    for (int t = 0; t < VECTORS; t++) dots[t][0] = dots[t][1] = zero;
    if (bits == 8) {
        for (size_t q = 0; q < quads; q++) {
            const __m256i w[2] = {load32(codes + 64 * q), load32(codes + 64 * q + 32)};
            const __m256i size[2] = {_mm256_abs_epi8(w[0]), _mm256_abs_epi8(w[1])};
            for (int t = 0; t < VECTORS; t++) {
                const __m256i a = broadcast4(x->codes[t] + at + 4 * q);
                for (int k = 0; k < 2; k++) {
                    const __m256i pairs = _mm256_maddubs_epi16(size[k], _mm256_sign_epi8(a, w[k]));
                    dots[t][k] = _mm256_add_epi32(dots[t][k], _mm256_madd_epi16(pairs, one));
                }
            }
        }
        return;
    }
    const size_t limit = quads_in_16_bits(bits);
    for (size_t begin = 0; begin < quads; begin += limit) {
        __m256i sum[VECTORS][2];
        for (int t = 0; t < VECTORS; t++) sum[t][0] = sum[t][1] = zero;
        for (size_t q = begin; q < begin + limit && q < quads; q++) {
            const __m256i w[2] = {load32(codes + 64 * q), load32(codes + 64 * q + 32)};
            for (int t = 0; t < VECTORS; t++) {
                const __m256i a = broadcast4(x->codes[t] + at + 4 * q);
                for (int k = 0; k < 2; k++)
                    sum[t][k] = _mm256_add_epi16(sum[t][k], _mm256_maddubs_epi16(w[k], a));
            }
        }
        for (int t = 0; t < VECTORS; t++) {
            for (int k = 0; k < 2; k++) {
                const __m256i wide = _mm256_madd_epi16(sum[t][k], one);
                dots[t][k] = begin == 0 ? wide : _mm256_add_epi32(dots[t][k], wide);
            }
        }
    }
}

// sum[vector][16 outputs] over the panel's inputs; shifted: whether minima or an offset are there.
CK_INLINE void strip_tile(float sum[VECTORS][STRIP], const int bits, const int group, const int shifted,
                          const matmul_panel *restrict panel, size_t strip, const tile_vectors *restrict x,
                          size_t inputs) {
    for (size_t g = 0; g < inputs / (size_t)group; g++) {
        const size_t at = g * (size_t)group;
        __m256i dots[VECTORS][2];
        tile_dots(dots, bits, group, panel->codes[strip] + at * STRIP, x, at);
        for (size_t k = 0; k < 2; k++) {
            const __m256 scale = _mm256_loadu_ps(&panel->scales[strip][g][8 * k]);
            const __m256 min = _mm256_loadu_ps(&panel->mins[strip][g][8 * k]);
            for (size_t t = 0; t < VECTORS; t++) {
                const __m256 value =
                    _mm256_mul_ps(_mm256_cvtepi32_ps(dots[t][k]), _mm256_broadcast_ss(x->scale[t] + g));
                __m256 s = _mm256_fmadd_ps(scale, value, _mm256_loadu_ps(&sum[t][8 * k]));
                if (shifted) s = _mm256_fnmadd_ps(min, _mm256_broadcast_ss(x->sum[t] + g), s);
                _mm256_storeu_ps(&sum[t][8 * k], s);
            }
        }
    }
}

// All vectors times one packed panel of `outputs` outputs, whose first input is `input`.
CK_INLINE void panel_product(float *restrict y, size_t y_stride, const int bits, const int group,
                             const int shifted, const matmul_panel *restrict panel,
                             const ck_batch *restrict x, size_t input, size_t inputs, size_t outputs,
                             int add) {
    const size_t padded = ck_pad64(x->n), groups = padded / (size_t)group;
    for (size_t strip = 0; STRIP * strip < outputs; strip++) {
        const size_t there = outputs - STRIP * strip < STRIP ? outputs - STRIP * strip : STRIP;
        for (size_t first = 0; first < x->count; first += VECTORS) {
            tile_vectors tile;
            float sum[VECTORS][STRIP] = {{0}};
            for (size_t t = 0; t < VECTORS; t++) {
                const size_t vector = first + t < x->count ? first + t : x->count - 1;
                const size_t at = vector * groups + input / (size_t)group;
                tile.codes[t] = x->codes + vector * padded + input;
                tile.scale[t] = (group == 32 ? x->scale32 : x->scale16) + at;
                tile.sum[t] = (group == 32 ? x->sum32 : x->sum16) + at;
            }
            strip_tile(sum, bits, group, shifted, panel, strip, &tile, inputs);
            for (size_t t = 0; t < VECTORS && first + t < x->count; t++) {
                float *restrict to = y + (first + t) * y_stride + STRIP * strip;
                for (size_t j = 0; j < there; j++) to[j] = add ? to[j] + sum[t][j] : sum[t][j];
            }
        }
    }
}

CK_INLINE void multiply_rows(const int bits, const int group, const int levels, const int has_min,
                             const int offset, float *restrict y, size_t y_stride, const ck_rows *restrict w,
                             const ck_batch *restrict x, size_t begin, size_t end,
                             matmul_panel *restrict panel) {
    const size_t padded = ck_pad64(w->cols), plane = padded / 64 * ck_low_bytes(bits);
    for (size_t row = begin; row < end; row += PANEL_OUTPUTS) {
        const size_t outputs = end - row < PANEL_OUTPUTS ? end - row : PANEL_OUTPUTS;
        for (size_t input = 0; input < padded; input += PANEL_INPUTS) {
            const size_t inputs = padded - input < PANEL_INPUTS ? padded - input : PANEL_INPUTS;
            pack_row_scales(panel, group, levels, has_min, offset, w, row, end, input, inputs);
            for (size_t r = 0; r < outputs; r += 8) {
                for (size_t unit = 0; unit < inputs / 64; unit++) {
                    const uint8_t *low[8], *high[8];
                    for (size_t k = 0; k < 8; k++) {
                        const uint8_t *from =
                            ck_row(w, row + r + k < end ? row + r + k : end - 1);
                        low[k] = from + (input / 64 + unit) * ck_low_bytes(bits);
                        high[k] = from + plane + (input / 64 + unit) * ck_high_bytes(bits);
                    }
                    pack_rows8(panel->codes[r / STRIP], bits, 64 * unit, r % STRIP, low, high);
                }
            }
            panel_product(y + row, y_stride, bits, group, has_min || offset, panel, x, input, inputs, outputs,
                          input > 0);
        }
    }
}

CK_INLINE void multiply_channels(const int bits, const int group, const int levels, const int has_min,
                                 const int offset, float *restrict y, size_t y_stride,
                                 const ck_channels *restrict w, const ck_batch *restrict x, size_t begin,
                                 size_t end, matmul_panel *restrict panel) {
    const size_t padded = ck_pad64(w->channels), plane = ck_pad64(w->outputs) / 64 * ck_low_bytes(bits);
    for (size_t output = begin; output < end; output += PANEL_OUTPUTS) {
        const size_t outputs = end - output < PANEL_OUTPUTS ? end - output : PANEL_OUTPUTS;
        for (size_t input = 0; input < padded; input += PANEL_INPUTS) {
            const size_t inputs = padded - input < PANEL_INPUTS ? padded - input : PANEL_INPUTS;
            pack_channel_scales(panel, group, levels, has_min, offset, w, output, input, inputs);
            for (size_t c = 0; c < inputs; c += 4) {
                const uint8_t *low[4], *high[4];
                for (size_t k = 0; k < 4; k++) {
                    // The padding's activations are zero: any channel does for its codes.
                    const size_t channel = input + c + k < w->channels ? input + c + k : w->channels - 1;
                    low[k] = ck_channel(w, channel) + output / 64 * ck_low_bytes(bits);
                    high[k] = ck_channel(w, channel) + plane + output / 64 * ck_high_bytes(bits);
                }
                pack_channels4(panel, bits, c, low, high);
            }
            panel_product(y + output, y_stride, bits, group, has_min || offset, panel, x, input, inputs,
                          outputs, 1);
        }
    }
}

#define FORM(name, bits, group, levels, has_min, offset)                                                    \
    CK_AVX2 static void rows_##name(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x,         \
                                    size_t begin, size_t end, void *scratch) {                              \
        multiply_rows(bits, group, levels, has_min, offset, y, y_stride, w, x, begin, end, scratch);        \
    }                                                                                                       \
    CK_AVX2 static void channels_##name(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x, \
                                        size_t begin, size_t end, void *scratch) {                          \
        multiply_channels(bits, group, levels, has_min, offset, y, y_stride, w, x, begin, end, scratch);    \
    }
CK_EACH_FORM(FORM)
#undef FORM

void ck_avx2_rows_matmul(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin,
                         size_t end, void *scratch) {
    if (begin >= end || x->count == 0) return;
#define FORM(name, bits, group, levels, has_min, offset)           \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) { \
        rows_##name(y, y_stride, w, x, begin, end, scratch);       \
        return;                                                    \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    if (ck_is_float(&w->form)) {
        ck_avx2_rows_matmul_floats(y, y_stride, w, x, begin, end, scratch);
    } else {
        ck_scalar_rows_matmul(y, y_stride, w, x, begin, end, scratch);
    }
}

void ck_avx2_channels_matmul(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                             size_t out_begin, size_t out_end, void *scratch) {
    if (out_begin >= out_end || x->count == 0 || w->channels == 0) return;
#define FORM(name, bits, group, levels, has_min, offset)                 \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) {       \
        channels_##name(y, y_stride, w, x, out_begin, out_end, scratch); \
        return;                                                          \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    if (ck_is_float(&w->form)) {
        ck_avx2_channels_matmul_floats(y, y_stride, w, x, out_begin, out_end, scratch);
    } else {
        ck_scalar_channels_matmul(y, y_stride, w, x, out_begin, out_end, scratch);
    }
}
#endif
