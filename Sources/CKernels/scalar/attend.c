#include <math.h>

#include "scalar.h"

static float cached(const ck_attention *job, const uint8_t *rows, size_t position, size_t d) {
    return ck_cached(rows + position * job->kv_stride, d, job->head_dim, job->kv_bits);
}

// One query: scores, softmax, weighted sum of the values.
static void attend_one(const ck_attention *job, size_t query) {
    const size_t token = query / job->group, length = job->first_length + token;
    const size_t at = token * job->q_stride + query % job->group * job->head_dim;
    const float *q = job->q + at;
    float *out = job->out + at;
    float top = -INFINITY;
    for (size_t p = 0; p < length; p++) {
        float dot = 0;
        for (size_t d = 0; d < job->head_dim; d++) dot += q[d] * cached(job, job->k, p, d);
        job->scores[p] = dot * job->scale;
        top = fmaxf(top, job->scores[p]);
    }
    float sum = 0;
    for (size_t p = 0; p < length; p++) sum += job->scores[p] = expf(job->scores[p] - top);
    for (size_t d = 0; d < job->head_dim; d++) out[d] = 0;
    for (size_t p = 0; p < length; p++) {
        const float weight = job->scores[p] / sum;
        for (size_t d = 0; d < job->head_dim; d++) out[d] += weight * cached(job, job->v, p, d);
    }
}

void ck_scalar_attend(const ck_attention *job) {
    for (size_t query = 0; query < job->queries; query++) attend_one(job, query);
}
