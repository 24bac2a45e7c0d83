// Products with many activation vectors, once per instruction set. Before including it define
//   CK_TARGET       the functions' target attribute
//   CK_NAME(name)   the name for this instruction set
//   CK_VECTORS      activation vectors per tile
//   CK_EIGHTS       whether the panel's order is `eights`
//   CK_TILE_DOTS    void (int32x4_t dots[CK_VECTORS][4], const int8_t *codes, const int8_t *const
//                   act[CK_VECTORS], int group, int bits): the integer dot products of one group with 16
//                   outputs

#include "matmul.h"

// Adds one strip's products over `inputs` inputs to sum[vector][16 outputs].
CK_TARGET CK_INLINE void CK_NAME(strip_tile)(float sum[CK_VECTORS][16], const matmul_panel *restrict panel,
                                             int strip, const int8_t *const act[CK_VECTORS],
                                             const float *const scale[CK_VECTORS],
                                             const float *const act_sum[CK_VECTORS], size_t inputs, int bits,
                                             int group, int has_min) {
    for (size_t g = 0; g < inputs / (size_t)group; g++) {
        int32x4_t dots[CK_VECTORS][4];
        const int8_t *codes[CK_VECTORS];
        for (int t = 0; t < CK_VECTORS; t++) codes[t] = act[t] + g * (size_t)group;
        CK_TILE_DOTS(dots, panel->codes[strip] + g * (size_t)group * 16, codes, group, bits);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            const float32x4_t scales = vld1q_f32(&panel->scales[strip][g][4 * j]);
            const float32x4_t mins = has_min ? vld1q_f32(&panel->mins[strip][g][4 * j]) : scales;
#pragma GCC unroll 4
            for (int t = 0; t < CK_VECTORS; t++) {
                float32x4_t s = vld1q_f32(&sum[t][4 * j]);
                s = vfmaq_f32(s, vcvtq_f32_s32(dots[t][j]), vmulq_n_f32(scales, scale[t][g]));
                if (has_min) s = vfmsq_n_f32(s, mins, act_sum[t][g]);
                vst1q_f32(&sum[t][4 * j], s);
            }
        }
    }
}

// All activation vectors times one packed panel, whose first input is `input`; `outputs` of it are there.
CK_TARGET CK_INLINE void CK_NAME(panel_product)(float *restrict y, size_t y_stride,
                                                const matmul_panel *restrict panel,
                                                const ck_batch *restrict x, size_t input, size_t inputs,
                                                size_t outputs, int add, int bits, int group, int has_min) {
    const size_t padded = ck_pad64(x->n), groups = padded / (size_t)group;
    for (size_t strip = 0; 16 * strip < outputs; strip++) {
        const size_t there = outputs - 16 * strip < 16 ? outputs - 16 * strip : 16;
        for (size_t first = 0; first < x->count; first += CK_VECTORS) {
            const int8_t *act[CK_VECTORS];
            const float *scale[CK_VECTORS], *act_sum[CK_VECTORS];
            float sum[CK_VECTORS][16] = {{0}};
            for (size_t t = 0; t < CK_VECTORS; t++) {
                const size_t vector = first + t < x->count ? first + t : x->count - 1;
                const size_t at = vector * groups + input / (size_t)group;
                act[t] = x->codes + vector * padded + input;
                scale[t] = (group == 32 ? x->scale32 : x->scale16) + at;
                act_sum[t] = (group == 32 ? x->sum32 : x->sum16) + at;
            }
            CK_NAME(strip_tile)(sum, panel, (int)strip, act, scale, act_sum, inputs, bits, group, has_min);
            for (size_t t = 0; t < CK_VECTORS && first + t < x->count; t++) {
                float *const to = y + (first + t) * y_stride + 16 * strip;
                for (size_t j = 0; j < there; j++) to[j] = add ? to[j] + sum[t][j] : sum[t][j];
            }
        }
    }
}

CK_TARGET CK_INLINE void CK_NAME(rows_matmul_form)(float *restrict y, size_t y_stride, const ck_rows *w,
                                                   const ck_batch *restrict x, size_t begin, size_t end,
                                                   matmul_panel *restrict panel, int bits, int group,
                                                   int has_min, int offset) {
    const size_t padded = ck_pad64(w->cols), plane = padded / 64 * ck_low_bytes(bits);
    for (size_t row = begin; row < end; row += PANEL_OUTPUTS) {
        const size_t outputs = end - row < PANEL_OUTPUTS ? end - row : PANEL_OUTPUTS;
        for (size_t input = 0; input < padded; input += PANEL_INPUTS) {
            const size_t inputs = padded - input < PANEL_INPUTS ? padded - input : PANEL_INPUTS;
            ck_neon_pack_row_scales(panel, w, row, end, input, inputs);
            for (size_t r = 0; r < outputs; r += 4) {
                for (size_t unit = 0; unit < inputs / 64; unit++) {
                    const uint8_t *low[4], *high[4];
                    for (size_t k = 0; k < 4; k++) {
                        const uint8_t *const from =
                            ck_row(w, row + r + k < end ? row + r + k : end - 1);
                        low[k] = from + (input / 64 + unit) * ck_low_bytes(bits);
                        high[k] = from + plane + (input / 64 + unit) * ck_high_bytes(bits);
                    }
                    pack_rows4(panel->codes[r / 16], 64 * unit, (int)(r % 16 / 4), low, high, bits, offset,
                               CK_EIGHTS);
                }
            }
            CK_NAME(panel_product)
            (y + row, y_stride, panel, x, input, inputs, outputs, input > 0, bits, group, has_min);
        }
    }
}

CK_TARGET CK_INLINE void CK_NAME(channels_matmul_form)(float *restrict y, size_t y_stride,
                                                       const ck_channels *w, const ck_batch *restrict x,
                                                       size_t out_begin, size_t out_end,
                                                       matmul_panel *restrict panel, int bits, int group,
                                                       int has_min, int offset) {
    const size_t padded = ck_pad64(w->channels), plane = units_of(w->outputs) * ck_low_bytes(bits);
    for (size_t output = out_begin; output < out_end; output += PANEL_OUTPUTS) {
        const size_t outputs = out_end - output < PANEL_OUTPUTS ? out_end - output : PANEL_OUTPUTS;
        for (size_t input = 0; input < padded; input += PANEL_INPUTS) {
            const size_t inputs = padded - input < PANEL_INPUTS ? padded - input : PANEL_INPUTS;
            ck_neon_pack_channel_scales(panel, w, output, input, inputs);
            for (size_t c = 0; c < inputs; c += 8) {
                const uint8_t *low[8], *high[8];
                for (size_t k = 0; k < 8; k++) {
                    const size_t channel = input + c + k < w->channels ? input + c + k : w->channels - 1;
                    low[k] = ck_channel(w, channel) + output / 64 * ck_low_bytes(bits);
                    high[k] = ck_channel(w, channel) + plane + output / 64 * ck_high_bytes(bits);
                }
                pack_channels8(panel, c, low, high, bits, offset, CK_EIGHTS);
            }
            CK_NAME(panel_product)
            (y + output, y_stride, panel, x, input, inputs, outputs, 1, bits, group, has_min);
        }
    }
}

#define CK_FORM(name, bits, group, levels, has_min, offset)                                                  \
    CK_TARGET static __attribute__((noinline)) void CK_NAME(rows_matmul_##name)(                             \
        float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin, size_t end,            \
        void *scratch) {                                                                                     \
        CK_NAME(rows_matmul_form)(y, y_stride, w, x, begin, end, scratch, bits, group, has_min, offset);     \
    }                                                                                                        \
    CK_TARGET static __attribute__((noinline)) void CK_NAME(channels_matmul_##name)(                         \
        float *y, size_t y_stride, const ck_channels *w, const ck_batch *x, size_t begin, size_t end,        \
        void *scratch) {                                                                                     \
        CK_NAME(channels_matmul_form)(y, y_stride, w, x, begin, end, scratch, bits, group, has_min, offset); \
    }
CK_EACH_FORM(CK_FORM)
#undef CK_FORM

void CK_NAME(ck_rows_matmul)(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x, size_t begin,
                             size_t end, void *scratch) {
    if (begin >= end || x->count == 0) return;
#define CK_FORM(name, bits, group, levels, has_min, offset)      \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) \
        return CK_NAME(rows_matmul_##name)(y, y_stride, w, x, begin, end, scratch);
    CK_EACH_FORM(CK_FORM)
#undef CK_FORM
    if (ck_is_float(&w->form)) return ck_neon_rows_matmul_floats(y, y_stride, w, x, begin, end, scratch);
    ck_scalar_rows_matmul(y, y_stride, w, x, begin, end, scratch);
}

void CK_NAME(ck_channels_matmul)(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                                 size_t out_begin, size_t out_end, void *scratch) {
    if (out_begin >= out_end || x->count == 0 || w->channels == 0) return;
#define CK_FORM(name, bits, group, levels, has_min, offset)      \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) \
        return CK_NAME(channels_matmul_##name)(y, y_stride, w, x, out_begin, out_end, scratch);
    CK_EACH_FORM(CK_FORM)
#undef CK_FORM
    if (ck_is_float(&w->form))
        return ck_neon_channels_matmul_floats(y, y_stride, w, x, out_begin, out_end, scratch);
    ck_scalar_channels_matmul(y, y_stride, w, x, out_begin, out_end, scratch);
}
