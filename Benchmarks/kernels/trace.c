// One call of one kernel between two marks, to be run under an emulator that logs every instruction:
// cycles.py.
//
//   trace dot|bound|add|panel|ggml FORM TABLE N [MASK]
//
// dot, ggml: rows of N weights. bound: rough rows of N and 64 more, whatever the form. add: N blocks of 32 channels, 256
// outputs; panel: the same of 128, one channel behind the other. MASK, hexadecimal, keeps some channels of every block. With
// a mask, dot reads a list of rows.
//
// The weights are arbitrary: no kernel looks at them before it decides what to do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ck_internal.h"

typedef void vec_dot(int n, float *s, size_t bs, const void *x, size_t bx, const void *y, size_t by, int nrc);
vec_dot ggml_vec_dot_q4_0_q8_0, ggml_vec_dot_q4_1_q8_1, ggml_vec_dot_q8_0_q8_0, ggml_vec_dot_q4_K_q8_K,
    ggml_vec_dot_q5_K_q8_K, ggml_vec_dot_q6_K_q8_K;

static const struct {
    const char *name;
    ck_form form;
    vec_dot *ggml;
} forms[] = {
    {"q4_0", {4, 32, 1, 0, 8}, ggml_vec_dot_q4_0_q8_0}, {"q4_1", {4, 32, 1, 1, 0}, ggml_vec_dot_q4_1_q8_1},
    {"q8_0", {8, 32, 1, 0, 0}, ggml_vec_dot_q8_0_q8_0}, {"q4_K", {4, 32, 2, 1, 0}, ggml_vec_dot_q4_K_q8_K},
    {"q5_K", {5, 32, 2, 1, 0}, ggml_vec_dot_q5_K_q8_K}, {"q6_K", {6, 16, 2, 0, 32}, ggml_vec_dot_q6_K_q8_K},
};

enum { ROOM = 1 << 20, OUTPUTS = 256, PANEL = 128, ROWS = 2, ROUGH_ROWS = 4, FINE = 64, BLOCKS = 64 };

static _Alignas(64) uint8_t weights[ROOM], planes[ROOM];
static _Alignas(64) int8_t codes[ROOM];
static _Alignas(64) float values[ROOM / 4], sums[ROOM / 4], y[ROOM / 4];

// What ggml's objects refer to outside of the products.
void ggml_abort(const char *file, int line, const char *format, ...) {
    fprintf(stderr, "%s:%d: %s\n", file, line, format);
    abort();
}

__attribute__((noinline)) void trace_begin(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((noinline)) void trace_end(void) { __asm__ volatile("" ::: "memory"); }

int main(int count, char **words) {
    if (count < 5) return 2;
    size_t f = 0;
    while (f < sizeof forms / sizeof *forms && strcmp(forms[f].name, words[2]) != 0) f++;
    const ck_table *table = ck_named(words[3]);
    if (f == sizeof forms / sizeof *forms || table == NULL) return 2;
    const size_t n = (size_t)atoi(words[4]);
    uint32_t masks[BLOCKS];
    for (size_t b = 0; b < BLOCKS; b++)
        masks[b] = count > 5 ? (uint32_t)strtoul(words[5], NULL, 16) : 0xffffffffu;
    memset(codes, 1, sizeof codes);
    const ck_activations x = {n, values, codes, values, sums, values, sums};
    if (strcmp(words[1], "ggml") == 0) {
        trace_begin();
        forms[f].ggml((int)n, y, 0, weights, 0, codes, 0, 1);
        trace_end();
    } else if (strcmp(words[1], "dot") == 0) {
        // Two rows, for kernels that take two at a time.
        const uint32_t list[] = {1, 0, CK_LIST_END};
        const ck_rows w = {forms[f].form, ROWS, n, weights, 2 * n};
        trace_begin();
        table->rows_dot(y, &w, &x, count > 5 ? list : NULL, 0, ROWS);
        trace_end();
    } else if (strcmp(words[1], "bound") == 0) {
        const ck_bounds w = {ROUGH_ROWS, FINE, n, weights, FINE + n / 4 + 16};
        const ck_bounds_input input = {codes, 1, 1, 0, 0, 1};
        trace_begin();
        table->rows_bound(y, &w, &input, 0, ROUGH_ROWS);
        trace_end();
    } else {
        const int is_panel = strcmp(words[1], "panel") == 0;
        const ck_channels w = {.form = forms[f].form,
                               .outputs = is_panel ? PANEL : OUTPUTS,
                               .channels = 32 * n,
                               .codes = weights,
                               .stride = is_panel ? ck_packed_bytes(&forms[f].form, PANEL) : OUTPUTS,
                               .groups = planes,
                               .group_stride = 4 * OUTPUTS,
                               .supers = planes,
                               .super_stride = 4 * OUTPUTS};
        trace_begin();
        table->channels_add(y, &w, &x, count > 5 ? masks : NULL, 0, n, 0, w.outputs);
        trace_end();
    }
    return 0;
}
