// Where the parts of a row lie, and small loads, for the dot products of rows.
#ifndef CK_NEON_ROWS_DOT_H
#define CK_NEON_ROWS_DOT_H

#include "lanes.h"
#include "tables.h"

typedef struct {
    size_t units;           // of 64 codes
    size_t groups, blocks;  // scales and super scales in a row
    size_t high;            // bytes from the row to its plane of upper bits
    size_t scales, supers;  // bytes from the row to either; the minima follow
    size_t end;             // bytes of a row; in a bundle a channel follows
} row_parts;

CK_INLINE row_parts parts_of(size_t cols, int bits, int group, int levels, int has_min) {
    row_parts p;
    p.units = units_of(cols);
    p.groups = p.units * 64 / (size_t)group;
    p.blocks = (p.units + 3) / 4;
    p.high = p.units * ck_low_bytes(bits);
    p.scales = p.high + p.units * ck_high_bytes(bits);
    p.supers = p.scales + p.groups * (size_t)(has_min ? 2 : 1) * (levels == 1 ? 2 : 1);
    p.end = p.supers + (levels == 1 ? 0 : p.blocks * (has_min ? 4 : 2));
    return p;
}

CK_INLINE const uint8_t *row_at(const ck_rows *w, const uint32_t *list, size_t i) {
    return ck_row(w, list != NULL ? list[i] : i);
}

// The row to fetch while row i is multiplied. Rows one after another are fetched by the processor as well, so
// that the next one will do. Nobody else foresees listed rows: one of 1536 weights takes 90 ns on a
// Cortex-A76 at 2.4 GHz (cycles.py), and memory is further away than that, so three more lie between.
enum { LISTED_BETWEEN = 3 };

CK_INLINE const uint8_t *row_ahead(const ck_rows *w, const uint32_t *list, size_t i, size_t step,
                                   size_t end) {
    if (list == NULL) return row_at(w, NULL, i + step < end ? i + step : end - 1);
    for (step += LISTED_BETWEEN; step > 0 && list[i + 1] != CK_LIST_END; step--) i++;
    return row_at(w, list, i);
}

// Cache lines that one step of 128 (levels 1) or 256 weights may touch, to be fetched for a later row.
CK_INLINE int lines_of_step(int bits, int group, int levels, int has_min) {
    const int units = levels == 2 ? 4 : 2, sets = has_min ? 2 : 1;
    const int codes = units * (int)(ck_low_bytes(bits) + ck_high_bytes(bits));
    const int scales = units * 64 / group * (levels == 1 ? 2 : 1) * sets + (levels == 2 ? 2 * sets : 0);
    return (codes + scales + 63) / 64;
}

// Four floats, or two and zeros.
CK_INLINE float32x4_t quad_of(const float *p, int half) {
    return half ? vcombine_f32(vld1_f32(p), vdup_n_f32(0)) : vld1q_f32(p);
}

// The sub scales of one block: 16 or 8 bytes, or the fewer that a last block has.
CK_INLINE int8x16_t sub_bytes(const uint8_t *p, int count) {
    if (count == 16) return vld1q_s8((const int8_t *)p);
    if (count == 8) return vcombine_s8(vld1_s8((const int8_t *)p), vdup_n_s8(0));
    int8_t some[16] = {0};
    for (int i = 0; i < count; i++) some[i] = (int8_t)p[i];
    return vld1q_s8(some);
}

#endif
