#include <math.h>

#include "ck_internal.h"

// Blocks are taken in batches, as many as have ENOUGH kept channels to be worth a call of each kernel, but
// within 256 channels, which share one super scale. Larger batches were slower: up row and down channel of a
// bundle are neighbours in memory, and gain from being asked for soon after each other.
//
// Lists and masks name what comes after the batch as well: while rows are multiplied later rows are on their
// way, while channels are added later channels, and memory never waits. One block a time with lists that end
// with it, as it was, against this: Zen 4 server, 2 threads, bundles of Q4_K and Q4_K | Q6_K, GB/s of kept
// bytes, of 63 that plain reading gets, November 2026:
//   100 % kept 43 -> 41 | 40 -> 38      50 % 16 -> 31 | 12 -> 29      30 % 15 -> 29 | 11 -> 26
// A kernel that can asks for the next batch's kept bundles whole instead, in the order of memory.
enum { ENOUGH = 24, BATCH_BLOCKS = 8, BATCH = 32 * BATCH_BLOCKS };

// The values between up and down, quantised, and which of them count.
typedef struct {
    float values[BATCH], scale32[BATCH / 32], sum32[BATCH / 32], scale16[BATCH / 16], sum16[BATCH / 16];
    int8_t codes[BATCH];
    uint32_t active[BATCH_BLOCKS + 1];  // the last: those of the block after the batch, as far as is known
} hidden_batch;

// The channels of the blocks begin ..< end, numbered from zero.
static ck_channels part_of(const ck_channels *w, size_t begin, size_t end) {
    ck_channels part = *w;
    part.channels = (w->channels < end * 32 ? w->channels : end * 32) - begin * 32;
    if (w->places) {
        part.places += begin * 32;
    } else {
        part.codes += begin * 32 * w->stride;
    }
    if (!ck_is_float(&w->form)) {
        part.groups += begin * 32 / w->form.group * w->group_stride;
        if (part.supers) part.supers += begin * 32 / 256 * w->super_stride;
    }
    return part;
}

// The end of the batch of blocks from `begin` on, whose kept channels begin at list[*to]; moves *to past them.
static size_t batch_end(const uint32_t *restrict list, size_t begin, size_t last, size_t *restrict to) {
    const size_t from = *to;
    size_t end = begin;
    while (end < last && (end == begin || end % BATCH_BLOCKS != 0) && *to - from < ENOUGH) {
        end++;
        while (list[*to] < 32 * end) ++*to;  // CK_LIST_END is larger than any channel
    }
    return end;
}

// What is asked for of the bundles ahead, in the order of memory, while rows are multiplied and while channels are added.
//
// Where some are left out: a third of the next batch's and then the rest, since memory takes long to answer pieces with
// gaps, and adding channels takes longer than multiplying rows. Of whole blocks, into the first cache: those a quarter of a
// batch ahead, which falls to a sixteenth while rows are multiplied and rises again while channels are added; what is asked
// for nearer to its use is still there then. Zen 5, one core, share of plain reading with the next batch's and with those
// near: Q4_K, Q4_K 69 -> 85 %, Q4_K, Q6_K 76 -> 84 %; of half the channels the near ones were slower. The second cache has
// room for the next batch; Zen 4, two cores, GB/s with those near and with the next batch's: 31 -> 36, 32 -> 36.
typedef struct {
    size_t rows_begin, rows_end, channels_begin, channels_end;  // places in the list of kept channels
} asked_ahead;

static size_t at_most(size_t n, size_t most) { return n < most ? n : most; }

static asked_ahead ahead_of(const uint32_t *mask, size_t from, size_t to, size_t next_to) {
    if (mask != NULL || ck_asks_second_cache) {
        const size_t middle = to + (next_to - to) / (mask != NULL ? 3 : 2);
        return (asked_ahead){to, middle, middle, next_to};
    }
    const size_t begin = from + (to - from) / 4, middle = at_most(to + (to - from) / 16, next_to);
    return (asked_ahead){begin, middle, middle, at_most(to + (to - from) / 4, next_to)};
}

static ck_ahead records(const ck_rows *up, const uint32_t *list, size_t begin, size_t end) {
    return (ck_ahead){up->base, up->stride, up->places, list + begin, end - begin};
}

// Drops the values of a block that are below the limit, and returns which of the active ones are left.
static uint32_t drop_small(float *restrict values, uint32_t active, float limit) {
    uint32_t large = 0;
    for (size_t c = 0; c < 32; c++) {
        const int stays = !(fabsf(values[c]) < limit);
        large |= (uint32_t)stays << c;
        values[c] = stays ? values[c] : 0;
    }
    return active & large;
}

// h = gate * u for the listed channels of `blocks` blocks, whose first channel is `first`; small ones are dropped.
static void fill_hidden(hidden_batch *restrict h, const float *restrict gate, const float *restrict u,
                        const uint32_t *restrict list, size_t first, size_t blocks, float limit) {
    size_t i = 0;
    memset(h->values, 0, 32 * blocks * sizeof *h->values);
    for (size_t block = 0; block < blocks; block++) {
        uint32_t active = 0;
        for (; list[i] < first + 32 * (block + 1); i++) {
            active |= 1u << list[i] % 32;
            h->values[list[i] - first] = gate[list[i]] * u[i];
        }
        h->active[block] = limit > 0 ? drop_small(h->values + 32 * block, active, limit) : active;
    }
}

size_t ck_feed_forward(const ck_table *k, float *y, const ck_rows *up, const ck_channels *down,
                       const ck_activations *x, const float *gate, const uint32_t *mask, float hidden_limit,
                       size_t block_begin, size_t block_end, size_t next_block, void *scratch) {
    float u[BATCH];
    hidden_batch h;
    size_t added = 0;
    uint32_t *const list = scratch;
    ck_arrangement arrangement = {.codes = (uint8_t *)scratch + CK_LIST_BYTES};
    ck_activations input = *x;
    input.arrangement = &arrangement;
    for (size_t first = block_begin; first < block_end; first += CK_LISTED_BLOCKS) {
        const size_t last = block_end - first < CK_LISTED_BLOCKS ? block_end : first + CK_LISTED_BLOCKS;
        size_t listed = ck_list_kept(list, mask, first, last, down->channels);
        ck_ask_first(up, list);
        // Behind the last batch the first kept ones of the next call stand.
        const size_t blocks = (down->channels + 31) / 32, next = last < block_end ? last : next_block;
        if (next < blocks) {
            const size_t some = blocks - next < CK_LISTED_NEXT ? blocks : next + CK_LISTED_NEXT;
            listed += ck_list_kept(list + listed, mask, next, some, down->channels);
        }
        size_t begin = first, from = 0, to = 0, end = batch_end(list, begin, last, &to);
        while (begin < last) {
            size_t next_to = to;
            const size_t next_end = batch_end(list, end, last, &next_to);
            if (end == last) next_to = listed;
            if (from != to) {
                ck_rows rows = *up;
                ck_channels part = part_of(down, begin, last);
                const asked_ahead asked = ahead_of(mask, from, to, next_to);
                rows.ahead = records(up, list, asked.rows_begin, asked.rows_end);
                part.ahead = records(up, list, asked.channels_begin, asked.channels_end);
                k->rows_dot(u, &rows, &input, list + from, 0, to - from);
                fill_hidden(&h, gate, u, list + from, 32 * begin, end - begin, hidden_limit);
                added += ck_count_kept(h.active, end - begin);
                h.active[end - begin] = end < last ? ck_block_mask(mask, end, down->channels) : 0;
                ck_activations hidden = {.codes = h.codes,
                                         .scale32 = h.scale32,
                                         .sum32 = h.sum32,
                                         .scale16 = h.scale16,
                                         .sum16 = h.sum16};
                k->quantize(&hidden, h.values, 32 * (end - begin));
                k->channels_add(y, &part, &hidden, h.active, 0, end - begin, 0, down->outputs);
            }
            begin = end;
            from = to;
            end = next_end;
            to = next_to;
        }
    }
    return added;
}
