// The active channels of a scale group, and where they lie.
#ifndef CK_AVX512_GROUP_LIST_H
#define CK_AVX512_GROUP_LIST_H

#include "lanes.h"

// Where the channels of a block lie, and how those of later blocks are asked for; known to the compiler.
typedef enum {
    WHOLE_PANEL,   // one after another in a panel, all of them kept
    MASKED_PANEL,  // some of them
    IN_ORDER,      // each for itself, and what comes next has no gaps
    WITH_GAPS,     // some of what comes next is left out
    IN_BURSTS      // either; what comes next is asked for in bursts, into the second cache
} layout;

// The active channels of one scale group, in fours: a lane holds one code of each of four channels.
typedef struct {
    const uint8_t *run[32];   // of a whole panel only the first
    int32_t activations[12];  // four int8 each; the last are there to be written to
    size_t fours;
    int32_t total;     // of the activations' codes, over active channels only
    float scale, sum;  // sum: scale * total
} group_list;

// The four channels that lanes of turn q hold. A whole panel's are the bytes of two units apart.
CK_INLINE void runs_of_four(const int bits, const layout lies, const group_list *restrict list, size_t q,
                            const uint8_t *run[4]) {
    for (size_t i = 0; i < 4; i++)
        run[i] = lies == WHOLE_PANEL ? list->run[0] + (4 * q + i) * 16 * (size_t)bits : list->run[4 * q + i];
}

// How many fours a group has. A whole one's are known to the compiler, so that loops over them have a known end.
CK_INLINE size_t fours_of(const int group, const layout lies, const group_list *restrict list) {
    return lies == WHOLE_PANEL ? (size_t)group / 4 : list->fours;
}

// The totals of a group: `codes` are its activations, zero where a channel is left out.
CK_INLINE void total_up(group_list *restrict list, float scale, __m256i codes) {
    const __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), codes);
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    list->scale = scale;
    list->total = _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
    list->sum = list->scale * (float)list->total;
}

// Lists the channels of a whole panel's group.
CK_INLINE void collect_whole(group_list *restrict list, const int group, const ck_channels *restrict w,
                             const ck_activations *restrict x, size_t first) {
    const __m256i codes = _mm256_maskz_loadu_epi8(group == 32 ? 0xffffffff : 0xffff, x->codes + first);
    list->run[0] = ck_channel(w, first);
    _mm256_storeu_si256((__m256i *)list->activations, codes);
    list->fours = (size_t)group / 4;
    total_up(list, x->scale32[first / 32], codes);
}

// Lists the active channels of a group, whose bits begin at bit 0 of `kept`, without a branch for each: a core cannot
// foresee those. A short last four repeats a channel with a zero activation.
CK_INLINE void collect(group_list *restrict list, const int group, const ck_channels *restrict w,
                       const ck_activations *restrict x, uint32_t kept, size_t first) {
    const __m512i counting = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i base = _mm512_set1_epi64((int64_t)(intptr_t)w->codes),
                  unit = _mm512_set1_epi64(w->places ? CK_PLACE_BYTES : (int64_t)w->stride);
    const __m256i codes = _mm256_maskz_loadu_epi8(kept, x->codes + first);
    int8_t *const activations = (int8_t *)list->activations;
    uint32_t places[48];
    size_t count = 0;
    for (size_t half = 0; half < (size_t)group / 16; half++) {
        const size_t begin = first + 16 * half;
        const __mmask16 own = (__mmask16)(kept >> (16 * half));
        const __m512i place = w->places ? _mm512_maskz_loadu_epi32(own, w->places + begin)
                                        : _mm512_add_epi32(counting, _mm512_set1_epi32((int)begin));
        const __m128i code = half ? _mm256_extracti128_si256(codes, 1) : _mm256_castsi256_si128(codes);
        const __m512i packed = _mm512_maskz_compress_epi32(own, _mm512_cvtepi8_epi32(code));
        _mm512_storeu_si512(places + count, _mm512_maskz_compress_epi32(own, place));
        _mm_storeu_si128((__m128i *)(activations + count), _mm512_cvtepi32_epi8(packed));
        count += (size_t)__builtin_popcount(own);
    }
    _mm_storeu_si128((__m128i *)(places + count), _mm_set1_epi32((int)places[count == 0 ? 0 : count - 1]));
    memset(activations + count, 0, 4);
    for (size_t i = 0; i < (size_t)group; i += 8) {
        const __m512i place = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(places + i)));
        _mm512_storeu_si512(list->run + i, _mm512_add_epi64(base, _mm512_mul_epu32(place, unit)));
    }
    list->fours = (count + 3) / 4;
    total_up(list, x->scale32[first / 32], codes);
}

// The one or two groups of a block.
CK_INLINE void collect_block(group_list list[2], const int group, const int is_whole_panel,
                             const ck_channels *restrict w, const ck_activations *restrict x, uint32_t kept,
                             size_t b) {
    for (int part = 0; part < 32 / group; part++) {
        const size_t first = b * 32 + (size_t)(part * group);
        if (is_whole_panel) {
            collect_whole(&list[part], group, w, x, first);
        } else {
            collect(&list[part], group, w, x, group == 32 ? kept : kept >> (16 * part) & 0xffff, first);
        }
    }
}

#endif
