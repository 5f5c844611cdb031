// SPDX-License-Identifier: MIT
/* matmul and conv2d of the cpu backend, on tiles of one kind: vectors of packed weights times values of A for matmul, vectors of pixels
   times packed weights for conv2d. */
#include "cpu_priv.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT_MACS 200000u /* below this, waking another thread costs more than it saves */

void cpu_pack_tiles(const float *w, uint32_t n, uint32_t k, uint32_t tile, float *out)
{
    uint32_t tiles = (n + tile - 1) / tile;
    for (uint32_t t = 0; t < tiles; t++) {
        uint32_t begin = n * t / tiles, end = n * (t + 1) / tiles;
        for (uint32_t i = 0; i < k; i++)
            for (uint32_t j = begin; j < end; j++)
                *out++ = w[(size_t)j * k + i];
    }
}

/* The padded image. With strides it is dealt out to stride_h × stride_w planes per channel, so that neighbouring outputs always
   read neighbouring elements. Without, the left padding of a row doubles as the right one of the row before. */
struct conv_shape {
    uint32_t c, h, w, n, cg, ng, kh, kw, oh, ow, groups, k;
    uint32_t stride_h, stride_w, top, left, dilation_h, dilation_w;
    uint32_t pw; /* row of a plane */
    size_t plane;
};

static struct conv_shape conv_of(const struct su_graph *g, const struct su_node *nd)
{
    const struct su_shape *x = &g->value[nd->arg[0]].shape, *w = &g->value[nd->arg[1]].shape;
    const struct su_shape *y = &g->value[nd->first_out].shape;
    const int32_t *at = nd->attr;
    struct conv_shape c = {
        .c = x->dim[x->rank - 3], .h = x->dim[x->rank - 2], .w = x->dim[x->rank - 1]};
    c.n = w->dim[0];
    c.cg = w->dim[1];
    c.kh = w->dim[2];
    c.kw = w->dim[3];
    c.oh = y->dim[y->rank - 2];
    c.ow = y->dim[y->rank - 1];
    c.groups = (uint32_t)at[8];
    c.ng = c.n / c.groups;
    c.k = c.cg * c.kh * c.kw;
    c.stride_h = (uint32_t)at[0];
    c.stride_w = (uint32_t)at[1];
    c.top = (uint32_t)at[2];
    c.left = (uint32_t)at[3];
    c.dilation_h = (uint32_t)at[6];
    c.dilation_w = (uint32_t)at[7];
    uint32_t right = (uint32_t)at[5], gap = SU_MAX(c.left, right);
    uint32_t rows = c.h + c.top + (uint32_t)at[4], width = c.w + c.left + right;
    c.pw = c.stride_w == 1 ? c.w + gap : (width + c.stride_w - 1) / c.stride_w;
    c.plane = (size_t)((rows + c.stride_h - 1) / c.stride_h) * c.pw + gap;
    return c;
}

/* Where element (row, column) of padded channel ch lies. */
static size_t conv_at(const struct conv_shape *c, uint32_t ch, uint32_t row, uint32_t column)
{
    size_t plane = ((size_t)ch * c->stride_h + row % c->stride_h) * c->stride_w;
    return (plane + column % c->stride_w) * c->plane + (size_t)(row / c->stride_h) * c->pw +
           column / c->stride_w;
}

static size_t conv_image_floats(const struct conv_shape *c)
{
    return c->plane * c->c * c->stride_h * c->stride_w + CPU_CONV_SLACK;
}

/* Rows of outputs that a tile computes before they are put together: about a thousand elements. */
static uint32_t conv_block_rows(const struct conv_shape *c)
{
    return SU_MIN(SU_MAX(1024u / c->pw, 1u), c->oh);
}

static enum su_code conv_tables(struct su_stage *s, uint32_t node, const struct cpu_kernels *k,
                                struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    struct cpu_node *cn = &cs->node[node];
    struct conv_shape c = conv_of(s->graph, &s->graph->node[node]);
    size_t image = conv_image_floats(&c);
    if (image > UINT32_MAX)
        return su_fail(e, SU_ELIMIT, "conv2d", "padded image of %zu elements", image);
    cn->k_off = su_try_alloc(c.k, sizeof *cn->k_off);
    if (!cn->k_off)
        return su_fail(e, SU_ENOMEM, "conv2d", "offsets of %u weights", c.k);
    for (uint32_t i = 0; i < c.k; i++)
        cn->k_off[i] = (uint32_t)conv_at(&c, i / (c.kh * c.kw), i / c.kw % c.kh * c.dilation_h,
                                         i % c.kw * c.dilation_w);
    cs->scratch_floats = SU_MAX(cs->scratch_floats, image);
    size_t line = (size_t)conv_block_rows(&c) * c.pw + 2 * k->panel;
    cs->work_floats = SU_MAX(cs->work_floats, k->tile * line);
    return SU_OK;
}

enum su_code cpu_gemm_prepare(struct su_stage *s, uint32_t node, const float *w,
                              const struct cpu_kernels *k, uint64_t *bytes, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct su_node *nd = &s->graph->node[node];
    const struct su_shape *ws = &s->graph->value[nd->arg[1]].shape;
    bool conv = nd->op == SU_OP_CONV2D;
    if (conv) {
        enum su_code rc = conv_tables(s, node, k, e);
        if (rc != SU_OK)
            return rc;
    } else {
        const struct su_shape *as = &s->graph->value[nd->arg[0]].shape;
        uint32_t k_dim = as->dim[as->rank - 1];
        uint64_t m = su_shape_elements(as) / k_dim * cs->chunk_rows;
        if (m > 1)
            cs->work_floats =
                SU_MAX(cs->work_floats, (size_t)(SU_MIN(m, CPU_GEMM_ROWS) + k->panel) *
                                            SU_MIN(k_dim, CPU_GEMM_DEPTH));
    }
    if (!w)
        return SU_OK;
    uint32_t groups = (uint32_t)nd->attr[8];
    uint32_t n = ws->dim[0] / groups;
    size_t total = (size_t)su_shape_elements(ws), each = total / ws->dim[0];
    float *packed = su_try_alloc_aligned(total, sizeof *packed);
    if (!packed)
        return su_fail(e, SU_ENOMEM, su_op_name(nd->op), "%zu packed weights", total);
    for (uint32_t i = 0; i < groups; i++)
        cpu_pack_tiles(w + (size_t)i * n * each, n, (uint32_t)each, k->tile,
                       packed + (size_t)i * n * each);
    cs->node[node].packed = packed;
    *bytes += total * 4;
    return SU_OK;
}

/* ---- running ---------------------------------------------------------------------------------------------- */

/* One product, its outputs shared among the threads when this chunk has them to itself. */
struct split {
    struct cpu_run *run;
    const struct cpu_gemm *gemm; /* one of the two */
    const struct cpu_conv *conv;
    uint32_t units, parts; /* panels or tiles */
    uint64_t saturations;
};

static void split_part(void *ctx, size_t i)
{
    struct split *s = ctx;
    const struct cpu_kernels *k = s->run->k;
    uint32_t begin = (uint32_t)(s->units * i / s->parts),
             end = (uint32_t)(s->units * (i + 1) / s->parts);
    bool one_row = s->gemm && s->gemm->m == 1;
    float *work = one_row ? NULL : s->run->work + i * s->run->cs->work_floats;
    uint64_t saturations = 0;
    if (s->gemm) {
        struct cpu_gemm g = *s->gemm;
        g.n_begin = begin * k->panel;
        g.n_end = SU_MIN(end * k->panel, g.n);
        g.work = work;
        g.wide = one_row ? NULL
                         : work + (size_t)SU_MIN(g.m, CPU_GEMM_ROWS) * SU_MIN(g.k, CPU_GEMM_DEPTH);
        k->gemm(&g);
        saturations = g.saturations;
    } else {
        struct cpu_conv c = *s->conv;
        c.tile_begin = begin;
        c.tile_end = end;
        c.work = work;
        k->conv(&c);
        saturations = c.saturations;
    }
    __atomic_fetch_add(&s->saturations, saturations, __ATOMIC_RELAXED);
}

/* A single row needs no work memory, so it can be cut finer than one part per thread: a thread that is held up then delays the
   others less. */
static void split_run(struct split *s, uint64_t macs)
{
    s->parts = 1;
    if (s->run->jobs && macs >= SPLIT_MACS) {
        uint32_t threads = su_jobs_threads(s->run->jobs);
        uint32_t finer =
            s->gemm && s->gemm->m == 1 && threads > 1 ? (uint32_t)SU_MIN(macs / SPLIT_MACS, 4u) : 1;
        s->parts = SU_MIN(s->units, threads * finer);
    }
    if (s->parts > 1)
        su_jobs_run(s->run->jobs, s->parts, split_part, s);
    else
        split_part(s, 0);
    s->run->saturations += s->saturations;
}

/* Rows of B that are no packed weight: four dots at a time, straight from where they lie. */
static void dots(struct cpu_run *r, const float *a, size_t a_step, const uint32_t *a_off,
                 const float *b, uint32_t n, uint32_t k, float *y, size_t y_step)
{
    for (uint32_t j = 0; j < n; j += 4) {
        uint32_t lanes = SU_MIN(n - j, 4u);
        float total[4] = {0}, acc[4];
        for (uint32_t k0 = 0; k0 < k; k0 += 256) {
            uint32_t k1 = SU_MIN(k - k0, 256u) + k0;
            memset(acc, 0, sizeof acc);
            for (uint32_t i = k0; i < k1; i++) {
                float x = a[a_off ? a_off[i] : i * a_step];
                for (uint32_t l = 0; l < lanes; l++) {
                    float product = b[(size_t)(j + l) * k + i] * x;
                    acc[l] = acc[l] + product;
                }
            }
            for (uint32_t l = 0; l < lanes; l++)
                total[l] = total[l] + acc[l];
        }
        r->k->fix(total, lanes, &r->saturations);
        for (uint32_t l = 0; l < lanes; l++)
            y[(j + l) * y_step] = total[l];
    }
}

static void run_matmul(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct su_value *av = &g->value[nd->arg[0]], *bv = &g->value[nd->arg[1]];
    uint32_t k = av->shape.dim[av->shape.rank - 1], n = bv->shape.dim[bv->shape.rank - 2];
    size_t rows = cpu_value_rows(r, nd->first_out), a_row = (size_t)su_shape_elements(&av->shape),
           m = a_row / k;
    const float *a = cpu_value(r, nd->arg[0]);
    float *y = cpu_value(r, nd->first_out);
    const struct cpu_matrix *matrix = &r->cs->matrix[nd->arg[1]];
    if (matrix->w) {
        struct cpu_gemm gm = {.w = matrix->w,
                              .type = matrix->type,
                              .n = n,
                              .k = k,
                              .m = (uint32_t)(m * rows),
                              .a = a};
        gm.a_m = k;
        gm.y = y;
        gm.y_m = n;
        struct split s = {.run = r, .gemm = &gm, .units = (n + r->k->panel - 1) / r->k->panel};
        split_run(&s, (uint64_t)n * k * gm.m);
        return;
    }
    const float *b = cpu_value(r, nd->arg[1]);
    size_t a_step = cpu_row_step(r, nd->arg[0]), b_step = cpu_row_step(r, nd->arg[1]);
    size_t b_mats = (size_t)su_shape_elements(&bv->shape) / ((size_t)n * k);
    size_t per_mat = b_mats > 1 ? m / b_mats : m; /* rows of A that meet one matrix of B */
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < m; i++, y += n) {
            const float *bm = b + row * b_step + (b_mats > 1 ? i / per_mat : 0) * n * k;
            dots(r, a + row * a_step + i * k, 1, NULL, bm, n, k, y, 1);
        }
}

static void conv_image(struct cpu_run *r, const struct conv_shape *c, const float *x)
{
    memset(r->scratch, 0, conv_image_floats(c) * sizeof *r->scratch);
    for (uint32_t ch = 0; ch < c->c; ch++)
        for (uint32_t i = 0; i < c->h; i++, x += c->w)
            if (c->stride_w == 1)
                memcpy(r->scratch + conv_at(c, ch, i + c->top, c->left), x, c->w * sizeof *x);
            else
                for (uint32_t j = 0; j < c->w; j++)
                    r->scratch[conv_at(c, ch, i + c->top, j + c->left)] = x[j];
}

/* Weights that were computed: [n][k], used where they lie. */
static void conv_unpacked(struct cpu_run *r, const struct conv_shape *c, const struct cpu_node *cn,
                          const float *image, const float *w, float *y)
{
    size_t pixels = (size_t)c->oh * c->ow;
    for (uint32_t i = 0; i < c->oh; i++)
        for (uint32_t j = 0; j < c->ow; j++)
            dots(r, image + (size_t)i * c->pw + j, 0, cn->k_off, w, c->ng, c->k, y++, pixels);
}

static void run_conv(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct cpu_node *cn = &r->cs->node[node];
    struct conv_shape c = conv_of(g, nd);
    const struct su_value *xv = &g->value[nd->arg[0]], *wv = &g->value[nd->arg[1]];
    size_t image = (size_t)c.c * c.h * c.w, pixels = (size_t)c.oh * c.ow;
    size_t per_row = (size_t)su_shape_elements(&xv->shape) / image,
           rows = cpu_value_rows(r, nd->first_out);
    const float *x = cpu_value(r, nd->arg[0]), *w = cn->packed ? NULL : cpu_value(r, nd->arg[1]);
    float *y = cpu_value(r, nd->first_out);
    size_t x_step = cpu_row_step(r, nd->arg[0]),
           w_step = wv->domain == SU_FIXED ? 0 : cpu_row_step(r, nd->arg[1]);
    struct cpu_conv cv = {.n = c.ng, .k = c.k, .tiles = (c.ng + r->k->tile - 1) / r->k->tile};
    cv.k_off = cn->k_off;
    cv.oh = c.oh;
    cv.ow = c.ow;
    cv.pw = c.pw;
    cv.block_rows = conv_block_rows(&c);
    for (size_t i = 0; i < rows * per_row; i++) {
        size_t row = i / per_row;
        conv_image(r, &c, x + row * x_step + i % per_row * image);
        for (uint32_t q = 0; q < c.groups; q++, y += pixels * c.ng) {
            const float *a = r->scratch + conv_at(&c, q * c.cg, 0, 0);
            if (!cn->packed) {
                conv_unpacked(r, &c, cn, a, w + row * w_step + (size_t)q * c.ng * c.k, y);
                continue;
            }
            cv.w = cn->packed + (size_t)q * c.ng * c.k;
            cv.image = a;
            cv.y = y;
            struct split s = {.run = r, .conv = &cv, .units = cv.tiles};
            split_run(&s, (uint64_t)c.ng * c.k * pixels);
        }
    }
}

void cpu_op_gemm(struct cpu_run *r, uint32_t node)
{
    if (r->stage->graph->node[node].op == SU_OP_MATMUL)
        run_matmul(r, node);
    else
        run_conv(r, node);
}
