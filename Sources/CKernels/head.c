#include "ck_internal.h"

// Rows whose products are computed before they are put where they belong.
enum { BATCH = 256 };

void ck_rows_dot_kept(const ck_table *k, float *y, const ck_rows *w, const ck_activations *x, const uint32_t *mask,
                      size_t begin, size_t end, void *scratch) {
    float products[BATCH];
    uint32_t *const list = scratch;
    const size_t blocks = (end + 31) / 32;
    for (size_t first = begin / 32; first < blocks; first += CK_LISTED_BLOCKS) {
        const size_t last = blocks - first < CK_LISTED_BLOCKS ? blocks : first + CK_LISTED_BLOCKS;
        ck_list_kept(list, mask, first, last, end);
        ck_ask_first(w, list);
        for (const uint32_t *rest = list; *rest != CK_LIST_END;) {
            size_t count = 0;
            while (count < BATCH && rest[count] != CK_LIST_END) count++;
            k->rows_dot(products, w, x, rest, 0, count);
            for (size_t i = 0; i < count; i++) y[rest[i]] = products[i];
            rest += count;
        }
    }
}

// Bins between the least and the largest element: the last ones hold a few dozen of 150,000 logits each.
enum { BINS = 2048 };

static inline uint32_t bin_of(float value, float least, float scale) {
    const float place = (value - least) * scale;
    return place >= 0 ? (uint32_t)place : 0;
}

size_t ck_keep_largest(uint32_t *restrict mask, const float *restrict x, size_t n, size_t want) {
    uint32_t bins[BINS] = {0};
    const size_t words = (n + 31) / 32;
    float least = x[0], largest = x[0];
    for (size_t i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        largest = x[i] > largest ? x[i] : largest;
    }
    const float scale = (BINS - 1) / (largest - least);
    uint32_t lowest = 0;
    // Not for infinities, nor where all are equal, nor where the range is too small or too large to be divided.
    if (scale > 0 && scale * (largest - least) < BINS) {
        for (size_t i = 0; i < n; i++) bins[bin_of(x[i], least, scale)]++;
        size_t kept = 0;
        for (lowest = BINS; kept < want && lowest > 0;) kept += bins[--lowest];
    }
    size_t kept = 0;
    for (size_t word = 0; word < words; word++) {
        uint32_t bits = 0;
        const size_t count = n - 32 * word < 32 ? n - 32 * word : 32;
        for (size_t i = 0; i < count; i++) {
            bits |= (uint32_t)(lowest == 0 || bin_of(x[32 * word + i], least, scale) >= lowest) << i;
        }
        mask[word] = bits;
        kept += (size_t)__builtin_popcount(bits);
    }
    return kept;
}
