#include <math.h>

#include "ck_internal.h"

void ck_histogram_add(uint32_t *bins, const float *x, const float *weights, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float value = weights ? x[i] * weights[i] : x[i];
        uint32_t bits;
        memcpy(&bits, &value, 4);
        bins[(bits & 0x7fffffffu) >> 16]++;
    }
}

void ck_moments_add(double *sum, double *magnitude, double *square, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double value = (double)x[i];
        sum[i] += value;
        magnitude[i] += fabs(value);
        square[i] += value * value;
    }
}

double ck_divergence(const float *p, const float *q, size_t n) {
    const double p_sum = ck_log_sum_exp(p, n, 1), q_sum = ck_log_sum_exp(q, n, 1);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const float log_p = (float)((double)p[i] - p_sum);
        sum += (double)expf(log_p) * ((double)p[i] - p_sum - ((double)q[i] - q_sum));
    }
    return sum;
}
