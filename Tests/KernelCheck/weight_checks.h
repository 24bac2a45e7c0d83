// Checks of the operations on weights: each table against sums in double of the matrix's own values.
#ifndef WEIGHT_CHECKS_H
#define WEIGHT_CHECKS_H

#include "packed.h"

static void *scratch;

// ---------------------------------------------------------------------------------------------------- rows

// want[t, r] = W[r] . x[t], and the magnitudes of those sums.
static void rows_reference(const matrix *m, const ck_batch *b, double *want, double *magnitude) {
    const size_t rows = m->rows.rows, cols = m->rows.cols;
    double *x = take_doubles(cols);
    for (size_t t = 0; t < b->count; t++) {
        const ck_activations vector = vector_of(b, t);
        for (size_t i = 0; i < cols; i++) x[i] = activation(&m->rows.form, &vector, i);
        for (size_t r = 0; r < rows; r++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < cols; i++) {
                sum += m->weight[r * cols + i] * x[i];
                size += m->magnitude[r * cols + i] * fabs(x[i]);
            }
            want[t * rows + r] = sum;
            magnitude[t * rows + r] = size;
        }
    }
}

enum { mask_kinds = 8 };
static const char *const mask_names[mask_kinds] = {"no mask",     "none",      "one",    "all",
                                                   "alternating", "clustered", "random", "sparse"};

// NULL for kind 0. Bits past the last channel are set at random: they mean nothing.
static uint32_t *make_mask(size_t kind, size_t channels) {
    if (kind == 0) return NULL;
    const size_t words = (channels + 31) / 32, one = random_below(channels), run = random_below(channels);
    uint32_t *mask = take(words * sizeof *mask, 4);
    memset(mask, 0, words * sizeof *mask);
    for (size_t c = 0; c < 32 * words; c++) {
        const int keep = c >= channels ? (int)random_below(2)
                         : kind == 2   ? c == one
                         : kind == 3   ? 1
                         : kind == 4   ? c % 2 == 1
                         : kind == 5   ? c >= run && c < run + 20
                         : kind == 6   ? (int)random_below(2)
                         : kind == 7   ? random_below(12) == 0
                                       : 0;
        mask[c / 32] |= (uint32_t)keep << (c % 32);
    }
    return mask;
}

static void check_rows_dot(const char *name, const matrix *m, const ck_batch *b, const double *want,
                           const double *magnitude) {
    const ck_table *k = current->kernels;
    const ck_rows *w = &m->rows;
    const ck_activations x = vector_of(b, 0);
    const size_t rows = w->rows, room = 2 * rows + 80;
    float *y = take_floats(room), *part = take_floats(room);
    describe("rows_dot %s [%zu, %zu]", name, rows, w->cols);
    fill_guard(y, room);
    k->rows_dot(y, w, &x, NULL, 0, rows);
    expect_near("all", y, want, magnitude, rows, sum_tolerance);
    expect_guard("all", y, rows, room);

    const size_t begin = rows / 3, end = rows - rows / 4;
    fill_guard(part, room);
    k->rows_dot(part, w, &x, NULL, begin, end);
    expect_same("part", part + begin, y + begin, end - begin);
    expect_guard("part", part, 0, begin);
    expect_guard("part", part, end, room);
    fill_guard(part, room);
    k->rows_dot(part, w, &x, NULL, begin, begin);
    expect_guard("empty", part, 0, room);

    // In no order, some rows several times, some never.
    const size_t listed = rows + 7;
    uint32_t *list = take((listed + 1) * sizeof *list, 4);
    list[listed] = CK_LIST_END;
    float *of_list = take_floats(listed);
    for (size_t i = 0; i < listed; i++) {
        list[i] = (uint32_t)random_below(rows);
        of_list[i] = y[list[i]];
    }
    fill_guard(part, room);
    k->rows_dot(part, w, &x, list, 0, listed);
    expect_same("list", part, of_list, listed);
    expect_guard("list", part, listed, room);
    fill_guard(part, room);
    k->rows_dot(part, w, &x, list, 3, listed - 2);
    expect_same("list part", part + 3, of_list + 3, listed - 5);
    expect_guard("list part", part, 0, 3);
    expect_guard("list part", part, listed - 2, room);
}

// Rows that a mask keeps, from the third block on where there are so many.
static void check_rows_dot_kept(const char *name, const matrix *m, const ck_batch *b, size_t kind) {
    const ck_table *k = current->kernels;
    const ck_rows *w = &m->rows;
    const ck_activations x = vector_of(b, 0);
    const size_t rows = w->rows, room = rows + 80, begin = rows > 64 ? 64 : 0, end = rows - rows / 7;
    const uint32_t *mask = make_mask(kind, rows);
    float *y = take_floats(room), *want = take_floats(room);
    describe("ck_rows_dot_kept %s [%zu, %zu], %s", name, rows, w->cols, mask_names[kind]);
    fill_guard(y, room);
    fill_guard(want, room);
    for (size_t r = begin; r < end; r++) {
        if (mask == NULL || mask[r / 32] >> (r % 32) & 1) k->rows_dot(want, w, &x, NULL, r, r + 1);
    }
    ck_rows_dot_kept(k, y, w, &x, mask, begin, end, scratch);
    expect_same("kept", y, want, room);
}

static void check_rows_matmul(const char *name, const matrix *m, const ck_batch *all, size_t tokens,
                              const double *want, const double *magnitude) {
    const ck_table *k = current->kernels;
    const ck_rows *w = &m->rows;
    ck_batch b = *all;
    b.count = tokens;
    const size_t rows = w->rows, stride = rows + 37, room = tokens * stride + 64;
    float *y = take_floats(room), *part = take_floats(room);
    describe("rows_matmul %s [%zu, %zu] of %zu tokens", name, rows, w->cols, tokens);
    fill_guard(y, room);
    k->rows_matmul(y, stride, w, &b, 0, rows, scratch);
    for (size_t t = 0; t < tokens; t++) {
        expect_near("token", y + t * stride, want + t * rows, magnitude + t * rows, rows, sum_tolerance);
        expect_guard("between tokens", y + t * stride, rows, stride);
    }
    expect_guard("after", y, tokens * stride, room);
    // The same in parts: from 32 on, the beginning to a row that is no multiple of anything.
    const size_t middle = rows > 32 ? 32 : 0, end = rows > 40 ? rows - 5 : rows;
    fill_guard(part, room);
    k->rows_matmul(part, stride, w, &b, middle, end, scratch);
    for (size_t t = 0; t < tokens; t++) {
        expect_same("part", part + t * stride + middle, y + t * stride + middle, end - middle);
        expect_guard("part", part + t * stride, 0, middle);
        expect_guard("part", part + t * stride, end, stride);
    }
}

static void check_row_decode(const char *name, const matrix *m) {
    const size_t cols = m->rows.cols;
    float *out = take_floats(cols + 1);
    describe("ck_row_decode %s [%zu, %zu]", name, m->rows.rows, cols);
    for (size_t r = 0; r < m->rows.rows; r++) {
        fill_guard(out, cols + 1);
        ck_row_decode(out, &m->rows, r);
        expect_near("row", out, m->weight + r * cols, m->magnitude + r * cols, cols, 2e-7);
        expect_guard("row", out, cols, cols + 1);
    }
}

static void check_rows(const named_form *f, size_t rows, size_t cols, size_t most_tokens) {
    static const size_t tokens[] = {1, 3, 4, 5, 17, 128};
    const matrix m = random_rows(&f->form, rows, cols);
    ck_batch b = random_batch(most_tokens, cols);
    quantize_batch(&b);
    double *want = take_doubles(most_tokens * rows), *magnitude = take_doubles(most_tokens * rows);
    rows_reference(&m, &b, want, magnitude);
    for (current = tallies; current < tallies + table_count; current++) {
        if (current == tallies) check_row_decode(f->name, &m);
        check_rows_dot(f->name, &m, &b, want, magnitude);
        for (size_t kind = 0; kind < mask_kinds; kind++) {
            if (!quick || kind % 3 == 0) check_rows_dot_kept(f->name, &m, &b, kind);
        }
        for (size_t i = 0; i < sizeof tokens / sizeof *tokens && tokens[i] <= most_tokens; i++) {
            if (quick && tokens[i] == 4) continue;
            check_rows_matmul(f->name, &m, &b, tokens[i], want, magnitude);
        }
    }
    release();
}

// ------------------------------------------------------------------------------------------------ channels

static int kept(const uint32_t *mask, size_t c) { return !mask || (mask[c / 32] >> (c % 32) & 1); }

// want[j] = start[j] + the sum over kept channels of these blocks, and the magnitudes of those sums.
static void channels_reference(const matrix *m, const ck_activations *x, const uint32_t *mask,
                               const float *start, double *want, double *magnitude) {
    const size_t outputs = m->channels.outputs;
    for (size_t j = 0; j < outputs; j++) {
        want[j] = start ? (double)start[j] : 0;
        magnitude[j] = fabs(want[j]);
    }
    for (size_t c = 0; c < m->channels.channels; c++) {
        if (!kept(mask, c)) continue;
        const double a = activation(&m->channels.form, x, c);
        for (size_t j = 0; j < outputs; j++) {
            want[j] += m->weight[c * outputs + j] * a;
            magnitude[j] += m->magnitude[c * outputs + j] * fabs(a);
        }
    }
}

static void check_channels_add(const char *name, const matrix *m, const ck_activations *x, size_t kind,
                               const uint32_t *mask, const float *start, const double *want,
                               const double *magnitude) {
    const ck_table *k = current->kernels;
    const ck_channels *w = &m->channels;
    const size_t outputs = w->outputs, padded = pad64(outputs), room = padded + 64;
    const size_t blocks = (w->channels + 31) / 32;
    float *y = take_floats(room), *part = take_floats(room);
    describe("channels_add %s [%zu, %zu] %s", name, outputs, w->channels, mask_names[kind]);
    fill_guard(y, room);
    memcpy(y, start, padded * sizeof *y);
    k->channels_add(y, w, x, mask, 0, blocks, 0, outputs);
    expect_near("all", y, want, magnitude, outputs, sum_tolerance);
    expect_guard("all", y, padded, room);

    const size_t middle = padded / 128 * 64;
    fill_guard(part, room);
    memcpy(part, start, padded * sizeof *y);
    k->channels_add(part, w, x, mask, 0, blocks, middle, outputs);
    expect_same("second outputs", part + middle, y + middle, outputs - middle);
    expect_same("second outputs", part, start, middle);
    k->channels_add(part, w, x, mask, 0, blocks, 0, middle);
    expect_same("outputs in two", part, y, outputs);

    fill_guard(part, room);
    memcpy(part, start, padded * sizeof *y);
    for (size_t block = 0; block < blocks; block++)
        k->channels_add(part, w, x, mask, block, block + 1, 0, outputs);
    expect_same("block by block", part, y, outputs);
    expect_guard("block by block", part, padded, room);
    k->channels_add(part, w, x, mask, blocks, blocks, 0, outputs);
    k->channels_add(part, w, x, mask, 0, blocks, middle, middle);
    expect_same("nothing", part, y, outputs);
}

static void check_channels_matmul(const char *name, const matrix *m, const ck_batch *all, size_t tokens,
                                  const float *start, const double *want, const double *magnitude) {
    const ck_table *k = current->kernels;
    const ck_channels *w = &m->channels;
    ck_batch b = *all;
    b.count = tokens;
    const size_t outputs = w->outputs, padded = pad64(outputs), stride = padded + 5,
                 room = tokens * stride + 64;
    float *y = take_floats(room), *part = take_floats(room);
    describe("channels_matmul %s [%zu, %zu] of %zu tokens", name, outputs, w->channels, tokens);
    fill_guard(y, room);
    for (size_t t = 0; t < tokens; t++) memcpy(y + t * stride, start, padded * sizeof *y);
    memcpy(part, y, room * sizeof *y);
    k->channels_matmul(y, stride, w, &b, 0, outputs, scratch);
    for (size_t t = 0; t < tokens; t++) {
        expect_near("token", y + t * stride, want + t * outputs, magnitude + t * outputs, outputs,
                    sum_tolerance);
        expect_guard("between tokens", y + t * stride, padded, stride);
    }
    expect_guard("after", y, tokens * stride, room);
    const size_t middle = padded / 128 * 64;
    k->channels_matmul(part, stride, w, &b, middle, outputs, scratch);
    for (size_t t = 0; t < tokens; t++) {
        expect_same("second outputs", part + t * stride, start, middle);
        expect_same("second outputs", part + t * stride + middle, y + t * stride + middle, outputs - middle);
        expect_guard("second outputs", part + t * stride, padded, stride);
    }
}

static void check_channel_decode(const char *name, const matrix *m) {
    const size_t outputs = m->channels.outputs;
    float *out = take_floats(outputs + 1);
    describe("ck_channel_decode %s [%zu, %zu]", name, outputs, m->channels.channels);
    for (size_t c = 0; c < m->channels.channels; c++) {
        fill_guard(out, outputs + 1);
        ck_channel_decode(out, &m->channels, c);
        expect_near("channel", out, m->weight + c * outputs, m->magnitude + c * outputs, outputs, 2e-7);
        expect_guard("channel", out, outputs, outputs + 1);
    }
}

// Float weights read the values: those of dropped channels become NaN, so that using one shows.
static ck_activations without_dropped(const ck_form *form, const ck_activations *x, const uint32_t *mask) {
    if (!is_float_form(form)) return *x;
    ck_activations poisoned = *x;
    float *values = take_floats(pad64(x->n));
    for (size_t c = 0; c < pad64(x->n); c++)
        values[c] = c < x->n && kept(mask, c) ? x->values[c] : guard_float();
    poisoned.values = values;
    return poisoned;
}

static void check_channels(const named_form *f, size_t outputs, size_t channels, size_t most_tokens) {
    static const size_t tokens[] = {1, 3, 4, 5, 17, 128};
    const matrix m = random_channels(&f->form, outputs, channels);
    ck_batch b = random_batch(most_tokens, channels);
    quantize_batch(&b);
    float *start = take_floats(pad64(outputs));
    for (size_t j = 0; j < pad64(outputs); j++) start[j] = random_normal();
    double *want = take_doubles(most_tokens * outputs), *magnitude = take_doubles(most_tokens * outputs);
    const ck_activations x = vector_of(&b, 0);
    for (size_t kind = 0; kind < mask_kinds; kind++) {
        const uint32_t *mask = make_mask(kind, channels);
        const ck_activations poisoned = without_dropped(&f->form, &x, mask);
        channels_reference(&m, &x, mask, start, want, magnitude);
        for (current = tallies; current < tallies + table_count; current++) {
            check_channels_add(f->name, &m, &poisoned, kind, mask, start, want, magnitude);
        }
    }
    for (size_t t = 0; t < most_tokens; t++) {
        const ck_activations vector = vector_of(&b, t);
        channels_reference(&m, &vector, NULL, start, want + t * outputs, magnitude + t * outputs);
    }
    for (current = tallies; current < tallies + table_count; current++) {
        if (current == tallies) check_channel_decode(f->name, &m);
        for (size_t i = 0; i < sizeof tokens / sizeof *tokens && tokens[i] <= most_tokens; i++) {
            if (quick && tokens[i] == 4) continue;
            check_channels_matmul(f->name, &m, &b, tokens[i], start, want, magnitude);
        }
    }
    release();
}

// -------------------------------------------------------------------------------------------- feed-forward

// Places in a shuffled order for `count` records of `stride` bytes, and copies of the records there.
static const uint32_t *scatter(const uint8_t **base, size_t stride, size_t count) {
    const size_t units = stride / CK_PLACE_BYTES + 2;
    uint32_t *places = take(count * sizeof *places, 4);
    uint8_t *copy = take(count * units * CK_PLACE_BYTES + 64, 16);
    for (size_t i = 0; i < count; i++) places[i] = (uint32_t)(i * units);
    for (size_t i = count; i > 1; i--) {
        const size_t other = random_below(i);
        const uint32_t place = places[i - 1];
        places[i - 1] = places[other];
        places[other] = place;
    }
    for (size_t i = 0; i < count; i++)
        memcpy(copy + (size_t)places[i] * CK_PLACE_BYTES, *base + i * stride, stride);
    *base = copy;
    return places;
}

static ck_rows scattered_rows(const ck_rows *w) {
    ck_rows copy = *w;
    copy.places = scatter(&copy.base, w->stride, w->rows);
    return copy;
}

static ck_channels scattered_channels(const ck_channels *w) {
    ck_channels copy = *w;
    copy.places = scatter(&copy.codes, w->stride, w->channels);
    return copy;
}

// Rows and channels give the same bits wherever they lie.
static void check_places(const named_form *f, const named_form *g, size_t cols, size_t channels,
                         size_t outputs) {
    const matrix up = random_rows(&f->form, channels, cols), down = random_channels(&g->form, outputs, channels);
    const ck_rows rows = scattered_rows(&up.rows);
    const ck_channels columns = scattered_channels(&down.channels);
    ck_batch wide = random_batch(5, cols), narrow = random_batch(5, channels);
    quantize_batch(&wide);
    quantize_batch(&narrow);
    const ck_activations x = vector_of(&wide, 0), h = vector_of(&narrow, 0);
    const size_t room = pad64(outputs), blocks = (channels + 31) / 32;
    float *y = take_floats(5 * room), *z = take_floats(5 * room), *u = take_floats(5 * pad64(channels)),
          *v = take_floats(5 * pad64(channels)), *gate = take_floats(pad64(channels));
    for (size_t c = 0; c < pad64(channels); c++) gate[c] = random_normal();
    for (current = tallies; current < tallies + table_count; current++) {
        const ck_table *k = current->kernels;
        describe("scattered %s, %s [%zu, %zu, %zu]", f->name, g->name, outputs, channels, cols);
        k->rows_dot(u, &up.rows, &x, NULL, 0, channels);
        k->rows_dot(v, &rows, &x, NULL, 0, channels);
        expect_same("rows_dot", v, u, channels);
        memset(u, 0, 5 * pad64(channels) * sizeof *u);
        memset(v, 0, 5 * pad64(channels) * sizeof *v);
        k->rows_matmul(u, pad64(channels), &up.rows, &wide, 0, channels, scratch);
        k->rows_matmul(v, pad64(channels), &rows, &wide, 0, channels, scratch);
        expect_same("rows_matmul", v, u, 5 * pad64(channels));
        memset(y, 0, 5 * room * sizeof *y);
        memset(z, 0, 5 * room * sizeof *z);
        k->channels_matmul(y, room, &down.channels, &narrow, 0, outputs, scratch);
        k->channels_matmul(z, room, &columns, &narrow, 0, outputs, scratch);
        expect_same("channels_matmul", z, y, 4 * room + outputs);
        for (size_t kind = 0; kind < mask_kinds; kind++) {
            const uint32_t *mask = make_mask(kind, channels);
            k->channels_add(y, &down.channels, &h, mask, 0, blocks, 0, outputs);
            k->channels_add(z, &columns, &h, mask, 0, blocks, 0, outputs);
            expect_same("channels_add", z, y, outputs);
            ck_feed_forward(k, y, &up.rows, &down.channels, &x, gate, mask, 0, 0, blocks, SIZE_MAX, scratch);
            ck_feed_forward(k, z, &rows, &columns, &x, gate, mask, 0, 0, blocks, SIZE_MAX, scratch);
            expect_same("ck_feed_forward", z, y, outputs);
        }
        ck_row_decode(y, &up.rows, channels - 1);
        ck_row_decode(z, &rows, channels - 1);
        expect_same("ck_row_decode", z, y, cols < room ? cols : room);
    }
    release();
}

// A copy of float channels in which those that are left out are NaN, so that reading one shows. A limit of 0 keeps
// hidden values that happen to be 0.
static ck_channels without_channels(const ck_channels *w, const float *hidden, const uint32_t *mask,
                                    float limit) {
    ck_channels copy = *w;
    if (!is_float_form(&w->form)) return copy;
    uint8_t *codes = take(w->channels * w->stride + 64, 16);
    memcpy(codes, w->codes, w->channels * w->stride);
    for (size_t c = 0; c < w->channels; c++) {
        if (!kept(mask, c) || fabsf(hidden[c]) < limit) memset(codes + c * w->stride, 0xff, w->stride);
    }
    copy.codes = codes;
    return copy;
}

// ck_feed_forward against the same table's rows_dot and quantize, and the last sum in double.
static void check_feed_forward_table(const char *name, const matrix *up, const matrix *down,
                                     const ck_batch *b, const float *gate, size_t kind, const uint32_t *mask,
                                     float limit) {
    const ck_table *k = current->kernels;
    const size_t channels = down->channels.channels, blocks = (channels + 31) / 32;
    const size_t outputs = down->channels.outputs, padded = pad64(outputs), room = padded + 64;
    const ck_activations x = vector_of(b, 0);
    describe("ck_feed_forward %s [%zu, %zu, %zu] %s limit %g", name, outputs, channels, up->rows.cols,
             mask_names[kind], (double)limit);
    float *u = take_floats(channels);
    k->rows_dot(u, &up->rows, &x, NULL, 0, channels);
    ck_batch hidden = random_batch(1, channels);
    float *h = take_floats(pad64(channels));
    size_t counted = 0;
    for (size_t c = 0; c < pad64(channels); c++) {
        const int is_kept = c < channels && kept(mask, c);
        h[c] = is_kept ? gate[c] * u[c] : 0;
        if (fabsf(h[c]) < limit) {
            h[c] = 0;
        } else {
            counted += (size_t)is_kept;
        }
    }
    hidden.values = h;
    ck_activations quantised = vector_of(&hidden, 0);
    k->quantize(&quantised, h, channels);
    double *want = take_doubles(outputs), *magnitude = take_doubles(outputs);
    float *y = take_floats(room), *part = take_floats(room);
    fill_guard(y, room);
    for (size_t j = 0; j < padded; j++) y[j] = random_normal();
    memcpy(part, y, room * sizeof *y);
    channels_reference(down, &quantised, mask, y, want, magnitude);
    float *poisoned = take_floats(channels);
    for (size_t c = 0; c < channels; c++) poisoned[c] = kept(mask, c) ? gate[c] : guard_float();
    const ck_channels read = without_channels(&down->channels, h, mask, limit);
    const size_t added = ck_feed_forward(k, y, &up->rows, &read, &x, poisoned, mask, limit, 0, blocks, SIZE_MAX, scratch);
    expect_near("all", y, want, magnitude, outputs, sum_tolerance);
    expect_guard("all", y, padded, room);
    judge(added == counted, "%zu channels counted, expected %zu", added, counted);
    for (size_t block = 0; block < blocks; block++) {
        ck_feed_forward(k, part, &up->rows, &read, &x, poisoned, mask, limit, block, block + 1, block + 2, scratch);
    }
    expect_same("block by block", part, y, outputs);
}

static void check_feed_forward(const named_form *f, const named_form *g, size_t cols, size_t channels,
                               size_t outputs) {
    char name[40];
    snprintf(name, sizeof name, "%s, %s", f->name, g->name);
    const matrix up = random_rows(&f->form, channels, cols),
                 down = random_channels(&g->form, outputs, channels);
    ck_batch b = random_batch(1, cols);
    quantize_batch(&b);
    float *gate = take_floats(pad64(channels));
    for (size_t c = 0; c < pad64(channels); c++) gate[c] = random_normal();
    static const float limits[] = {0, 1, 300};
    for (size_t kind = 0; kind < mask_kinds; kind++) {
        const uint32_t *mask = make_mask(kind, channels);
        for (current = tallies; current < tallies + table_count; current++) {
            for (size_t i = 0; i < 3; i++)
                check_feed_forward_table(name, &up, &down, &b, gate, kind, mask, limits[i]);
        }
    }
    release();
}

static void check_weights(void) {
    // Inputs of rows, and outputs of channels. 32 and 160 leave half of the last unit of 64 empty.
    static const size_t lengths[] = {32, 64, 96, 128, 160, 192, 256, 576, 1536, 2304};
    static const size_t counts[] = {1, 31, 32, 33, 96};
    scratch = aligned_alloc(64, CK_SCRATCH_BYTES);
    for (size_t f = 0; f < form_count; f++) {
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            if (quick && (lengths[l] == 64 || lengths[l] == 192 || lengths[l] == 1536)) continue;
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                if (quick && (counts[c] == 31 || (counts[c] == 96 && lengths[l] > 256))) continue;
                const size_t most = lengths[l] > 1000 ? (quick ? 1 : 5) : quick ? 5 : 17;
                if (forms[f].form.levels < 2 || lengths[l] % 256 == 0)
                    check_rows(&forms[f], counts[c], lengths[l], most);
                check_channels(&forms[f], lengths[l], counts[c], most);
            }
        }
        const size_t inputs = forms[f].form.levels == 2 ? 512 : 320;
        if (!quick) {
            check_rows(&forms[f], 96, inputs, 128);
            check_channels(&forms[f], 160, inputs, 128);
            check_channels(&forms[f], 192, 544, 3);
            check_channels(&forms[f], 128, 544, 3);
        }
        check_feed_forward(&forms[f], &forms[(f + 1) % form_count], 256, 288, 160);
        check_feed_forward(&forms[f], &forms[f], 256, 45, 64);
        check_places(&forms[f], &forms[(f + 1) % form_count], 256, 301, 320);
    }
    free(scratch);
}

#endif
