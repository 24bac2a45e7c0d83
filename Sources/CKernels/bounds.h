// How rough rows lie, and how they become bounds.
#ifndef CK_BOUNDS_H
#define CK_BOUNDS_H

#include "ck_internal.h"

// Columns of a whole unit of coarse codes.
enum { CK_COARSE_UNIT = 256 };

// Bytes of the unit that begins at coarse column i.
static inline size_t ck_coarse_width(const ck_bounds *w, size_t i) {
    return (w->coarse - i < CK_COARSE_UNIT ? w->coarse - i : CK_COARSE_UNIT) / 4;
}

static inline const uint8_t *ck_bounds_row(const ck_bounds *w, size_t r) { return w->base + r * w->stride; }

// The four f16 of a row.
static inline const uint8_t *ck_bounds_factors(const ck_bounds *w, const uint8_t *row) {
    return row + w->fine + w->coarse / 4;
}

#endif
