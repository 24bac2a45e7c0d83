// Checks of rough rows and of what is made of their bounds.
#ifndef BOUNDS_CHECKS_H
#define BOUNDS_CHECKS_H

#include "harness.h"

typedef struct {
    ck_bounds matrix;
    ck_bounds_input input;
    double *want, *magnitude;  // [rows]
} bounds_case;

// extreme 1 or -1: all codes as large as can be, so that sums would overflow where they can.
static bounds_case make_bounds(size_t rows, size_t fine, size_t coarse, int extreme) {
    const size_t padded = pad64(coarse), stride = (fine + padded / 4 + 8 + 15) / 16 * 16;
    uint8_t *bytes = take(rows * stride, 16);
    bounds_case c = {.matrix = {.rows = rows, .fine = fine, .coarse = padded, .base = bytes, .stride = stride},
                     .want = take_doubles(rows),
                     .magnitude = take_doubles(rows)};
    ck_bounds_input *x = &c.input;
    *x = (ck_bounds_input){.codes = take(fine + padded, 0), .fine = 0.37f, .coarse = 0.011f, .spread = 3.25f};
    for (size_t i = 0; i < fine + padded; i++) {
        const int code = extreme ? 127 * extreme : (int)random_below(255) - 127;
        x->codes[i] = (int8_t)(i < fine + coarse ? code : 0);
        *(i < fine ? &x->fine_sum : &x->coarse_sum) += x->codes[i];
    }
    memset(bytes, 0, rows * stride);
    for (size_t r = 0; r < rows; r++) {
        uint8_t *row = bytes + r * stride;
        double sum_fine = 0, sum_coarse = 0, all_fine = 0, all_coarse = 0;
        for (size_t i = 0; i < fine; i++) {
            row[i] = (uint8_t)(extreme ? -128 : (int)random_below(256) - 128);
            sum_fine += (int8_t)row[i] * x->codes[i];
            all_fine += abs((int8_t)row[i] * x->codes[i]);
        }
        for (size_t i = 0; i < padded; i++) {
            const size_t unit = i / 256 * 256, width = (padded - unit < 256 ? padded - unit : 256) / 4;
            const int code = extreme ? 3 : (int)random_below(4);
            row[fine + unit / 4 + (i - unit) % width] |= (uint8_t)(code << ((i - unit) / width * 2));
            sum_coarse += (code - 1.5) * x->codes[fine + i];
            all_coarse += fabs(3.0 * x->codes[fine + i]);
        }
        double factor[3];
        for (size_t i = 0; i < 3; i++) {
            const uint16_t half = random_half();
            memcpy(row + fine + padded / 4 + 2 * i, &half, 2);
            factor[i] = half_value(half);
        }
        const double coarse_scale = factor[0] * (double)x->coarse, fine_scale = factor[1] * (double)x->fine;
        c.want[r] = coarse_scale * sum_coarse + fine_scale * sum_fine + factor[2] * (double)x->spread;
        c.magnitude[r] = fabs(coarse_scale) * all_coarse + fabs(fine_scale) * all_fine + fabs(factor[2] * (double)x->spread);
    }
    return c;
}

static void check_rows_bound(size_t rows, size_t fine, size_t coarse, int extreme) {
    const bounds_case c = make_bounds(rows, fine, coarse, extreme);
    float *y = take_floats(rows + 64);
    for (current = tallies; current < tallies + table_count; current++) {
        const size_t ends[][2] = {{0, rows}, {rows / 3, rows}, {rows / 2, rows / 2 + 1}};
        for (size_t e = 0; e < 3; e++) {
            const size_t begin = ends[e][0], end = ends[e][1] < rows ? ends[e][1] : rows;
            describe("rows_bound [%zu ..< %zu of %zu, %zu + %zu]", begin, end, rows, fine, coarse);
            fill_guard(y, rows + 64);
            current->kernels->rows_bound(y, &c.matrix, &c.input, begin, end);
            expect_near("bounds", y + begin, c.want + begin, c.magnitude + begin, end - begin, sum_tolerance);
            expect_guard("before them", y, 0, begin);
            expect_guard("behind them", y, end, rows + 64);
        }
    }
    release();
}

// Every column once, in the order given, times its factor; and a spread that covers what quantising loses.
static void check_prepare(size_t n, int is_float) {
    const size_t fine = 64, coarse = pad64(n > fine ? n - fine : 1), padded = pad64(n);
    float *values = take_floats(padded), *factors = take_floats(n);
    uint32_t *order = take(4 * n, 0);
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)((i * 7 + 3) % n);
        values[i] = random_normal() * (i % 50 == 0 ? 30 : 1);
        factors[i] = 0.5f + (float)random_below(100) / 50;
    }
    ck_activations x = {.codes = take(padded, 0), .scale32 = take_floats(padded / 32), .sum32 = take_floats(padded / 32),
                        .scale16 = take_floats(padded / 16), .sum16 = take_floats(padded / 16)};
    ck_named("scalar")->quantize(&x, values, n);
    const ck_bounds w = {.fine = fine, .coarse = coarse};
    ck_bounds_input input = {.codes = take(fine + coarse, 0)};
    memset(input.codes, 0x55, fine + coarse);
    ck_bounds_prepare(&input, &w, &x, is_float, order, factors);
    current = tallies;
    describe("ck_bounds_prepare [%zu]%s", n, is_float ? " of floats" : "");
    double lost = 0, squares[2] = {0, 0};
    int32_t sums[2] = {0, 0};
    size_t far = 0;
    for (size_t i = 0; i < fine + coarse; i++) {
        // Fewer columns than fine ones leave the rest of those empty.
        const size_t column = i < fine ? i : i - fine + (n < fine ? n : fine);
        const int is_there = i < fine ? i < n : column < n;
        const size_t c = is_there ? order[column] : 0;
        const double scale = (double)(i < fine ? input.fine : input.coarse);
        const double value = !is_there ? 0 : (double)factors[c] * (is_float ? (double)values[c] : (double)x.scale32[c / 32] * x.codes[c]);
        const double rest = value - scale * input.codes[i];
        if (!(fabs(rest) <= scale * 0.5001) && far == 0) far = i + 1;
        sums[i >= fine] += input.codes[i];
        squares[i >= fine] += value * value;
        lost += rest * rest;
    }
    judge(far == 0, "code [%zu] is not next to its value", far - 1);
    judge(sums[0] == input.fine_sum && sums[1] == input.coarse_sum, "sums are %d and %d", input.fine_sum, input.coarse_sum);
    const double spread = 7 * sqrt(squares[1] + 16 * lost + 0.01 * squares[0]);
    judge(fabs((double)input.spread - spread) <= 1e-4 * spread, "the spread is %g, expected %g", (double)input.spread, spread);
    release();
}

static void check_keep_from(size_t n) {
    float *x = take_floats(n);
    uint32_t *mask = take((n + 31) / 32 * 4, 0);
    size_t want = 0, wrong = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = i % 97 == 5 ? NAN : random_normal();
        want += !(x[i] < 1.25f);
    }
    memset(mask, 0x55, (n + 31) / 32 * 4);
    current = tallies;
    describe("ck_keep_from [%zu]", n);
    const size_t kept = ck_keep_from(mask, x, n, 1.25f);
    judge(kept == want, "%zu are kept, expected %zu", kept, want);
    for (size_t i = 0; i < (n + 31) / 32 * 32; i++) wrong += (mask[i / 32] >> i % 32 & 1) != (i < n && !(x[i] < 1.25f));
    judge(wrong == 0, "%zu bits are wrong", wrong);
    release();
}

static void check_bounds(void) {
    const size_t shapes[][2] = {{64, 64}, {64, 512}, {64, 1472}, {128, 1984}, {192, 3904}, {64, 40}, {128, 321}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (size_t rows = 1; rows < (quick ? 12 : 40); rows = rows * 2 + 1) check_rows_bound(rows, shapes[i][0], shapes[i][1], 0);
    }
    check_rows_bound(5, 64, 16320, 1);
    check_rows_bound(5, 64, 16320, -1);
    const size_t lengths[] = {40, 64, 65, 576, 1536, 2000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        check_prepare(lengths[i], 0);
        check_prepare(lengths[i], 1);
        check_keep_from(lengths[i]);
    }
}

#endif
