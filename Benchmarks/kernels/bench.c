// Speed of single kernels over weights that come from memory: the sets are larger than any cache here.
//
//   clang -std=gnu11 -O3 -I Sources/CKernels/include -I Sources/CKernels $(find Sources/CKernels -name '*.c') \
//       Benchmarks/kernels/bench.c -lm -lpthread -o /tmp/kernel-bench
//   /tmp/kernel-bench [TABLE or all] [words of the shape's name, or ""] [percents of channels kept] [MB]
//
// With the compiler that builds the program: gcc's code reads from memory up to a seventh faster or slower.
//
// Percents: one or several, as 100,70,50,30. MB: how much memory the weights take; so little that it stays in
// a cache shows what the instructions alone could do.
//
// Decode: GB/s of weight bytes, beside what plain reading of the same memory gave in the turns between (share
// = one over the other). Matmuls: 10^9 multiply-adds a second, with 128 activation vectors.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "ck_internal.h"

enum {
    TOKENS = 128,
    LONGEST = 8960,
    MOST_OUTPUTS = 151936,
    MOST_THREADS = 2,
    MOST_MATRICES = 1024,
    TURNS = 5,
    MASK_WORDS = 16384,
    LARGE_PAGE = 2 << 20
};
static const size_t ARENA = (size_t)400 << 20, WORKING_SET = (size_t)240 << 20, SCALAR_SET = (size_t)24 << 20;

typedef enum { READ, ROWS, CHANNELS, PANELS, BUNDLE, ROWS_MATMUL, CHANNELS_MATMUL } operation;

typedef struct {
    const char *name;
    operation op;
    ck_form form, down;      // down: of a bundle's second matrix
    size_t outputs, inputs;  // a bundle: [outputs = model width, inputs = channels]
} shape;

#define Q4_1 \
    { 4, 32, 1, 1, 0 }
#define Q8_0 \
    { 8, 32, 1, 0, 0 }
#define Q4_K \
    { 4, 32, 2, 1, 0 }
#define Q6_K \
    { 6, 16, 2, 0, 32 }
#define HALF \
    { CK_F16, 0, 0, 0, 0 }
#define NONE \
    { 0, 0, 0, 0, 0 }

static const shape shapes[] = {
    {"short bundle q4_k q4_k", BUNDLE, Q4_K, Q4_K, 1536, 256},
    {"short bundle q4_k q6_k", BUNDLE, Q4_K, Q6_K, 1536, 256},
    {"short bundle q4_1 q4_1", BUNDLE, Q4_1, Q4_1, 576, 512},
    {"short channels q4_k", CHANNELS, Q4_K, NONE, 1536, 256},
    {"short channels q6_k", CHANNELS, Q6_K, NONE, 1536, 256},
    {"short rows q4_k", ROWS, Q4_K, NONE, 256, 1536},
    {"short rows q4_1", ROWS, Q4_1, NONE, 512, 576},
    {"short rows q6_k", ROWS, Q6_K, NONE, 256, 1536},
    {"short rows q8_0", ROWS, Q8_0, NONE, 256, 576},
    {"short channels q4_1", CHANNELS, Q4_1, NONE, 1536, 256},
    {"short channels q8_0", CHANNELS, Q8_0, NONE, 1536, 256},
    {"qwen gate channels q4_k", CHANNELS, Q4_K, NONE, 8960, 1536},
    {"qwen gate panels q4_k", PANELS, Q4_K, NONE, 8960, 1536},
    {"qwen gate panels q6_k", PANELS, Q6_K, NONE, 8960, 1536},
    {"qwen gate panels q8_0", PANELS, Q8_0, NONE, 8960, 1536},
    {"qwen q panels q4_k", PANELS, Q4_K, NONE, 1536, 1536},
    {"smol gate panels q4_1", PANELS, Q4_1, NONE, 1536, 576},
    {"qwen q channels q4_k", CHANNELS, Q4_K, NONE, 1536, 1536},
    {"qwen bundle q4_k q4_k", BUNDLE, Q4_K, Q4_K, 1536, 8960},
    {"qwen bundle q4_k q6_k", BUNDLE, Q4_K, Q6_K, 1536, 8960},
    {"qwen head rows q6_k", ROWS, Q6_K, NONE, 151936, 1536},
    {"qwen gate channels f16", CHANNELS, HALF, NONE, 8960, 1536},
    {"qwen bundle f16 f16", BUNDLE, HALF, HALF, 1536, 8960},
    {"smol head rows f16", ROWS, HALF, NONE, 49152, 576},
    {"smol gate channels q4_1", CHANNELS, Q4_1, NONE, 1536, 576},
    {"smol q channels q4_1", CHANNELS, Q4_1, NONE, 576, 576},
    {"smol bundle q4_1 q4_1", BUNDLE, Q4_1, Q4_1, 576, 1536},
    {"smol head rows q8_0", ROWS, Q8_0, NONE, 49152, 576},
    {"qwen rows matmul q4_k", ROWS_MATMUL, Q4_K, NONE, 2048, 1536},
    {"qwen gate matmul q4_k", CHANNELS_MATMUL, Q4_K, NONE, 2048, 1536},
    {"qwen down matmul q6_k", CHANNELS_MATMUL, Q6_K, NONE, 1536, 2048},
    {"qwen rows matmul f16", ROWS_MATMUL, HALF, NONE, 2048, 1536},
    {"qwen gate matmul f16", CHANNELS_MATMUL, HALF, NONE, 2048, 1536},
    {"smol rows matmul q4_1", ROWS_MATMUL, Q4_1, NONE, 1536, 576},
    {"smol gate matmul q4_1", CHANNELS_MATMUL, Q4_1, NONE, 1536, 576},
    {"smol head matmul q8_0", ROWS_MATMUL, Q8_0, NONE, 2048, 576},
};

typedef struct {
    ck_rows rows;
    ck_channels channels;
} matrix;

static struct {
    uint8_t *arena;
    matrix matrices[MOST_MATRICES];
    size_t count, set_bytes, weight_bytes;  // weight_bytes: read in one pass, with the mask regarded
    ck_activations x;
    ck_batch batch;
    float *gate, *y[MOST_THREADS];
    uint8_t *scratch[MOST_THREADS];
    uint32_t mask[MASK_WORDS + LONGEST / 32 + 1];
    size_t kept;       // percent
    size_t asked_set;  // bytes; 0: the sizes above
    const shape *shape;
    const ck_table *table;
    pthread_barrier_t start;
    size_t threads;
    volatile uint64_t sink;
} bench;

static size_t align(size_t n, size_t to) { return (n + to - 1) / to * to; }

static void *take(size_t bytes) {
    const size_t to = bytes >= LARGE_PAGE ? LARGE_PAGE : 64;
    void *p = aligned_alloc(to, align(bytes + 4096, to));
    if (p == NULL) exit(1);
    if (bytes >= LARGE_PAGE)
        madvise(p, align(bytes + 4096, to), MADV_HUGEPAGE);  // as the daemon does for weights
    memset(p, 0, bytes);
    return p;
}

static size_t row_bytes(const ck_form *f, size_t cols) {
    if (ck_is_float(f)) return align(ck_packed_bytes(f, cols), 16);
    const size_t padded = ck_pad64(cols), kinds = f->has_min ? 2 : 1, groups = padded / f->group;
    const size_t scales = f->levels == 1 ? groups * 2 : groups + (padded + 255) / 256 * 2;
    return align(ck_packed_bytes(f, padded) + kinds * scales, 16);
}

static size_t count_kept(size_t channels) {
    size_t n = 0;
    for (size_t b = 0; b < (channels + 31) / 32; b++)
        n += (size_t)__builtin_popcount(ck_block_mask(bench.mask, b, channels));
    return n;
}

// Lays matrix m out from `at` on; returns its end.
static size_t lay_rows(ck_rows *m, const ck_form *form, size_t rows, size_t cols, size_t at) {
    *m = (ck_rows){*form, rows, cols, bench.arena + at, row_bytes(form, cols)};
    return align(at + rows * m->stride, 64);
}

static size_t lay_channels(ck_channels *m, const ck_form *form, size_t outputs, size_t channels, size_t at,
                           const ck_rows *up) {
    const size_t padded = ck_pad64(outputs), kinds = form->has_min ? 2 : 1,
                 code = ck_packed_bytes(form, padded);
    const size_t plane = padded * kinds * (form->levels == 1 ? 2 : 1), super = padded * kinds * 2;
    const size_t groups = ck_is_float(form) ? 0 : (channels + form->group - 1) / form->group,
                 blocks = (channels + 255) / 256;
    *m = (ck_channels){.form = *form,
                       .outputs = outputs,
                       .channels = channels,
                       .codes = bench.arena + at,
                       .stride = code,
                       .group_stride = plane,
                       .super_stride = super};
    if (up)
        m->codes = up->base + row_bytes(&up->form, up->cols), m->stride = up->stride;
    else
        at = align(at + channels * code, 64);
    m->groups = bench.arena + at;
    at = align(at + groups * plane, 64);
    m->supers = form->levels == 2 ? bench.arena + at : NULL;
    return form->levels == 2 ? align(at + blocks * super, 64) : at;
}

static void lay_out(const shape *s, size_t wanted) {
    size_t at = 0;
    bench.count = bench.weight_bytes = 0;
    while (at < wanted && bench.count < MOST_MATRICES) {
        matrix *m = &bench.matrices[bench.count];
        const size_t begin = at;
        if (s->op == ROWS || s->op == ROWS_MATMUL) {
            at = lay_rows(&m->rows, &s->form, s->outputs, s->inputs, at);
            bench.weight_bytes += at - begin;
        } else if (s->op == BUNDLE) {
            m->rows = (ck_rows){s->form, s->inputs, s->outputs, bench.arena + at, 0};
            m->rows.stride =
                row_bytes(&s->form, s->outputs) + align(ck_packed_bytes(&s->down, ck_pad64(s->outputs)), 16);
            at = align(at + s->inputs * m->rows.stride, 64);
            const size_t planes = at;
            at = lay_channels(&m->channels, &s->down, s->outputs, s->inputs, at, &m->rows);
            bench.weight_bytes += at - planes + count_kept(s->inputs) * m->rows.stride;
        } else {
            at = lay_channels(&m->channels, &s->form, s->outputs, s->inputs, at, NULL);
            bench.weight_bytes += at - begin - (s->inputs - count_kept(s->inputs)) * m->channels.stride;
        }
        if (at > ARENA) {
            bench.weight_bytes = bench.weight_bytes / (bench.count + 1) * bench.count;
            at = begin;
            break;
        }
        bench.count++;
    }
    bench.set_bytes = at;
}

// The same of a matrix cut into panels of 128 outputs, each with its planes behind its channels.
static void add_panels(const ck_channels *whole, const uint32_t *mask, size_t out_begin, size_t out_end) {
    enum { WIDTH = 128 };
    const ck_form *form = &whole->form;
    const size_t kinds = form->has_min ? 2 : 1, code = ck_packed_bytes(form, WIDTH);
    const size_t groups = (whole->channels + form->group - 1) / form->group,
                 supers = form->levels == 2 ? (whole->channels + 255) / 256 : 0;
    ck_channels panel = *whole;
    panel.outputs = WIDTH;
    panel.stride = code;
    panel.group_stride = WIDTH * kinds * (form->levels == 1 ? 2 : 1);
    panel.super_stride = WIDTH * kinds * 2;
    const size_t bytes = whole->channels * code + groups * panel.group_stride + supers * panel.super_stride;
    for (size_t at = out_begin / WIDTH; at < out_end / WIDTH; at++) {
        panel.codes = whole->codes + at * bytes;
        panel.groups = panel.codes + whole->channels * code;
        panel.supers = panel.groups + groups * panel.group_stride;
        bench.table->channels_add(bench.y[0] + at * WIDTH, &panel, &bench.x, mask, 0, (whole->channels + 31) / 32,
                                  0, WIDTH);
    }
}

// Another mask every time, as tokens have: of one that comes again the core would learn the branches.
static const uint32_t *next_mask(void) {
    static _Thread_local size_t turn;
    return bench.kept < 100 ? bench.mask + turn++ * 9973 % MASK_WORDS : NULL;
}

// Thread t's share of one pass over the set.
static void pass(operation op, size_t t) {
    const ck_table *k = bench.table;
    if (op == READ) {
        const size_t words = bench.set_bytes / 8 / bench.threads;
        bench.sink += ck_read_words((const uint64_t *)(const void *)bench.arena + t * words, words);
        return;
    }
    const size_t n = bench.shape->outputs, blocks = (bench.shape->inputs + 31) / 32;
    const size_t out_begin = align(n * t / bench.threads, 64);
    const size_t out_end = t + 1 == bench.threads ? n : align(n * (t + 1) / bench.threads, 64);
    for (size_t i = 0; i < bench.count; i++) {
        const matrix *m = &bench.matrices[i];
        const uint32_t *mask = next_mask();
        switch (op) {
            case ROWS:
                k->rows_dot(bench.y[0], &m->rows, &bench.x, NULL, out_begin, out_end);
                break;
            case CHANNELS:
                k->channels_add(bench.y[0], &m->channels, &bench.x, mask, 0, blocks, out_begin, out_end);
                break;
            case PANELS: add_panels(&m->channels, mask, out_begin, out_end); break;
            case ROWS_MATMUL:
                k->rows_matmul(bench.y[0], n, &m->rows, &bench.batch, out_begin, out_end, bench.scratch[t]);
                break;
            case CHANNELS_MATMUL:
                k->channels_matmul(bench.y[0], n, &m->channels, &bench.batch, out_begin, out_end,
                                   bench.scratch[t]);
                break;
            default:
                ck_feed_forward(k, bench.y[t], &m->rows, &m->channels, &bench.x, bench.gate, mask, 0,
                                blocks * t / bench.threads, blocks * (t + 1) / bench.threads, SIZE_MAX,
                                bench.scratch[t]);
        }
    }
}

typedef struct {
    size_t thread;
    operation op;
    double took;
} task;

// The thread's own time: what others did on its core while it waited is not the kernel's.
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *run(void *argument) {
    task *t = argument;
    pthread_barrier_wait(&bench.start);
    const double begin = seconds();
    pass(t->op, t->thread);
    t->took = seconds() - begin;
    return NULL;
}

// The slowest thread's time.
static double timed(operation op) {
    pthread_t other[MOST_THREADS];
    task tasks[MOST_THREADS];
    pthread_barrier_init(&bench.start, NULL, (unsigned)bench.threads);
    for (size_t t = 0; t < bench.threads; t++) {
        tasks[t] = (task){t, op, 0};
        if (t > 0 && pthread_create(&other[t], NULL, run, &tasks[t]) != 0) exit(1);
    }
    run(&tasks[0]);
    double longest = tasks[0].took;
    for (size_t t = 1; t < bench.threads; t++) {
        pthread_join(other[t], NULL);
        if (tasks[t].took > longest) longest = tasks[t].took;
    }
    pthread_barrier_destroy(&bench.start);
    return longest;
}

// The best of some turns of the kernel and of plain reading, one after the other: other work on the machine
// slows both.
static void measure(const shape *s) {
    const int matmul = s->op >= ROWS_MATMUL, slow = strcmp(bench.table->name, "scalar") == 0;
    double best = 1e30, reading = 1e30;
    const size_t wide = s->outputs > s->inputs ? s->outputs : s->inputs,
                 narrow = s->op == BUNDLE ? s->outputs : s->inputs;
    bench.shape = s;
    lay_out(s, matmul                 ? 1
               : bench.asked_set != 0 ? bench.asked_set
               : slow                 ? SCALAR_SET
               : s->op == ROWS        ? ARENA
                                      : WORKING_SET);
    bench.x.n = bench.batch.n = narrow;
    for (int turn = 0; turn < (slow ? 1 : TURNS); turn++) {
        for (size_t t = 0; t < bench.threads; t++)
            memset(bench.y[t], 0, wide * sizeof(float) * (matmul ? TOKENS : 1));
        const double read = matmul ? 0 : timed(READ);
        timed(s->op);
        const double took = timed(s->op);
        if (read < reading) reading = read;
        if (took < best) best = took;
    }
    if (matmul) {
        printf("%-8s %-26s %zu threads  %7.1f GMAC/s\n", bench.table->name, s->name, bench.threads,
               1e-9 * TOKENS * (double)(s->outputs * s->inputs * bench.count) / best);
    } else {
        const double speed = 1e-9 * (double)bench.weight_bytes / best,
                     read = 1e-9 * (double)bench.set_bytes / reading;
        printf("%-8s %-26s %3zu %% kept  %zu threads  %7.2f GB/s of %6.2f  %3.0f %%\n", bench.table->name,
               s->name, bench.kept, bench.threads, speed, read, 100 * speed / read);
    }
    fflush(stdout);
}

// Activations of the longest length serve all shapes; halves between 2^-9 and 2^-8 in the arena are good as
// scales, and their bytes as codes.
static void prepare(void) {
    const size_t n = LONGEST, groups = n / 16;
    uint64_t seed = 1;
    bench.arena = take(ARENA);
    uint16_t *halves = (uint16_t *)(void *)bench.arena;
    for (size_t i = 0; i < ARENA / 2; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        halves[i] = (uint16_t)(0x1800u | (seed >> 40 & 0x83ffu));
    }
    float *values = take(TOKENS * n * 4);
    for (size_t i = 0; i < TOKENS * n; i++) values[i] = (float)(int)(i * 2654435761u % 2001u) / 1000 - 1;
    bench.x = (ck_activations){
        n, values, take(n), take(groups * 4), take(groups * 4), take(groups * 4), take(groups * 4)};
    ck_table_scalar.quantize(&bench.x, values, n);
    bench.batch = (ck_batch){TOKENS,
                             n,
                             values,
                             n,
                             take(TOKENS * n),
                             take(TOKENS * groups * 4),
                             take(TOKENS * groups * 4),
                             take(TOKENS * groups * 4),
                             take(TOKENS * groups * 4)};
    memset(bench.batch.codes, 5, TOKENS * n);
    for (size_t i = 0; i < TOKENS * groups; i++) {
        bench.batch.scale16[i] = bench.batch.scale32[i] = 0.01f;
        bench.batch.sum16[i] = 0.8f, bench.batch.sum32[i] = 1.6f;
    }
    bench.gate = take(n * 4);
    for (size_t i = 0; i < n; i++) bench.gate[i] = values[i];
    for (size_t t = 0; t < MOST_THREADS; t++) {
        bench.y[t] = take((MOST_OUTPUTS > TOKENS * 2048 ? MOST_OUTPUTS : TOKENS * 2048) * 4);
        bench.scratch[t] = take(CK_SCRATCH_BYTES);
    }
}

static void make_mask(size_t kept) {
    uint64_t seed = 2;
    bench.kept = kept;
    memset(bench.mask, 0, sizeof bench.mask);
    for (size_t c = 0; c < sizeof bench.mask * 8; c++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bench.mask[c / 32] |= (uint32_t)((seed >> 33) % 100 < kept) << c % 32;
    }
}

int main(int count, char **words) {
    const char *table = count > 1 && strcmp(words[1], "all") != 0 ? words[1] : NULL,
               *part = count > 2 ? words[2] : "";
    char all[] = "100";
    bench.asked_set = count > 4 ? (size_t)(atof(words[4]) * 1048576) : 0;
    prepare();
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        if (strstr(shapes[s].name, part) == NULL) continue;
        for (size_t i = 0; ck_known_name(i) != NULL; i++) {
            bench.table = ck_named(ck_known_name(i));
            if (bench.table == NULL || (table && strcmp(table, bench.table->name) != 0)) continue;
            for (char *percent = count > 3 ? words[3] : all; percent != NULL;
                 percent = strchr(percent, ',') ? strchr(percent, ',') + 1 : NULL) {
                make_mask((size_t)atoi(percent));
                for (bench.threads = 1; bench.threads <= MOST_THREADS; bench.threads++) measure(&shapes[s]);
            }
        }
    }
    return 0;
}
