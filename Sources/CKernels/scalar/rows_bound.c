#include "../bounds.h"
#include "scalar.h"

void ck_scalar_rows_bound(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin, size_t end) {
    for (size_t r = begin; r < end; r++) {
        const uint8_t *row = ck_bounds_row(w, r), *factors = ck_bounds_factors(w, row);
        int32_t fine = 0, coarse = 0;
        for (size_t i = 0; i < w->fine; i++) fine += (int8_t)row[i] * x->codes[i];
        for (size_t first = 0; first < w->coarse; first += CK_COARSE_UNIT) {
            const size_t width = ck_coarse_width(w, first);
            const uint8_t *unit = row + w->fine + first / 4;
            for (size_t i = 0; i < 4 * width; i++) {
                coarse += (unit[i % width] >> (2 * (i / width)) & 3) * x->codes[w->fine + first + i];
            }
        }
        const float coarse_part = x->coarse * ((float)coarse - 1.5f * (float)x->coarse_sum);
        y[r] = ck_half_at(factors, 0) * coarse_part + ck_half_at(factors, 1) * (x->fine * (float)fine) +
               ck_half_at(factors, 2) * x->spread;
    }
}
