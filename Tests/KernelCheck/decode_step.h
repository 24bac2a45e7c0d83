// One token through all layers on one thread, operation by operation as Sources/Decoder/Decoder+Step.swift
// does it: the same kernels in the same order, so that what it shows of a table holds for the decoder.
#ifndef DECODE_STEP_H
#define DECODE_STEP_H

#include "decode_model.h"

#include <math.h>

enum { most_chunks = 16 };

typedef struct {
    const ck_table *kernels;
    const model_weights *weights;
    size_t context;
    float *residual, *normed;        // [D]
    float *queries, *mixed;          // [Q]
    float *keys, *values;            // [K]
    float *gate;                     // [F]
    float *partials;                 // [chunks, pad64(D)]
    float *logits;                   // [vocabulary]
    float *cosines, *sines;          // [rotated / 2]
    float *scores;
    uint8_t *key_cache, *value_cache;  // f16 [layers, kv_heads, context, head_dim]
    ck_activations input, mixed_input;
    void *scratch;
} decoder;

static ck_activations activations(size_t n) {
    size_t padded = pad64(n);
    return (ck_activations){.codes = buffer(padded, 1),
                            .scale32 = buffer(padded / 32, sizeof(float)),
                            .sum32 = buffer(padded / 32, sizeof(float)),
                            .scale16 = buffer(padded / 16, sizeof(float)),
                            .sum16 = buffer(padded / 16, sizeof(float))};
}

static decoder start_decoder(const ck_table *kernels, const model_weights *m, size_t context) {
    size_t queries = m->heads * m->head_dim, keys = m->kv_heads * m->head_dim;
    size_t cached = m->layers * keys * context;
    return (decoder){.kernels = kernels,
                     .weights = m,
                     .context = context,
                     .residual = buffer(m->width, sizeof(float)),
                     .normed = buffer(m->width, sizeof(float)),
                     .queries = buffer(queries, sizeof(float)),
                     .mixed = buffer(queries, sizeof(float)),
                     .keys = buffer(keys, sizeof(float)),
                     .values = buffer(keys, sizeof(float)),
                     .gate = buffer(m->hidden, sizeof(float)),
                     .partials = buffer(most_chunks * pad64(m->width), sizeof(float)),
                     .logits = buffer(m->vocabulary, sizeof(float)),
                     .cosines = buffer(m->rotated / 2, sizeof(float)),
                     .sines = buffer(m->rotated / 2, sizeof(float)),
                     .scores = buffer(8 * pad64(context + m->heads), sizeof(float)),
                     .key_cache = buffer(cached, 2),
                     .value_cache = buffer(cached, 2),
                     .input = activations(m->width),
                     .mixed_input = activations(queries),
                     .scratch = buffer(CK_SCRATCH_BYTES, 1)};
}

static void fill_angles(decoder *d, size_t position) {
    const model_weights *m = d->weights;
    for (size_t pair = 0; pair < m->rotated / 2; pair++) {
        float theta = (float)position * powf(m->rope_base, -2 * (float)pair / (float)m->rotated);
        d->cosines[pair] = cosf(theta);
        d->sines[pair] = sinf(theta);
    }
}

static void prepare(decoder *d, const float *gain) {
    d->kernels->rms_norm(d->normed, d->residual, gain, d->weights->width, d->weights->epsilon);
    d->kernels->quantize(&d->input, d->normed, d->weights->width);
}

static void all_channels(decoder *d, float *y, const ck_channels *w, const ck_activations *x) {
    d->kernels->channels_add(y, w, x, NULL, 0, (w->channels + 31) / 32, 0, w->outputs);
}

static void attend(decoder *d, size_t layer, size_t position) {
    const model_weights *m = d->weights;
    size_t group = m->heads / m->kv_heads, width = m->head_dim;
    for (size_t head = 0; head < m->kv_heads; head++) {
        float *queries = d->queries + head * group * width;
        size_t row = ck_cache_row_bytes(CK_CACHE_HALF, width);
        size_t cache = (layer * m->kv_heads + head) * d->context * row, place = cache + position * row;
        ck_cache_store(d->kernels, d->key_cache + place, d->keys + head * width, width, CK_CACHE_HALF);
        ck_cache_store(d->kernels, d->value_cache + place, d->values + head * width, width, CK_CACHE_HALF);
        d->kernels->rope(queries, group, width, m->rotated, d->cosines, d->sines, 1);
        ck_attention job = {.out = d->mixed + head * group * width, .q = queries, .q_stride = group * width,
                            .queries = group, .group = group, .head_dim = width,
                            .k = d->key_cache + cache, .v = d->value_cache + cache, .kv_stride = row,
                            .kv_bits = CK_CACHE_HALF, .first_length = position + 1, .scale = 1 / sqrtf((float)width),
                            .scores = d->scores};
        d->kernels->attend(&job);
    }
}

static void attention(decoder *d, size_t layer, size_t position) {
    const model_weights *m = d->weights;
    const layer_weights *l = &m->layer[layer];
    size_t queries = m->heads * m->head_dim, keys = m->kv_heads * m->head_dim;
    prepare(d, l->attn_norm);
    memset(d->queries, 0, queries * sizeof(float));
    all_channels(d, d->queries, &l->query, &d->input);
    d->kernels->rows_dot(d->keys, &l->key, &d->input, NULL, 0, keys);
    d->kernels->rows_dot(d->values, &l->value, &d->input, NULL, 0, keys);
    d->kernels->rope(d->keys, m->kv_heads, m->head_dim, m->rotated, d->cosines, d->sines, 1);
    attend(d, layer, position);
    d->kernels->quantize(&d->mixed_input, d->mixed, queries);
    all_channels(d, d->residual, &l->attn_output, &d->mixed_input);
}

static void feed_forward(decoder *d, const layer_weights *l) {
    size_t width = d->weights->width, hidden = d->weights->hidden, stride = pad64(width);
    size_t blocks = (hidden + 31) / 32, chunks = blocks < most_chunks ? blocks : most_chunks;
    prepare(d, l->ffn_norm);
    memset(d->gate, 0, hidden * sizeof(float));
    all_channels(d, d->gate, &l->gate, &d->input);
    d->kernels->activate(d->gate, hidden, CK_SILU);
    memset(d->partials, 0, chunks * stride * sizeof(float));
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        ck_feed_forward(d->kernels, d->partials + chunk * stride, &l->up, &l->down, &d->input, d->gate, NULL,
                        0, blocks * chunk / chunks, blocks * (chunk + 1) / chunks,
                        blocks * (chunk + 1) / chunks, d->scratch);
    }
    for (size_t chunk = 0; chunk < chunks; chunk++) ck_add(d->residual, d->partials + chunk * stride, width);
}

static void head(decoder *d) {
    const model_weights *m = d->weights;
    prepare(d, m->output_norm);
    d->kernels->rows_dot(d->logits, &m->output, &d->input, NULL, 0, m->vocabulary);
}

// Evaluates `token` as number `position`; afterwards `logits` holds its prediction.
static void step(decoder *d, size_t token, size_t position) {
    const model_weights *m = d->weights;
    ck_row_decode(d->residual, &m->embedding, token);
    fill_angles(d, position);
    for (size_t layer = 0; layer < m->layers; layer++) {
        attention(d, layer, position);
        feed_forward(d, &m->layer[layer]);
    }
    head(d);
}

#endif
