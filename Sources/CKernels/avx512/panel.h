// Panels: 32 outputs of a matrix over a stretch of its inputs, unpacked so that one vector holds 16 outputs.
#ifndef CK_AVX512_PANEL_H
#define CK_AVX512_PANEL_H

#include "lanes.h"

enum { PANEL_OUTPUTS = 32, PANEL_INPUTS = 1024 };

// Integer codes [inputs / 4][32 outputs][4], unsigned (8-bit codes have 128 added); per group of inputs and
// output a scale and a min, into which offset and the 128 are folded: weight = scale * code - min.
typedef struct {
    uint8_t *codes;
    float *scales, *mins;  // [groups][32]
} panel;

// Two panels side by side in scratch: the 64 outputs of one unit.
CK_INLINE panel panel_at(void *scratch, size_t index) {
    const size_t code_bytes = (size_t)PANEL_INPUTS * PANEL_OUTPUTS;
    const size_t scale_bytes = (size_t)PANEL_INPUTS / 16 * PANEL_OUTPUTS * sizeof(float);
    uint8_t *base = (uint8_t *)scratch + index * (code_bytes + 2 * scale_bytes);
    panel p = {base, (float *)(base + code_bytes), (float *)(base + code_bytes + scale_bytes)};
    return p;
}

// rows[i] dword j <-> rows[j] dword i.
CK_INLINE void transpose16(__m512i rows[16]) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

// What the min becomes when codes keep their offset and 8-bit ones gain 128.
CK_INLINE __m512 folded_min(const int bits, const int offset, __m512 scale, __m512 min) {
    const int shift = bits == 8 ? 128 : offset;
    return shift ? _mm512_fmadd_ps(scale, _mm512_set1_ps((float)shift), min) : min;
}

// Scales and mins of 16 outputs from output j of channel group g.
CK_INLINE void plane_scales(const int levels, const int has_min, const ck_channels *w, size_t g, size_t j,
                            __m512 *scale, __m512 *min) {
    const size_t outputs = ck_pad64(w->outputs);
    const uint8_t *plane = w->groups + g * w->group_stride;
    *min = _mm512_setzero_ps();
    if (levels == 1) {
        *scale = halves(plane + 2 * j);
        if (has_min) *min = halves(plane + 2 * (outputs + j));
        return;
    }
    const uint8_t *super = w->supers + g * w->form.group / 256 * w->super_stride;
    *scale = _mm512_mul_ps(bytes_masked(0xffff, plane + j), halves(super + 2 * j));
    if (has_min) {
        *min = _mm512_mul_ps(bytes_masked(0xffff, plane + outputs + j), halves(super + 2 * (outputs + j)));
    }
}

// Unpacks the 64 outputs of `unit` for channels first ..< first + count (a multiple of 32) into two panels.
CK_INLINE void pack_channels(const int bits, const int group, const int levels, const int has_min,
                             const int offset, const ck_channels *restrict w, size_t unit, size_t first,
                             size_t count, panel into[2]) {
    const size_t high = ck_pad64(w->outputs) / 2;
    const __m512i sign = _mm512_set1_epi8(-128);
    for (size_t q = 0; q < count / 4; q++) {
        __m512i codes[4], t[4];
        for (size_t c = 0; c < 4; c++) {
            const size_t channel = first + 4 * q + c;
            const uint8_t *run = ck_channel(w, channel < w->channels ? channel : w->channels - 1);
            codes[c] = unit_codes(bits, run, run + high, unit);
            if (bits == 8) codes[c] = _mm512_xor_si512(codes[c], sign);
        }
        const __m512i a = _mm512_unpacklo_epi8(codes[0], codes[1]),
                      b = _mm512_unpackhi_epi8(codes[0], codes[1]);
        const __m512i c = _mm512_unpacklo_epi8(codes[2], codes[3]),
                      d = _mm512_unpackhi_epi8(codes[2], codes[3]);
        t[0] = _mm512_unpacklo_epi16(a, c);
        t[1] = _mm512_unpackhi_epi16(a, c);
        t[2] = _mm512_unpacklo_epi16(b, d);
        t[3] = _mm512_unpackhi_epi16(b, d);
        const __m512i e = _mm512_shuffle_i32x4(t[0], t[1], 0x44), f = _mm512_shuffle_i32x4(t[2], t[3], 0x44);
        const __m512i g = _mm512_shuffle_i32x4(t[0], t[1], 0xee), h = _mm512_shuffle_i32x4(t[2], t[3], 0xee);
        _mm512_store_si512(into[0].codes + 128 * q, _mm512_shuffle_i32x4(e, f, 0x88));
        _mm512_store_si512(into[0].codes + 128 * q + 64, _mm512_shuffle_i32x4(e, f, 0xdd));
        _mm512_store_si512(into[1].codes + 128 * q, _mm512_shuffle_i32x4(g, h, 0x88));
        _mm512_store_si512(into[1].codes + 128 * q + 64, _mm512_shuffle_i32x4(g, h, 0xdd));
    }
    const size_t groups = (w->channels + (size_t)group - 1) / (size_t)group;
    for (size_t g = 0; g < count / (size_t)group; g++) {
        // Half of the last 32 channels may be missing; their activations are zero.
        const size_t wanted = first / (size_t)group + g, at = wanted < groups ? wanted : groups - 1;
        for (size_t v = 0; v < 4; v++) {
            __m512 scale, min;
            plane_scales(levels, has_min, w, at, 64 * unit + 16 * v, &scale, &min);
            _mm512_store_ps(into[v / 2].scales + 32 * g + 16 * (v % 2), scale);
            _mm512_store_ps(into[v / 2].mins + 32 * g + 16 * (v % 2), folded_min(bits, offset, scale, min));
        }
    }
}

// Unpacks rows row ..< row + 32 (those below `end`) for columns first ..< first + count, a multiple of 64.
CK_INLINE void pack_rows(const int bits, const int group, const int levels, const int has_min,
                         const int offset, const ck_rows *restrict w, size_t row, size_t end, size_t first,
                         size_t count, panel *restrict into) {
    const size_t padded = ck_pad64(w->cols), groups = padded / (size_t)group,
                 code_bytes = ck_packed_bytes(&w->form, padded);
    const __m512i sign = _mm512_set1_epi8(-128);
    for (size_t half = 0; half < 2; half++) {
        for (size_t u = 0; u < count / 64; u++) {
            __m512i codes[16];
            for (size_t r = 0; r < 16; r++) {
                const size_t at = row + 16 * half + r;
                const uint8_t *run = ck_row(w, at < end ? at : end - 1);
                codes[r] = unit_codes(bits, run, run + padded / 2, first / 64 + u);
                if (bits == 8) codes[r] = _mm512_xor_si512(codes[r], sign);
            }
            transpose16(codes);
            for (size_t q = 0; q < 16; q++) {
                _mm512_store_si512(into->codes + 128 * (16 * u + q) + 64 * half, codes[q]);
            }
        }
    }
    for (size_t r = 0; r < 32; r++) {
        const uint8_t *scales = ck_row(w, row + r < end ? row + r : end - 1) + code_bytes;
        const uint8_t *super = scales + groups * (has_min ? 2 : 1);
        const size_t supers = (padded + 255) / 256;
        for (size_t g = first / (size_t)group; g < (first + count) / (size_t)group; g++) {
            float scale, min = 0;
            if (levels == 1) {
                scale = _cvtsh_ss(ck_load16(scales + 2 * g));
                if (has_min) min = _cvtsh_ss(ck_load16(scales + 2 * (groups + g)));
            } else {
                const size_t s = g * (size_t)group / 256;
                scale = _cvtsh_ss(ck_load16(super + 2 * s)) * (float)(int8_t)scales[g];
                if (has_min)
                    min = _cvtsh_ss(ck_load16(super + 2 * (supers + s))) * (float)(int8_t)scales[groups + g];
            }
            const size_t at = 32 * (g - first / (size_t)group) + r;
            into->scales[at] = scale;
            into->mins[at] = scale * (float)(bits == 8 ? 128 : offset) + min;
        }
    }
}

#endif
