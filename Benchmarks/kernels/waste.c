// How much more than a kernel reads a core brings from memory, when some of the channels are left out: its prefetchers
// foresee lines of the gaps. x86 only.
//
//   clang -std=gnu11 -O3 -I Sources/CKernels/include -I Sources/CKernels $(find Sources/CKernels -name '*.c') \
//       Benchmarks/kernels/waste.c -lm -lpthread -o /tmp/kernel-waste
//   /tmp/kernel-waste [TABLE] [percents of channels kept, 1 to 99 ...]
//
// A bundle matrix is flushed from the caches, multiplied, and then lines of the gaps are loaded one by one: those that
// come quickly had been brought. No two of a turn are on neighbouring pages and their order is random, or these loads
// would be foreseen as well.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include "ck_internal.h"

enum {
    CHANNELS = 512,
    OUTPUTS = 1536,
    ARENA = 4 << 20,
    PAGE_LINES = 64,
    APART = 7 * PAGE_LINES,  // lines between two that are probed in one turn
    ROUNDS = 3,
    QUICK = 180  // cycles of the time stamp counter: more than the last cache takes, less than memory
};

typedef struct {
    const char *name;
    ck_form up, down;
} shape;

static const ck_form q4_k = {4, 32, 2, 1, 0}, q6_k = {6, 16, 2, 0, 32};

static uint64_t state = 1;

static size_t random_below(size_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(state >> 33) % n;
}

static void *take(size_t bytes) {
    void *p = aligned_alloc(ARENA / 2, (bytes + ARENA / 2 - 1) / (ARENA / 2) * (ARENA / 2));
    if (p == NULL) exit(1);
    madvise(p, bytes, MADV_HUGEPAGE);  // as the daemon does for weights
    memset(p, 0, bytes);
    return p;
}

static size_t row_bytes(const ck_form *form, size_t cols) {
    const size_t kinds = form->has_min ? 2 : 1;
    return (ck_packed_bytes(form, cols) + kinds * (cols / form->group + cols / 256 * 2) + 15) / 16 * 16;
}

static int is_kept(const uint32_t *mask, size_t c) { return c < CHANNELS && mask[c / 32] >> c % 32 & 1; }

static int comes_quickly(const uint8_t *line) {
    unsigned core;
    _mm_lfence();
    const uint64_t begin = __rdtscp(&core);
    _mm_lfence();
    (void)*(const volatile uint8_t *)line;
    _mm_lfence();
    return __rdtscp(&core) - begin < QUICK;
}

// Counts the lines of gaps that a call brought among those that are `first` past a multiple of APART or so.
static void probe(const ck_rows *up, const uint32_t *mask, size_t first, size_t *seen, size_t *brought) {
    static size_t lines[CHANNELS];
    size_t count = 0;
    for (size_t i = first; i < CHANNELS * up->stride / 64; i += APART) lines[count++] = i + PAGE_LINES * random_below(6);
    while (count > 0) {
        const size_t pick = random_below(count), byte = 64 * lines[pick];
        lines[pick] = lines[--count];
        const size_t from = byte / up->stride, to = (byte + 63) / up->stride;
        if (to >= CHANNELS || is_kept(mask, from) || is_kept(mask, to)) continue;
        ++*seen;
        *brought += (size_t)comes_quickly(up->base + byte);
    }
}

static void measure(const ck_table *table, const shape *s, size_t percent) {
    static uint8_t *arena, *scratch;
    static float y[OUTPUTS], gate[CHANNELS], values[OUTPUTS], scales[4][OUTPUTS / 16];
    static int8_t codes[OUTPUTS];
    if (arena == NULL) {
        arena = take(ARENA), scratch = take(CK_SCRATCH_BYTES);
        // Halves between 2^-9 and 2^-8 are good as scales, and their bytes as codes. Of zeros a kernel may read nothing.
        for (size_t i = 0; i < ARENA; i += 2) {
            const uint16_t half = (uint16_t)(0x1800u | (random_below(65536) & 0x83ffu));
            memcpy(arena + i, &half, sizeof half);
        }
        for (size_t c = 0; c < CHANNELS; c++) gate[c] = 1 + (float)(c % 5);
    }
    const size_t kinds = s->down.has_min ? 2 : 1, row = row_bytes(&s->up, OUTPUTS);
    const ck_rows up = {.form = s->up, .rows = CHANNELS, .cols = OUTPUTS, .base = arena,
                        .stride = row + ck_packed_bytes(&s->down, OUTPUTS)};
    ck_channels down = {.form = s->down, .outputs = OUTPUTS, .channels = CHANNELS, .codes = arena + row,
                        .stride = up.stride, .groups = arena + CHANNELS * up.stride,
                        .group_stride = OUTPUTS * kinds, .super_stride = OUTPUTS * kinds * 2};
    down.supers = down.groups + CHANNELS / s->down.group * down.group_stride;
    ck_activations x = {OUTPUTS, values, codes, scales[0], scales[1], scales[2], scales[3]};
    uint32_t mask[CHANNELS / 32] = {0};
    size_t kept = 0, seen = 0, brought = 0;
    for (size_t c = 0; c < CHANNELS; c++) {
        const uint32_t keep = random_below(100) < percent;
        mask[c / 32] |= keep << c % 32;
        kept += keep;
    }
    for (size_t i = 0; i < OUTPUTS; i++) values[i] = (float)(i % 7) - 3;
    table->quantize(&x, values, OUTPUTS);
    for (size_t turn = 0; turn < ROUNDS * APART; turn++) {
        for (size_t b = 0; b < ARENA; b += 64) _mm_clflush(arena + b);
        _mm_mfence();
        ck_feed_forward(table, y, &up, &down, &x, gate, mask, 0, 0, CHANNELS / 32, SIZE_MAX,
                        scratch);
        _mm_mfence();
        probe(&up, mask, turn % APART, &seen, &brought);
    }
    const double share = seen > 0 ? (double)brought / (double)seen : 0;
    printf("%-8s %-10s %3zu %% kept  %4.1f %% of the gaps brought, %5.1f %% more than was wanted\n", table->name, s->name,
           percent, 100 * share, 100 * share * (double)(CHANNELS - kept) / (double)kept);
    fflush(stdout);
}

int main(int count, char **words) {
    const shape shapes[] = {{"q4_k q4_k", q4_k, q4_k}, {"q4_k q6_k", q4_k, q6_k}};
    const ck_table *table = ck_named(count > 1 ? words[1] : "avx512");
    if (table == NULL) return 1;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        if (count < 3) measure(table, &shapes[s], 50);
        for (int i = 2; i < count; i++) {
            const int percent = atoi(words[i]);
            if (percent < 1 || percent > 99) return 1;
            measure(table, &shapes[s], (size_t)percent);
        }
    }
    return 0;
}
