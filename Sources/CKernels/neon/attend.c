// Attention of the queries of one key/value head, up to eight of them per pass over the cache.
//
// A position's keys are converted once for all queries of the pass. The values are taken in stretches of 64
// positions, so that their lines stay in the first cache while one slice of eight elements after another sums
// over them in registers.
#if defined(__aarch64__)
#include <math.h>

#include "exponential.h"
#include "tables.h"

typedef struct {
    const float *q[8];
    float *out[8], *scores[8];
    size_t length[8], longest;
} attend_pass;

// The eight elements from d on of a row of the cache.
CK_INLINE float32x4x2_t cached8(int bits, const uint8_t *row, size_t d, size_t head_dim) {
    if (bits == CK_CACHE_HALF) return float_weights8(row + 2 * d, CK_F16);
    const int16x8_t codes = vmovl_s8(vld1_s8((const int8_t *)row + d));
    const uint16x4_t half = vdup_n_u16(ck_load16(row + head_dim + d / CK_CACHE_GROUP * 2));
    const float32x4_t scale = vcvt_f32_f16(vreinterpret_f16_u16(half));
    float32x4x2_t w;
    w.val[0] = vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(codes))), scale);
    w.val[1] = vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(codes)), scale);
    return w;
}

// scores[i][p] = scale * q[i] . k[p] for one or two positions.
CK_INLINE void score(int bits, const attend_pass *restrict pass, const ck_attention *restrict job, size_t p,
                     int positions, int queries) {
    const uint8_t *const first = job->k + p * job->kv_stride, *const second = first + job->kv_stride;
    float32x4_t sum[2][8];
    for (int i = 0; i < 8; i++) sum[0][i] = sum[1][i] = vdupq_n_f32(0);
    for (size_t d = 0; d < job->head_dim; d += 8) {
        const float32x4x2_t a = cached8(bits, first, d, job->head_dim),
                            b = positions == 2 ? cached8(bits, second, d, job->head_dim) : a;
#pragma GCC unroll 8
        for (int i = 0; i < queries; i++) {
            const float32x4_t low = vld1q_f32(pass->q[i] + d), high = vld1q_f32(pass->q[i] + d + 4);
            sum[0][i] = vfmaq_f32(vfmaq_f32(sum[0][i], a.val[0], low), a.val[1], high);
            if (positions == 2) sum[1][i] = vfmaq_f32(vfmaq_f32(sum[1][i], b.val[0], low), b.val[1], high);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < queries; i++) {
        const float32x4_t pairs = vpaddq_f32(sum[0][i], sum[1][i]);
        const float32x2_t both = vmul_n_f32(vpadd_f32(vget_low_f32(pairs), vget_high_f32(pairs)), job->scale);
        if (positions == 2)
            vst1_f32(pass->scores[i] + p, both);
        else
            vst1_lane_f32(pass->scores[i] + p, both, 0);
    }
}

CK_INLINE void score_all(int bits, const attend_pass *restrict pass, const ck_attention *restrict job,
                         int queries) {
    size_t p = 0;
    for (; p + 2 <= pass->longest; p += 2) score(bits, pass, job, p, 2, queries);
    if (p < pass->longest) score(bits, pass, job, p, 1, queries);
}

// scores[0 ..< length] become their softmax; the rest up to a multiple of 64 past `longest` becomes zero.
static void softmax(float *restrict scores, size_t length, size_t longest) {
    for (size_t p = length; p < ck_pad64(longest); p++) scores[p] = -INFINITY;
    float32x4_t largest = vdupq_n_f32(-INFINITY);
    for (size_t p = 0; p < ck_pad64(length); p += 4) largest = vmaxq_f32(largest, vld1q_f32(scores + p));
    const float top = vmaxvq_f32(largest);
    float32x4_t sum = vdupq_n_f32(0);
    // One exponential is a chain of dependent operations; four abreast keep an in-order core busy.
#pragma GCC unroll 4
    for (size_t p = 0; p < ck_pad64(longest); p += 4) {
        const float32x4_t score = vld1q_f32(scores + p), none = vdupq_n_f32(-INFINITY);
        const float32x4_t weight = exponential(vsubq_f32(score, vdupq_n_f32(top)));
        const float32x4_t kept = vbslq_f32(vceqq_f32(score, none), vdupq_n_f32(0), weight);
        vst1q_f32(scores + p, kept);
        sum = vaddq_f32(sum, kept);
    }
    const float inverse = 1 / vaddvq_f32(sum);
    for (size_t p = 0; p < ck_pad64(longest); p += 4)
        vst1q_f32(scores + p, vmulq_n_f32(vld1q_f32(scores + p), inverse));
}

CK_INLINE void add_values(int bits, const attend_pass *restrict pass, const ck_attention *restrict job,
                          int queries) {
    for (size_t begin = 0; begin < pass->longest; begin += 64) {
        const size_t end = begin + 64 < pass->longest ? begin + 64 : pass->longest;
        for (size_t d = 0; d < job->head_dim; d += 8) {
            float32x4_t low[8], high[8];
            for (int i = 0; i < queries; i++) {
                low[i] = begin == 0 ? vdupq_n_f32(0) : vld1q_f32(pass->out[i] + d);
                high[i] = begin == 0 ? vdupq_n_f32(0) : vld1q_f32(pass->out[i] + d + 4);
            }
            for (size_t p = begin; p < end; p++) {
                const float32x4x2_t value = cached8(bits, job->v + p * job->kv_stride, d, job->head_dim);
#pragma GCC unroll 8
                for (int i = 0; i < queries; i++) {
                    low[i] = vfmaq_n_f32(low[i], value.val[0], pass->scores[i][p]);
                    high[i] = vfmaq_n_f32(high[i], value.val[1], pass->scores[i][p]);
                }
            }
            for (int i = 0; i < queries; i++) {
                vst1q_f32(pass->out[i] + d, low[i]);
                vst1q_f32(pass->out[i] + d + 4, high[i]);
            }
        }
    }
}

CK_INLINE void attend_bits(int bits, const attend_pass *restrict pass, const ck_attention *restrict job,
                           int queries) {
    score_all(bits, pass, job, queries);
    for (int i = 0; i < queries; i++) softmax(pass->scores[i], pass->length[i], pass->longest);
    add_values(bits, pass, job, queries);
}

CK_INLINE void attend_queries(const attend_pass *restrict pass, const ck_attention *restrict job,
                              int queries) {
    if (job->kv_bits == CK_CACHE_HALF) {
        attend_bits(CK_CACHE_HALF, pass, job, queries);
    } else {
        attend_bits(CK_CACHE_BYTE, pass, job, queries);
    }
}

void ck_neon_attend(const ck_attention *job) {
    const size_t row = ck_pad64(job->first_length + job->queries / job->group);
    for (size_t begin = 0; begin < job->queries; begin += 8) {
        const int queries = (int)(begin + 8 < job->queries ? 8 : job->queries - begin);
        attend_pass pass = {0};
        pass.longest = 0;
        for (int i = 0; i < queries; i++) {
            const size_t query = begin + (size_t)i, token = query / job->group;
            const size_t at = token * job->q_stride + query % job->group * job->head_dim;
            pass.q[i] = job->q + at;
            pass.out[i] = job->out + at;
            pass.scores[i] = job->scores + (size_t)i * row;
            pass.length[i] = job->first_length + token;
            pass.longest = pass.length[i];
        }
        switch (queries) {
            case 1:
                attend_queries(&pass, job, 1);
                break;
            case 2:
                attend_queries(&pass, job, 2);
                break;
            case 3:
                attend_queries(&pass, job, 3);
                break;
            case 4:
                attend_queries(&pass, job, 4);
                break;
            case 5:
                attend_queries(&pass, job, 5);
                break;
            case 6:
                attend_queries(&pass, job, 6);
                break;
            case 7:
                attend_queries(&pass, job, 7);
                break;
            default:
                attend_queries(&pass, job, 8);
                break;
        }
    }
}
#endif
