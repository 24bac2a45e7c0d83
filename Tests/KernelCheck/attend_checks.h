// Checks of attention against softmax(scale q K^T) V in double.
#ifndef ATTEND_CHECKS_H
#define ATTEND_CHECKS_H

#include "harness.h"

// Part of the weighted sum of |v| that a result may be off: a score is a sum of head_dim products with the
// rounding that comes with it, and an error of a score is a relative error of its weight.
static const double attend_tolerance = 1e-5;

typedef struct {
    size_t tokens, group, head_dim, first_length, q_stride, kv_stride, room;
    float *q;
    uint16_t *k, *v;
    double *want, *magnitude;  // as q
} attention_case;

static uint16_t random_cache_half(void) {
    // Exponents 2^-4 to 2^0 with any fraction and sign.
    return (uint16_t)((random_word() & 0x8000) | (0x2c00 + random_below(0x1000)));
}

static attention_case make_attention(size_t tokens, size_t group, size_t head_dim, size_t first_length,
                                     float peak) {
    attention_case c = {.tokens = tokens,
                        .group = group,
                        .head_dim = head_dim,
                        .first_length = first_length,
                        .q_stride = group * head_dim + 24,
                        .kv_stride = head_dim + 40};
    c.room = tokens * c.q_stride + 64;
    const size_t positions = first_length + tokens - 1, halves = (positions + 8) * c.kv_stride;
    c.q = take_floats(c.room);
    fill_guard(c.q, c.room);
    c.want = take_doubles(c.room);
    c.magnitude = take_doubles(c.room);
    c.k = take(halves * 2, 2);
    c.v = take(halves * 2, 2);
    for (size_t i = 0; i < halves; i++) {
        // NaN between heads and past the last position.
        const int there = i / c.kv_stride < positions && i % c.kv_stride < head_dim;
        c.k[i] = there ? random_cache_half() : 0x7e01;
        c.v[i] = there ? random_cache_half() : 0x7e01;
    }
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < group * head_dim; i++) c.q[t * c.q_stride + i] = random_normal() * peak;
    }
    return c;
}

static float attention_scale(const attention_case *c) { return (float)(1 / sqrt((double)c->head_dim)); }

static void attention_reference(const attention_case *c) {
    double *weights = take_doubles(c->first_length + c->tokens);
    const size_t elements = (c->first_length + c->tokens) * c->head_dim;
    double *k = take_doubles(elements), *v = take_doubles(elements);
    for (size_t p = 0; p < c->first_length + c->tokens - 1; p++) {
        for (size_t d = 0; d < c->head_dim; d++) {
            k[p * c->head_dim + d] = half_value(c->k[p * c->kv_stride + d]);
            v[p * c->head_dim + d] = half_value(c->v[p * c->kv_stride + d]);
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
                        .first_length = length,
                        .scale = attention_scale(c),
                        .scores = take_floats(scores + 64)};
    fill_guard(job.scores, scores + 64);
    current->kernels->attend(&job);
    expect_guard("scores", job.scores, scores, scores + 64);
}

static void check_attend(size_t tokens, size_t group, size_t head_dim, size_t length, float peak) {
    const attention_case c = make_attention(tokens, group, head_dim, length, peak);
    attention_reference(&c);
    for (current = tallies; current < tallies + table_count; current++) {
        float *out = take_floats(c.room), *single = take_floats(c.room);
        describe("attend %zu tokens of %zu queries [%zu], length %zu, peak %g", tokens, group, head_dim,
                 length, (double)peak);
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

static void check_attention(void) {
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
                    check_attend(counts[t], group, dims[d], lengths[l], 1);
                }
            }
        }
        // Scores so far apart that most weights vanish.
        check_attend(1, 3, 64, lengths[l], 40);
    }
}

#endif
