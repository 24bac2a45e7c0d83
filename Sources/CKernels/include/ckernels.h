// The compute kernels: the contract of every operation, and one table of them per instruction set.
//
// Kernels allocate nothing, start no threads, cannot fail and keep no state. The caller has checked every
// length. Sizes are in elements unless a name says bytes. Unless said otherwise pointers need no alignment
// and outputs alias no input. Every buffer of floats or codes that a kernel reads may be read up to the
// next multiple of 64 elements, so callers pad; what is read there does not change a result.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// ---------------------------------------------------------------------------------------------- weights

// How the weights of a matrix are written. A weight is
//     scale * (code - offset) - min
// where scale and min belong to a group of 16 or 32 consecutive *inputs* (columns) of one output (row).
//   levels 1: scale and min are f16.
//   levels 2: scale = super (f16, one per 256 inputs) * sub (int8, one per group); min likewise.
// Packed codes, in units of 64; the last unit is padded with zero codes whose scale is zero:
//   bits 4: 32 bytes a unit; byte r holds code r in its low and code 32 + r in its high nibble.
//   bits 5: the plane of low nibbles as for 4 bits, then a plane of 8 bytes a unit:
//           bit c % 8 of byte c / 8 is bit 4 of code c.
//   bits 6: the plane of low nibbles, then a plane of 16 bytes a unit: byte r holds bits 4 and 5
//           of codes r, 16 + r, 32 + r, 48 + r at its bits 0, 2, 4, 6.
//   bits 8: signed int8 in order.
//   CK_F16, CK_BF16, CK_F32: floats in order; group, levels, min and offset are 0.
enum { CK_F16 = 16, CK_BF16 = 17, CK_F32 = 32 };

typedef struct {
    uint8_t bits;     // 4, 5, 6, 8, CK_F16, CK_BF16 or CK_F32
    uint8_t group;    // 16 or 32
    uint8_t levels;   // 1 or 2
    uint8_t has_min;  // 0 or 1
    int32_t offset;   // 0, 4, 8, 16 or 32
} ck_form;

// Records that will be needed next, such as bundles of a row and a channel, to be asked for in their order while a
// call computes, in place of what its list or mask foretells. A kernel may make nothing of it.
typedef struct {
    const uint8_t *base;
    size_t stride;
    const uint32_t *places;  // where records lie, as in ck_rows
    const uint32_t *list;    // their numbers; of each all `stride` bytes
    size_t count;            // 0: none
} ck_ahead;

// Unit of the places of rows and channels.
enum { CK_PLACE_BYTES = 16 };

// A matrix [rows, cols] whose rows lie together: y = W x is one dot product per row.
// A row is its packed codes, then (G = padded cols / group, S = padded cols / 256 rounded up):
//   levels 1: scale[G] f16, and with has_min: min[G] f16
//   levels 2: sub scale[G] int8, with has_min: sub min[G] int8; super[S] f16, with has_min: super min[S] f16
typedef struct {
    ck_form form;
    size_t rows, cols;
    const uint8_t *base;  // row r begins at base + r * stride
    size_t stride;        // bytes; a multiple of 16
    // Where rows lie that are fetched one by one: row r begins at base + CK_PLACE_BYTES * places[r]. NULL: by stride.
    const uint32_t *places;
    ck_ahead ahead;
} ck_rows;

// A matrix [outputs, channels] whose input channels (columns) lie together: y = W x adds one scaled
// channel after another. Channel c's packed codes run over the outputs. Scales are planes over outputs:
//   groups + g * group_stride: scale[outputs] (f16, or int8 with levels 2), with has_min: min[outputs] alike
//   supers + s * super_stride (levels 2): super[outputs] f16, with has_min: super min[outputs] f16
// where g = c / group, s = c / 256, and `outputs` is padded to a multiple of 64 in codes and planes.
typedef struct {
    ck_form form;
    size_t outputs, channels;
    const uint8_t *codes;  // channel c begins at codes + c * stride
    size_t stride;
    const uint32_t *places;  // of channels, as in ck_rows; those that a mask drops may have any
    const uint8_t *groups;
    size_t group_stride;
    const uint8_t *supers;
    size_t super_stride;
    ck_ahead ahead;
} ck_channels;

// Rough rows of a matrix [rows, columns], good enough to say which products cannot be the largest. A factor of each
// column is taken out of the weights and `fine` columns are put in front, so that the rows here are those of W[r, i] / factor[i]
// and the vector that they meet is x[i] * factor[i]. A row is `fine` signed bytes, each a code c for step_fine * c; then
// codes of 2 bits for step_coarse * (c - 1.5), in units of 256 columns, of which the last may be shorter: byte j of a unit
// of w bytes holds codes j, w + j, 2 w + j and 3 w + j at its bits 0, 2, 4 and 6; then four f16: step_coarse, step_fine, the
// deviation, which is the root mean square of what coarse codes are off, and 0.
typedef struct {
    size_t rows;
    size_t fine, coarse;  // columns, multiples of 64
    const uint8_t *base;  // row r begins at base + r * stride
    size_t stride;        // bytes
} ck_bounds;

// The vector that rough rows meet.
typedef struct {
    int8_t *codes;        // [fine + coarse], 64-byte aligned
    float fine, coarse;   // scales of the codes
    int32_t fine_sum, coarse_sum;  // sums of the codes
    float spread;         // how far a product may be off, in deviations of its row
} ck_bounds_input;

// ------------------------------------------------------------------------------------------ activations

// Where a kernel may leave activations in an order of its own for the calls that follow with the same ones.
typedef struct {
    uint8_t *codes;  // CK_ARRANGEMENT_BYTES, 64-byte aligned
    uint32_t form;   // for which weights they are arranged, in the kernel's own words; 0: not yet
} ck_arrangement;

enum { CK_ARRANGEMENT_BYTES = 64 * 1024 };

// A vector of n activations, quantised to int8 in groups of 32: value ~ scale32 * code, |code| <= 127.
// n is padded to a multiple of 64 with zero codes. The sums are scale * (sum of codes) of a group, as floats.
// The arrays for 16 repeat the scale of their 32, so that kernels of either group read the same shape.
typedef struct {
    size_t n;
    const float *values;             // [n] before quantisation; float weights use these
    int8_t *codes;                   // [pad64(n)]
    float *scale32, *sum32;          // [pad64(n) / 32]
    float *scale16, *sum16;          // [pad64(n) / 16]
    ck_arrangement *arrangement;     // NULL: none is kept
} ck_activations;

// `count` vectors of one length, one after another, each as in ck_activations.
typedef struct {
    size_t count, n;
    const float *values;             // [count, value_stride]
    size_t value_stride;
    int8_t *codes;                   // [count, pad64(n)]
    float *scale32, *sum32;          // [count, pad64(n) / 32]
    float *scale16, *sum16;          // [count, pad64(n) / 16]
} ck_batch;

// ------------------------------------------------------------------------------------------------ table

// Bytes of scratch that a thread lends to the operations that take `scratch`; 64-byte aligned.
enum { CK_SCRATCH_BYTES = 512 * 1024 };

enum { CK_SILU = 0, CK_GELU_TANH = 1 };

// Queries of one key/value head against its cache. Query i belongs to token i / group; its vector is
// q + (i / group) * q_stride + (i % group) * head_dim, its result goes to the same place in out, and it
// sees cache positions 0 ..< first_length + i / group.
typedef struct {
    float *out;
    const float *q;
    size_t q_stride;
    size_t queries, group, head_dim;   // head_dim: a multiple of 8
    const uint8_t *k, *v;              // [positions] rows as ck_cache_store writes them
    size_t kv_stride;                  // bytes from one position to the next
    int kv_bits;                       // CK_CACHE_HALF or CK_CACHE_BYTE
    size_t first_length;               // cache positions the first token sees; >= 1
    float scale;                       // applied to q . k
    float *scores;                     // scratch of >= 8 * pad64(first_length + queries / group) floats
} ck_attention;

// How a key or a value [head_dim] lies in the cache: as f16, or as int8 codes [head_dim] and then the f16 scales
// of groups of CK_CACHE_GROUP of them, of which the last may be shorter.
enum { CK_CACHE_HALF = 16, CK_CACHE_BYTE = 8, CK_CACHE_GROUP = 32 };

// Behind the last entry of a list of rows.
#define CK_LIST_END 0xffffffffu

typedef struct ck_table {
    const char *name;

    // Quantises values[n] into x (whose arrays the caller owns) and sets x->values. Groups of zeros get scale 0.
    void (*quantize)(ck_activations *x, const float *values, size_t n);

    // Dot products. list == NULL: y[r] = W[r] . x for r in begin ..< end.
    // Otherwise y[i] = W[list[i]] . x for i in begin ..< end; rows not listed are not touched. The list goes
    // on with what later calls will be for, whose bytes are asked for ahead, and ends with CK_LIST_END.
    void (*rows_dot)(float *y, const ck_rows *w, const ck_activations *x, const uint32_t *list,
                     size_t begin, size_t end);

    // y[r] = an upper bound of W[r] . x for r in begin ..< end: the product with the rough row, and `spread` deviations.
    void (*rows_bound)(float *y, const ck_bounds *w, const ck_bounds_input *x, size_t begin, size_t end);

    // y[j] += sum over active channels c of W[j, c] x[c], for j in out_begin ..< out_end and the blocks of
    // 32 channels block_begin ..< block_end. Bit c % 32 of mask[c / 32] keeps channel c; mask == NULL keeps
    // all. Channels not kept are not touched. out_begin is a multiple of 64; out_end is one, or `outputs`
    // (then y is written up to the padding). Adds block by block in ascending order, so that splitting the
    // outputs over threads, or the blocks over calls, changes no bit of the result.
    // Channels past `channels` in the last block are not touched. `mask` covers all channels: the block after
    // the last one of a call is asked for ahead.
    void (*channels_add)(float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                         size_t block_begin, size_t block_end, size_t out_begin, size_t out_end);

    // y[t, r] = W[r] . x[t] for r in begin ..< end (y[t] at y + t * y_stride). begin is a multiple of 32.
    void (*rows_matmul)(float *y, size_t y_stride, const ck_rows *w, const ck_batch *x,
                        size_t begin, size_t end, void *scratch);

    // y[t, j] += W[j] . x[t] for j in out_begin ..< out_end, all channels, no mask. out_begin as above.
    void (*channels_matmul)(float *y, size_t y_stride, const ck_channels *w, const ck_batch *x,
                            size_t out_begin, size_t out_end, void *scratch);

    // out[i] = x[i] * gain[i] / sqrt(mean(x^2) + epsilon); the sum of squares in double.
    void (*rms_norm)(float *out, const float *x, const float *gain, size_t n, float epsilon);

    // g[i] = act(g[i]) in place; kind is CK_SILU or CK_GELU_TANH.
    void (*activate)(float *g, size_t n, int kind);

    // g[i] = act(g[i]) * u[i] in place.
    void (*activate_multiply)(float *g, const float *u, size_t n, int kind);

    // Rotates each of `heads` vectors [head_dim] in place. cosines, sines: [rotated / 2]; the first `rotated`
    // elements turn, the rest stay. interleaved: pairs (2i, 2i + 1); otherwise pairs (i, i + rotated / 2).
    void (*rope)(float *x, size_t heads, size_t head_dim, size_t rotated, const float *cosines,
                 const float *sines, int interleaved);

    // out = softmax(scale * q K^T) V for each query, one pass over the cache per at most 8 queries.
    void (*attend)(const ck_attention *job);

    // Rounds to nearest even, as IEEE 754 says.
    void (*to_half)(uint16_t *out, const float *x, size_t n);

    // Bit c % 32 of mask[c / 32] is set exactly when |x[c] - center[c]| >= limits[c] (center == NULL means
    // zeros); (n + 31) / 32 words are written; bits past n are 0. What cannot be compared, a NaN, is kept.
    // No branch depends on the data.
    void (*keep)(uint32_t *mask, const float *x, const float *center, const float *limits, size_t n);
} ck_table;

// The table of that name when it is built in and this processor can run it, otherwise NULL.
// Names, best last: scalar, neon, neon-dotprod, neon-i8mm, avx2, avx512.
const ck_table *ck_named(const char *name);

// The best table this processor can run; never NULL.
const ck_table *ck_best(void);

// The i-th name that exists in any build, and NULL past the last.
const char *ck_known_name(size_t i);

// ---------------------------------------------------------------------- operations built from the table

// One feed-forward part, fused so that a channel's bundle is read once, in order:
// for each block of 32 channels, u = up[c] . x over kept channels, h = gate[c] * u, h quantised as one group,
// then y[j] += down[j, c] h[c]. y: [pad64(down->outputs)], accumulated. gate: [channels], activated already.
// up->rows == down->channels. mask as in channels_add. scratch: CK_SCRATCH_BYTES.
// An h with |h| < hidden_limit becomes 0 before it is quantised, and its down channel is not read; 0 keeps
// all. Returns how many down channels were added. next_block: where the thread's next call is likely to begin, behind
// block_end, so that its first weights are on their way when this one ends; SIZE_MAX: not known.
size_t ck_feed_forward(const ck_table *k, float *y, const ck_rows *up, const ck_channels *down,
                       const ck_activations *x, const float *gate, const uint32_t *mask, float hidden_limit,
                       size_t block_begin, size_t block_end, size_t next_block, void *scratch);

// y[r] = W[r] . x for the rows begin ..< end that the mask keeps, as in channels_add; other rows are not touched, nor
// is their y. begin is a multiple of 32. scratch: CK_SCRATCH_BYTES.
void ck_rows_dot_kept(const ck_table *k, float *y, const ck_rows *w, const ck_activations *x, const uint32_t *mask,
                      size_t begin, size_t end, void *scratch);

// Makes the input of rough rows of x, whose codes have been set to point at fine + coarse bytes. order[i]: the column of x
// that comes i-th, of x->n; factors: by column. As the kernels see x: its codes and scales, or `values` when is_float.
void ck_bounds_prepare(ck_bounds_input *out, const ck_bounds *w, const ck_activations *x, int is_float,
                       const uint32_t *order, const float *factors);

// Keeps what is not less than `least`, NaN as well: sets the bits of x[n] in mask and clears all others. Returns how many.
size_t ck_keep_from(uint32_t *mask, const float *x, size_t n, float least);

// Keeps the `want` largest of x[n], and what is as good as the least of them (1/2047 of the range apart): sets their
// bits in mask and clears all others. Keeps everything where x is constant or holds infinities. Returns how many.
// The same for NaN as for the least element.
size_t ck_keep_largest(uint32_t *mask, const float *x, size_t n, size_t want);

// The weights of one row as floats, out[cols].
void ck_row_decode(float *out, const ck_rows *w, size_t row);

// The weights of one channel as floats, out[outputs].
void ck_channel_decode(float *out, const ck_channels *w, size_t channel);

// Index of the largest element, the lowest among equals; NaN never wins. n >= 1.
size_t ck_argmax(const float *x, size_t n);

// log(sum(exp(scale * x))), summed in double; scale > 0. NaN counts for nothing beside a number.
double ck_log_sum_exp(const float *x, size_t n, float scale);

// sums[b] = sum of exp(scale * (x[i] - top)) over the elements i of block b, of CK_WEIGHT_BLOCK each; scale > 0, top the largest
// element. NaN counts for next to nothing.
enum { CK_WEIGHT_BLOCK = 256 };
void ck_block_weights(double *sums, const float *x, size_t n, float scale, float top);

// y[i] += x[i].
void ck_add(float *y, const float *x, size_t n);

// y[i] += x[i], then x[stride + i], and so on for `rows` rows.
void ck_add_rows(float *y, const float *x, size_t stride, size_t rows, size_t n);

// y[i] *= x[i].
void ck_multiply(float *y, const float *x, size_t n);

// out[i] = x[i] - y[i]; out may be x or y.
void ck_subtract(float *out, const float *x, const float *y, size_t n);

// x[i] = 0 where bit i % 32 of mask[i / 32] is clear.
void ck_drop(float *x, const uint32_t *mask, size_t n);

// y[i] = x[i] where bit i % 32 of mask[i / 32] is clear.
void ck_replace(float *y, const float *x, const uint32_t *mask, size_t n);

// sum of x[i] * y[i], in double.
double ck_inner(const float *x, const float *y, size_t n);

// y[j] += sum over i < count of factors[i * factor_stride] * rows[i * row_stride + j], for j < n.
void ck_combine(float *y, const float *factors, size_t factor_stride, const float *rows, size_t row_stride,
                size_t count, size_t n);

// Bytes of a key or a value of head_dim elements in a cache of CK_CACHE_HALF or CK_CACHE_BYTE bits.
size_t ck_cache_row_bytes(int bits, size_t head_dim);

// Writes x[head_dim] as one row of the cache. An element of CK_CACHE_BYTE is off by at most its group's largest
// magnitude / 254, and what rounding the scale to f16 adds: 1/2048 of the element.
void ck_cache_store(const ck_table *k, uint8_t *row, const float *x, size_t head_dim, int bits);

// How many bits of mask[words] are set.
size_t ck_count_kept(const uint32_t *mask, size_t words);

// What quantising lost: out[i] = values[i] - scale * codes[i], n of them.
void ck_residual(float *out, const ck_activations *x);

// ------------------------------------------------------------------------------------------- statistics

// Bins of a histogram of magnitudes: the upper 15 bits of a float without its sign, so 128 bins an octave.
enum { CK_HISTOGRAM_BINS = 1 << 15 };

// Counts |x[i]|, or |x[i] * weights[i]|, in bins[CK_HISTOGRAM_BINS]: bin b holds the magnitudes whose bits
// are b << 16 up to the next bin.
void ck_histogram_add(uint32_t *bins, const float *x, const float *weights, size_t n);

// Adds x, |x| and x^2 to the sums of each of n places.
void ck_moments_add(double *sum, double *magnitude, double *square, const float *x, size_t n);

// Kullback-Leibler divergence KL(softmax(p) || softmax(q)) in nats.
double ck_divergence(const float *p, const float *q, size_t n);

// Reads `count` words and returns their sum: for measuring how fast this machine can read memory.
uint64_t ck_read_words(const uint64_t *words, size_t count);

#endif
