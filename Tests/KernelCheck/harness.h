// Counting and comparing: what every check shares.
#ifndef HARNESS_H
#define HARNESS_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ckernels.h"

enum { max_tables = 16, printed_per_table = 12 };

// Sums may differ from their value in double by this part of the sum of the magnitudes of their terms:
// 34 roundings of a float, in whatever order the terms were added.
static const double sum_tolerance = 2e-6;

typedef struct {
    const ck_table *kernels;
    size_t checks, wrong;
} tally;

static tally tallies[max_tables];
static size_t table_count;
static tally *current;   // the table whose results are being compared
static char label[200];  // the case: operation, form, shape
static int quick;

static void describe(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void describe(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(label, sizeof label, format, arguments);
    va_end(arguments);
}

// Counts one check, and as wrong when `fine` is 0; prints the first few of a table.
static void judge(int fine, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void judge(int fine, const char *format, ...) {
    current->checks++;
    if (fine) return;
    if (current->wrong++ >= printed_per_table) return;
    printf("  %s: %s: ", current->kernels->name, label);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

// got[i] ~ want[i] within tolerance * magnitude[i].
static void expect_near(const char *what, const float *got, const double *want, const double *magnitude,
                        size_t n, double tolerance) {
    for (size_t i = 0; i < n; i++) {
        // Written so that NaN is wrong. Products below the smallest normal float may vanish.
        if (fabs((double)got[i] - want[i]) <= tolerance * magnitude[i] + 1e-36) continue;
        judge(0, "%s [%zu] is %.9g, expected %.9g +- %.3g", what, i, (double)got[i], want[i],
              tolerance * magnitude[i]);
        return;
    }
    judge(1, "%s", what);
}

// Equal bit by bit.
static void expect_same(const char *what, const float *got, const float *want, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (memcmp(got + i, want + i, sizeof *got) == 0) continue;
        judge(0, "%s: [%zu] is %.9g, expected the same bits as %.9g", what, i, (double)got[i],
              (double)want[i]);
        return;
    }
    judge(1, "%s", what);
}

// ------------------------------------------------------------------------------------------ random numbers

static uint64_t random_state = 1;

// SplitMix64.
static uint64_t random_word(void) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t random_below(size_t n) { return (size_t)(random_word() % n); }

// Uniform in -1 ..< 1, of 24 bits.
static float random_float(void) { return (float)(random_word() >> 40) * 0x1p-23f - 1; }

// A sum of four, so that large ones are rare.
static float random_normal(void) { return random_float() + random_float() + random_float() + random_float(); }

// ------------------------------------------------------------------------------------------------ buffers

static void *taken[4096];
static size_t taken_count;

// Memory until release(). `skew` bytes keep it from being aligned better than kernels may expect.
static void *take(size_t bytes, size_t skew) {
    uint8_t *block = NULL;
    if (taken_count == sizeof taken / sizeof *taken ||
        !(block = aligned_alloc(64, (bytes + skew + 63) / 64 * 64))) {
        printf("out of memory for %zu bytes\n", bytes);
        exit(2);
    }
    taken[taken_count++] = block;
    return block + skew;
}

static void release(void) {
    while (taken_count > 0) free(taken[--taken_count]);
}

static float *take_floats(size_t n) { return take(n * sizeof(float) + 4, 4); }
static double *take_doubles(size_t n) { return take(n * sizeof(double) + 8, 8); }

// A NaN that no arithmetic makes: in an output it says that nothing was written.
static const uint32_t guard_bits = 0x7fc5a5a5u;

static float guard_float(void) {
    float f;
    memcpy(&f, &guard_bits, 4);
    return f;
}

static void fill_guard(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) memcpy(x + i, &guard_bits, 4);
}

static void expect_guard(const char *what, const float *x, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        if (memcmp(x + i, &guard_bits, 4) == 0) continue;
        judge(0, "%s: [%zu] was written (%.9g), outside of what may be", what, i, (double)x[i]);
        return;
    }
    judge(1, "%s", what);
}

static size_t pad64(size_t n) { return (n + 63) / 64 * 64; }

// ------------------------------------------------------------------------------------------------- halves

// f16 to double, from its definition.
static double half_value(uint16_t h) {
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 31) return fraction ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

// Small and finite; one in eight subnormal, some negative.
static uint16_t random_half(void) {
    const uint16_t sign = random_below(4) == 0 ? 0x8000 : 0;
    if (random_below(8) == 0) return (uint16_t)(sign | random_below(0x400));
    return (uint16_t)(sign | (0x0400 + random_below(0x2c00)));
}

#endif
