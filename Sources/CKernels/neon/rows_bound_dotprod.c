// Bounds of products from rough rows with the dot-product instructions (Cortex-A55, A76 and later).
#if defined(__aarch64__)
#include "lanes.h"

#define CK_ADD(s, weights, codes) (*(s) = vdotq_s32(*(s), weights, codes))

#define CK_TARGET CK_TARGET_DOTPROD
#define CK_NAME(name) name##_neon_dotprod
#define CK_SUMS int32x4_t
#define CK_ADD_FINE CK_ADD
#define CK_WIDEN(s) ((void)(s))
#define CK_WHOLE(s) *(s)
#include "rows_bound_body.h"
#endif
