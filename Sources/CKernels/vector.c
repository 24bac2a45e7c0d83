#include "ck_internal.h"

void ck_add(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

void ck_add_rows(float *restrict y, const float *restrict x, size_t stride, size_t rows, size_t n) {
    enum { WIDTH = 32 };
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        float sum[WIDTH];
        memcpy(sum, y + i, sizeof sum);
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 0; k < WIDTH; k++) sum[k] += x[r * stride + i + k];
        memcpy(y + i, sum, sizeof sum);
    }
    for (; i < n; i++)
        for (size_t r = 0; r < rows; r++) y[i] += x[r * stride + i];
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

void ck_replace(float *restrict y, const float *restrict x, const uint32_t *restrict mask, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = mask[i / 32] >> (i % 32) & 1 ? y[i] : x[i];
}

double ck_inner(const float *restrict x, const float *restrict y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

// Eight rows at a time, so that y is read and written an eighth as often.
void ck_combine(float *restrict y, const float *restrict factors, size_t factor_stride, const float *restrict rows,
                size_t row_stride, size_t count, size_t n) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const float *const f = factors + i * factor_stride, *const r = rows + i * row_stride;
        const float a = f[0], b = f[factor_stride], c = f[2 * factor_stride], d = f[3 * factor_stride],
                    e = f[4 * factor_stride], g = f[5 * factor_stride], h = f[6 * factor_stride],
                    k = f[7 * factor_stride];
        for (size_t j = 0; j < n; j++) {
            y[j] += a * r[j] + b * r[row_stride + j] + c * r[2 * row_stride + j] + d * r[3 * row_stride + j] +
                    e * r[4 * row_stride + j] + g * r[5 * row_stride + j] + h * r[6 * row_stride + j] +
                    k * r[7 * row_stride + j];
        }
    }
    for (; i < count; i++) {
        const float a = factors[i * factor_stride];
        for (size_t j = 0; j < n; j++) y[j] += a * rows[i * row_stride + j];
    }
}
