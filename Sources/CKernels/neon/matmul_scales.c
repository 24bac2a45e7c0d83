// Scales and minima of a panel as floats.
#if defined(__aarch64__)
#include "matmul.h"

// The scales of one row, or its minima: `groups` of them from `from` on, the first at the start of a block of
// 256.
static void row_factors(float *restrict out, const uint8_t *restrict from, const uint8_t *restrict supers,
                        size_t groups, size_t group, int levels) {
    if (levels == 1) {
        size_t g = 0;
        for (; g + 4 <= groups; g += 4) vst1q_f32(out + g, halves4(from + 2 * g));
        for (; g < groups; g++) out[g] = half1(from + 2 * g);
        return;
    }
    for (size_t g = 0; g < groups; g++) out[g] = half1(supers + g * group / 256 * 2) * (float)(int8_t)from[g];
}

void ck_neon_pack_row_scales(matmul_panel *panel, const ck_rows *w, size_t row, size_t end, size_t input,
                             size_t inputs) {
    const ck_form *const form = &w->form;
    const size_t padded = ck_pad64(w->cols), group = form->group, groups = padded / group,
                 some = inputs / group;
    const size_t size = form->levels == 1 ? 2 : 1, first = input / group * size, block = input / 256 * 2;
    for (size_t r = 0; r < PANEL_OUTPUTS && row + r < end; r++) {
        const uint8_t *const scales = ck_row(w, row + r) + ck_packed_bytes(form, padded);
        const uint8_t *const supers = scales + groups * size * (form->has_min ? 2 : 1);
        float line[PANEL_GROUPS];
        row_factors(line, scales + first, supers + block, some, group, form->levels);
        for (size_t g = 0; g < some; g++) panel->scales[r / 16][g][r % 16] = line[g];
        if (!form->has_min) continue;
        const uint8_t *const super_mins = supers + (padded + 255) / 256 * 2;
        row_factors(line, scales + groups * size + first, super_mins + block, some, group, form->levels);
        for (size_t g = 0; g < some; g++) panel->mins[r / 16][g][r % 16] = line[g];
    }
}

// The scales of one group of channels for the panel's outputs, or the minima.
static void plane_factors(float (*restrict out)[PANEL_GROUPS][16], size_t g, const uint8_t *restrict plane,
                          const uint8_t *restrict supers, int levels) {
    for (size_t j = 0; j < PANEL_OUTPUTS; j += 16) {
        const int8x16_t sub = levels == 2 ? vld1q_s8((const int8_t *)plane + j) : vdupq_n_s8(0);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const size_t at = 2 * (j + 4 * (size_t)k);
            vst1q_f32(&out[j / 16][g][4 * k], levels == 1
                                                  ? halves4(plane + at)
                                                  : vmulq_f32(bytes_as_floats(sub, k), halves4(supers + at)));
        }
    }
}

void ck_neon_pack_channel_scales(matmul_panel *panel, const ck_channels *w, size_t output, size_t input,
                                 size_t inputs) {
    const ck_form *const form = &w->form;
    const size_t padded = ck_pad64(w->outputs), group = form->group,
                 groups = (w->channels + group - 1) / group;
    const size_t size = form->levels == 1 ? 2 : 1;
    for (size_t g = 0; g < inputs / group; g++) {
        const size_t at = input / group + g;
        if (at >= groups) {  // the padding of the activations reaches past the last group
            for (size_t s = 0; s < STRIPS; s++) {
                memset(panel->scales[s][g], 0, sizeof panel->scales[s][g]);
                memset(panel->mins[s][g], 0, sizeof panel->mins[s][g]);
            }
            continue;
        }
        const uint8_t *const plane = w->groups + at * w->group_stride + output * size;
        const uint8_t *const supers =
            form->levels == 2 ? w->supers + at * group / 256 * w->super_stride + output * 2 : plane;
        plane_factors(panel->scales, g, plane, supers, form->levels);
        if (form->has_min)
            plane_factors(panel->mins, g, plane + padded * size, supers + padded * 2, form->levels);
    }
}
#endif
