#include "ckernels.h"

// Eight running sums keep eight loads in flight; compilers turn each pair into one vector addition.
uint64_t ck_read_words(const uint64_t *words, size_t count) {
    uint64_t sum[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        for (size_t lane = 0; lane < 8; lane++) sum[lane] += words[i + lane];
    }
    for (; i < count; i++) sum[0] += words[i];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}
