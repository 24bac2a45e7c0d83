// Checks of attention against softmax(scale q K^T) V in double.
#ifndef ATTEND_CHECKS_H
#define ATTEND_CHECKS_H

#include "packed.h"

// Part of the weighted sum of |v| that a result may be off: a score is a sum of head_dim products with the
// rounding that comes with it, and an error of a score is a relative error of its weight.
static const double attend_tolerance = 1e-5;

typedef struct {
    size_t tokens, group, head_dim, first_length, q_stride, kv_stride, room;
    int bits;
    float *q;
    uint8_t *k, *v;
    double *want, *magnitude;  // as q
} attention_case;

// Exponents 2^-4 to 2^0 with any fraction and sign.
static uint16_t random_cache_half(void) {
    return (uint16_t)((random_word() & 0x8000) | (0x2c00 + random_below(0x1000)));
}

// A row of `bytes` bytes: codes of any value, scales of 2^-11 to 2^-7.
static void random_cache_row(uint8_t *row, int bits, size_t head_dim) {
    const size_t bytes = ck_cache_row_bytes(bits, head_dim);
    size_t i = 0;
    for (; bits == CK_CACHE_BYTE && i < head_dim; i++) row[i] = (uint8_t)random_word();
    for (size_t h = 0; i + 2 * h < bytes; h++)
        put_half(row + i, h, bits == CK_CACHE_BYTE ? (uint16_t)(0x1000 + random_below(0x1000)) : random_cache_half());
}

static attention_case make_attention(int bits, size_t tokens, size_t group, size_t head_dim,
                                     size_t first_length, float peak) {
    attention_case c = {.bits = bits,
                        .tokens = tokens,
                        .group = group,
                        .head_dim = head_dim,
                        .first_length = first_length,
                        .q_stride = group * head_dim + 24,
                        .kv_stride = ck_cache_row_bytes(bits, head_dim) + 80};
    c.room = tokens * c.q_stride + 64;
    const size_t positions = first_length + tokens - 1, bytes = (positions + 8) * c.kv_stride;
    c.q = take_floats(c.room);
    fill_guard(c.q, c.room);
    c.want = take_doubles(c.room);
    c.magnitude = take_doubles(c.room);
    c.k = take(bytes, 2);
    c.v = take(bytes, 2);
    // NaN between rows and past the last position.
    for (size_t i = 0; i < bytes / 2; i++) put_half(c.k, i, 0x7e01), put_half(c.v, i, 0x7e01);
    for (size_t p = 0; p < positions; p++) {
        random_cache_row(c.k + p * c.kv_stride, bits, head_dim);
        random_cache_row(c.v + p * c.kv_stride, bits, head_dim);
    }
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < group * head_dim; i++) c.q[t * c.q_stride + i] = random_normal() * peak;
    }
    return c;
}

static float attention_scale(const attention_case *c) { return (float)(1 / sqrt((double)c->head_dim)); }

static double cached_value(int bits, size_t head_dim, const uint8_t *row, size_t d) {
    if (bits == CK_CACHE_HALF) return get_half(row, d);
    return (int8_t)row[d] * get_half(row + head_dim, d / 32);
}

static void attention_reference(const attention_case *c) {
    double *weights = take_doubles(c->first_length + c->tokens);
    const size_t elements = (c->first_length + c->tokens) * c->head_dim;
    double *k = take_doubles(elements), *v = take_doubles(elements);
    for (size_t p = 0; p < c->first_length + c->tokens - 1; p++) {
        for (size_t d = 0; d < c->head_dim; d++) {
            k[p * c->head_dim + d] = cached_value(c->bits, c->head_dim, c->k + p * c->kv_stride, d);
            v[p * c->head_dim + d] = cached_value(c->bits, c->head_dim, c->v + p * c->kv_stride, d);
        }
    }
    for (size_t i = 0; i < c->tokens * c->group; i++) {
        const size_t at = i / c->group * c->q_stride + i % c->group * c->head_dim;
        const size_t length = c->first_length + i / c->group;
        double top = -INFINITY, sum = 0;
        for (size_t p = 0; p < length; p++) {
            weights[p] = 0;
            for (size_t d = 0; d < c->head_dim; d++)
                weights[p] += (double)c->q[at + d] * k[p * c->head_dim + d];
            weights[p] *= (double)attention_scale(c);
            top = fmax(top, weights[p]);
        }
        for (size_t p = 0; p < length; p++) sum += weights[p] = exp(weights[p] - top);
        for (size_t d = 0; d < c->head_dim; d++) c->want[at + d] = c->magnitude[at + d] = 0;
        for (size_t p = 0; p < length; p++) {
            for (size_t d = 0; d < c->head_dim; d++) {
                const double part = weights[p] / sum * v[p * c->head_dim + d];
                c->want[at + d] += part;
                c->magnitude[at + d] += fabs(part);
            }
        }
    }
}

// Runs `tokens` from token `first` with `group` queries each from query `query` of theirs.
static void run_attend(const attention_case *c, float *out, size_t first, size_t tokens, size_t query,
                       size_t group) {
    const size_t at = first * c->q_stride + query * c->head_dim, length = c->first_length + first;
    const size_t scores = 8 * pad64(length + tokens);
    ck_attention job = {.out = out + at,
                        .q = c->q + at,
                        .q_stride = c->q_stride,
                        .queries = tokens * group,
                        .group = group,
                        .head_dim = c->head_dim,
                        .k = c->k,
                        .v = c->v,
                        .kv_stride = c->kv_stride,
                        .kv_bits = c->bits,
                        .first_length = length,
                        .scale = attention_scale(c),
                        .scores = take_floats(scores + 64)};
    fill_guard(job.scores, scores + 64);
    current->kernels->attend(&job);
    expect_guard("scores", job.scores, scores, scores + 64);
}

static void check_attend(int bits, size_t tokens, size_t group, size_t head_dim, size_t length, float peak) {
    const attention_case c = make_attention(bits, tokens, group, head_dim, length, peak);
    attention_reference(&c);
    for (current = tallies; current < tallies + table_count; current++) {
        float *out = take_floats(c.room), *single = take_floats(c.room);
        describe("attend %zu tokens of %zu queries [%zu], length %zu, %d bits, peak %g", tokens, group,
                 head_dim, length, bits, (double)peak);
        fill_guard(out, c.room);
        run_attend(&c, out, 0, tokens, 0, group);
        for (size_t t = 0; t < tokens; t++) {
            const size_t at = t * c.q_stride;
            expect_near("out", out + at, c.want + at, c.magnitude + at, group * head_dim,
                        attend_tolerance * (peak > 2 ? peak : 1));
            expect_guard("out", out + at, group * head_dim, c.q_stride);
        }
        expect_guard("out", out, tokens * c.q_stride, c.room);
        if (tokens * group == 1) continue;
        // A query's result may not depend on the company it came in: the last token alone, one query alone.
        fill_guard(single, c.room);
        run_attend(&c, single, tokens - 1, 1, 0, group);
        const size_t last = (tokens - 1) * c.q_stride;
        expect_same("last token alone", single + last, out + last, group * head_dim);
        fill_guard(single, c.room);
        run_attend(&c, single, tokens / 2, 1, group / 2, 1);
        const size_t one = tokens / 2 * c.q_stride + group / 2 * head_dim;
        expect_same("one query alone", single + one, out + one, head_dim);
        expect_guard("one query alone", single, 0, one);
        expect_guard("one query alone", single, one + head_dim, c.room);
    }
    release();
}

// What is read back of a row is what was stored, but for the rounding to codes, and nothing behind it is touched.
static void check_cache_store(size_t n) {
    const size_t bytes = ck_cache_row_bytes(CK_CACHE_BYTE, n), room = bytes + 64;
    for (current = tallies; current < tallies + table_count; current++) {
        float *x = take_floats(n), *back = take_floats(n);
        double *want = take_doubles(n), *most = take_doubles(n);
        uint8_t *row = take(room, 2);
        describe("cache row of %zu elements, 8 bits", n);
        // One group of each kind: large, small, nothing.
        for (size_t i = 0; i < n; i++) x[i] = random_normal() * (i / 32 % 3 == 0 ? 100 : i / 32 % 3 == 1 ? 0.1f : 0);
        memset(row, 0x7e, room);
        ck_cache_store(current->kernels, row, x, n, CK_CACHE_BYTE);
        for (size_t i = 0; i < n; i++) {
            want[i] = (double)x[i];
            back[i] = (float)cached_value(CK_CACHE_BYTE, n, row, i);
            for (size_t j = i / 32 * 32; j < i / 32 * 32 + 32 && j < n; j++) most[i] = fmax(most[i], fabs((double)x[j]));
        }
        // Half a code, and what a scale of 11 bits is off.
        expect_near("row", back, want, most, n, 0.5 / 127 + 1.0 / 2048);
        size_t end = room;
        while (end > bytes && row[end - 1] == 0x7e) end--;
        judge(end == bytes, "%zu bytes behind the row were written", end - bytes);
        release();
    }
}

static void check_attention(void) {
    for (size_t n = 8; n <= 136; n += 8) check_cache_store(n);
    static const size_t lengths[] = {1, 2, 63, 64, 65, 300, 2050}, dims[] = {64, 80, 128, 72},
                        counts[] = {1, 2, 16};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
            for (size_t t = 0; t < sizeof counts / sizeof *counts; t++) {
                for (size_t group = 1; group <= 7; group++) {
                    const int long_one = lengths[l] >= 300;
                    if ((long_one || quick) && group % 3 != 1) continue;
                    if (lengths[l] == 2050 && (counts[t] == 16 ? group != 1 : quick) && dims[d] != 64)
                        continue;
                    if (quick && (dims[d] == 72 || (counts[t] == 16 && long_one))) continue;
                    check_attend(CK_CACHE_HALF, counts[t], group, dims[d], lengths[l], 1);
                    check_attend(CK_CACHE_BYTE, counts[t], group, dims[d], lengths[l], 1);
                }
            }
        }
        // Scores so far apart that most weights vanish.
        check_attend(CK_CACHE_HALF, 1, 3, 64, lengths[l], 40);
        check_attend(CK_CACHE_BYTE, 1, 3, 64, lengths[l], 40);
    }
}

#endif
