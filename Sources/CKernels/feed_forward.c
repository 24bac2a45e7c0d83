#include <math.h>

#include "ck_internal.h"

void ck_feed_forward(const ck_table *k, float *y, const ck_rows *up, const ck_channels *down,
                     const ck_activations *x, const float *gate, const uint32_t *mask, float hidden_limit,
                     size_t block_begin, size_t block_end, void *scratch) {
    (void)scratch;
    float hidden[64] = {0}, scale32[2] = {0}, sum32[2] = {0}, scale16[4] = {0}, sum16[4] = {0};
    int8_t codes[64] = {0};
    uint32_t list[32];
    for (size_t b = block_begin; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, down->channels);
        if (kept == 0) continue;
        size_t count = 0;
        for (uint32_t left = kept; left != 0; left &= left - 1) {
            list[count++] = (uint32_t)(b * 32) + (uint32_t)__builtin_ctz(left);
        }
        float u[32];
        k->rows_dot(u, up, x, list, 0, count);
        memset(hidden, 0, sizeof hidden);
        uint32_t active = 0;
        for (size_t i = 0; i < count; i++) {
            const float h = gate[list[i]] * u[i];
            const int large = !(fabsf(h) < hidden_limit);
            active |= (uint32_t)large << list[i] % 32;
            hidden[list[i] % 32] = large ? h : 0;
        }
        if (active == 0) continue;
        ck_activations h = {
            .n = 32, .codes = codes, .scale32 = scale32, .sum32 = sum32, .scale16 = scale16, .sum16 = sum16};
        k->quantize(&h, hidden, 32);
        // A view of one block: its channels are numbered from zero, so that h holds just its 32 values.
        ck_channels block = *down;
        block.channels = down->channels - b * 32 < 32 ? down->channels - b * 32 : 32;
        block.codes += b * 32 * down->stride;
        if (!ck_is_float(&down->form)) {
            block.groups += b * 32 / down->form.group * down->group_stride;
            if (block.supers) block.supers += b * 32 / 256 * down->super_stride;
        }
        k->channels_add(y, &block, &h, &active, 0, 1, 0, down->outputs);
    }
}
