// Products of float weights with many activation vectors: weights are converted once per panel of 64 outputs
// by 256 inputs, [strips][inputs][16 outputs], of which a strip stays in the first cache while all vectors
// use it.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "matmul.h"

enum { FLOAT_INPUTS = 256, VECTORS = 4 };

typedef float float_strip[FLOAT_INPUTS][STRIP];

_Static_assert(STRIPS * sizeof(float_strip) <= CK_SCRATCH_BYTES, "a panel of floats fits in the scratch");

// All vectors times one panel of `outputs` outputs, whose first input is `input`.
CK_INLINE void panel_product(float *restrict y, size_t y_stride, float_strip *restrict panel,
                             const ck_batch *restrict x, size_t input, size_t inputs, size_t outputs,
                             int add) {
    for (size_t strip = 0; STRIP * strip < outputs; strip++) {
        const size_t there = outputs - STRIP * strip < STRIP ? outputs - STRIP * strip : STRIP;
        for (size_t first = 0; first < x->count; first += VECTORS) {
            const float *values[VECTORS];
            __m256 sum[VECTORS][2];
            for (size_t t = 0; t < VECTORS; t++) {
                const size_t vector = first + t < x->count ? first + t : x->count - 1;
                values[t] = x->values + vector * x->value_stride + input;
                sum[t][0] = sum[t][1] = _mm256_setzero_ps();
            }
            for (size_t c = 0; c < inputs; c++) {
                const __m256 lower = _mm256_loadu_ps(panel[strip][c]),
                             upper = _mm256_loadu_ps(panel[strip][c] + 8);
                for (size_t t = 0; t < VECTORS; t++) {
                    const __m256 value = _mm256_broadcast_ss(values[t] + c);
                    sum[t][0] = _mm256_fmadd_ps(lower, value, sum[t][0]);
                    sum[t][1] = _mm256_fmadd_ps(upper, value, sum[t][1]);
                }
            }
            for (size_t t = 0; t < VECTORS && first + t < x->count; t++) {
                float line[STRIP], *restrict to = y + (first + t) * y_stride + STRIP * strip;
                _mm256_storeu_ps(line, sum[t][0]);
                _mm256_storeu_ps(line + 8, sum[t][1]);
                for (size_t j = 0; j < there; j++) to[j] = add ? to[j] + line[j] : line[j];
            }
        }
    }
}

CK_INLINE void multiply_rows(const int bits, float *restrict y, size_t y_stride, const ck_rows *restrict w,
                             const ck_batch *restrict x, size_t begin, size_t end,
                             float_strip *restrict panel) {
    for (size_t row = begin; row < end; row += PANEL_OUTPUTS) {
        const size_t outputs = end - row < PANEL_OUTPUTS ? end - row : PANEL_OUTPUTS;
        for (size_t input = 0; input < w->cols; input += FLOAT_INPUTS) {
            const size_t inputs = w->cols - input < FLOAT_INPUTS ? w->cols - input : FLOAT_INPUTS;
            for (size_t r = 0; r < outputs; r += 8) {
                for (size_t c = 0; c < inputs; c += 8) {
                    __m256 eight[8];
                    for (size_t k = 0; k < 8; k++) {
                        const size_t from = row + r + k < end ? row + r + k : end - 1;
                        eight[k] = float_weights8(bits, ck_row(w, from), input + c);
                    }
                    transpose8(eight);
                    for (size_t k = 0; k < 8; k++) {
                        _mm256_storeu_ps(&panel[r / STRIP][c + k][r % STRIP], eight[k]);
                    }
                }
            }
            panel_product(y + row, y_stride, panel, x, input, inputs, outputs, input > 0);
        }
    }
}

CK_INLINE void multiply_channels(const int bits, float *restrict y, size_t y_stride,
                                 const ck_channels *restrict w, const ck_batch *restrict x, size_t begin,
                                 size_t end, float_strip *restrict panel) {
    for (size_t output = begin; output < end; output += PANEL_OUTPUTS) {
        const size_t outputs = end - output < PANEL_OUTPUTS ? end - output : PANEL_OUTPUTS;
        for (size_t input = 0; input < w->channels; input += FLOAT_INPUTS) {
            const size_t inputs = w->channels - input < FLOAT_INPUTS ? w->channels - input : FLOAT_INPUTS;
            for (size_t c = 0; c < inputs; c++) {
                const uint8_t *run = ck_channel(w, input + c);
                for (size_t j = 0; j < PANEL_OUTPUTS; j += 8) {
                    _mm256_storeu_ps(&panel[j / STRIP][c][j % STRIP], float_weights8(bits, run, output + j));
                }
            }
            panel_product(y + output, y_stride, panel, x, input, inputs, outputs, 1);
        }
    }
}

CK_AVX2 void ck_avx2_rows_matmul_floats(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x,
                                        size_t begin, size_t end, void *scratch) {
    switch (w->form.bits) {
        case CK_F16:
            multiply_rows(CK_F16, y, y_stride, w, x, begin, end, scratch);
            break;
        case CK_BF16:
            multiply_rows(CK_BF16, y, y_stride, w, x, begin, end, scratch);
            break;
        default:
            multiply_rows(CK_F32, y, y_stride, w, x, begin, end, scratch);
            break;
    }
}

CK_AVX2 void ck_avx2_channels_matmul_floats(float *y, size_t y_stride, const ck_channels *w,
                                            const ck_batch *x, size_t out_begin, size_t out_end,
                                            void *scratch) {
    switch (w->form.bits) {
        case CK_F16:
            multiply_channels(CK_F16, y, y_stride, w, x, out_begin, out_end, scratch);
            break;
        case CK_BF16:
            multiply_channels(CK_BF16, y, y_stride, w, x, out_begin, out_end, scratch);
            break;
        default:
            multiply_channels(CK_F32, y, y_stride, w, x, out_begin, out_end, scratch);
            break;
    }
}
#endif
