// Packing of weights for products with many activation vectors.
//
// A panel is 64 outputs by up to 1024 inputs, unpacked once to bytes in four strips of 16 outputs. Within a
// strip the order is [inputs / 4][16 outputs][4]: a 32-bit lane holds four inputs of one output, and four
// activations broadcast as one word meet eight outputs. Scales and minima become floats [groups][16 outputs].
#ifndef CK_AVX2_MATMUL_H
#define CK_AVX2_MATMUL_H

#include "lanes.h"

enum { PANEL_OUTPUTS = 64, STRIP = 16, STRIPS = 4, PANEL_INPUTS = 1024, PANEL_GROUPS = PANEL_INPUTS / 16 };

typedef struct {
    uint8_t codes[STRIPS][PANEL_INPUTS * STRIP];
    float scales[STRIPS][PANEL_GROUPS][STRIP];
    float mins[STRIPS][PANEL_GROUPS][STRIP];  // with offset * scale in them
} matmul_panel;

_Static_assert(sizeof(matmul_panel) <= CK_SCRATCH_BYTES, "a panel fits in the scratch");

// Column i of the matrix of eight rows goes to row i; 32-bit elements.
CK_INLINE void transpose8(__m256 v[8]) {
    __m256 a[8], b[8];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2; k++) {
            b[4 * i + 2 * k] = _mm256_shuffle_ps(a[4 * i + k], a[4 * i + 2 + k], 0x44);
            b[4 * i + 2 * k + 1] = _mm256_shuffle_ps(a[4 * i + k], a[4 * i + 2 + k], 0xee);
        }
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x20);
        v[4 + i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x31);
    }
}

// One unit of 64 inputs of eight rows, to outputs `first` ... of the strip.
CK_INLINE void pack_rows8(uint8_t *restrict strip, const int bits, size_t input, size_t first,
                          const uint8_t *const low[8], const uint8_t *const high[8]) {
    __m256 half[2][8];
    for (int r = 0; r < 8; r++) {
        __m256i code[2];
        unit_codes(code, bits, low[r], high[r]);
        half[0][r] = _mm256_castsi256_ps(code[0]);
        half[1][r] = _mm256_castsi256_ps(code[1]);
    }
    for (size_t h = 0; h < 2; h++) {
        transpose8(half[h]);
        for (size_t q = 0; q < 8; q++) {
            uint8_t *to = strip + (input + 32 * h + 4 * q) * STRIP + 4 * first;
            _mm256_storeu_si256((__m256i *)to, _mm256_castps_si256(half[h][q]));
        }
    }
}

// One unit of 64 outputs of four channels, to all strips.
CK_INLINE void pack_channels4(matmul_panel *restrict panel, const int bits, size_t input,
                              const uint8_t *const low[4], const uint8_t *const high[4]) {
    __m256i code[4][2];
    for (int c = 0; c < 4; c++) unit_codes(code[c], bits, low[c], high[c]);
    for (size_t h = 0; h < 2; h++) {
        for (size_t part = 0; part < 2; part++) {  // outputs 0 ... 7 | 16 ... 23, then 8 ... 15 | 24 ... 31
            const __m256i ab = part ? _mm256_unpackhi_epi8(code[0][h], code[1][h])
                                    : _mm256_unpacklo_epi8(code[0][h], code[1][h]);
            const __m256i cd = part ? _mm256_unpackhi_epi8(code[2][h], code[3][h])
                                    : _mm256_unpacklo_epi8(code[2][h], code[3][h]);
            const __m256i left = _mm256_unpacklo_epi16(ab, cd), right = _mm256_unpackhi_epi16(ab, cd);
            const size_t at = input * STRIP + 32 * part;
            _mm256_storeu_si256((__m256i *)(panel->codes[2 * h] + at),
                                _mm256_permute2x128_si256(left, right, 0x20));
            _mm256_storeu_si256((__m256i *)(panel->codes[2 * h + 1] + at),
                                _mm256_permute2x128_si256(left, right, 0x31));
        }
    }
}

// Scales and minima of rows row ... row + 63 as far as `end`, from input `input` on.
CK_INLINE void pack_row_scales(matmul_panel *restrict panel, const int group, const int levels,
                               const int has_min, const int offset, const ck_rows *restrict w, size_t row,
                               size_t end, size_t input, size_t inputs) {
    const size_t padded = ck_pad64(w->cols), size = levels == 1 ? 2 : 1, groups = padded / (size_t)group;
    const size_t some = inputs / (size_t)group, before = input / (size_t)group;
    const size_t scales = ck_packed_bytes(&w->form, padded), mins = scales + groups * size;
    const size_t supers = has_min ? mins + groups * size : mins,
                 super_mins = supers + (padded + 255) / 256 * 2;
    for (size_t r = 0; r < PANEL_OUTPUTS && row + r < end; r += 8) {
        for (size_t g = 0; g < some; g += 8) {
            const size_t count = some - g < 8 ? some - g : 8, super = (before + g) * (size_t)group / 256;
            __m256 scale[8], min[8];
            for (size_t k = 0; k < 8; k++) {
                const uint8_t *from = ck_row(w, row + r + k < end ? row + r + k : end - 1);
                scale[k] = row_factors(levels, from + scales, from + supers, before + g, count, super);
                if (has_min)
                    min[k] = row_factors(levels, from + mins, from + super_mins, before + g, count, super);
            }
            transpose8(scale);
            if (has_min) transpose8(min);
            for (size_t k = 0; k < count; k++) {
                const __m256 shift = _mm256_mul_ps(scale[k], _mm256_set1_ps((float)offset));
                _mm256_storeu_ps(&panel->scales[r / STRIP][g + k][r % STRIP], scale[k]);
                _mm256_storeu_ps(&panel->mins[r / STRIP][g + k][r % STRIP], has_min ? min[k] : shift);
            }
        }
    }
}

// The same of outputs output ... output + 63. Groups of the padding past the last channel get zeros.
CK_INLINE void pack_channel_scales(matmul_panel *restrict panel, const int group, const int levels,
                                   const int has_min, const int offset, const ck_channels *restrict w,
                                   size_t output, size_t input, size_t inputs) {
    const size_t padded = ck_pad64(w->outputs), size = levels == 1 ? 2 : 1;
    const size_t groups = (w->channels + (size_t)group - 1) / (size_t)group;
    for (size_t g = 0; g < inputs / (size_t)group; g++) {
        const size_t at = input / (size_t)group + g;
        for (size_t j = 0; j < PANEL_OUTPUTS; j += 8) {
            __m256 scale = _mm256_setzero_ps(), min = scale;
            if (at < groups) {
                const uint8_t *plane = w->groups + at * w->group_stride + (output + j) * size;
                scale = levels == 1 ? halves8(plane) : bytes8(plane);
                if (has_min) min = levels == 1 ? halves8(plane + padded * 2) : bytes8(plane + padded);
                if (levels == 2) {
                    const uint8_t *super =
                        w->supers + at * (size_t)group / 256 * w->super_stride + 2 * (output + j);
                    scale = _mm256_mul_ps(scale, halves8(super));
                    if (has_min) min = _mm256_mul_ps(min, halves8(super + 2 * padded));
                }
            }
            if (!has_min) min = _mm256_mul_ps(scale, _mm256_set1_ps((float)offset));
            _mm256_storeu_ps(&panel->scales[j / STRIP][g][j % STRIP], scale);
            _mm256_storeu_ps(&panel->mins[j / STRIP][g][j % STRIP], min);
        }
    }
}

#endif
