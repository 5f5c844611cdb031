// SPDX-License-Identifier: MIT
/* Weights of float products on the cpu backend: packed as they are read, halves kept as halves. */
#include "cpu_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu_math.h"

#define PIECE_BYTES (4u << 20) /* of a weight read and packed at a time */
#define LINE_BYTES 64u
#define HUGE_PAGE_BYTES (2u << 20)
#define ALWAYS static inline __attribute__((always_inline))

/* Whether every reader of a weight is a product by it or looks up its rows: then it is kept for products. */
static bool is_matrix(const struct su_graph *g, uint32_t id)
{
    const struct su_value *v = &g->value[id];
    bool multiplied = false;
    if (v->shape.rank != 2 || su_dtype_seen(v->dtype) != SU_F32)
        return false;
    for (uint32_t n = 0; n < g->n_node; n++)
        for (uint32_t a = 0; a < g->node[n].n_arg; a++) {
            if (g->node[n].arg[a] != id)
                continue;
            bool product = g->node[n].op == SU_OP_MATMUL && a == 1;
            if (!product && (g->node[n].op != SU_OP_EMBEDDING || a != 0))
                return false;
            multiplied |= product;
        }
    for (uint32_t o = 0; o < g->n_output; o++)
        if (g->output[o].value == id)
            return false;
    return multiplied;
}

/* Rows of a piece on their way into panels, `panel` rows to a job. */
struct pack {
    enum su_dtype from_type, to_type;
    uint32_t rows, k, panel;
    const uint8_t *from;
    uint8_t *to;
    bool unfit; /* an infinity: as 2^50 no half can hold it */
};

static size_t element_bytes(enum su_dtype type)
{
    return type == SU_F32 ? 4 : 2;
}

/* Element i as ops see it, fz and sat done. */
ALWAYS uint32_t word_at(enum su_dtype type, const uint8_t *p, size_t i)
{
    if (type == SU_F32)
        return cm_fix(su_le32(p + i * 4));
    uint16_t h = su_le16(p + i * 2);
    return cm_fix(cm_bits(type == SU_F16 ? su_num_from_f16(h) : su_num_from_bf16(h)));
}

/* The half of that element. */
ALWAYS uint16_t half_at(const uint8_t *p, size_t i, bool *unfit)
{
    uint16_t h = su_le16(p + i * 2), a = h & 0x7fffu;
    *unfit |= a == 0x7c00u;
    return a == 0 || a > 0x7c00u ? 0 : h;
}

/* p rows as k groups of p. */
ALWAYS void pack_panel(struct pack *j, enum su_dtype from_type, enum su_dtype to_type,
                       uint32_t first, uint32_t p)
{
    const uint8_t *from = j->from + (size_t)first * j->k * element_bytes(from_type);
    uint8_t *to = j->to + (size_t)first * j->k * element_bytes(to_type);
    uint32_t *word = (void *)to;
    uint16_t *half = (void *)to;
    bool unfit = false;
    for (uint32_t i = 0; i < j->k; i++)
        for (uint32_t l = 0; l < p; l++) {
            size_t at = (size_t)l * j->k + i;
            if (to_type == SU_F32)
                *word++ = word_at(from_type, from, at);
            else if (to_type == SU_F16)
                *half++ = half_at(from, at, &unfit);
            else
                *half++ = (uint16_t)(word_at(from_type, from, at) >> 16);
        }
    if (unfit)
        __atomic_store_n(&j->unfit, true, __ATOMIC_RELAXED);
}

static void pack_job(void *ctx, size_t i)
{
    struct pack *j = ctx;
    uint32_t first = (uint32_t)i * j->panel, end = SU_MIN(first + j->panel, j->rows);
    for (uint32_t p = j->panel; first < end; first += p) {
        while (p > end - first)
            p /= 2;
        if (j->from_type == SU_F32)
            pack_panel(j, SU_F32, SU_F32, first, p);
        else if (j->from_type == SU_BF16)
            pack_panel(j, SU_BF16, SU_BF16, first, p);
        else if (j->to_type == SU_F16)
            pack_panel(j, SU_F16, SU_F16, first, p);
        else
            pack_panel(j, SU_F16, SU_F32, first, p);
    }
}

static enum su_code read_packed(const struct su_weight_source *src, uint32_t weight, uint32_t n,
                                struct pack *j, uint8_t *piece, uint32_t piece_rows,
                                struct su_jobs *jobs, struct su_err *e)
{
    size_t row = j->k * element_bytes(j->from_type);
    enum su_code rc = SU_OK;
    j->from = piece;
    for (uint32_t at = 0; at < n && rc == SU_OK && !j->unfit; at += j->rows) {
        j->rows = SU_MIN(piece_rows, n - at);
        rc = src->read(src->ctx, weight, at * (uint64_t)row, piece, j->rows * row, e);
        if (rc == SU_OK)
            su_jobs_run(jobs, (j->rows + j->panel - 1) / j->panel, pack_job, j);
        j->to += (size_t)j->rows * j->k * element_bytes(j->to_type);
    }
    return rc;
}

static enum su_code load_one(struct su_stage *s, const struct su_weight_source *src,
                             uint32_t weight, uint32_t panel, struct su_jobs *jobs, uint8_t *piece,
                             uint32_t piece_rows, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    uint32_t id = s->graph->weight[weight];
    const struct su_value *v = &s->graph->value[id];
    struct cpu_matrix *m = &cs->matrix[id];
    uint32_t n = v->shape.dim[0], k = v->shape.dim[1];
    struct pack j = {
        .from_type = v->dtype, .to_type = v->dtype, .k = k, .panel = panel, .to = m->w};
    enum su_code rc = read_packed(src, weight, n, &j, piece, piece_rows, jobs, e);
    m->type = v->dtype;
    if (rc == SU_OK && j.unfit) {
        m->type = j.to_type = SU_F32;
        m->w = m->own = su_try_alloc_aligned(n, k * sizeof(float));
        if (!m->own)
            return su_fail(e, SU_ENOMEM, v->name, "%u x %u packed weights", n, k);
        j.to = m->w;
        j.unfit = false;
        rc = read_packed(src, weight, n, &j, piece, piece_rows, jobs, e);
    }
    if (rc != SU_OK)
        (void)su_wrap(e, "weight %s", v->name);
    cs->fixed_bytes += (uint64_t)n * k * element_bytes(m->type);
    return rc;
}

/* Rows of a matrix that are read at a time: whole panels. */
static uint32_t rows_of_piece(const struct su_value *v, uint32_t panel)
{
    size_t row = v->shape.dim[1] * element_bytes(v->dtype);
    size_t panels = SU_MAX(PIECE_BYTES / row / panel, 1u);
    return (uint32_t)SU_MIN(panels * panel, (size_t)v->shape.dim[0]);
}

/* A token reads every byte once: walks of page tables take their time, and prefetching by the
   processor ends at each page. */
void *cpu_alloc_large(uint64_t bytes)
{
    void *p = NULL;
    bool large = bytes >= HUGE_PAGE_BYTES;
    if (bytes > SIZE_MAX / 2 ||
        posix_memalign(&p, large ? HUGE_PAGE_BYTES : LINE_BYTES, (size_t)bytes) != 0)
        return NULL;
#if defined(MADV_HUGEPAGE)
    if (large)
        (void)madvise(p, (size_t)bytes, MADV_HUGEPAGE);
#endif
    return p;
}

enum su_code cpu_matrices_load(struct su_stage *s, const struct su_weight_source *src,
                               uint32_t panel, struct su_jobs *jobs, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct su_graph *g = s->graph;
    uint64_t total = 0, bytes = 0, most = 0;
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        if (!is_matrix(g, g->weight[i]))
            continue;
        rc = su_tensor_bytes(v->dtype, &v->shape, &bytes, e);
        if (rc == SU_OK && !su_add_u64(total, su_align_up(bytes, LINE_BYTES), &total))
            rc = su_fail(e, SU_EOVERFLOW, v->name, "weights of more than 2^64 bytes");
        most = SU_MAX(most, bytes / v->shape.dim[0] * rows_of_piece(v, panel));
    }
    if (rc != SU_OK || total == 0)
        return rc;
    uint8_t *piece = su_try_alloc_aligned((size_t)most, 1), *to = cpu_alloc_large(total);
    cs->panels = to;
    if (!piece || !to)
        rc = su_fail(e, SU_ENOMEM, "cpu stage", "%llu bytes of weights", (unsigned long long)total);
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++) {
        uint32_t id = g->weight[i];
        const struct su_value *v = &g->value[id];
        if (!is_matrix(g, id))
            continue;
        cs->matrix[id].w = to;
        rc = load_one(s, src, i, panel, jobs, piece, rows_of_piece(v, panel), e);
        to += su_align_up(v->shape.dim[0] * (uint64_t)v->shape.dim[1] * element_bytes(v->dtype),
                          LINE_BYTES);
    }
    free(piece);
    return rc;
}

void cpu_matrix_row(const struct cpu_matrix *m, uint32_t n, uint32_t k, uint32_t panel,
                    uint32_t row, float *y)
{
    uint32_t p = panel, at = SU_MIN(row / p, n / p) * p;
    for (;; at += p) {
        while (p > n - at)
            p /= 2;
        if (row < at + p)
            break;
    }
    const uint8_t *w = (const uint8_t *)m->w + (size_t)at * k * element_bytes(m->type);
    for (uint32_t i = 0; i < k; i++) {
        uint32_t word = word_at(m->type, w, (size_t)i * p + row - at);
        memcpy(y + i, &word, sizeof word);
    }
}
