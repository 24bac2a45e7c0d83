// How fast one core reads equal pieces of memory of which some are left out: what sparse weights can hope
// for.
//
//   cc -O3 Benchmarks/kernels/pieces.c -o /tmp/pieces && /tmp/pieces BYTES PERCENT [AHEAD]
//
// BYTES of a piece, a multiple of 64; PERCENT of the pieces are read, chosen at random; while one is read,
// the one AHEAD places further on in the list is asked for.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { SET = 240 << 20, LARGE_PAGE = 2 << 20, TURNS = 5, MOST_AHEAD = 1024 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static uint64_t read_listed(const uint8_t *memory, const uint32_t *list, size_t count, size_t bytes,
                            size_t ahead) {
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < count; i++) {
        const uint8_t *piece = memory + list[i] * bytes, *later = memory + list[i + ahead] * bytes;
        for (size_t b = 0; b < bytes; b += 64) {
            uint64_t words[8];
            if (ahead > 0) __builtin_prefetch(later + b, 0, 2);
            memcpy(words, piece + b, sizeof words);
            for (size_t k = 0; k < 8; k++) sum[k] += words[k];
        }
    }
    for (size_t k = 1; k < 8; k++) sum[0] += sum[k];
    return sum[0];
}

int main(int count, char **words) {
    const size_t bytes = count > 2 ? (size_t)atoi(words[1]) : 768,
                 percent = count > 2 ? (size_t)atoi(words[2]) : 50;
    const size_t ahead = count > 3 ? (size_t)atoi(words[3]) : 16, pieces = SET / bytes;
    uint8_t *memory = aligned_alloc(LARGE_PAGE, SET);
    uint32_t *list = malloc((pieces + MOST_AHEAD) * sizeof *list);
    if (memory == NULL || list == NULL || ahead > MOST_AHEAD || bytes % 64 != 0) return 1;
    madvise(memory, SET, MADV_HUGEPAGE);
    memset(memory, 1, SET);
    uint64_t seed = 1, sum = 0;
    size_t listed = 0;
    for (size_t i = 0; i < pieces; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if ((seed >> 33) % 100 < percent) list[listed++] = (uint32_t)i;
    }
    memset(list + listed, 0, MOST_AHEAD * sizeof *list);
    double best = 1e30;
    for (int turn = 0; turn < TURNS; turn++) {
        const double begin = seconds();
        sum += read_listed(memory, list, listed, bytes, ahead);
        const double took = seconds() - begin;
        if (took < best) best = took;
    }
    printf("%zu bytes, %zu %% of them, %zu ahead: %.1f GB/s%s\n", bytes, percent, ahead,
           1e-9 * (double)(listed * bytes) / best, sum == 1 ? "!" : "");
    return 0;
}
