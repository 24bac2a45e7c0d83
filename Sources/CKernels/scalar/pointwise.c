#include <math.h>

#include "scalar.h"

void ck_scalar_rms_norm(float *out, const float *x, const float *gain, size_t n, float epsilon) {
    double square = 0;
    for (size_t i = 0; i < n; i++) square += (double)x[i] * (double)x[i];
    const float scale = (float)(1 / sqrt(square / (double)n + (double)epsilon));
    for (size_t i = 0; i < n; i++) out[i] = x[i] * scale * gain[i];
}

static float activated(float g, int kind) {
    if (kind == CK_GELU_TANH) return 0.5f * g * (1 + tanhf(0.79788456f * (g + 0.044715f * g * g * g)));
    return g / (1 + expf(-g));
}

void ck_scalar_activate(float *g, size_t n, int kind) {
    for (size_t i = 0; i < n; i++) g[i] = activated(g[i], kind);
}

void ck_scalar_activate_multiply(float *g, const float *u, size_t n, int kind) {
    for (size_t i = 0; i < n; i++) g[i] = activated(g[i], kind) * u[i];
}

void ck_scalar_rope(float *x, size_t heads, size_t head_dim, size_t rotated, const float *cosines,
                    const float *sines, int interleaved) {
    for (size_t h = 0; h < heads; h++) {
        float *v = x + h * head_dim;
        for (size_t i = 0; i < rotated / 2; i++) {
            const size_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + rotated / 2;
            const float a = v[first], b = v[second];
            v[first] = a * cosines[i] - b * sines[i];
            v[second] = a * sines[i] + b * cosines[i];
        }
    }
}

void ck_scalar_to_half(uint16_t *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
        const uint32_t magnitude = bits & 0x7fffffffu;
        if (magnitude >= 0x7f800000u) {
            out[i] = (uint16_t)(sign | 0x7c00u | (magnitude > 0x7f800000u ? 0x200u | (magnitude >> 13 & 0x3ffu) : 0));
        } else if (magnitude >= 0x477ff000u) {  // rounds past the largest half
            out[i] = (uint16_t)(sign | 0x7c00u);
        } else if (magnitude >= 0x38800000u) {
            const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1);
            out[i] = (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
        } else {
            out[i] = (uint16_t)(sign | (uint32_t)rintf(fabsf(x[i]) * 0x1p24f));
        }
    }
}

void ck_scalar_keep(uint32_t *mask, const float *x, const float *center, const float *limits, size_t n) {
    for (size_t word = 0; word < (n + 31) / 32; word++) {
        uint32_t bits = 0;
        for (size_t c = word * 32; c < word * 32 + 32 && c < n; c++) {
            const float away = center ? x[c] - center[c] : x[c];
            bits |= (uint32_t)!(fabsf(away) < limits[c]) << c % 32;
        }
        mask[word] = bits;
    }
}
