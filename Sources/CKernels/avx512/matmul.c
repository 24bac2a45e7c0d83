#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "floats.h"
#include "lanes.h"
#include "panel.h"

// y[t][0 ..< 32] += panel . x[t] for `count` tokens from token t on; inputs first ..< first + inputs.
// lanes: which of the 32 outputs exist.
CK_INLINE void multiply(const int group, const int has_mins, float *restrict y, size_t y_stride,
                        const panel *restrict p, const ck_batch *restrict x, size_t t, const size_t count,
                        size_t first, size_t inputs, const __mmask16 lanes[2], int adds) {
    const size_t padded = ck_pad64(x->n), scale_groups = padded / (size_t)group;
    const float *scales = (group == 16 ? x->scale16 : x->scale32) + first / (size_t)group;
    const float *sums = (group == 16 ? x->sum16 : x->sum32) + first / (size_t)group;
    __m512 total[6][2];
    for (size_t i = 0; i < count; i++) {
        for (size_t v = 0; v < 2; v++) {
            total[i][v] =
                adds ? _mm512_maskz_loadu_ps(lanes[v], y + (t + i) * y_stride + 16 * v) : _mm512_setzero_ps();
        }
    }
    for (size_t g = 0; g < inputs / (size_t)group; g++) {
        __m512i sum[6][2];
        for (size_t i = 0; i < count; i++) sum[i][0] = sum[i][1] = _mm512_setzero_si512();
        for (size_t q = g * (size_t)group / 4; q < (g + 1) * (size_t)group / 4; q++) {
            const __m512i w0 = _mm512_load_si512(p->codes + 128 * q),
                          w1 = _mm512_load_si512(p->codes + 128 * q + 64);
            for (size_t i = 0; i < count; i++) {
                int32_t four;
                memcpy(&four, x->codes + (t + i) * padded + first + 4 * q, 4);
                const __m512i a = _mm512_set1_epi32(four);
                sum[i][0] = _mm512_dpbusd_epi32(sum[i][0], w0, a);
                sum[i][1] = _mm512_dpbusd_epi32(sum[i][1], w1, a);
            }
        }
        for (size_t v = 0; v < 2; v++) {
            const __m512 scale = _mm512_load_ps(p->scales + 32 * g + 16 * v);
            const __m512 min = has_mins ? _mm512_load_ps(p->mins + 32 * g + 16 * v) : _mm512_setzero_ps();
            for (size_t i = 0; i < count; i++) {
                const __m512 xs = _mm512_set1_ps(scales[(t + i) * scale_groups + g]);
                total[i][v] =
                    _mm512_fmadd_ps(scale, _mm512_mul_ps(xs, _mm512_cvtepi32_ps(sum[i][v])), total[i][v]);
                if (has_mins) {
                    total[i][v] =
                        _mm512_fnmadd_ps(min, _mm512_set1_ps(sums[(t + i) * scale_groups + g]), total[i][v]);
                }
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t v = 0; v < 2; v++)
            _mm512_mask_storeu_ps(y + (t + i) * y_stride + 16 * v, lanes[v], total[i][v]);
    }
}

CK_INLINE void multiply_all(const int group, const int has_mins, float *restrict y, size_t y_stride,
                            const panel *restrict p, const ck_batch *restrict x, size_t first, size_t inputs,
                            const __mmask16 lanes[2], int adds) {
    size_t t = 0;
    for (; t + 6 <= x->count; t += 6)
        multiply(group, has_mins, y, y_stride, p, x, t, 6, first, inputs, lanes, adds);
    for (; t + 3 <= x->count; t += 3)
        multiply(group, has_mins, y, y_stride, p, x, t, 3, first, inputs, lanes, adds);
    for (; t < x->count; t++) multiply(group, has_mins, y, y_stride, p, x, t, 1, first, inputs, lanes, adds);
}

#define FORM(name, bits, group, levels, has_min, offset)                                                     \
    static void rows_##name(float *restrict y, size_t y_stride, const ck_rows *restrict w,                   \
                            const ck_batch *restrict x, size_t begin, size_t end, void *restrict scratch) {  \
        const size_t padded = ck_pad64(w->cols);                                                             \
        panel p = panel_at(scratch, 0);                                                                      \
        for (size_t row = begin; row < end; row += PANEL_OUTPUTS) {                                          \
            const __mmask16 lanes[2] = {first_lanes(end - row),                                              \
                                        row + 16 < end ? first_lanes(end - row - 16) : 0};                   \
            for (size_t first = 0; first < padded; first += PANEL_INPUTS) {                                  \
                const size_t inputs = padded - first < PANEL_INPUTS ? padded - first : PANEL_INPUTS;         \
                pack_rows(bits, group, levels, has_min, offset, w, row, end, first, inputs, &p);             \
                multiply_all(group, has_min || offset || bits == 8, y + row, y_stride, &p, x, first, inputs, \
                             lanes, first > 0);                                                              \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void channels_##name(float *restrict y, size_t y_stride, const ck_channels *restrict w,           \
                                const ck_batch *restrict x, size_t out_begin, size_t out_end,                \
                                void *restrict scratch) {                                                    \
        const size_t padded = (w->channels + 31) / 32 * 32;                                                  \
        panel p[2] = {panel_at(scratch, 0), panel_at(scratch, 1)};                                           \
        const __mmask16 lanes[2] = {0xffff, 0xffff};                                                         \
        for (size_t j = out_begin; j < out_end; j += 64) {                                                   \
            for (size_t first = 0; first < padded; first += PANEL_INPUTS) {                                  \
                const size_t inputs = padded - first < PANEL_INPUTS ? padded - first : PANEL_INPUTS;         \
                pack_channels(bits, group, levels, has_min, offset, w, j / 64, first, inputs, p);            \
                for (size_t half = 0; half < 2; half++) {                                                    \
                    multiply_all(group, has_min || offset || bits == 8, y + j + 32 * half, y_stride,         \
                                 &p[half], x, first, inputs, lanes, 1);                                      \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }
CK_EACH_FORM(FORM)
#undef FORM

// Float weights: a panel of floats [inputs][32], filled by `decode`d rows or channels.
CK_INLINE void multiply_floats(float *restrict y, size_t y_stride, const float *restrict p,
                               const ck_batch *restrict x, size_t t, const size_t count, size_t first,
                               size_t inputs, const __mmask16 lanes[2], int adds) {
    __m512 total[6][2];
    for (size_t i = 0; i < count; i++) {
        for (size_t v = 0; v < 2; v++) {
            total[i][v] =
                adds ? _mm512_maskz_loadu_ps(lanes[v], y + (t + i) * y_stride + 16 * v) : _mm512_setzero_ps();
        }
    }
    for (size_t k = 0; k < inputs; k++) {
        const __m512 w0 = _mm512_load_ps(p + 32 * k), w1 = _mm512_load_ps(p + 32 * k + 16);
        for (size_t i = 0; i < count; i++) {
            const __m512 a = _mm512_set1_ps(x->values[(t + i) * x->value_stride + first + k]);
            total[i][0] = _mm512_fmadd_ps(w0, a, total[i][0]);
            total[i][1] = _mm512_fmadd_ps(w1, a, total[i][1]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t v = 0; v < 2; v++)
            _mm512_mask_storeu_ps(y + (t + i) * y_stride + 16 * v, lanes[v], total[i][v]);
    }
}

static void multiply_all_floats(float *restrict y, size_t y_stride, const float *restrict p,
                                const ck_batch *restrict x, size_t first, size_t inputs,
                                const __mmask16 lanes[2], int adds) {
    size_t t = 0;
    for (; t + 6 <= x->count; t += 6) multiply_floats(y, y_stride, p, x, t, 6, first, inputs, lanes, adds);
    for (; t < x->count; t++) multiply_floats(y, y_stride, p, x, t, 1, first, inputs, lanes, adds);
}

// Packs 16 outputs, the rows that begin at run[0 ..< 16], of the inputs first ..< first + inputs: into[32 k] ..< + 16.
CK_INLINE void pack_float_rows(const int bits, float *restrict into, const uint8_t *const run[16], size_t first,
                               size_t inputs) {
    for (size_t k = 0; k < inputs; k += 16) {
        const __mmask16 there = first_lanes(inputs - k);
        __m512i block[16];
        for (size_t r = 0; r < 16; r++) block[r] = _mm512_castps_si512(float_codes(bits, there, run[r], first + k));
        transpose16(block);
        const size_t count = inputs - k < 16 ? inputs - k : 16;
        for (size_t i = 0; i < count; i++) _mm512_store_si512(into + 32 * (k + i), block[i]);
    }
}

CK_INLINE void rows_floats(const int bits, float *restrict y, size_t y_stride, const ck_rows *restrict w,
                           const ck_batch *restrict x, size_t begin, size_t end, float *restrict p) {
    for (size_t row = begin; row < end; row += PANEL_OUTPUTS) {
        const size_t rows = end - row < PANEL_OUTPUTS ? end - row : PANEL_OUTPUTS;
        const __mmask16 lanes[2] = {first_lanes(rows), rows > 16 ? first_lanes(rows - 16) : 0};
        const uint8_t *run[PANEL_OUTPUTS];
        for (size_t r = 0; r < PANEL_OUTPUTS; r++) run[r] = ck_row(w, row + (r < rows ? r : rows - 1));
        for (size_t first = 0; first < w->cols; first += PANEL_INPUTS) {
            const size_t inputs = w->cols - first < PANEL_INPUTS ? w->cols - first : PANEL_INPUTS;
            for (size_t half = 0; half < 2; half++) pack_float_rows(bits, p + 16 * half, run + 16 * half, first, inputs);
            multiply_all_floats(y + row, y_stride, p, x, first, inputs, lanes, first > 0);
        }
    }
}

CK_INLINE void channels_floats(const int bits, float *restrict y, size_t y_stride, const ck_channels *restrict w,
                               const ck_batch *restrict x, size_t out_begin, size_t out_end, float *restrict p) {
    for (size_t j = out_begin; j < out_end; j += PANEL_OUTPUTS) {
        const size_t outputs = out_end - j < PANEL_OUTPUTS ? out_end - j : PANEL_OUTPUTS;
        const __mmask16 lanes[2] = {first_lanes(outputs), outputs > 16 ? first_lanes(outputs - 16) : 0};
        for (size_t first = 0; first < w->channels; first += PANEL_INPUTS) {
            const size_t inputs = w->channels - first < PANEL_INPUTS ? w->channels - first : PANEL_INPUTS;
            for (size_t k = 0; k < inputs; k++) {
                const uint8_t *run = ck_channel(w, first + k);
                for (size_t half = 0; half < 2; half++) {
                    _mm512_store_ps(p + 32 * k + 16 * half, float_codes(bits, lanes[half], run, j + 16 * half));
                }
            }
            multiply_all_floats(y + j, y_stride, p, x, first, inputs, lanes, 1);
        }
    }
}

void ck_avx512_rows_matmul(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin,
                           size_t end, void *scratch) {
    if (ck_is_float(&w->form)) {
        FOR_FLOATS(rows_floats, y, y_stride, w, x, begin, end, scratch);
        return;
    }
#define FORM(name, bits, group, levels, has_min, offset)           \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) { \
        rows_##name(y, y_stride, w, x, begin, end, scratch);       \
        return;                                                    \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    ck_scalar_rows_matmul(y, y_stride, w, x, begin, end, scratch);
}

void ck_avx512_channels_matmul(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                               size_t out_begin, size_t out_end, void *scratch) {
    if (ck_is_float(&w->form)) {
        FOR_FLOATS(channels_floats, y, y_stride, w, x, out_begin, out_end, scratch);
        return;
    }
#define FORM(name, bits, group, levels, has_min, offset)                 \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) {       \
        channels_##name(y, y_stride, w, x, out_begin, out_end, scratch); \
        return;                                                          \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    ck_scalar_channels_matmul(y, y_stride, w, x, out_begin, out_end, scratch);
}
CK_TARGET_END
#endif
