#include "../ck_internal.h"

#if defined(__x86_64__)
#include "../scalar/scalar.h"
#include "avx512.h"

const ck_table ck_table_avx512 = {
    .name = "avx512",
    .quantize = ck_avx512_quantize,
    .rows_dot = ck_avx512_rows_dot,
    .rows_bound = ck_avx512_rows_bound,
    .channels_add = ck_avx512_channels_add,
    .rows_matmul = ck_avx512_rows_matmul,
    .channels_matmul = ck_avx512_channels_matmul,
    .rms_norm = ck_avx512_rms_norm,
    .activate = ck_avx512_activate,
    .activate_multiply = ck_avx512_activate_multiply,
    .rope = ck_scalar_rope,
    .attend = ck_avx512_attend,
    .to_half = ck_avx512_to_half,
    .keep = ck_avx512_keep,
};
#endif
