#include <math.h>

#include "scalar.h"

// One query: scores, softmax, weighted sum of the values.
static void attend_one(const ck_attention *job, size_t query) {
    const size_t token = query / job->group, length = job->first_length + token;
    const size_t at = token * job->q_stride + query % job->group * job->head_dim;
    const float *q = job->q + at;
    float *out = job->out + at;
    float top = -INFINITY;
    for (size_t p = 0; p < length; p++) {
        float dot = 0;
        for (size_t d = 0; d < job->head_dim; d++) dot += q[d] * ck_half(job->k[p * job->kv_stride + d]);
        job->scores[p] = dot * job->scale;
        top = fmaxf(top, job->scores[p]);
    }
    float sum = 0;
    for (size_t p = 0; p < length; p++) sum += job->scores[p] = expf(job->scores[p] - top);
    for (size_t d = 0; d < job->head_dim; d++) out[d] = 0;
    for (size_t p = 0; p < length; p++) {
        const float weight = job->scores[p] / sum;
        for (size_t d = 0; d < job->head_dim; d++) out[d] += weight * ck_half(job->v[p * job->kv_stride + d]);
    }
}

void ck_scalar_attend(const ck_attention *job) {
    for (size_t query = 0; query < job->queries; query++) attend_one(job, query);
}
