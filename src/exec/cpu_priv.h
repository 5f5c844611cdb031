// SPDX-License-Identifier: MIT
/* cpu_priv: the parts of the cpu backend.
   A dispatch is cut into chunks of rows; each thread takes a chunk through the whole graph in an arena small enough for its cache,
   so no thread waits for another inside a dispatch. With fewer rows than threads, matmul and conv2d split their outputs over the
   threads instead. Neither choice touches the order of any sum.
   Kernels are plain C compiled once per instruction set (cpu_kernels_*.c) and chosen at run time. */
#ifndef SU_CPU_PRIV_H
#define SU_CPU_PRIV_H

#include "exec_priv.h"

/* How much of A is packed at a time: rows, and columns in whole segments of N5. */
#define CPU_GEMM_ROWS 128u
#define CPU_GEMM_DEPTH 512u
/* Elements that conv may read beyond the padded image. */
#define CPU_CONV_SLACK 32u

/* y[m·y_m + n] = N5 dot of row m of A (a[m·a_m ..]) with row n of W, for n in [n_begin, n_end). w is a
   cpu_matrix; n_begin is a multiple of the panel's width. For m > 1, work: min(m, CPU_GEMM_ROWS) · min(k, CPU_GEMM_DEPTH),
   and wide, where w holds halves: min(k, CPU_GEMM_DEPTH) · panel. */
struct cpu_gemm {
    const void *w;
    enum su_dtype type;
    uint32_t n, k, m;
    uint32_t n_begin, n_end;
    const float *a;
    size_t a_m;
    float *y;
    size_t y_m;
    float *work, *wide;
    uint64_t saturations;
};
/* y[n][oh][ow] = N5 dots of the windows of one padded image with the rows of W in tiles [tile_begin, tile_end) of `tiles`. The window
   of output (i, j) holds image[i·pw + j + k_off[..]]. w is packed by cpu_pack_tiles. work: `block_rows`
   rows of a plane for every row of a tile. */
struct cpu_conv {
    const float *w;
    uint32_t n, k, tiles, tile_begin, tile_end;
    const float *image;
    const uint32_t *k_off;
    uint32_t oh, ow, pw, block_rows;
    float *y, *work;
    uint64_t saturations;
};
struct cpu_kernels {
    const char *name;
    uint32_t panel; /* widest panel of packed weights, in outputs */
    uint32_t tile; /* most rows of a tile */
    void (*gemm)(struct cpu_gemm *g);
    void (*conv)(struct cpu_conv *c);
    /* y[i] = op(a[i·sa], b[i·sb], c[i·sc]) for i in [0, n), strides 0 or 1; every operand and result is 4 bytes wide. `attr` is the node's first
       attribute. Adds results changed by sat to *sat. */
    void (*map)(enum su_op op, enum su_dtype in, enum su_dtype out, int32_t attr,
                const void *const arg[3], const size_t step[3], void *y, size_t n, uint64_t *sat);
    /* fz and sat in place */
    void (*fix)(float *x, size_t n, uint64_t *sat);
    /* Order keys of the greatest element of each of n columns, over `rows` rows that follow one another; rows >= 1. */
    void (*column_max)(const uint32_t *x, size_t n, size_t rows, uint32_t *key);
    /* Rows of D elements, contiguous. N6 sums and the formulas of N11. */
    float (*sum)(const float *x, size_t n);
    void (*softmax)(const float *x, float *y, size_t n, uint64_t *sat);
    void (*layernorm)(const float *x, const float *w, const float *b, float *y, size_t n, float eps,
                      uint64_t *sat);
    void (*rmsnorm)(const float *x, const float *w, float *y, size_t n, float eps, float offset,
                    uint64_t *sat);
};
extern const struct cpu_kernels cpu_kernels_plain, cpu_kernels_avx2, cpu_kernels_avx512;
const struct cpu_kernels *cpu_kernels_pick(void);

/* W [n][k] of float products in panels: as many of `panel` rows as fit, then halves of it, down to 1; a panel of width p holds k
   groups of p values. Same number of elements as W, fz and sat done. F16 and BF16 stay so, unless an F16 holds infinities. */
struct cpu_matrix {
    void *w; /* in cs->panels, or own; NULL: not a matrix of this kind */
    void *own; /* or NULL */
    enum su_dtype type; /* SU_F32, SU_F16, SU_BF16 */
};
/* Fills cs->panels, and cs->matrix of every weight that only products and look-ups of rows read; cs->fixed_bytes with them. On
   failure what was allocated stays for cpu_unload. */
enum su_code cpu_matrices_load(struct su_stage *s, const struct su_weight_source *src,
                               uint32_t panel, struct su_jobs *jobs, struct su_err *e);
/* y = row `row` of W, k elements. */
void cpu_matrix_row(const struct cpu_matrix *m, uint32_t n, uint32_t k, uint32_t panel,
                    uint32_t row, float *y);

/* Packs W [n][k] of a conv2d into tiles of at most `tile` rows, as even as can be, each [k][rows of the tile]. */
void cpu_pack_tiles(const float *w, uint32_t n, uint32_t k, uint32_t tile, float *out);

/* What one node needs at run time, made once at load. */
struct cpu_node {
    float *packed; /* conv2d with a weight operand; one block per group */
    uint32_t *k_off; /* conv2d: offsets of k in the padded image */
};
struct cpu_stage {
    struct cpu_node *node;
    struct cpu_matrix *matrix; /* per value */
    void **
        fixed; /* per value: elements of a weight or const in canonical order, NULL when only packed */
    uint8_t *blocks; /* block-quantised weights, which `fixed` points into */
    uint8_t *panels; /* what `matrix` points into */
    uint64_t fixed_bytes;
    uint32_t chunk_rows; /* rows of one chunk */
    struct su_layout *layout; /* for chunk_rows */
    uint8_t *arena; /* n_arena arenas of layout->arena_bytes */
    uint32_t n_arena;
    float *scratch; /* per arena: the padded image of one conv2d row */
    size_t scratch_floats;
    float *work; /* per thread: see cpu_gemm and cpu_conv; a row of keys for maxpool */
    size_t work_floats;
    struct cpu_flight *flight; /* SU_STAGE_IN_FLIGHT */
    struct cpu_llm *llm; /* of a sequence model, else NULL; then chunk_rows is t_max */
    uint32_t *section; /* of a sequence model: see cpu_sections_find */
};
/* One chunk on its way through the graph. */
struct cpu_run {
    const struct su_stage *stage;
    const struct cpu_stage *cs;
    const struct cpu_kernels *k;
    struct su_jobs *jobs; /* not NULL: this is the only chunk, ops may split their outputs */
    uint8_t *arena;
    float *scratch, *work;
    const struct su_row *row;
    uint32_t first; /* in a part of the rows: how many come before it, in the arena */
    uint32_t n_row, n_emit;
    uint64_t saturations;
};
void *cpu_value(const struct cpu_run *r, uint32_t id); /* elements of a value in this chunk */
uint32_t cpu_value_rows(const struct cpu_run *r,
                        uint32_t id); /* how many row slices it has here (FIXED: 1) */
/* Distance between row slices of an argument, in elements: 0 for FIXED. */
size_t cpu_row_step(const struct cpu_run *r, uint32_t id);

void cpu_op_run(struct cpu_run *r, uint32_t node); /* any op the backend has */
/* The same, rows dealt out to the threads of r->jobs where the op looks at each row on its own and there is enough to do; with it the
   rest of its section. Returns how many nodes were run. op_ns[node] gains the time since *clock_ns, which moves on. */
uint32_t cpu_op_split(struct cpu_run *r, uint32_t node, uint64_t *op_ns, uint64_t *clock_ns);
/* Per node, how many from it on can take some rows through all of them before the next rows. */
void cpu_sections_find(const struct su_stage *s, uint32_t *section);
void cpu_op_map(struct cpu_run *r, uint32_t node);
void cpu_op_move(struct cpu_run *r, uint32_t node);
void cpu_op_reduce(struct cpu_run *r, uint32_t node);
void cpu_op_gather(struct cpu_run *r, uint32_t node);
void cpu_op_gemm(struct cpu_run *r, uint32_t node);
void cpu_op_pool(struct cpu_run *r, uint32_t node);
void cpu_op_norm(struct cpu_run *r, uint32_t node);
/* Sequence models: in stages with cs->llm. */
void cpu_op_qmatmul(struct cpu_run *r, uint32_t node);
void cpu_op_embed_blocks(struct cpu_run *r, uint32_t node);
void cpu_op_rope(struct cpu_run *r, uint32_t node);
void cpu_op_rope_prepare(struct cpu_run *r, uint32_t node); /* before cpu_op_rope, on all rows */
void cpu_op_append(struct cpu_run *r, uint32_t node);
void cpu_op_attention(struct cpu_run *r, uint32_t node);
void cpu_op_route(struct cpu_run *r, uint32_t node);
bool cpu_llm_wanted(const struct su_graph *g);
/* Fills cs->llm; on failure too as far as it came. */
enum su_code cpu_llm_load(struct su_stage *s, const struct cpu_kernels *k, unsigned threads,
                          struct su_err *e);
void cpu_llm_unload(struct su_stage *s);
void cpu_llm_begin(struct cpu_run *r); /* of a dispatch */
size_t cpu_attention_scratch(uint32_t dim); /* floats per thread */
enum su_code cpu_session_new(struct su_stage *s, uint32_t session, uint32_t ctx, struct su_err *e);
void cpu_session_free(struct su_stage *s, uint32_t session);
/* All block-quantised weights, repacked, into cs->blocks; cs->fixed and cs->fixed_bytes with them.
   On failure cs->blocks stays for cpu_unload. */
enum su_code cpu_qweights_load(struct su_stage *s, const struct su_weight_source *src,
                               struct su_jobs *jobs, struct su_err *e);
/* Makes the tables of a conv2d node and packs its weights (w NULL: they are computed), or the work memory of a matmul by a
   cpu_matrix; *bytes grows by what was allocated for weights. */
enum su_code cpu_gemm_prepare(struct su_stage *s, uint32_t node, const float *w,
                              const struct cpu_kernels *k, uint64_t *bytes, struct su_err *e);

/* At a line's border; what holds a large page or more lies on large pages where the system has
   them. NULL: no memory. */
void *cpu_alloc_large(uint64_t bytes);

#endif
