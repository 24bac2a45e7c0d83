// The weights of a llama model, as describe.py says where they lie in a mapped store.
#ifndef DECODE_MODEL_H
#define DECODE_MODEL_H

#include <ckernels.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

// D is the embedding's width, F the feed-forward part's, Q and K the widths of queries and of keys.
typedef struct {
    const float *attn_norm, *ffn_norm;  // [D]
    ck_channels query, attn_output;     // [Q, D], [D, Q]
    ck_rows key, value;                 // [K, D]
    ck_channels gate, down;             // [F, D], [D, F]
    ck_rows up;                         // [F, D]
} layer_weights;

typedef struct {
    size_t layers, width, hidden, heads, kv_heads, head_dim, vocabulary, rotated;
    float rope_base, epsilon;
    ck_rows embedding, output;  // [vocabulary, D]
    const float *output_norm;   // [D]
    layer_weights *layer;
    const uint8_t *store;
    size_t store_bytes;
    FILE *description;
} model_weights;

static void refuse(const char *where, const char *what) {
    fprintf(stderr, "decode: %s: %s\n", where, what);
    exit(2);
}

static size_t pad64(size_t n) { return (n + 63) / 64 * 64; }

// Zeroed, for `count` elements and what kernels may read past them.
static void *buffer(size_t count, size_t size) {
    size_t bytes = pad64(pad64(count) * size);
    void *memory = aligned_alloc(64, bytes);
    if (!memory) refuse("memory", "there is not enough");
    return memset(memory, 0, bytes);
}

typedef struct {
    ck_form form;
    size_t outputs, inputs;
    const uint8_t *codes, *groups, *supers;
    size_t stride, group_stride, super_stride;
} tensor_line;

static const uint8_t *place(const model_weights *m, const char *name, size_t at) {
    if (at >= m->store_bytes) refuse(name, "lies past the end of the store");
    return m->store + at;
}

// The next line, which must be the tensor that the model needs next.
static tensor_line next_tensor(model_weights *m, const char *name, const char *layout, size_t outputs,
                               size_t inputs) {
    char found[64], kind[16];
    unsigned bits, group, levels, has_min;
    int offset;
    size_t codes, groups, supers;
    tensor_line t;
    int fields = fscanf(m->description, "%63s %15s %u %u %u %u %d %zu %zu %zu %zu %zu %zu %zu %zu", found, kind,
                        &bits, &group, &levels, &has_min, &offset, &t.outputs, &t.inputs, &codes, &t.stride,
                        &groups, &t.group_stride, &supers, &t.super_stride);
    if (fields != 15 || strcmp(kind, layout) != 0) refuse(name, "is not the next tensor of the description");
    // The head may be tied to the embedding; every other name is fixed.
    if (strcmp(found, name) != 0 && strcmp(name, "output") != 0) refuse(name, "is not the next name described");
    if (t.outputs != outputs || t.inputs != inputs) refuse(name, "has other dimensions than the model");
    t.form = (ck_form){(uint8_t)bits, (uint8_t)group, (uint8_t)levels, (uint8_t)has_min, offset};
    t.codes = place(m, name, codes);
    t.groups = groups ? place(m, name, groups) : NULL;
    t.supers = supers ? place(m, name, supers) : NULL;
    return t;
}

static ck_rows next_rows(model_weights *m, const char *name, size_t rows, size_t cols) {
    tensor_line t = next_tensor(m, name, "rows", rows, cols);
    return (ck_rows){.form = t.form, .rows = rows, .cols = cols, .base = t.codes, .stride = t.stride};
}

static ck_channels next_channels(model_weights *m, const char *name, size_t outputs, size_t channels) {
    tensor_line t = next_tensor(m, name, "channels", outputs, channels);
    return (ck_channels){.form = t.form, .outputs = outputs, .channels = channels, .codes = t.codes,
                         .stride = t.stride, .groups = t.groups, .group_stride = t.group_stride,
                         .supers = t.supers, .super_stride = t.super_stride};
}

static const float *next_vector(model_weights *m, const char *name, size_t count) {
    float *copy = buffer(count, sizeof *copy);
    return memcpy(copy, next_tensor(m, name, "vector", count, 1).codes, count * sizeof *copy);
}

static layer_weights next_layer(model_weights *m, size_t index) {
    size_t queries = m->heads * m->head_dim, keys = m->kv_heads * m->head_dim;
    char name[64];
    layer_weights l;
#define NAMED(part) (snprintf(name, sizeof name, "blk.%zu." part, index), name)
    l.attn_norm = next_vector(m, NAMED("attn_norm"), m->width);
    l.query = next_channels(m, NAMED("attn_q"), queries, m->width);
    l.key = next_rows(m, NAMED("attn_k"), keys, m->width);
    l.value = next_rows(m, NAMED("attn_v"), keys, m->width);
    l.attn_output = next_channels(m, NAMED("attn_output"), m->width, queries);
    l.ffn_norm = next_vector(m, NAMED("ffn_norm"), m->width);
    l.gate = next_channels(m, NAMED("ffn_gate"), m->hidden, m->width);
    l.up = next_rows(m, NAMED("ffn_up"), m->hidden, m->width);
    l.down = next_channels(m, NAMED("ffn_down"), m->width, m->hidden);
#undef NAMED
    return l;
}

static model_weights read_model(const char *store, const char *description) {
    model_weights m = {.description = fopen(description, "r")};
    struct stat status;
    int file = open(store, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0) refuse(store, "cannot be opened");
    if (!m.description) refuse(description, "cannot be opened");
    m.store_bytes = (size_t)status.st_size;
    m.store = mmap(NULL, m.store_bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (m.store == MAP_FAILED) refuse(store, "cannot be mapped");
    int fields = fscanf(m.description, "%zu %zu %zu %zu %zu %zu %zu %zu %f %f", &m.layers, &m.width, &m.hidden,
                        &m.heads, &m.kv_heads, &m.head_dim, &m.vocabulary, &m.rotated, &m.rope_base, &m.epsilon);
    if (fields != 10 || m.layers > 1000 || m.kv_heads == 0) refuse(description, "begins with no model's shape");
    m.embedding = next_rows(&m, "token_embd", m.vocabulary, m.width);
    m.layer = buffer(m.layers, sizeof *m.layer);
    for (size_t i = 0; i < m.layers; i++) m.layer[i] = next_layer(&m, i);
    m.output_norm = next_vector(&m, "output_norm", m.width);
    m.output = next_rows(&m, "output", m.vocabulary, m.width);
    fclose(m.description);
    return m;
}

#endif
