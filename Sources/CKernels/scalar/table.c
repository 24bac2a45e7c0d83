#include "scalar.h"

const ck_table ck_table_scalar = {
    .name = "scalar",
    .quantize = ck_scalar_quantize,
    .rows_dot = ck_scalar_rows_dot,
    .rows_bound = ck_scalar_rows_bound,
    .channels_add = ck_scalar_channels_add,
    .rows_matmul = ck_scalar_rows_matmul,
    .channels_matmul = ck_scalar_channels_matmul,
    .rms_norm = ck_scalar_rms_norm,
    .activate = ck_scalar_activate,
    .activate_multiply = ck_scalar_activate_multiply,
    .rope = ck_scalar_rope,
    .attend = ck_scalar_attend,
    .to_half = ck_scalar_to_half,
    .keep = ck_scalar_keep,
};
