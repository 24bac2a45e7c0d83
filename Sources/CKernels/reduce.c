#include <math.h>
#include <string.h>

#include "ck_internal.h"

// The largest of n elements, in lanes that compilers make vectors of; NaN never wins.
static inline float largest(const float *x, size_t n) {
    enum { LANES = 16 };
    float lanes[LANES], top = -INFINITY;
    for (size_t lane = 0; lane < LANES; lane++) lanes[lane] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
    }
    for (; i < n; i++) top = x[i] > top ? x[i] : top;
    for (size_t lane = 0; lane < LANES; lane++) top = lanes[lane] > top ? lanes[lane] : top;
    return top;
}

size_t ck_argmax(const float *x, size_t n) {
    // Blocks whose maximum does not beat the best so far need no second look.
    size_t best = 0;
    float top = -INFINITY;
    for (size_t start = 0; start < n; start += 256) {
        const size_t end = start + 256 < n ? start + 256 : n;
        const float block = largest(x + start, end - start);
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

// e^x for x <= 0 to about 2 ulp, in steps that compilers do in vectors: e^x = 2^n e^r, e^r by its Taylor polynomial,
// n rounded by the addition of 1.5 * 2^23. Below -87, and for NaN, it is e^-87.
static inline float exponential(float x) {
    const float big = 12582912;
    x = x > -87 ? x : -87;
    const float n = (x * 1.44269504f + big) - big;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1;
    p = p * r + 1;
    const uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

// The sum of exp(scale * (x[i] - top)).
static inline double weight_sum(const float *x, size_t n, float scale, float top) {
    enum { LANES = 16 };
    double sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += (double)exponential((x[i + lane] - top) * scale);
        }
    }
    double sum = 0;
    for (; i < n; i++) sum += (double)exponential((x[i] - top) * scale);
    for (size_t lane = 0; lane < LANES; lane++) sum += sums[lane];
    return sum;
}

double ck_log_sum_exp(const float *x, size_t n, float scale) {
    if (n == 0) return -INFINITY;
    const float top = x[ck_argmax(x, n)];
    return (double)top * (double)scale + log(weight_sum(x, n, scale, top));
}

void ck_block_weights(double *sums, const float *x, size_t n, float scale, float top) {
    for (size_t start = 0; start < n; start += CK_WEIGHT_BLOCK) {
        const size_t count = n - start < CK_WEIGHT_BLOCK ? n - start : CK_WEIGHT_BLOCK;
        *sums++ = weight_sum(x + start, count, scale, top);
    }
}
