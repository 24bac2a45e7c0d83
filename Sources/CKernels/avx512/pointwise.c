#include <math.h>

#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "lanes.h"

// e^x to about 2 ulp: e^x = 2^n e^r with |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 6 after a
// split ln 2 keeps r exact. Below -87 the result is flushed towards zero, above 88 it becomes infinite.
CK_INLINE __m512 exponential(__m512 x) {
    // Beyond these the result is 0 or infinite anyway, and n or r would lose their meaning.
    x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-200)), _mm512_set1_ps(200));
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.0f / 5040);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 720));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    return _mm512_scalef_ps(p, n);
}

void ck_avx512_quantize(ck_activations *x, const float *values, size_t n) {
    const size_t padded = ck_pad64(n);
    x->n = n;
    x->values = values;
    for (size_t g = 0; g < padded / 32; g++) {
        const size_t at = g * 32;
        const __mmask16 m0 = at < n ? first_lanes(n - at) : 0;
        const __mmask16 m1 = at + 16 < n ? first_lanes(n - at - 16) : 0;
        const __m512 a = _mm512_maskz_loadu_ps(m0, values + at),
                     b = _mm512_maskz_loadu_ps(m1, values + at + 16);
        const float top = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
        const float scale = top / 127, inverse = top > 0 ? 127 / top : 0;
        const __m512i ca = _mm512_cvtps_epi32(_mm512_mul_ps(a, _mm512_set1_ps(inverse)));
        const __m512i cb = _mm512_cvtps_epi32(_mm512_mul_ps(b, _mm512_set1_ps(inverse)));
        _mm_storeu_si128((__m128i *)(x->codes + at), _mm512_cvtepi32_epi8(ca));
        _mm_storeu_si128((__m128i *)(x->codes + at + 16), _mm512_cvtepi32_epi8(cb));
        const int32_t sa = _mm512_reduce_add_epi32(ca), sb = _mm512_reduce_add_epi32(cb);
        x->scale32[g] = x->scale16[2 * g] = x->scale16[2 * g + 1] = scale;
        x->sum16[2 * g] = scale * (float)sa;
        x->sum16[2 * g + 1] = scale * (float)sb;
        x->sum32[g] = scale * (float)(sa + sb);
    }
}

void ck_avx512_rms_norm(float *out, const float *x, const float *gain, size_t n, float epsilon) {
    __m512d low = _mm512_setzero_pd(), high = low;
    for (size_t i = 0; i < n; i += 16) {
        const __m512 v = _mm512_maskz_loadu_ps(first_lanes(n - i), x + i);
        const __m512d a = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
        const __m512d b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
        low = _mm512_fmadd_pd(a, a, low);
        high = _mm512_fmadd_pd(b, b, high);
    }
    const double square = _mm512_reduce_add_pd(_mm512_add_pd(low, high));
    const __m512 scale = _mm512_set1_ps((float)(1 / sqrt(square / (double)n + (double)epsilon)));
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = first_lanes(n - i);
        const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), scale);
        _mm512_mask_storeu_ps(out + i, m, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, gain + i)));
    }
}

CK_INLINE __m512 activated(__m512 g, int kind) {
    const __m512 one = _mm512_set1_ps(1);
    if (kind == CK_GELU_TANH) {
        // 0.5 g (1 + tanh z) = g / (1 + e^(-2 z))
        const __m512 square = _mm512_mul_ps(g, g);
        const __m512 inner = _mm512_fmadd_ps(square, _mm512_set1_ps(0.044715f), one);
        const __m512 z = _mm512_mul_ps(_mm512_mul_ps(g, inner), _mm512_set1_ps(-2 * 0.79788456f));
        return _mm512_div_ps(g, _mm512_add_ps(one, exponential(z)));
    }
    return _mm512_div_ps(g, _mm512_add_ps(one, exponential(_mm512_sub_ps(_mm512_setzero_ps(), g))));
}

void ck_avx512_activate(float *g, size_t n, int kind) {
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = first_lanes(n - i);
        _mm512_mask_storeu_ps(g + i, m, activated(_mm512_maskz_loadu_ps(m, g + i), kind));
    }
}

void ck_avx512_activate_multiply(float *g, const float *u, size_t n, int kind) {
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = first_lanes(n - i);
        const __m512 v = activated(_mm512_maskz_loadu_ps(m, g + i), kind);
        _mm512_mask_storeu_ps(g + i, m, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, u + i)));
    }
}

void ck_avx512_to_half(uint16_t *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = first_lanes(n - i);
        _mm256_mask_storeu_epi16(out + i, m, _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, x + i), 0));
    }
}

CK_INLINE uint32_t far16(__mmask16 m, const float *restrict x, const float *restrict center,
                         const float *restrict limits, size_t i) {
    __m512 away = _mm512_maskz_loadu_ps(m, x + i);
    if (center) away = _mm512_sub_ps(away, _mm512_maskz_loadu_ps(m, center + i));
    return _mm512_mask_cmp_ps_mask(m, _mm512_abs_ps(away), _mm512_maskz_loadu_ps(m, limits + i), _CMP_NLT_UQ);
}

void ck_avx512_keep(uint32_t *mask, const float *x, const float *center, const float *limits, size_t n) {
    for (size_t i = 0; i < n; i += 32) {
        const __mmask16 second = n - i > 16 ? first_lanes(n - i - 16) : 0;
        mask[i / 32] =
            far16(first_lanes(n - i), x, center, limits, i) | far16(second, x, center, limits, i + 16) << 16;
    }
}

// Scores of 16 positions become weights in place of themselves; see ck_avx512_attend.
CK_INLINE float softmax(float *restrict s, size_t length) {
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (size_t p = 0; p < length; p += 16) {
        const __mmask16 m = first_lanes(length - p);
        top = _mm512_mask_max_ps(top, m, top, _mm512_loadu_ps(s + p));
    }
    const __m512 most = _mm512_set1_ps(_mm512_reduce_max_ps(top));
    __m512 sum = _mm512_setzero_ps();
    for (size_t p = 0; p < length; p += 16) {
        const __mmask16 m = first_lanes(length - p);
        const __m512 e = _mm512_maskz_mov_ps(m, exponential(_mm512_sub_ps(_mm512_loadu_ps(s + p), most)));
        _mm512_storeu_ps(s + p, e);
        sum = _mm512_add_ps(sum, e);
    }
    return _mm512_reduce_add_ps(sum);
}

// `count` queries of one token or of neighbouring ones read each key once. The order of every sum depends on
// the query alone, so that a query's result does not depend on which others are computed with it.
CK_INLINE void attend_some(const int bits, const ck_attention *job, size_t first, const size_t count) {
    const float *q[4];
    float *out[4], *scores[4], inverse[4];
    size_t length[4], longest = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t token = (first + i) / job->group, head = (first + i) % job->group;
        q[i] = job->q + token * job->q_stride + head * job->head_dim;
        out[i] = job->out + token * job->q_stride + head * job->head_dim;
        length[i] = job->first_length + token;
        longest = length[i] > longest ? length[i] : longest;
    }
    for (size_t i = 0; i < count; i++) scores[i] = job->scores + i * ck_pad64(longest);
    ck_cache_walk walk = ck_ask_cache(job, longest);
    const __m512 scale = _mm512_set1_ps(job->scale);
    for (size_t p = 0; p < longest; p++) {
        const uint8_t *key = job->k + p * job->kv_stride;
        ck_ask_cached(&walk, (p + 1) * job->kv_stride);
        __m512 sum[4];
        for (size_t i = 0; i < count; i++) sum[i] = _mm512_setzero_ps();
        for (size_t d = 0; d < job->head_dim; d += 16) {
            const __mmask16 m = first_lanes(job->head_dim - d);
            const __m512 k = cached16(bits, m, key, d, job->head_dim);
            for (size_t i = 0; i < count; i++) {
                sum[i] = _mm512_fmadd_ps(k, _mm512_maskz_loadu_ps(m, q[i] + d), sum[i]);
            }
        }
        for (size_t i = 0; i < count; i++) scores[i][p] = _mm512_reduce_add_ps(_mm512_mul_ps(sum[i], scale));
    }
    for (size_t i = 0; i < count; i++) {
        inverse[i] = 1 / softmax(scores[i], length[i]);
        for (size_t p = length[i]; p < longest; p++) scores[i][p] = 0;
    }
    for (size_t d = 0; d < job->head_dim; d += 64) {
        const size_t left = job->head_dim - d;
        __m512 sum[4][4];
        for (size_t i = 0; i < count; i++) {
            for (size_t v = 0; v < 4; v++) sum[i][v] = _mm512_setzero_ps();
        }
        for (size_t p = 0; p < longest; p++) {
            const uint8_t *value = job->v + p * job->kv_stride;
            ck_ask_cached(&walk, walk.bytes + (p + 1) * job->kv_stride);
            for (size_t v = 0; v < 4 && 16 * v < left; v++) {
                const __m512 row = cached16(bits, first_lanes(left - 16 * v), value, d + 16 * v, job->head_dim);
                for (size_t i = 0; i < count; i++) {
                    sum[i][v] = _mm512_fmadd_ps(row, _mm512_set1_ps(scores[i][p]), sum[i][v]);
                }
            }
        }
        for (size_t i = 0; i < count; i++) {
            for (size_t v = 0; v < 4 && 16 * v < left; v++) {
                _mm512_mask_storeu_ps(out[i] + d + 16 * v, first_lanes(left - 16 * v),
                                      _mm512_mul_ps(sum[i][v], _mm512_set1_ps(inverse[i])));
            }
        }
    }
}

CK_INLINE void attend_all(const int bits, const ck_attention *job) {
    size_t i = 0;
    for (; i + 4 <= job->queries; i += 4) attend_some(bits, job, i, 4);
    for (; i + 2 <= job->queries; i += 2) attend_some(bits, job, i, 2);
    if (i < job->queries) attend_some(bits, job, i, 1);
}

void ck_avx512_attend(const ck_attention *job) {
    if (job->kv_bits == CK_CACHE_HALF) {
        attend_all(CK_CACHE_HALF, job);
    } else {
        attend_all(CK_CACHE_BYTE, job);
    }
}
CK_TARGET_END
#endif
