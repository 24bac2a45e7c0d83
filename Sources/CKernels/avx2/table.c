#include "../ck_internal.h"
#include "avx2.h"

#if defined(__x86_64__)

const ck_table ck_table_avx2 = {
    .name = "avx2",
    .quantize = ck_avx2_quantize,
    .rows_dot = ck_avx2_rows_dot,
    .rows_bound = ck_avx2_rows_bound,
    .channels_add = ck_avx2_channels_add,
    .rows_matmul = ck_avx2_rows_matmul,
    .channels_matmul = ck_avx2_channels_matmul,
    .rms_norm = ck_avx2_rms_norm,
    .activate = ck_avx2_activate,
    .activate_multiply = ck_avx2_activate_multiply,
    .rope = ck_avx2_rope,
    .attend = ck_avx2_attend,
    .to_half = ck_avx2_to_half,
    .keep = ck_avx2_keep,
};

#endif
