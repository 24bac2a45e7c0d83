// How fast cores read equal pieces of memory of which some are left out: what sparse weights can hope for.
//
//   cc -O3 Benchmarks/kernels/pieces.c -lpthread -o /tmp/pieces
//   /tmp/pieces BYTES PERCENT [AHEAD] [CYCLES] [THREADS] [CACHE]
//
// BYTES of a piece, a multiple of 64; PERCENT of the pieces are read, chosen at random; while one is read, the one AHEAD
// places further on in the list is asked for, from both ends to the middle, each line at least CYCLES after the one
// before, into the first CACHE or the second. Every thread has a part of the pieces.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { SET = 400 << 20, LARGE_PAGE = 2 << 20, TURNS = 5, MOST_AHEAD = 1024, MOST_THREADS = 64 };

static struct {
    uint8_t *memory;
    uint32_t *list;
    size_t bytes, ahead, cycles, cache, listed, threads;
    double took[MOST_THREADS];
    volatile uint64_t sink;
    pthread_barrier_t start;
} pieces;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Zero, `cycles` after the last zero.
static inline uintptr_t pace(uintptr_t *zero, size_t cycles) {
    for (size_t i = 0; i < cycles; i++) {
        *zero += *zero;
        __asm__ volatile("" : "+r"(*zero));
    }
    return *zero;
}

static uint64_t read_listed(const uint32_t *list, size_t count) {
    const size_t bytes = pieces.bytes, lines = bytes / 64;
    uint64_t sum[8] = {0};
    uintptr_t zero = 0;
    __asm__ volatile("" : "+r"(zero));
    for (size_t i = 0; i < count; i++) {
        const uint8_t *piece = pieces.memory + list[i] * bytes, *later = pieces.memory + list[i + pieces.ahead] * bytes;
        if (pieces.ahead > 0) {
            // Its pages are walked to before its lines are asked for.
            const uint8_t *latest = pieces.memory + list[i + pieces.ahead + 4] * bytes;
            __builtin_prefetch(latest, 0, 3);
            __builtin_prefetch(latest + bytes - 64, 0, 3);
        }
        for (size_t k = 0; k < lines; k++) {
            const size_t line = k % 2 == 0 ? k / 2 : lines - 1 - k / 2;
            uint64_t words[8];
            if (pieces.ahead > 0) {
                const uint8_t *asked = later + 64 * line + pace(&zero, pieces.cycles);
                if (pieces.cache == 2) {
                    __builtin_prefetch(asked, 0, 2);
                } else {
                    __builtin_prefetch(asked, 0, 3);
                }
            }
            memcpy(words, piece + 64 * line, sizeof words);
            for (size_t w = 0; w < 8; w++) sum[w] += words[w];
        }
    }
    for (size_t w = 1; w < 8; w++) sum[0] += sum[w];
    return sum[0];
}

static void *run(void *number) {
    const size_t t = (size_t)(uintptr_t)number, begin = pieces.listed * t / pieces.threads;
    pthread_barrier_wait(&pieces.start);
    const double from = seconds();
    pieces.sink += read_listed(pieces.list + begin, pieces.listed * (t + 1) / pieces.threads - begin);
    pieces.took[t] = seconds() - from;
    return NULL;
}

// Seconds until the last thread was done.
static double read_all(void) {
    pthread_t other[MOST_THREADS];
    double longest = 0;
    pthread_barrier_init(&pieces.start, NULL, (unsigned)pieces.threads);
    for (size_t t = 1; t < pieces.threads; t++) pthread_create(&other[t], NULL, run, (void *)(uintptr_t)t);
    run(NULL);
    for (size_t t = 1; t < pieces.threads; t++) pthread_join(other[t], NULL);
    pthread_barrier_destroy(&pieces.start);
    for (size_t t = 0; t < pieces.threads; t++) longest = pieces.took[t] > longest ? pieces.took[t] : longest;
    return longest;
}

int main(int count, char **words) {
    const size_t percent = count > 2 ? (size_t)atoi(words[2]) : 50;
    pieces.bytes = count > 2 ? (size_t)atoi(words[1]) : 768;
    pieces.ahead = count > 3 ? (size_t)atoi(words[3]) : 12;
    pieces.cycles = count > 4 ? (size_t)atoi(words[4]) : 0;
    pieces.threads = count > 5 ? (size_t)atoi(words[5]) : 1;
    pieces.cache = count > 6 ? (size_t)atoi(words[6]) : 1;
    if (pieces.bytes == 0 || pieces.bytes % 64 != 0 || pieces.ahead > MOST_AHEAD - 4 || pieces.threads < 1 ||
        pieces.threads > MOST_THREADS || pieces.cache < 1 || pieces.cache > 2)
        return 1;
    const size_t all = SET / pieces.bytes;
    pieces.memory = aligned_alloc(LARGE_PAGE, SET);
    pieces.list = calloc(all + MOST_AHEAD, sizeof *pieces.list);
    if (pieces.memory == NULL || pieces.list == NULL) return 1;
    madvise(pieces.memory, SET, MADV_HUGEPAGE);
    memset(pieces.memory, 1, SET);
    uint64_t seed = 1;
    for (size_t i = 0; i < all; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if ((seed >> 33) % 100 < percent) pieces.list[pieces.listed++] = (uint32_t)i;
    }
    double best = 1e30;
    for (int turn = 0; turn < TURNS; turn++) {
        const double took = read_all();
        best = took < best ? took : best;
    }
    printf("%zu bytes, %zu %% of them, %zu ahead, %zu cycles apart, cache %zu, %zu threads: %.1f GB/s\n", pieces.bytes, percent,
           pieces.ahead, pieces.cycles, pieces.cache, pieces.threads, 1e-9 * (double)(pieces.listed * pieces.bytes) / best);
    return 0;
}
