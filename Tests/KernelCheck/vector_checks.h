// Checks of the operations on plain vectors: quantising, norms, activations, rotation, halves, reductions.
#ifndef VECTOR_CHECKS_H
#define VECTOR_CHECKS_H

#include "packed.h"

// Every array of a quantised vector, equal bit by bit to the scalar kernel's; and near the values.
static void check_quantize(size_t n, float power) {
    ck_batch want = random_batch(1, n), got = random_batch(1, n);
    float *values = take_floats(pad64(n));
    for (size_t i = 0; i < pad64(n); i++) values[i] = i < n ? want.values[i] * power : guard_float();
    // Ties: with a maximum of 127 the scale is one, and halves lie between two codes.
    for (size_t i = 0; i < 32 && i < n && n % 2 == 0; i++) values[i] = i == 0 ? -127.0f : (float)i - 16.5f;
    ck_activations scalar = vector_of(&want, 0);
    ck_named("scalar")->quantize(&scalar, values, n);
    const size_t padded = pad64(n);
    for (current = tallies; current < tallies + table_count; current++) {
        ck_activations x = vector_of(&got, 0);
        describe("quantize [%zu] times %g", n, (double)power);
        fill_guard(x.scale32, padded / 32);
        fill_guard(x.scale16, padded / 16);
        fill_guard(x.sum32, padded / 32);
        fill_guard(x.sum16, padded / 16);
        memset(x.codes, 0x55, padded);
        current->kernels->quantize(&x, values, n);
        judge(x.n == n && x.values == values, "n is %zu, or values are not those given", x.n);
        expect_same("scale32", x.scale32, scalar.scale32, padded / 32);
        expect_same("sum32", x.sum32, scalar.sum32, padded / 32);
        expect_same("scale16", x.scale16, scalar.scale16, padded / 16);
        expect_same("sum16", x.sum16, scalar.sum16, padded / 16);
        size_t other = 0, far = 0;
        while (other < padded && x.codes[other] == scalar.codes[other]) other++;
        judge(other == padded, "code [%zu] differs from scalar's", other);
        for (size_t i = 0; i < padded && far == 0; i++) {
            const double value = i < n ? (double)values[i] : 0, scale = (double)x.scale32[i / 32];
            // Half a step, and the rounding of the inverse of the step.
            if (!(fabs(scale * x.codes[i] - value) <= scale * 0.50001)) far = i + 1;
            if (x.codes[i] == -128 || (i >= n && x.codes[i] != 0)) far = i + 1;
        }
        judge(far == 0, "code [%zu] is %d, not next to its value", far - 1, far ? x.codes[far - 1] : 0);
    }
    release();
}

static void check_rms_norm(size_t n) {
    float *x = take_floats(pad64(n)), *gain = take_floats(pad64(n)), *out = take_floats(n + 64);
    double *want = take_doubles(n), *magnitude = take_doubles(n), square = 0;
    for (size_t i = 0; i < pad64(n); i++) {
        x[i] = i < n ? random_normal() * (i % 7 == 0 ? 100 : 1) : guard_float();
        gain[i] = i < n ? random_normal() : guard_float();
    }
    for (size_t i = 0; i < n; i++) square += (double)x[i] * (double)x[i];
    for (size_t i = 0; i < n; i++) {
        want[i] = (double)x[i] * (double)gain[i] / sqrt(square / (double)n + 1e-5);
        magnitude[i] = fabs(want[i]);
    }
    for (current = tallies; current < tallies + table_count; current++) {
        describe("rms_norm [%zu]", n);
        fill_guard(out, n + 64);
        current->kernels->rms_norm(out, x, gain, n, 1e-5f);
        expect_near("out", out, want, magnitude, n, 5e-7);
        expect_guard("out", out, n, n + 64);
    }
    release();
}

// Within a millionth of |g|, which is how far act(g) reaches.
static void check_activate(size_t n, int kind) {
    float *g = take_floats(pad64(n)), *u = take_floats(pad64(n)), *out = take_floats(pad64(n) + 64);
    double *want = take_doubles(n), *wider = take_doubles(n), *size = take_doubles(n),
           *wider_size = take_doubles(n);
    static const float edges[] = {0,    -0.0f, 88.5f,  -88.5f,  104,   -104,
                                  1e4f, -1e4f, 1e-30f, -1e-30f, 5e37f, -5e37f};
    for (size_t i = 0; i < pad64(n); i++) {
        g[i] = i >= n ? guard_float() : i % 5 == 4 && i / 5 < 12 ? edges[i / 5] : random_normal() * 6;
        u[i] = i < n ? random_normal() : guard_float();
    }
    for (size_t i = 0; i < n; i++) {
        const double x = (double)g[i];
        const double inner = 0.7978845608028654 * (x + 0.044715 * x * x * x);
        want[i] = kind == CK_SILU ? x / (1 + exp(-x)) : 0.5 * x * (1 + tanh(inner));
        wider[i] = want[i] * (double)u[i];
        size[i] = fabs(x);
        wider_size[i] = fabs(x * (double)u[i]);
    }
    for (current = tallies; current < tallies + table_count; current++) {
        describe("activate [%zu] kind %d", n, kind);
        fill_guard(out, pad64(n) + 64);
        memcpy(out, g, n * sizeof *g);
        current->kernels->activate(out, n, kind);
        expect_near("act(g)", out, want, size, n, 1e-6);
        expect_guard("act(g)", out, n, pad64(n) + 64);
        memcpy(out, g, n * sizeof *g);
        current->kernels->activate_multiply(out, u, n, kind);
        expect_near("act(g) u", out, wider, wider_size, n, 1e-6);
        expect_guard("act(g) u", out, n, pad64(n) + 64);
    }
    release();
}

static void check_rope(size_t heads, size_t head_dim, size_t rotated, int interleaved) {
    const size_t n = heads * head_dim, pairs = rotated / 2;
    float *x = take_floats(n), *out = take_floats(n + 64);
    float *cosines = take_floats(pad64(pairs)), *sines = take_floats(pad64(pairs));
    double *want = take_doubles(n), *magnitude = take_doubles(n);
    for (size_t i = 0; i < n; i++) x[i] = random_normal();
    for (size_t i = 0; i < pad64(pairs); i++) {
        const double angle = 1000 * (double)random_float();
        cosines[i] = i < pairs ? (float)cos(angle) : guard_float();
        sines[i] = i < pairs ? (float)sin(angle) : guard_float();
    }
    for (size_t i = 0; i < n; i++) want[i] = (double)x[i], magnitude[i] = 0;
    for (size_t h = 0; h < heads; h++) {
        for (size_t i = 0; i < pairs; i++) {
            const size_t at = h * head_dim + (interleaved ? 2 * i : i),
                         other = at + (interleaved ? 1 : pairs);
            const double a = (double)x[at], b = (double)x[other], c = (double)cosines[i],
                         s = (double)sines[i];
            want[at] = a * c - b * s;
            want[other] = a * s + b * c;
            magnitude[at] = fabs(a * c) + fabs(b * s);
            magnitude[other] = fabs(a * s) + fabs(b * c);
        }
    }
    for (current = tallies; current < tallies + table_count; current++) {
        describe("rope [%zu, %zu] turning %zu %s", heads, head_dim, rotated,
                 interleaved ? "interleaved" : "halves");
        fill_guard(out, n + 64);
        memcpy(out, x, n * sizeof *x);
        current->kernels->rope(out, heads, head_dim, rotated, cosines, sines, interleaved);
        expect_near("out", out, want, magnitude, n, 2.5e-7);
        expect_guard("out", out, n, n + 64);
    }
    release();
}

static float float_of_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

// Every half, what lies half way to the next, and the floats next to those; infinities and NaN.
static void check_to_half(void) {
    const size_t room = 65536 * 4 + 64;
    float *x = take_floats(room);
    uint16_t *want = take(room * 2, 2), *out = take((room + 64) * 2, 2);
    size_t n = 0;
    for (uint32_t h = 0; h < 0x10000; h += quick ? 7 : 1) {
        if ((h & 0x7fff) > 0x7c00) continue;
        const uint16_t here = (uint16_t)h, next = (uint16_t)(h + 1);
        if ((h & 0x7fff) == 0x7c00) {
            x[n] = (float)half_value(here);
            want[n++] = here;
            continue;
        }
        // Past the largest half the next step would lead to 2^16, which becomes infinity.
        const double step =
            (h & 0x7fff) == 0x7bff ? (h & 0x8000 ? -32.0 : 32.0) : half_value(next) - half_value(here);
        const float middle = (float)(half_value(here) + step / 2);
        x[n] = (float)half_value(here), want[n++] = here;
        x[n] = middle, want[n++] = h & 1 ? next : here;
        x[n] = nextafterf(middle, 0), want[n++] = here;
        x[n] = nextafterf(middle, h & 0x8000 ? -INFINITY : INFINITY), want[n++] = next;
    }
    const float large[] = {65536, -65536, 3e38f, -3e38f, 1e-45f, -1e-45f, 1e-30f, -1e-30f};
    const uint16_t halves[] = {0x7c00, 0xfc00, 0x7c00, 0xfc00, 0, 0x8000, 0, 0x8000};
    for (size_t i = 0; i < 8; i++) x[n] = large[i], want[n++] = halves[i];
    for (current = tallies; current < tallies + table_count; current++) {
        describe("to_half [%zu]", n);
        memset(out, 0x5a, (room + 64) * 2);
        current->kernels->to_half(out, x, n);
        size_t i = 0;
        while (i < n && out[i] == want[i]) i++;
        judge(i == n, "[%zu] of %.9g is %04x, expected %04x", i, (double)x[i], out[i], i < n ? want[i] : 0);
        const uint32_t nans[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff};
        for (size_t length = 0; length < 70; length++) {
            float values[70];
            uint16_t few[71];
            for (size_t at = 0; at < length; at++) values[at] = float_of_bits(nans[at % 5]);
            memset(few, 0x5a, sizeof few);
            current->kernels->to_half(few, values, length);
            int fine = few[length] == 0x5a5a;
            for (size_t at = 0; at < length; at++) {
                fine &= (few[at] & 0x7fff) > 0x7c00 && few[at] >> 15 == nans[at % 5] >> 31;
            }
            judge(fine, "%zu NaN do not stay NaN of their sign, or what follows was written", length);
        }
    }
    release();
}

// No table has these two; they count for the first.
static void check_reductions(void) {
    static const size_t lengths[] = {1, 2, 7, 255, 256, 257, 512, 5000, 49152};
    current = tallies;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        const size_t n = lengths[l];
        float *x = take_floats(n);
        for (size_t kind = 0; kind < 6; kind++) {
            describe("ck_argmax [%zu] kind %zu", n, kind);
            for (size_t i = 0; i < n; i++) {
                // Plain; many ties; some NaN; all equal; negative infinities; the largest last.
                x[i] = kind == 1 ? (float)random_below(4) : kind == 3 ? -2 : random_normal() - 20;
                if (kind == 2 && random_below(3) == 0) x[i] = NAN;
                if (kind == 4 && random_below(2) == 0) x[i] = -INFINITY;
            }
            if (kind == 5) x[n - 1] = 5;
            size_t best = n;
            for (size_t i = 0; i < n; i++) {
                if (x[i] == x[i] && (best == n || x[i] > x[best])) best = i;
            }
            if (best == n) best = 0;
            judge(ck_argmax(x, n) == best, "is %zu, expected %zu", ck_argmax(x, n), best);
            if (kind == 2 || isinf(x[best])) continue;
            for (float scale = 0.4f; scale < 3; scale *= 1.6f) {
                double sum = 0;
                describe("ck_log_sum_exp [%zu] kind %zu scale %g", n, kind, (double)scale);
                for (size_t i = 0; i < n; i++) sum += exp(((double)x[i] - (double)x[best]) * (double)scale);
                const double want = (double)x[best] * (double)scale + log(sum), got = ck_log_sum_exp(x, n, scale);
                judge((isinf(want) && got == want) || fabs(got - want) <= 1e-6, "is %.12g, expected %.12g", got,
                      want);
                double *blocks = take_doubles(n / CK_WEIGHT_BLOCK + 2), whole = 0;
                ck_block_weights(blocks, x, n, scale, x[best]);
                for (size_t b = 0; b * CK_WEIGHT_BLOCK < n; b++) whole += blocks[b];
                judge(!isfinite(sum) || fabs(whole - sum) <= 1e-6 * sum, "blocks come to %.12g, expected %.12g", whole, sum);
            }
        }
        const float large[] = {1e30f, 1e30f, -1e30f};
        judge(fabs(ck_log_sum_exp(large, 3, 1) - ((double)1e30f + log(2))) <= 1e16,
              "of large numbers overflows");
        release();
    }
    describe("ck_argmax of NaN, ck_read_words");
    const float none[] = {NAN, NAN, -INFINITY};
    judge(ck_argmax(none, 2) < 2, "is no index");
    uint64_t words[37], sum = 0;
    for (size_t i = 0; i < 37; i++) sum += words[i] = random_word();
    judge(ck_read_words(words, 37) == sum, "is another sum");
    float y[37], x[37];
    describe("ck_add");
    for (size_t i = 0; i < 37; i++) y[i] = (float)i, x[i] = (float)(2 * i);
    ck_add(y, x, 36);
    for (size_t i = 0; i < 37; i++)
        judge(y[i] == (float)(i < 36 ? 3 * i : i), "[%zu] is %g", i, (double)y[i]);
    // The same bits as one row after another: 0.1 added three times is not 0.3.
    describe("ck_add_rows");
    float rows[3 * 80], one[80], all[80];
    for (size_t i = 0; i < 240; i++) rows[i] = 0.1f * (float)(i % 7);
    for (size_t n = 0; n < 80; n++) {
        for (size_t i = 0; i < 80; i++) one[i] = all[i] = 0.1f * (float)i;
        for (size_t r = 0; r < 3; r++) ck_add(one, rows + 80 * r, n);
        ck_add_rows(all, rows, 80, 3, n);
        judge(memcmp(one, all, sizeof one) == 0, "of %zu columns are others", n);
    }
}

// Every word against the definition; limits of 0, infinity and NaN among them, and values that meet theirs.
static void check_keep(size_t n, int centered) {
    float *x = take_floats(pad64(n)), *center = take_floats(pad64(n)), *limits = take_floats(pad64(n));
    const size_t words = (n + 31) / 32;
    uint32_t *mask = take((words + 1) * sizeof *mask, 4), *want = take((words + 1) * sizeof *want, 4);
    static const float odd[] = {0, INFINITY, NAN, -1, 1e-45f};
    memset(want, 0, (words + 1) * sizeof *want);
    for (size_t c = 0; c < pad64(n); c++) {
        x[c] = c >= n ? guard_float() : random_below(9) == 0 ? odd[random_below(5)] : random_normal();
        center[c] = c >= n ? guard_float() : random_below(9) == 0 ? odd[random_below(5)] : random_normal();
        const float away = centered && c < n ? x[c] - center[c] : x[c];
        limits[c] = c >= n                 ? guard_float()
                    : random_below(3) == 0 ? odd[random_below(5)]
                    : random_below(3) == 0 ? fabsf(away)
                                           : fabsf(random_normal());
        if (c < n) want[c / 32] |= (uint32_t)!(fabsf(away) < limits[c]) << c % 32;
    }
    want[words] = 0x55555555u;
    for (current = tallies; current < tallies + table_count; current++) {
        describe("keep [%zu]%s", n, centered ? " centered" : "");
        memset(mask, 0x55, (words + 1) * sizeof *mask);
        current->kernels->keep(mask, x, centered ? center : NULL, limits, n);
        size_t word = 0;
        while (word < words && mask[word] == want[word]) word++;
        judge(memcmp(mask, want, (words + 1) * sizeof *mask) == 0, "word [%zu] is %08x, expected %08x", word,
              mask[word], want[word]);
    }
    release();
}

// The `want` largest are kept, and no more than those that lie within a bin of the least of them.
static void check_keep_largest(size_t n, size_t want, int kind) {
    static const float odd[] = {0, -0.0f, 1e-30f, -3e38f, 2e38f};
    const size_t words = (n + 31) / 32;
    float *x = take_floats(n);
    uint32_t *mask = take((words + 1) * sizeof *mask, 4);
    for (size_t i = 0; i < n; i++) {
        x[i] = kind == 1 ? 2.5f : kind == 2 && random_below(9) == 0 ? odd[random_below(5)] : random_normal();
    }
    if (kind == 3) x[random_below(n)] = INFINITY;
    if (kind == 4 && n > 1) x[1 + random_below(n - 1)] = NAN;
    describe("ck_keep_largest [%zu] of %zu, kind %d", want, n, kind);
    memset(mask, 0x55, (words + 1) * sizeof *mask);
    const size_t kept = ck_keep_largest(mask, x, n, want);
    judge(mask[words] == 0x55555555u, "what lies behind the mask was written");
    size_t set = 0;
    float least = INFINITY, dropped = -INFINITY, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < 32 * words; i++) {
        const int is_kept = mask[i / 32] >> (i % 32) & 1;
        set += (size_t)is_kept;
        judge(i < n || !is_kept, "element [%zu] does not exist", i);
        if (i >= n || isnan(x[i])) continue;
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
        if (is_kept) least = fminf(least, x[i]);
        if (!is_kept) dropped = fmaxf(dropped, x[i]);
    }
    judge(set == kept, "%zu are kept, %zu were reported", set, kept);
    judge(kept >= (want < n ? want : n), "%zu are kept", kept);
    judge(dropped <= least, "%g is left out, %g kept", (double)dropped, (double)least);
    // Of those kept without need, the least is within a bin of the last one that is needed.
    size_t above = 0;
    const float bin = (high - low) / 2047;
    for (size_t i = 0; i < n; i++) above += x[i] > least + 1.001f * bin;
    if (kept < n && isfinite(high)) judge(above < want, "%zu of %zu are larger by more than a bin", above, want);
    if (kind == 1 || kind == 3) judge(kept == n, "%zu are kept", kept);
    release();
}

static void check_replace(size_t n) {
    const size_t words = (n + 31) / 32;
    float *y = take_floats(n + 8), *x = take_floats(n), *want = take_floats(n + 8);
    uint32_t *mask = take(words * sizeof *mask, 4);
    for (size_t i = 0; i < words; i++) mask[i] = (uint32_t)random_word();
    fill_guard(y, n + 8);
    for (size_t i = 0; i < n; i++) {
        x[i] = random_normal();
        y[i] = random_normal();
    }
    memcpy(want, y, (n + 8) * sizeof *y);
    for (size_t i = 0; i < n; i++) {
        if (!(mask[i / 32] >> (i % 32) & 1)) want[i] = x[i];
    }
    describe("ck_replace [%zu]", n);
    ck_replace(y, x, mask, n);
    expect_same("replaced", y, want, n + 8);
    release();
}

// Sums of rows, by one factor each, and the product of two vectors.
static void check_combine(size_t count, size_t n) {
    const size_t row_stride = n + 5, factor_stride = 3;
    float *y = take_floats(n + 8), *rows = take_floats(count * row_stride), *factors = take_floats(3 * count + 1);
    double *want = take_doubles(n), *magnitude = take_doubles(n);
    for (size_t i = 0; i < count * row_stride; i++) rows[i] = random_normal();
    for (size_t i = 0; i < 3 * count; i++) factors[i] = random_normal();
    fill_guard(y, n + 8);
    double inner = 0, size = 0;
    for (size_t j = 0; j < n; j++) {
        y[j] = random_normal();
        want[j] = (double)y[j];
        magnitude[j] = fabs(want[j]);
        inner += (double)y[j] * (double)rows[j];
        size += fabs((double)y[j] * (double)rows[j]);
        for (size_t i = 0; i < count; i++) {
            const double term = (double)factors[factor_stride * i] * (double)rows[i * row_stride + j];
            want[j] += term;
            magnitude[j] += fabs(term);
        }
    }
    describe("ck_combine [%zu] of %zu", n, count);
    judge(fabs(ck_inner(y, rows, n) - inner) <= 1e-12 * size, "ck_inner is %g, expected %g", ck_inner(y, rows, n),
          inner);
    ck_combine(y, factors, factor_stride, rows, row_stride, count, n);
    expect_near("sum", y, want, magnitude, n, sum_tolerance);
    expect_guard("after", y, n, n + 8);
    release();
}

static void check_head(void) {
    static const size_t lengths[] = {1, 31, 32, 33, 100, 4097};
    current = tallies;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        const size_t n = lengths[l];
        for (int kind = 0; kind < 5; kind++) {
            const size_t wants[] = {1, n / 3 + 1, n, n + 9};
            for (size_t i = 0; i < 4; i++) check_keep_largest(n, wants[i], kind);
        }
        check_replace(n);
        for (size_t count = 1; count < 20; count += 7) check_combine(count, n);
    }
}

static void check_vectors(void) {
    static const size_t lengths[] = {1, 15, 16, 31, 32, 33, 63, 64, 65, 96, 100, 576, 1536, 2304};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        static const float powers[] = {1, 1e-20f, 1e30f, 1e-34f};
        for (size_t p = 0; p < 4; p++) check_quantize(lengths[l], powers[p]);
        check_rms_norm(lengths[l]);
        check_activate(lengths[l], CK_SILU);
        check_activate(lengths[l], CK_GELU_TANH);
        for (size_t turn = 0; turn < 8; turn++) check_keep(lengths[l], turn % 2 == 1);
    }
    check_keep(0, 0);
    static const size_t turns[][2] = {{64, 64}, {80, 80}, {128, 128}, {80, 32},
                                      {80, 20}, {64, 30}, {128, 64}};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        for (int interleaved = 0; interleaved < 2; interleaved++) {
            check_rope(1, turns[i][0], turns[i][1], interleaved);
            check_rope(3, turns[i][0], turns[i][1], interleaved);
        }
    }
    check_to_half();
    check_reductions();
    check_head();
}

#endif
