#include <math.h>

#include "scalar.h"

void ck_scalar_quantize(ck_activations *x, const float *values, size_t n) {
    const size_t padded = ck_pad64(n);
    x->n = n;
    x->values = values;
    for (size_t g = 0; g < padded / 32; g++) {
        float top = 0;
        for (size_t i = g * 32; i < g * 32 + 32 && i < n; i++) top = fmaxf(top, fabsf(values[i]));
        const float scale = top / 127, inverse = top > 0 ? 127 / top : 0;
        int32_t sums[2] = {0, 0};
        for (size_t i = 0; i < 32; i++) {
            const size_t at = g * 32 + i;
            const int8_t code = at < n ? (int8_t)rintf(values[at] * inverse) : 0;
            x->codes[at] = code;
            sums[i / 16] += code;
        }
        x->scale32[g] = x->scale16[2 * g] = x->scale16[2 * g + 1] = scale;
        x->sum16[2 * g] = scale * (float)sums[0];
        x->sum16[2 * g + 1] = scale * (float)sums[1];
        x->sum32[g] = scale * (float)(sums[0] + sums[1]);
    }
}
