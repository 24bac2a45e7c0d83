#include <math.h>

#include "ck_internal.h"

size_t ck_argmax(const float *x, size_t n) {
    // Blocks whose maximum does not beat the best so far are only scanned, which compilers do in vectors.
    size_t best = 0;
    float top = -INFINITY;
    for (size_t start = 0; start < n; start += 256) {
        const size_t end = start + 256 < n ? start + 256 : n;
        float block = -INFINITY;
        for (size_t i = start; i < end; i++) block = x[i] > block ? x[i] : block;
        if (!(block > top)) continue;
        for (size_t i = start; i < end; i++) {
            if (x[i] == block) {
                best = i;
                break;
            }
        }
        top = block;
    }
    return best;
}

double ck_log_sum_exp(const float *x, size_t n) {
    if (n == 0) return -INFINITY;
    const float top = x[ck_argmax(x, n)];
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)expf(x[i] - top);
    return (double)top + log(sum);
}
