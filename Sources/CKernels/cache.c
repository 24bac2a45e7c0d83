#include <math.h>

#include "ck_internal.h"

size_t ck_cache_row_bytes(int bits, size_t head_dim) {
    return bits == CK_CACHE_HALF ? 2 * head_dim : head_dim + 2 * ((head_dim + CK_CACHE_GROUP - 1) / CK_CACHE_GROUP);
}

// For all kernels alike: rows are short, and a cache may not depend on who wrote it.
static void store_bytes(const ck_table *k, int8_t *restrict codes, uint8_t *restrict scales,
                        const float *restrict x, size_t n) {
    for (size_t begin = 0; begin < n; begin += CK_CACHE_GROUP) {
        const size_t end = begin + CK_CACHE_GROUP < n ? begin + CK_CACHE_GROUP : n;
        float most = 0;
        for (size_t i = begin; i < end; i++) most = fmaxf(most, fabsf(x[i]));
        const float wanted = most / 127;
        uint16_t half;
        k->to_half(&half, &wanted, 1);
        memcpy(scales + begin / CK_CACHE_GROUP * 2, &half, 2);
        const float scale = ck_half(half), inverse = scale > 0 ? 1 / scale : 0;
        for (size_t i = begin; i < end; i++)
            codes[i] = (int8_t)lrintf(fmaxf(fminf(x[i] * inverse, 127), -127));
    }
}

void ck_cache_store(const ck_table *k, uint8_t *row, const float *x, size_t head_dim, int bits) {
    if (bits == CK_CACHE_HALF) {
        k->to_half((uint16_t *)(void *)row, x, head_dim);
    } else {
        store_bytes(k, (int8_t *)row, row + head_dim, x, head_dim);
    }
}
