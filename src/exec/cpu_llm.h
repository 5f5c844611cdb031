// SPDX-License-Identifier: MIT
/* cpu_llm: the kernels of sequence models, once per instruction set. Lanes always run over
   independent results (rows of a weight, positions, dims of a head), so the width of a vector
   never enters a result. */
#ifndef SU_CPU_LLM_H
#define SU_CPU_LLM_H

#include "graph/graph.h"

#define CPU_RUN 32u /* elements that share an activation scale (N4) */
#define CPU_SEGMENT 256u /* of N5 and N8 */
#define CPU_GROUP 16u /* rows of a block-quantised weight that are kept side by side */
#define CPU_WIDE_ROWS 16u /* rows of activations that meet a group in cpu_llm_wide */
#define CPU_TILE_MAX CPU_WIDE_ROWS /* most rows of activations that meet a group at a time */
#define CPU_WIDE_BYTES 1280u /* most that its unpack makes of a run of a group */
#define CPU_QUERIES 16u /* most queries that walk the same keys together */

/* How a group of rows of one block type lies in memory, as many bytes as its rows have in a
   file. Per block: 16 halves d, 16 halves e where the type has offsets, then its own scales by
   byte, each byte 16 rows wide. Per run of 32 elements (`head` bytes of the above before the
   first): `high` bytes of planes, `low` bytes of quants. Quants of 4 bits and more: 4 vectors of
   64 bytes, byte 4 · row + j of vector v holds element 4 v + j in its low nibble and element 16
   + 4 v + j in its high one. With w(0 .. 7) for the 8 vectors of elements 4 w + j so made, 5-bit
   types keep bit 4 of vector w in bit w of one plane of 64 bytes, Q6_K bits 4 and 5 in bits 2 (w
   mod 4) of plane w / 4. Q8_0: 8 vectors of signed bytes. */
struct cpu_qlayout {
    uint32_t runs; /* per block */
    uint32_t head, scales; /* bytes before the runs; where in them the type's own scales begin */
    uint32_t high, low; /* bytes per run */
    int32_t centre; /* what is taken from a quant as stored */
    bool offset;
};

/* A row of activations on its way to a row of results. */
struct cpu_qrow {
    const float *x;
    float *y;
};

/* Rows of activations as quants: run r of row i of a tile of n rows at q + (r · n + i) · 32, its
   scale at d[r · n + i]; sums at s + (r · n + i) · 4: all 32, the first 16, the last 16, and the
   first as the bits of a float. */
struct cpu_qtile {
    const uint8_t *w; /* one group */
    uint32_t runs, rows; /* runs of a row; rows of activations */
    const int8_t *q;
    const float *d;
    const int32_t *s;
    float *const *y; /* per row: where its 16 results go, fixed */
    /* For cpu_llm_wide, instead of w, q, s and y: the group as its unpack made it, at 64 bytes;
       `tiles` tiles of activations that follow one another, as its widen made them; where the
       group's results begin in the rows `row`. */
    const uint8_t *unpacked;
    const uint16_t *wide;
    const float *sum;
    const struct cpu_qrow *row;
    uint64_t first;
    uint32_t tiles;
    uint64_t saturations;
};

/* Queries that look at one head of keys and values. */
struct cpu_scores {
    const float *q; /* [n][dim] */
    uint32_t n, dim;
    const uint16_t *
        /* of a segment, blocks of 16 positions: element i of position p at p / 16 * key_block +
           i * 16 + p mod 16 */
        key;
    size_t key_block;
    uint32_t first,
        /* positions of the segment to look at; first a multiple of 16, last counts up to one */
        last;
    float scale, cap;
    float *score; /* [n][256] */
};

struct cpu_llm_kernels {
    const char *name;
    uint32_t tile; /* most rows of a tile */
    /* Row i of a tile of `rows`, n / 32 runs (N4). */
    void (*quantise)(const float *x, uint32_t runs, uint32_t rows, uint32_t i, int8_t *q, float *d,
                     int32_t *s);
    void (*dot)(enum su_dtype type, struct cpu_qtile *t);
    void (*scores)(const struct cpu_scores *s);
    /* e[i] = exp(score[i] - *m) rounded to 13 bits, *m the greatest, for i in [from, to), which is
       not empty; +0 for the others below end. Returns the N6 sum of e. */
    float (*weigh)(const float *score, uint32_t from, uint32_t to, uint32_t end, float *m,
                   float *e);
    /* o[i] = o[i] * a + part[i] * b */
    void (*merge)(float *o, float a, const float *part, float b, uint32_t n);
    void (*scaled)(const float *o, float r, uint32_t n, float *y,
                   uint64_t *sat); /* y = o * r, fixed */
    /* o[j · o_row + i] = the sum of e[j · 256 + p] · value[p · value_row + i] over p in [0, count)
       in order, for n queries and dim elements, rounded up to whole vectors of 16. */
    void (*values)(const float *e, uint32_t n, const uint16_t *value, size_t value_row,
                   uint32_t count, uint32_t dim, float *o, size_t o_row);
    void (*to_half)(const float *x, size_t n, uint16_t *y); /* N8 */
    void (*round_half)(const float *x, size_t n, float *y); /* the value of the half */
    /* The first dims of one line, paired by halves or with their neighbours; turn: cos and sin
       of each pair. */
    void (*rope)(const float *x, const float *turn, uint32_t dims, bool halves, float *y,
                 uint64_t *sat);
};
/* Products of tiles of CPU_WIDE_ROWS rows with one group, on units that an instruction set has
   beside its vectors. */
struct cpu_llm_wide {
    bool (*usable)(void); /* here and now; asks the system for leave */
    void (*begin)(void); /* on a thread, before it calls dot */
    void (*end)(void); /* on that thread, when it has no more */
    /* `runs` runs of rows as quants and their sums, in the same order */
    void (*widen)(const int8_t *q, const int32_t *s, size_t runs, uint16_t *to, float *sum);
    void (*unpack)(enum su_dtype type, const uint8_t *w, uint32_t runs, uint8_t *to); /* a group */
    void (*dot)(enum su_dtype type, struct cpu_qtile *t);
};
extern const struct cpu_llm_kernels cpu_llm_plain, cpu_llm_avx2, cpu_llm_avx512;
/* Those of the instruction set that was picked, or of the next one below that this processor has
   in full. */
const struct cpu_llm_kernels *cpu_llm_pick(const char *kernels_name);
extern const struct cpu_llm_wide cpu_llm_amx;
/* NULL: none was picked. */
const struct cpu_llm_wide *cpu_llm_pick_wide(const char *kernels_name);

const struct cpu_qlayout *cpu_qlayout(enum su_dtype type);
uint64_t cpu_qrow_bytes(enum su_dtype type, uint64_t depth);
/* 16 rows of `depth` elements as a file holds them, into one group. */
void cpu_qpack(enum su_dtype type, uint64_t depth, const uint8_t *rows, uint8_t *group);
/* Block b of row i of a group, taken apart again. */
void cpu_qunpack(enum su_dtype type, const uint8_t *group, uint64_t b, uint32_t i,
                 struct su_block *out);

#endif
