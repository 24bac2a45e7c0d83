// The NEON tables, each with what the poorer one has where it has nothing better.
#if defined(__aarch64__)
#include "tables.h"

#define CK_COMMON                                                                                   \
    .quantize = ck_neon_quantize, .rms_norm = ck_neon_rms_norm, .activate = ck_neon_activate,       \
    .activate_multiply = ck_neon_activate_multiply, .rope = ck_neon_rope, .attend = ck_neon_attend, \
    .to_half = ck_neon_to_half, .keep = ck_neon_keep

const ck_table ck_table_neon = {
    .name = "neon",
    .rows_dot = ck_rows_dot_neon,
    .rows_bound = ck_rows_bound_neon,
    .channels_add = ck_channels_add_neon,
    .rows_matmul = ck_rows_matmul_neon,
    .channels_matmul = ck_channels_matmul_neon,
    CK_COMMON,
};

const ck_table ck_table_neon_dotprod = {
    .name = "neon-dotprod",
    .rows_dot = ck_rows_dot_neon_dotprod,
    .rows_bound = ck_rows_bound_neon_dotprod,
    .channels_add = ck_channels_add_neon_dotprod,
    .rows_matmul = ck_rows_matmul_neon_dotprod,
    .channels_matmul = ck_channels_matmul_neon_dotprod,
    CK_COMMON,
};

const ck_table ck_table_neon_i8mm = {
    .name = "neon-i8mm",
    .rows_dot = ck_rows_dot_neon_dotprod,
    .rows_bound = ck_rows_bound_neon_dotprod,
    .channels_add = ck_channels_add_neon_dotprod,
    .rows_matmul = ck_rows_matmul_neon_i8mm,
    .channels_matmul = ck_channels_matmul_neon_i8mm,
    CK_COMMON,
};
#endif
