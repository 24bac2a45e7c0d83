// Bounds of products from rough rows, once per instruction set. Before including it define
//   CK_TARGET   the functions' target attribute
//   CK_NAME(n)  the name for this instruction set
//   CK_SUMS     sums of products of signed bytes, begun as {0}
//   CK_ADD      void (CK_SUMS *, weights, activation codes): 16 products, the weights coarse codes
//   CK_ADD_FINE the same for weights of any value
//   CK_WIDEN    void (CK_SUMS *): called behind each unit of 64 bytes, 16 additions
//   CK_WHOLE    int32x4_t (const CK_SUMS *)

#include "../bounds.h"
#include "lanes.h"
#include "tables.h"

// Rows that share the loads of activations.
enum { ROWS = 4 };

CK_TARGET void CK_NAME(ck_rows_bound)(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin, size_t end) {
    const uint8x16_t three = vdupq_n_u8(3);
    for (size_t first = begin; first < end; first += ROWS) {
        const uint8_t *row[ROWS];
        CK_SUMS fine[ROWS] = {0}, coarse[ROWS] = {0};
        for (size_t r = 0; r < ROWS; r++) row[r] = ck_bounds_row(w, first + r < end ? first + r : first);
        for (size_t i = 0; i < w->fine; i += 16) {
            const int8x16_t codes = vld1q_s8(x->codes + i);
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++) CK_ADD_FINE(&fine[r], vld1q_s8((const int8_t *)row[r] + i), codes);
        }
        for (size_t i = 0; i < w->coarse; i += CK_COARSE_UNIT) {
            const size_t width = ck_coarse_width(w, i);
            const int8_t *codes = x->codes + w->fine + i;
            for (size_t j = 0; j < width; j += 16) {
                int8x16_t part[4];
                for (size_t k = 0; k < 4; k++) part[k] = vld1q_s8(codes + k * width + j);
#pragma GCC unroll 4
                for (int r = 0; r < ROWS; r++) {
                    const uint8x16_t bytes = vld1q_u8(row[r] + w->fine + i / 4 + j);
                    CK_ADD(&coarse[r], vreinterpretq_s8_u8(vandq_u8(bytes, three)), part[0]);
                    CK_ADD(&coarse[r], vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(bytes, 2), three)), part[1]);
                    CK_ADD(&coarse[r], vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(bytes, 4), three)), part[2]);
                    CK_ADD(&coarse[r], vreinterpretq_s8_u8(vshrq_n_u8(bytes, 6)), part[3]);
                }
            }
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++) CK_WIDEN(&coarse[r]);
        }
        for (size_t r = 0; r < ROWS && first + r < end; r++) {
            const float32x4_t factors = halves4(ck_bounds_factors(w, row[r]));
            const float whole = (float)vaddvq_s32(CK_WHOLE(&coarse[r])) - 1.5f * (float)x->coarse_sum;
            const float part = x->fine * (float)vaddvq_s32(CK_WHOLE(&fine[r]));
            y[first + r] = vgetq_lane_f32(factors, 0) * (x->coarse * whole) + vgetq_lane_f32(factors, 1) * part +
                           vgetq_lane_f32(factors, 2) * x->spread;
        }
    }
}
