// Attention of the queries of one key/value head, up to eight of them per pass over the cache.
//
// Scores lie [position][8 queries]: the softmax of all queries runs lane by lane, with no sums across a
// vector. The values are taken in stretches of 64 positions, so that their lines stay in the first cache
// while one slice of the head after another sums over them in registers.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include <math.h>

#include "exponential.h"

enum { LANES = 8, STRETCH = 64 };

typedef struct {
    const float *q[LANES];
    float *out[LANES];
    int32_t length[LANES];
    size_t longest;
} attend_pass;

// The sums of eight vectors, in order.
CK_INLINE __m256 sums8(const __m256 v[8]) {
    const __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    const __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

// The eight elements from d on of a row of the cache.
CK_INLINE __m256 cached8(const int bits, const uint8_t *row, size_t d, size_t head_dim) {
    if (bits == CK_CACHE_HALF) return halves8(row + 2 * d);
    const __m128i scale = _mm_set1_epi16((int16_t)ck_load16(row + head_dim + d / CK_CACHE_GROUP * 2));
    const __m256i codes = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(row + d)));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(codes), _mm256_cvtph_ps(scale));
}

// Writes scale * q . k, or minus infinity where a query does not see the position; returns the largest of
// each query.
CK_INLINE __m256 score_all(const int bits, const attend_pass *restrict pass, const ck_attention *restrict job,
                           ck_cache_walk *restrict walk, const int queries) {
    const __m256i length = load32(pass->length);
    const __m256 scale = _mm256_set1_ps(job->scale), none = _mm256_set1_ps(-INFINITY);
    __m256 top = none;
    for (size_t p = 0; p < pass->longest; p++) {
        const uint8_t *restrict k = job->k + p * job->kv_stride;
        ck_ask_cached(walk, (p + 1) * job->kv_stride);
        __m256 sum[LANES];
        for (int i = 0; i < LANES; i++) sum[i] = _mm256_setzero_ps();
        for (size_t d = 0; d < job->head_dim; d += 8) {
            const __m256 key = cached8(bits, k, d, job->head_dim);
            for (int i = 0; i < queries; i++) {
                sum[i] = _mm256_fmadd_ps(key, _mm256_loadu_ps(pass->q[i] + d), sum[i]);
            }
        }
        const __m256 seen = _mm256_castsi256_ps(_mm256_cmpgt_epi32(length, _mm256_set1_epi32((int)p)));
        const __m256 score = _mm256_blendv_ps(none, _mm256_mul_ps(sums8(sum), scale), seen);
        _mm256_storeu_ps(job->scores + LANES * p, score);
        top = _mm256_max_ps(top, score);
    }
    return top;
}

// Scores become exp(score - top); returns one over their sums.
CK_INLINE __m256 weigh_all(const attend_pass *restrict pass, float *restrict scores, __m256 top) {
    const __m256 none = _mm256_set1_ps(-INFINITY);
    __m256 sum = _mm256_setzero_ps();
    for (size_t p = 0; p < pass->longest; p++) {
        const __m256 score = _mm256_loadu_ps(scores + LANES * p);
        const __m256 weight =
            _mm256_andnot_ps(_mm256_cmp_ps(score, none, _CMP_EQ_OQ), exponential(_mm256_sub_ps(score, top)));
        _mm256_storeu_ps(scores + LANES * p, weight);
        sum = _mm256_add_ps(sum, weight);
    }
    return _mm256_div_ps(_mm256_set1_ps(1), sum);
}

// out[i][d ...] += weight * value over the positions begin ..< end, for 8 * slices elements from d on.
CK_INLINE void add_slices(const int bits, const attend_pass *restrict pass, const ck_attention *restrict job,
                          const int queries, const size_t slices, size_t d, size_t begin, size_t end) {
    __m256 sum[LANES][2];
    for (int i = 0; i < queries; i++) {
        for (size_t s = 0; s < slices; s++) {
            sum[i][s] = begin == 0 ? _mm256_setzero_ps() : _mm256_loadu_ps(pass->out[i] + d + 8 * s);
        }
    }
    for (size_t p = begin; p < end; p++) {
        __m256 value[2];
        for (size_t s = 0; s < slices; s++)
            value[s] = cached8(bits, job->v + p * job->kv_stride, d + 8 * s, job->head_dim);
        for (int i = 0; i < queries; i++) {
            const __m256 weight = _mm256_broadcast_ss(job->scores + LANES * p + i);
            for (size_t s = 0; s < slices; s++) sum[i][s] = _mm256_fmadd_ps(weight, value[s], sum[i][s]);
        }
    }
    for (int i = 0; i < queries; i++) {
        for (size_t s = 0; s < slices; s++) _mm256_storeu_ps(pass->out[i] + d + 8 * s, sum[i][s]);
    }
}

CK_INLINE void attend_bits(const int bits, const attend_pass *restrict pass, const ck_attention *restrict job,
                           const int queries) {
    float inverse[LANES];
    ck_cache_walk walk = ck_ask_cache(job, pass->longest);
    _mm256_storeu_ps(inverse, weigh_all(pass, job->scores, score_all(bits, pass, job, &walk, queries)));
    for (size_t begin = 0; begin < pass->longest; begin += STRETCH) {
        const size_t end = begin + STRETCH < pass->longest ? begin + STRETCH : pass->longest;
        ck_ask_cached(&walk, walk.bytes + end * job->kv_stride);
        size_t d = 0;
        // Sixteen registers hold two slices of up to six queries.
        for (; queries <= 6 && d + 16 <= job->head_dim; d += 16)
            add_slices(bits, pass, job, queries, 2, d, begin, end);
        for (; d < job->head_dim; d += 8) add_slices(bits, pass, job, queries, 1, d, begin, end);
    }
    for (int i = 0; i < queries; i++) {
        for (size_t d = 0; d < job->head_dim; d++) pass->out[i][d] *= inverse[i];
    }
}

CK_INLINE void attend_queries(const attend_pass *restrict pass, const ck_attention *restrict job,
                              const int queries) {
    if (job->kv_bits == CK_CACHE_HALF) {
        attend_bits(CK_CACHE_HALF, pass, job, queries);
    } else {
        attend_bits(CK_CACHE_BYTE, pass, job, queries);
    }
}

CK_AVX2 void ck_avx2_attend(const ck_attention *job) {
    for (size_t begin = 0; begin < job->queries; begin += LANES) {
        const size_t queries = begin + LANES < job->queries ? LANES : job->queries - begin;
        attend_pass pass = {0};
        for (size_t i = 0; i < LANES; i++) {
            // Lanes without a query repeat the last one's length, so that their sums are not zero.
            const size_t query = begin + (i < queries ? i : queries - 1), token = query / job->group;
            const size_t at = token * job->q_stride + query % job->group * job->head_dim;
            pass.q[i] = job->q + at;
            pass.out[i] = job->out + at;
            pass.longest = job->first_length + token;
            pass.length[i] = (int32_t)pass.longest;
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
