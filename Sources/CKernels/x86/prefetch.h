// What adding channels asks of memory: the next block's codes and scales, while the present ones are added.
// With both a core reads twice as fast as with the codes alone (Zen 4: bundles of Q4_K 10 -> 20 GB/s). Included below the lanes
// of an instruction set.
#ifndef CK_PREFETCH_H
#define CK_PREFETCH_H

// Asks for a line of memory that is read from end to end.
CK_INLINE void ask_in_order(const char *line) {
    if (WALKS_PAGES) {
        ck_ask_in_order((const uint8_t *)line);
    } else {
        ck_ask(line);
    }
}

// The stretches of memory that the next block's active channels are: one of a channel, or two where outputs
// are split and codes have two planes.
typedef struct {
    const char *begin[2 * 32];
    size_t count, bytes[2];  // bytes of the even and the odd stretches
    int has_gaps;            // whether what lies between some of them is not read
} stretch_list;

CK_INLINE void list_stretches(stretch_list *restrict list, const ck_channels *restrict w, size_t block,
                              uint32_t kept, size_t low_begin, size_t low_bytes, size_t high_begin,
                              size_t high_bytes) {
    const int joined = high_bytes == 0 || high_begin == low_begin + low_bytes;
    size_t count = 0;
    list->bytes[0] = joined ? low_bytes + high_bytes : low_bytes;
    list->bytes[1] = joined ? low_bytes + high_bytes : high_bytes;
    list->has_gaps = kept != ck_block_mask(NULL, block, w->channels);
    for (; kept != 0; kept &= kept - 1) {
        const char *run = (const char *)ck_channel(w, block * 32 + (size_t)__builtin_ctz(kept));
        list->begin[count++] = run + low_begin;
        if (!joined) list->begin[count++] = run + high_begin;
    }
    list->count = count;
}

// The records that the caller foretells.
CK_INLINE void list_records(stretch_list *restrict list, const ck_ahead *restrict ahead) {
    const size_t most = sizeof list->begin / sizeof *list->begin;
    list->count = ahead->count < most ? ahead->count : most;
    list->bytes[0] = list->bytes[1] = ahead->stride;
    list->has_gaps = list->count != 0 && ahead->list[list->count - 1] - ahead->list[0] + 1 != list->count;
    for (size_t i = 0; i < list->count; i++) list->begin[i] = (const char *)ck_ahead_record(ahead, i);
}

// What is asked for while block `index` of `count` is added: its share of what the caller foretells, or else the units
// from ..< end of the next block's channels. low_bytes, high_bytes: of a unit, in the two planes of its codes.
CK_INLINE void list_ahead(stretch_list *restrict list, const ck_channels *restrict w, size_t block, uint32_t kept_next,
                          size_t index, size_t count, size_t from, size_t end, size_t low_bytes,
                          size_t high_bytes) {
    if (w->ahead.count != 0) {
        const ck_ahead share = ck_ahead_share(&w->ahead, index, count);
        list_records(list, &share);
        return;
    }
    const size_t high = ck_pad64(w->outputs) / 64 * low_bytes;
    list_stretches(list, w, block + 1, kept_next, low_bytes * from, low_bytes * (end - from),
                   high + high_bytes * from, high_bytes * (end - from));
}

// Walks the stretches line by line, a block ahead: what memory answers fastest, 8 channels ahead was half as fast on Zen 4.
//
// Into the first cache the lines go in the order of memory, and each turn asks for its share. To ask for several at once
// takes fewer instructions, and from cache channels are added twice as fast then, but memory answers bursts more slowly.
// Where there are gaps, the lines of a stretch are asked for from both ends to the middle. In order they make the core
// foresee lines of the gap behind them, which nobody reads (`Benchmarks/kernels/waste.c`); towards the middle it foresees
// what is wanted anyway. And they are asked for no faster than memory can bring them, see `pace`.
//
// Into the second cache the share of a row, or of a block's unit, is asked for at once, in the order of memory, with a
// shorter pace. Zen 4, bundles of Q4_K, Q4_K | Q4_K, Q6_K, GB/s of one core and of two, with turns and with bursts:
//   100 % kept 23, 29 -> 24, 36 | 21, 29 -> 23, 36      50 % 18, 29 -> 18, 29 | 18, 32 -> 19, 34
typedef struct {
    const char *at, *end;   // the line to ask for; where the stretch ends
    intptr_t step;          // to the line after it, in bytes, where stretches are walked inwards
    size_t stretch, share;  // share: lines of a turn, or of a row or unit
    uintptr_t zero;         // see `pace`
} line_walk;

// Zero, seven cycles after the last zero: an address to which it is added is asked for that much later than the one
// before. A core can have few lines under way and forgets what it is asked for beyond them; they are then waited for when
// they are used. What has no gaps is foreseen by the core and needs no such care. `Benchmarks/kernels/pieces.c` on Zen 5, half
// of the pieces of 1,664 bytes, GB/s without | with the best pace: one core 19 | 33 of 35, two 31 | 43 of 45.
CK_INLINE uintptr_t pace(line_walk *walk) {
    __asm__ volatile("imul %0, %0\n\timul %0, %0\n\tadd %0, %0" : "+r"(walk->zero) : : "cc");
    return walk->zero;
}

CK_INLINE void begin_stretch(line_walk *restrict walk, const stretch_list *restrict list) {
    enum { LATER = 4 };
    const size_t bytes = list->bytes[walk->stretch % 2];
    walk->at = list->begin[walk->stretch];
    walk->end = walk->at + bytes;
    // A later one's pages are walked to, so that what is asked for of them comes: see `ck_touch_page`.
    if (!list->has_gaps) {
        if (WALKS_PAGES && ck_asks_second_cache) _mm_prefetch(walk->at + CK_PAGES_AHEAD, _MM_HINT_T1);
        return;
    }
    walk->step = (intptr_t)((bytes - 1) / 64 * 64);
    if (!WALKS_PAGES || walk->stretch + LATER >= list->count) return;
    const char *later = list->begin[walk->stretch + LATER];
    _mm_prefetch(later, _MM_HINT_T1);
    _mm_prefetch(later + walk->step, _MM_HINT_T1);
}

// `units` of outputs, each of which takes `turns`; or as many rows of one turn.
CK_INLINE line_walk begin_walk(const stretch_list *restrict list, size_t units, size_t turns) {
    line_walk walk = {.stretch = 0, .share = 0};
    if (list->count == 0) return walk;
    const size_t even = (list->bytes[0] + 63) / 64, odd = (list->bytes[1] + 63) / 64,
                 shares = ck_asks_second_cache ? units : units * turns;
    walk.share = (list->count * (even + odd) / 2 + shares - 1) / shares;
    begin_stretch(&walk, list);
    return walk;
}

// Goes on with the next stretch; false when that was the last.
CK_INLINE int next_stretch(line_walk *restrict walk, const stretch_list *restrict list) {
    walk->stretch++;
    if (walk->stretch == list->count) {
        walk->share = 0;
        return 0;
    }
    begin_stretch(walk, list);
    return 1;
}

// Asks for the share of a turn, into the first cache.
CK_INLINE void prefetch_turn(const int has_gaps, line_walk *restrict walk, const stretch_list *restrict list) {
    if (!has_gaps) {
        for (size_t i = 0; i < walk->share; i++) {
            ask_in_order(walk->at);
            walk->at += 64;
            if (walk->at >= walk->end && !next_stretch(walk, list)) return;
        }
        return;
    }
    for (size_t i = 0; i < walk->share; i++) {
        _mm_prefetch(walk->at + pace(walk), _MM_HINT_T0);
        if (walk->step == 0) {
            if (!next_stretch(walk, list)) return;
            continue;
        }
        // Forwards and backwards in turn, each time a line less.
        walk->at += walk->step;
        walk->step = walk->step > 0 ? 64 - walk->step : -64 - walk->step;
    }
}

// Asks for the share of a row or unit, into the second cache, each line three cycles after the one before.
CK_INLINE void prefetch_burst(line_walk *restrict walk, const stretch_list *restrict list) {
    for (size_t left = walk->share; left != 0;) {
        const size_t lines = (size_t)(walk->end - walk->at + 63) / 64, count = lines < left ? lines : left;
        const char *at = walk->at;
        uintptr_t zero = walk->zero;
        for (const char *const end = at + 64 * count; at != end; at += 64) {
            __asm__ volatile("imul %0, %0" : "+r"(zero) : : "cc");
            _mm_prefetch(at + zero, _MM_HINT_T1);
        }
        walk->at = at;
        walk->zero = zero;
        left -= count;
        if (count == lines && !next_stretch(walk, list)) return;
    }
}

// Asks for the share of a row, for which there is one turn.
CK_INLINE void prefetch_share(line_walk *restrict walk, const stretch_list *restrict list) {
    if (ck_asks_second_cache) {
        prefetch_burst(walk, list);
    } else {
        prefetch_turn(list->has_gaps, walk, list);
    }
}

// How far ahead rows that lie one after another are asked for. Zen 5, GB/s of one core and of two, without and with 4,
// 8 and 16 KiB: Q4_K 13, 24, 33, 35 and 23, 38, 37, 35; Q6_K with 4, 8 and 16 KiB 31, 34, 32 and 40, 38, 37.
enum { BYTES_AHEAD = 8192 };

// A core whose first cache has few places for lines under way foresees a panel best by itself. Zen 4, one core, GB/s with
// every line asked for | with pages alone: Q4_K 19 to 24 | 27, Q6_K 21 to 24 | 26.
CK_INLINE void ask_panel_line(const uint8_t *line) {
    if (ck_asks_second_cache) {
        ck_touch_page(line);
    } else {
        ask_in_order((const char *)line);
    }
}

// Asks for what a panel reads 4 KiB after the place where four channels begin: the share `part` of `parts` of as
// much as those are. With 2 KiB memory has no time to answer, with 8 lines are lost again.
CK_INLINE void prefetch_panel(const int bits, const uint8_t *four, size_t part, size_t parts) {
    const size_t lines = (size_t)bits;  // of four channels of 128 outputs
    for (size_t i = lines * part / parts; i < lines * (part + 1) / parts; i++)
        ask_panel_line(four + 4096 + 64 * i);
}

// The scales of a panel lie behind its channels, on pages that nothing has walked to: a line of each, so that what is
// asked for of them later comes. Zen 5, one core, share of plain reading without | with that: 78 | 88 %.
CK_INLINE void touch_planes(const int group, const int levels, const ck_channels *restrict w) {
    const size_t groups = (w->channels + (size_t)group - 1) / (size_t)group,
                 supers = levels == 2 ? (w->channels + 255) / 256 : 0,
                 bytes = groups * w->group_stride + supers * w->super_stride;
    for (size_t b = 0; b < bytes + 4095; b += 4096) _mm_prefetch((const char *)w->groups + b, _MM_HINT_T1);
}

// Asks for what the next block needs to scale `units` of its outputs. walk: keeps pace with it; NULL where nothing has gaps.
CK_INLINE void prefetch_scales(line_walk *restrict walk, const int group, const int levels, const int has_min,
                               const ck_channels *restrict w, size_t block, size_t unit, size_t units) {
    const size_t outputs = ck_pad64(w->outputs), size = levels == 1 ? 2 : 1,
                 first = block * 32 / (size_t)group;
#define ASK(line) _mm_prefetch((line) + (walk != NULL ? pace(walk) : 0), _MM_HINT_T1)
    for (size_t g = first; g < first + 32 / (size_t)group; g++) {
        const char *plane = (const char *)w->groups + g * w->group_stride;
        for (size_t b = 64 * size * unit; b < 64 * size * (unit + units); b += 64) {
            ASK(plane + b);
            if (has_min) ASK(plane + size * outputs + b);
        }
    }
    if (levels == 1 || block % 8 != 0) return;
    const char *super = (const char *)w->supers + block / 8 * w->super_stride;
    for (size_t b = 128 * unit; b < 128 * (unit + units); b += 64) {
        ASK(super + b);
        if (has_min) ASK(super + 2 * outputs + b);
    }
#undef ASK
}

#endif
