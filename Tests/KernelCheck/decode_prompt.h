// A whole prompt through all layers, as Sources/Decoder/Decoder+Prefill.swift does it: the matrix products of
// a table, which no single step uses, and in which neon-i8mm differs from neon-dotprod.
#ifndef DECODE_PROMPT_H
#define DECODE_PROMPT_H

#include "decode_step.h"

typedef struct {
    size_t count;
    float *residual, *normed;      // [count, pad64(D)]
    float *queries, *mixed;        // [count, pad64(Q)]
    float *keys, *values;          // [count, pad64(K)]
    float *gate, *up;              // [count, pad64(F)]
} prompt_rows;

static float *float_rows(size_t count, size_t n) { return buffer(count * pad64(n), sizeof(float)); }

static ck_batch quantized(const decoder *d, const float *rows, size_t count, size_t n) {
    size_t padded = pad64(n);
    ck_activations all = activations(count * padded);
    for (size_t t = 0; t < count; t++) {
        ck_activations one = {.codes = all.codes + t * padded, .scale32 = all.scale32 + t * padded / 32,
                              .sum32 = all.sum32 + t * padded / 32, .scale16 = all.scale16 + t * padded / 16,
                              .sum16 = all.sum16 + t * padded / 16};
        d->kernels->quantize(&one, rows + t * padded, n);
    }
    return (ck_batch){.count = count, .n = n, .values = rows, .value_stride = padded, .codes = all.codes,
                      .scale32 = all.scale32, .sum32 = all.sum32, .scale16 = all.scale16, .sum16 = all.sum16};
}

static void let_go(ck_batch *x) {
    free(x->codes);
    free(x->scale32);
    free(x->sum32);
    free(x->scale16);
    free(x->sum16);
}

static ck_batch prepare_prompt(const decoder *d, const prompt_rows *p, const float *gain) {
    size_t width = d->weights->width, stride = pad64(width);
    for (size_t t = 0; t < p->count; t++) {
        d->kernels->rms_norm(p->normed + t * stride, p->residual + t * stride, gain, width, d->weights->epsilon);
    }
    return quantized(d, p->normed, p->count, width);
}

static void multiply(const decoder *d, float *y, const ck_rows *w, const ck_batch *x) {
    d->kernels->rows_matmul(y, pad64(w->rows), w, x, 0, w->rows, d->scratch);
}

static void multiply_add(const decoder *d, float *y, const ck_channels *w, const ck_batch *x) {
    d->kernels->channels_matmul(y, pad64(w->outputs), w, x, 0, w->outputs, d->scratch);
}

// Turns queries and keys, and stores keys and values in the cache, which begins at position 0.
static void place_prompt(decoder *d, const prompt_rows *p, size_t layer) {
    const model_weights *m = d->weights;
    size_t width = m->head_dim, queries = pad64(m->heads * width), keys = pad64(m->kv_heads * width);
    for (size_t t = 0; t < p->count; t++) {
        fill_angles(d, t);
        d->kernels->rope(p->queries + t * queries, m->heads, width, m->rotated, d->cosines, d->sines, 1);
        d->kernels->rope(p->keys + t * keys, m->kv_heads, width, m->rotated, d->cosines, d->sines, 1);
        for (size_t head = 0; head < m->kv_heads; head++) {
            size_t place = ((layer * m->kv_heads + head) * d->context + t) * ck_cache_row_bytes(CK_CACHE_HALF, width);
            ck_cache_store(d->kernels, d->key_cache + place, p->keys + t * keys + head * width, width,
                           CK_CACHE_HALF);
            ck_cache_store(d->kernels, d->value_cache + place, p->values + t * keys + head * width, width,
                           CK_CACHE_HALF);
        }
    }
}

static void prompt_attention(decoder *d, const prompt_rows *p, size_t layer) {
    const model_weights *m = d->weights;
    const layer_weights *l = &m->layer[layer];
    size_t width = m->head_dim, group = m->heads / m->kv_heads, stride = pad64(m->heads * width);
    ck_batch input = prepare_prompt(d, p, l->attn_norm);
    memset(p->queries, 0, p->count * stride * sizeof(float));
    multiply_add(d, p->queries, &l->query, &input);
    multiply(d, p->keys, &l->key, &input);
    multiply(d, p->values, &l->value, &input);
    let_go(&input);
    place_prompt(d, p, layer);
    for (size_t head = 0; head < m->kv_heads; head++) {
        size_t row = ck_cache_row_bytes(CK_CACHE_HALF, width);
        size_t cache = (layer * m->kv_heads + head) * d->context * row, first = head * group * width;
        ck_attention job = {.out = p->mixed + first, .q = p->queries + first, .q_stride = stride,
                            .queries = p->count * group, .group = group, .head_dim = width,
                            .k = d->key_cache + cache, .v = d->value_cache + cache, .kv_stride = row,
                            .kv_bits = CK_CACHE_HALF, .first_length = 1, .scale = 1 / sqrtf((float)width), .scores = d->scores};
        d->kernels->attend(&job);
    }
    ck_batch mixed = quantized(d, p->mixed, p->count, m->heads * width);
    multiply_add(d, p->residual, &l->attn_output, &mixed);
    let_go(&mixed);
}

static void prompt_feed_forward(decoder *d, const prompt_rows *p, const layer_weights *l) {
    size_t hidden = d->weights->hidden, stride = pad64(hidden);
    ck_batch input = prepare_prompt(d, p, l->ffn_norm);
    memset(p->gate, 0, p->count * stride * sizeof(float));
    multiply_add(d, p->gate, &l->gate, &input);
    multiply(d, p->up, &l->up, &input);
    let_go(&input);
    for (size_t t = 0; t < p->count; t++) {
        d->kernels->activate_multiply(p->gate + t * stride, p->up + t * stride, hidden, CK_SILU);
    }
    ck_batch inner = quantized(d, p->gate, p->count, hidden);
    multiply_add(d, p->residual, &l->down, &inner);
    let_go(&inner);
}

// Evaluates `tokens` as numbers 0 ..< count; afterwards `logits` holds the prediction of the last one.
static void evaluate_prompt(decoder *d, const size_t *tokens, size_t count) {
    const model_weights *m = d->weights;
    size_t queries = m->heads * m->head_dim, keys = m->kv_heads * m->head_dim, stride = pad64(m->width);
    prompt_rows p = {.count = count,
                     .residual = float_rows(count, m->width), .normed = float_rows(count, m->width),
                     .queries = float_rows(count, queries),   .mixed = float_rows(count, queries),
                     .keys = float_rows(count, keys),         .values = float_rows(count, keys),
                     .gate = float_rows(count, m->hidden),    .up = float_rows(count, m->hidden)};
    for (size_t t = 0; t < count; t++) ck_row_decode(p.residual + t * stride, &m->embedding, tokens[t]);
    for (size_t layer = 0; layer < m->layers; layer++) {
        prompt_attention(d, &p, layer);
        prompt_feed_forward(d, &p, &m->layer[layer]);
    }
    memcpy(d->residual, p.residual + (count - 1) * stride, m->width * sizeof(float));
    head(d);
}

#endif
