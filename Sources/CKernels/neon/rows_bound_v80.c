// Bounds of products from rough rows without the dot-product instructions (Cortex-A53, A72).
//
// 16 additions of two products of 3 by 127 to a 16-bit lane make 12192.
#if defined(__aarch64__)
#include <arm_neon.h>

typedef struct {
    int16x8_t narrow;
    int32x4_t wide;
} sums;

static inline __attribute__((always_inline)) void add_coarse(sums *s, int8x16_t weights, int8x16_t codes) {
    s->narrow = vmlal_s8(s->narrow, vget_low_s8(weights), vget_low_s8(codes));
    s->narrow = vmlal_high_s8(s->narrow, weights, codes);
}

// Two products of 128 by 127 fill a lane.
static inline __attribute__((always_inline)) void add_fine(sums *s, int8x16_t weights, int8x16_t codes) {
    const int16x8_t products = vmull_s8(vget_low_s8(weights), vget_low_s8(codes));
    s->wide = vpadalq_s16(s->wide, vmlal_high_s8(products, weights, codes));
}

static inline __attribute__((always_inline)) void widen(sums *s) {
    s->wide = vpadalq_s16(s->wide, s->narrow);
    s->narrow = vdupq_n_s16(0);
}

#define CK_TARGET
#define CK_NAME(name) name##_neon
#define CK_SUMS sums
#define CK_ADD add_coarse
#define CK_ADD_FINE add_fine
#define CK_WIDEN widen
#define CK_WHOLE(s) (s)->wide
#include "rows_bound_body.h"
#endif
