// Random matrices, packed here from their codes as ckernels.h describes, with their values in double.
#ifndef PACKED_H
#define PACKED_H

#include "harness.h"

typedef struct {
    const char *name;
    ck_form form;
} named_form;

static const named_form forms[] = {
    {"Q4_0", {4, 32, 1, 0, 8}},    {"Q4_1", {4, 32, 1, 1, 0}},      {"Q5_0", {5, 32, 1, 0, 16}},
    {"Q5_1", {5, 32, 1, 1, 0}},    {"Q8_0", {8, 32, 1, 0, 0}},      {"Q3_K", {4, 16, 2, 0, 4}},
    {"Q4_K", {4, 32, 2, 1, 0}},    {"Q5_K", {5, 32, 2, 1, 0}},      {"Q6_K", {6, 16, 2, 0, 32}},
    {"F16", {CK_F16, 0, 0, 0, 0}}, {"BF16", {CK_BF16, 0, 0, 0, 0}}, {"F32", {CK_F32, 0, 0, 0, 0}},
};
enum { form_count = sizeof forms / sizeof *forms };

static int is_float_form(const ck_form *form) { return form->bits >= CK_F16; }

static size_t packed_bytes(const ck_form *form, size_t padded) {
    switch (form->bits) {
        case 4:
            return padded / 64 * 32;
        case 5:
            return padded / 64 * (32 + 8);
        case 6:
            return padded / 64 * (32 + 16);
        case 8:
            return padded;
        case CK_F32:
            return 4 * padded;
        default:
            return 2 * padded;
    }
}

static int random_code(const ck_form *form) {
    if (form->bits == 8) return (int)random_below(256) - 128;
    return (int)random_below((size_t)1 << form->bits);
}

static void pack_codes(const ck_form *form, const int *codes, size_t padded, uint8_t *out) {
    memset(out, 0, packed_bytes(form, padded));
    uint8_t *high = out + padded / 2;
    for (size_t i = 0; i < padded; i++) {
        const int code = codes[i];
        if (form->bits == 8) {
            out[i] = (uint8_t)code;
            continue;
        }
        const size_t unit = i / 64, at = i % 64;
        out[unit * 32 + at % 32] |= (uint8_t)((code & 15) << (at / 32 * 4));
        if (form->bits == 5) high[i / 8] |= (uint8_t)((code >> 4) << (i % 8));
        if (form->bits == 6) high[unit * 16 + at % 16] |= (uint8_t)((code >> 4) << (at / 16 * 2));
    }
}

// Writes one random element of a float form and returns its value.
static double random_float_code(const ck_form *form, uint8_t *run, size_t i) {
    if (form->bits == CK_F16) {
        const uint16_t h = random_half();
        memcpy(run + 2 * i, &h, 2);
        return half_value(h);
    }
    float f = random_normal();
    uint32_t bits;
    memcpy(&bits, &f, 4);
    if (form->bits == CK_BF16) {
        bits &= 0xffff0000u;
        const uint16_t high = (uint16_t)(bits >> 16);
        memcpy(run + 2 * i, &high, 2);
        memcpy(&f, &bits, 4);
    } else {
        memcpy(run + 4 * i, &f, 4);
    }
    return (double)f;
}

static void put_half(uint8_t *at, size_t index, uint16_t h) { memcpy(at + 2 * index, &h, 2); }

static double get_half(const uint8_t *at, size_t index) {
    uint16_t h;
    memcpy(&h, at + 2 * index, 2);
    return half_value(h);
}

// weight[outer, inner] and the magnitude of the terms each is made of. Outer are rows or channels.
typedef struct {
    ck_rows rows;
    ck_channels channels;
    double *weight, *magnitude;
} matrix;

// Products of unsigned with signed bytes take signed codes 128 larger, and subtract 128 like an offset.
static void set_weight(matrix *m, size_t at, const ck_form *form, int code, const double *scale_and_min) {
    const int offset = form->bits == 8 ? 128 : form->offset;
    m->weight[at] = scale_and_min[0] * (code - form->offset) - scale_and_min[1];
    m->magnitude[at] = fabs(scale_and_min[0]) * (abs(code) + offset) + fabs(scale_and_min[1]);
}

// The scales of one row: random where there are inputs, zero in the padding.
static void random_row_scales(const ck_form *form, uint8_t *scales, size_t padded, size_t cols) {
    const size_t kinds = form->has_min ? 2 : 1, supers = (padded + 255) / 256;
    const size_t groups = padded / form->group;
    for (size_t k = 0; k < kinds; k++) {
        for (size_t g = 0; g < cols / form->group; g++) {
            if (form->levels == 2) {
                scales[k * groups + g] = (uint8_t)random_word();
            } else {
                put_half(scales, k * groups + g, random_half());
            }
        }
        for (size_t s = 0; s < supers && form->levels == 2; s++) {
            put_half(scales + kinds * groups, k * supers + s, random_half());
        }
    }
}

static void fill_row(matrix *m, size_t r, uint8_t *run, int *codes) {
    const ck_form *form = &m->rows.form;
    const size_t cols = m->rows.cols, padded = pad64(cols);
    if (is_float_form(form)) {
        for (size_t i = 0; i < cols; i++) {
            m->weight[r * cols + i] = random_float_code(form, run, i);
            m->magnitude[r * cols + i] = fabs(m->weight[r * cols + i]);
        }
        return;
    }
    for (size_t i = 0; i < padded; i++) codes[i] = i < cols ? random_code(form) : 0;
    pack_codes(form, codes, padded, run);
    uint8_t *scales = run + packed_bytes(form, padded);
    random_row_scales(form, scales, padded, cols);
    const size_t kinds = form->has_min ? 2 : 1, groups = padded / form->group, supers = (padded + 255) / 256;
    for (size_t i = 0; i < cols; i++) {
        double pair[2] = {0, 0};
        for (size_t k = 0; k < kinds; k++) {
            const size_t at = k * groups + i / form->group;
            pair[k] = form->levels == 1
                          ? get_half(scales, at)
                          : get_half(scales + kinds * groups, k * supers + i / 256) * (int8_t)scales[at];
        }
        set_weight(m, r * cols + i, form, codes[i], pair);
    }
}

static matrix random_rows(const ck_form *form, size_t rows, size_t cols) {
    const size_t padded = pad64(cols), supers = form->levels == 2 ? (padded + 255) / 256 : 0;
    const size_t groups = form->group ? padded / form->group : 0;
    const size_t scale_bytes = (form->has_min ? 2 : 1) * (groups * (form->levels == 2 ? 1 : 2) + 2 * supers);
    matrix m = {.weight = take_doubles(rows * cols), .magnitude = take_doubles(rows * cols)};
    m.rows = (ck_rows){.form = *form, .rows = rows, .cols = cols};
    m.rows.stride = (packed_bytes(form, padded) + scale_bytes + 15) / 16 * 16 + 16;
    uint8_t *base = take(rows * m.rows.stride + 64, 16);
    m.rows.base = base;
    memset(base, 0, rows * m.rows.stride + 64);
    int *codes = take(padded * sizeof *codes, 0);
    for (size_t r = 0; r < rows; r++) fill_row(&m, r, base + r * m.rows.stride, codes);
    return m;
}

// Random scales in all planes, zero for padded outputs.
static void random_planes(const ck_channels *w, uint8_t *planes, size_t groups, uint8_t *supers,
                          size_t super_count) {
    const size_t padded = pad64(w->outputs);
    for (size_t k = 0; k < (w->form.has_min ? 2u : 1u); k++) {
        for (size_t j = 0; j < w->outputs; j++) {
            for (size_t g = 0; g < groups; g++) {
                uint8_t *plane = planes + g * w->group_stride;
                if (w->form.levels == 2) {
                    plane[k * padded + j] = (uint8_t)random_word();
                } else {
                    put_half(plane, k * padded + j, random_half());
                }
            }
            for (size_t s = 0; s < super_count; s++) {
                put_half(supers + s * w->super_stride, k * padded + j, random_half());
            }
        }
    }
}

static void fill_channel(matrix *m, size_t c, uint8_t *run, int *codes) {
    const ck_channels *w = &m->channels;
    const ck_form *form = &w->form;
    const size_t outputs = w->outputs, padded = pad64(outputs);
    for (size_t j = 0; j < outputs && is_float_form(form); j++) {
        m->weight[c * outputs + j] = random_float_code(form, run, j);
        m->magnitude[c * outputs + j] = fabs(m->weight[c * outputs + j]);
    }
    if (is_float_form(form)) return;
    for (size_t j = 0; j < padded; j++) codes[j] = j < outputs ? random_code(form) : 0;
    pack_codes(form, codes, padded, run);
    const uint8_t *plane = w->groups + c / form->group * w->group_stride;
    for (size_t j = 0; j < outputs; j++) {
        double pair[2] = {0, 0};
        for (size_t k = 0; k < (form->has_min ? 2u : 1u); k++) {
            const size_t i = k * padded + j;
            pair[k] = form->levels == 1
                          ? get_half(plane, i)
                          : get_half(w->supers + c / 256 * w->super_stride, i) * (int8_t)plane[i];
        }
        set_weight(m, c * outputs + j, form, codes[j], pair);
    }
}

static matrix random_channels(const ck_form *form, size_t outputs, size_t channels) {
    const size_t padded = pad64(outputs), kinds = form->has_min ? 2 : 1;
    const size_t groups = form->group ? (channels + form->group - 1) / form->group : 0;
    const size_t supers = form->levels == 2 ? (channels + 255) / 256 : 0;
    matrix m = {.weight = take_doubles(outputs * channels), .magnitude = take_doubles(outputs * channels)};
    m.channels = (ck_channels){.form = *form, .outputs = outputs, .channels = channels};
    // Panels of 128 outputs lie in one piece, which kernels may make use of.
    m.channels.stride = packed_bytes(form, padded) + (outputs == 128 ? 0 : 16);
    m.channels.group_stride = kinds * padded * (form->levels == 2 ? 1 : 2) + 16;
    m.channels.super_stride = kinds * padded * 2 + 16;
    // Behind the last plane lies one of NaN, for kernels that look at groups without channels.
    const size_t code_bytes = channels * m.channels.stride + 64;
    const size_t plane_bytes = groups * m.channels.group_stride, more = m.channels.group_stride + 64;
    const size_t super_bytes = supers * m.channels.super_stride + 64;
    uint8_t *codes = take(code_bytes, 16), *planes = take(plane_bytes + more, 16),
            *super = take(super_bytes, 16);
    memset(codes, 0, code_bytes);
    memset(planes, 0, plane_bytes);
    memset(planes + plane_bytes, 0xff, more);
    memset(super, 0, super_bytes);
    m.channels.codes = codes;
    m.channels.groups = groups ? planes : NULL;
    m.channels.supers = supers ? super : NULL;
    random_planes(&m.channels, planes, groups, super, supers);
    int *run_codes = take(padded * sizeof *run_codes, 0);
    for (size_t c = 0; c < channels; c++) fill_channel(&m, c, codes + c * m.channels.stride, run_codes);
    return m;
}

// -------------------------------------------------------------------------------------------- activations

// Values with groups of zeros, of +-max only, of tiny ones, and plain ones; NaN in the padding.
static void random_values(float *values, size_t n) {
    for (size_t g = 0; g < pad64(n) / 32; g++) {
        const size_t kind = random_below(8);
        const float top = ldexpf(1 + fabsf(random_float()), (int)random_below(8) - 4);
        for (size_t i = g * 32; i < g * 32 + 32; i++) {
            const float plain = random_normal() * top;
            values[i] = i >= n      ? guard_float()
                        : kind == 0 ? 0
                        : kind == 1 ? (plain < 0 ? -top : top)
                        : kind == 2 ? plain * 1e-30f
                                    : plain;
        }
    }
}

// `count` vectors of n random values; the codes are not made yet.
static ck_batch random_batch(size_t count, size_t n) {
    const size_t padded = pad64(n);
    float *values = take_floats(count * (padded + 64));
    ck_batch b = {.count = count,
                  .n = n,
                  .values = values,
                  .value_stride = padded + 64,
                  .codes = take(count * padded, 1),
                  .scale32 = take_floats(count * padded / 32),
                  .sum32 = take_floats(count * padded / 32),
                  .scale16 = take_floats(count * padded / 16),
                  .sum16 = take_floats(count * padded / 16)};
    fill_guard(values, count * b.value_stride);
    for (size_t t = 0; t < count; t++) random_values(values + t * b.value_stride, n);
    return b;
}

static ck_activations vector_of(const ck_batch *b, size_t t) {
    const size_t padded = pad64(b->n);
    return (ck_activations){.n = b->n,
                            .values = b->values + t * b->value_stride,
                            .codes = b->codes + t * padded,
                            .scale32 = b->scale32 + t * (padded / 32),
                            .sum32 = b->sum32 + t * (padded / 32),
                            .scale16 = b->scale16 + t * (padded / 16),
                            .sum16 = b->sum16 + t * (padded / 16)};
}

// All tables get the codes of the scalar kernel, so that one reference serves them all.
static void quantize_batch(const ck_batch *b) {
    for (size_t t = 0; t < b->count; t++) {
        ck_activations x = vector_of(b, t);
        ck_named("scalar")->quantize(&x, x.values, b->n);
    }
}

// What activation i is worth to weights of this form.
static double activation(const ck_form *form, const ck_activations *x, size_t i) {
    return is_float_form(form) ? (double)x->values[i] : (double)x->scale32[i / 32] * x->codes[i];
}

#endif
