// What adding channels asks of memory: the next block's codes and scales, while the present ones are added.
// With both a core reads twice as fast as with the codes alone (Zen 4: bundles of Q4_K 10 -> 20 GB/s).
#ifndef CK_AVX512_PREFETCH_H
#define CK_AVX512_PREFETCH_H

#include "lanes.h"

// Walks the lines of the next block's active channels in the order of memory, a few at each unit of outputs.
// A channel has one stretch in the plane of low bits and one in that of high bits. Asking for one line after
// another, a block ahead, is what memory answers fastest: 8 channels ahead was half as fast on Zen 4.
typedef struct {
    const ck_channels *matrix;
    size_t first;  // channel of the block
    size_t begin[2], bytes[2], at, plane;
    uint32_t left;  // channels whose lines are not all asked for
} prefetcher;

// Lines to ask for, `step` at a time: all at once, some of them would be forgotten.
enum { LINES_AT_MOST = 128 };

typedef struct {
    const char *line[LINES_AT_MOST];
    size_t count, done, step;
} line_list;

// Lists the next `wanted` lines, for `turns` turns.
CK_INLINE void list_lines(prefetcher *restrict p, line_list *restrict list, const int planes, size_t wanted,
                          size_t turns) {
    if (wanted > LINES_AT_MOST) wanted = LINES_AT_MOST;
    size_t count = 0;
    while (count < wanted && p->left != 0) {
        const char *at = (const char *)ck_channel(p->matrix, p->first + (size_t)__builtin_ctz(p->left)) +
                         p->begin[p->plane] + p->at;
        const size_t rest = (p->bytes[p->plane] - p->at + 63) / 64;
        const size_t some = rest < wanted - count ? rest : wanted - count;
        for (size_t i = 0; i < some; i++) list->line[count + i] = at + 64 * i;
        count += some;
        p->at += 64 * some;
        if (some < rest) break;
        p->at = 0;
        if (planes == 2) p->plane ^= 1;
        if (p->plane == 0) p->left &= p->left - 1;
    }
    list->count = count;
    list->done = 0;
    list->step = (count + turns - 1) / turns;
}

CK_INLINE void prefetch_some(line_list *restrict list) {
    const size_t end = list->done + list->step < list->count ? list->done + list->step : list->count;
    for (; list->done < end; list->done++) _mm_prefetch(list->line[list->done], _MM_HINT_T1);
}

// Asks for what the next block needs to scale `units` of its outputs.
CK_INLINE void prefetch_scales(const int group, const int levels, const int has_min,
                               const ck_channels *restrict w, size_t block, size_t unit, size_t units) {
    const size_t outputs = ck_pad64(w->outputs), size = levels == 1 ? 2 : 1,
                 first = block * 32 / (size_t)group;
    for (size_t g = first; g < first + 32 / (size_t)group; g++) {
        const char *plane = (const char *)w->groups + g * w->group_stride;
        for (size_t b = 64 * size * unit; b < 64 * size * (unit + units); b += 64) {
            _mm_prefetch(plane + b, _MM_HINT_T1);
            if (has_min) _mm_prefetch(plane + size * outputs + b, _MM_HINT_T1);
        }
    }
    if (levels == 1 || block % 8 != 0) return;
    const char *super = (const char *)w->supers + block / 8 * w->super_stride;
    for (size_t b = 128 * unit; b < 128 * (unit + units); b += 64) {
        _mm_prefetch(super + b, _MM_HINT_T1);
        if (has_min) _mm_prefetch(super + 2 * outputs + b, _MM_HINT_T1);
    }
}

#endif
