#include "ck_internal.h"

void ck_add(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

void ck_multiply(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] *= x[i];
}

void ck_subtract(float *out, const float *x, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i] - y[i];
}

void ck_drop(float *x, const uint32_t *mask, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = mask[i / 32] >> (i % 32) & 1 ? x[i] : 0;
}

size_t ck_count_kept(const uint32_t *mask, size_t words) {
    size_t count = 0;
    for (size_t i = 0; i < words; i++) count += (size_t)__builtin_popcount(mask[i]);
    return count;
}

void ck_residual(float *restrict out, const ck_activations *x) {
    for (size_t i = 0; i < x->n; i++) out[i] = x->values[i] - (float)x->codes[i] * x->scale32[i / 32];
}
