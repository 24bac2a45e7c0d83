// What rows ask of memory: later rows, or the records that the caller foretells, while one is multiplied. Included below the
// lanes of an instruction set.
#ifndef CK_ROW_WALK_H
#define CK_ROW_WALK_H

#include "prefetch.h"

// Listed rows lie in bundles with other weights between them, which the processor cannot guess: a later row
// of the list is asked for while one is multiplied, from both ends to the middle: see `line_walk`. Rows one after another
// are asked for in the order of memory.
CK_INLINE void prefetch_on(const uint8_t *run, size_t bytes) {
    const uintptr_t from = (uintptr_t)run + BYTES_AHEAD, end = from + bytes;
    for (uintptr_t line = (from + 63) / 64 * 64; line < end; line += 64) ask_in_order((const char *)line);
}

CK_INLINE void prefetch_row(const ck_rows *restrict w, size_t row, size_t bytes) {
    const uint8_t *run = ck_row(w, row);
    for (const uint8_t *first = run, *last = run + (bytes - 1) / 64 * 64; first <= last; first += 64, last -= 64) {
        _mm_prefetch((const char *)first, _MM_HINT_T1);
        _mm_prefetch((const char *)last, _MM_HINT_T1);
    }
}

// What is asked for while rows are multiplied: the records ahead, or else what list and place foretell.
typedef struct {
    stretch_list records;
    line_walk walk;
    const uint32_t *listed;
} row_walk;

// At least one row is multiplied.
CK_INLINE void begin_rows(row_walk *restrict walk, const ck_rows *restrict w, const uint32_t *restrict list,
                          size_t begin, size_t end) {
    walk->listed = ck_list_ahead(list, begin);
    list_records(&walk->records, &w->ahead);
    walk->walk = begin_walk(&walk->records, end - begin, 1);
}

// Asks for what the row of y[i] foretells.
CK_INLINE void look_ahead(row_walk *restrict walk, const ck_rows *restrict w, size_t bytes, size_t i) {
    if (w->ahead.count != 0) {
        prefetch_share(&walk->walk, &walk->records);
    } else if (walk->listed == NULL) {
        prefetch_on(ck_row(w, i), w->stride);
    } else if (*walk->listed != CK_LIST_END) {
        prefetch_row(w, *walk->listed++, bytes);
    }
}

#endif
