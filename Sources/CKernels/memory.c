#include "ckernels.h"

// Eight running sums of 16 bytes: as many loads in flight as a core can have, and additions that never wait for
// one another. (Plain C with eight sums is compiled to code that is slower than memory on some machines.)
typedef uint64_t pair __attribute__((vector_size(16), aligned(8), may_alias));

uint64_t ck_read_words(const uint64_t *words, size_t count) {
    pair sum[8] = {{0}};
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const pair *p = (const pair *)(words + i);
        sum[0] += p[0];
        sum[1] += p[1];
        sum[2] += p[2];
        sum[3] += p[3];
        sum[4] += p[4];
        sum[5] += p[5];
        sum[6] += p[6];
        sum[7] += p[7];
    }
    uint64_t total = 0;
    for (; i < count; i++) total += words[i];
    for (size_t s = 0; s < 8; s++) total += sum[s][0] + sum[s][1];
    return total;
}
