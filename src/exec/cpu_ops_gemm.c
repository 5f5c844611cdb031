// SPDX-License-Identifier: MIT
/* matmul and conv2d of the cpu backend. conv2d reads its image through offset tables: row m is an output pixel, column k an offset into the
   image, so both ops share one kernel. */
#include "cpu_priv.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT_MACS 200000u /* below this, waking another thread costs more than it saves */

void cpu_pack(const float *w, uint32_t n, uint32_t k, uint32_t panel, float *out)
{
    uint32_t p = panel;
    for (uint32_t at = 0; at < n; at += p) {
        while (p > n - at)
            p /= 2;
        for (uint32_t i = 0; i < k; i++)
            for (uint32_t j = 0; j < p; j++)
                *out++ = w[(size_t)(at + j) * k + i];
    }
}

struct conv_shape {
    uint32_t c, h, w, n, cg, ng, kh, kw, oh, ow, groups;
    const int32_t *attr;
    uint32_t ph, pw; /* padded image */
    uint32_t k;
};

static struct conv_shape conv_of(const struct su_graph *g, const struct su_node *nd)
{
    const struct su_shape *x = &g->value[nd->arg[0]].shape, *w = &g->value[nd->arg[1]].shape;
    const struct su_shape *y = &g->value[nd->first_out].shape;
    struct conv_shape c = {
        .c = x->dim[x->rank - 3], .h = x->dim[x->rank - 2], .w = x->dim[x->rank - 1]};
    c.n = w->dim[0];
    c.cg = w->dim[1];
    c.kh = w->dim[2];
    c.kw = w->dim[3];
    c.oh = y->dim[y->rank - 2];
    c.ow = y->dim[y->rank - 1];
    c.attr = nd->attr;
    c.groups = (uint32_t)nd->attr[8];
    c.ng = c.n / c.groups;
    c.ph = c.h + (uint32_t)(nd->attr[2] + nd->attr[4]);
    c.pw = c.w + (uint32_t)(nd->attr[3] + nd->attr[5]);
    c.k = c.cg * c.kh * c.kw;
    return c;
}

static enum su_code conv_tables(struct su_stage *s, uint32_t node, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    struct cpu_node *cn = &cs->node[node];
    struct conv_shape c = conv_of(s->graph, &s->graph->node[node]);
    bool padded = c.ph != c.h || c.pw != c.w;
    cn->pad_h = padded ? c.ph : 0;
    cn->pad_w = c.pw;
    cn->m_off = su_try_alloc((size_t)c.oh * c.ow, sizeof *cn->m_off);
    cn->k_off = su_try_alloc(c.k, sizeof *cn->k_off);
    if (!cn->m_off || !cn->k_off)
        return su_fail(e, SU_ENOMEM, "conv2d", "tables for %u x %u outputs", c.oh, c.ow);
    for (uint32_t i = 0; i < c.oh * c.ow; i++)
        cn->m_off[i] = i / c.ow * (uint32_t)c.attr[0] * c.pw + i % c.ow * (uint32_t)c.attr[1];
    for (uint32_t i = 0; i < c.k; i++) {
        uint32_t ch = i / (c.kh * c.kw), y = i / c.kw % c.kh, x = i % c.kw;
        cn->k_off[i] = ch * c.ph * c.pw + y * (uint32_t)c.attr[6] * c.pw + x * (uint32_t)c.attr[7];
    }
    if (padded)
        cs->scratch_floats = SU_MAX(cs->scratch_floats, (size_t)c.c * c.ph * c.pw);
    return SU_OK;
}

enum su_code cpu_gemm_prepare(struct su_stage *s, uint32_t node, const float *w, uint32_t panel,
                              uint64_t *bytes, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct su_node *nd = &s->graph->node[node];
    const struct su_shape *ws = &s->graph->value[nd->arg[1]].shape;
    if (nd->op == SU_OP_CONV2D) {
        enum su_code rc = conv_tables(s, node, e);
        if (rc != SU_OK)
            return rc;
    }
    if (!w)
        return SU_OK;
    uint32_t groups = nd->op == SU_OP_CONV2D ? (uint32_t)nd->attr[8] : 1;
    uint32_t n = ws->dim[0] / groups;
    size_t total = (size_t)su_shape_elements(ws), k = total / ws->dim[0];
    float *packed = su_try_alloc_aligned(total, sizeof *packed);
    if (!packed)
        return su_fail(e, SU_ENOMEM, su_op_name(nd->op), "%zu packed weights", total);
    for (uint32_t i = 0; i < groups; i++)
        cpu_pack(w + (size_t)i * n * k, n, (uint32_t)k, panel, packed + (size_t)i * n * k);
    cs->node[node].packed = packed;
    *bytes += total * 4;
    return SU_OK;
}

/* ---- running ---------------------------------------------------------------------------------------------- */

struct split {
    const struct cpu_run *run;
    const struct cpu_gemm *gemm;
    uint32_t panel, parts;
    uint64_t saturations;
};

static void split_part(void *ctx, size_t i)
{
    struct split *s = ctx;
    struct cpu_gemm g = *s->gemm;
    uint32_t panels = (g.n + s->panel - 1) / s->panel;
    g.n_begin = (uint32_t)(panels * i / s->parts) * s->panel;
    g.n_end = SU_MIN((uint32_t)(panels * (i + 1) / s->parts) * s->panel, g.n);
    g.saturations = 0;
    if (g.n_begin < g.n_end)
        s->run->k->gemm(&g);
    __atomic_fetch_add(&s->saturations, g.saturations, __ATOMIC_RELAXED);
}

/* One product, its outputs shared among the threads when this chunk has them to itself. */
static void gemm_run(struct cpu_run *r, struct cpu_gemm *g)
{
    uint32_t panels = (g->n + r->k->panel - 1) / r->k->panel;
    struct split s = {.run = r, .gemm = g, .panel = r->k->panel, .parts = 1};
    if (r->jobs && (uint64_t)g->n * g->m * g->k >= SPLIT_MACS)
        s.parts = SU_MIN(panels, su_jobs_threads(r->jobs));
    if (s.parts > 1)
        su_jobs_run(r->jobs, s.parts, split_part, &s);
    else
        split_part(&s, 0);
    r->saturations += s.saturations;
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
    if (r->cs->node[node].packed) {
        struct cpu_gemm gm = {
            .w = r->cs->node[node].packed, .n = n, .k = k, .m = (uint32_t)(m * rows), .a = a};
        gm.a_m = k;
        gm.y = y;
        gm.y_m = n;
        gm.y_n = 1;
        gemm_run(r, &gm);
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

static const float *conv_image(struct cpu_run *r, const struct cpu_node *cn,
                               const struct conv_shape *c, const float *x)
{
    if (cn->pad_h == 0)
        return x;
    memset(r->scratch, 0, (size_t)c->c * c->ph * c->pw * sizeof *r->scratch);
    for (uint32_t ch = 0; ch < c->c; ch++)
        for (uint32_t i = 0; i < c->h; i++)
            memcpy(r->scratch + ((size_t)ch * c->ph + i + (uint32_t)c->attr[2]) * c->pw +
                       (uint32_t)c->attr[3],
                   x + ((size_t)ch * c->h + i) * c->w, c->w * sizeof *x);
    return r->scratch;
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
    for (size_t i = 0; i < rows * per_row; i++, y += pixels * c.n) {
        size_t row = i / per_row;
        const float *img = conv_image(r, cn, &c, x + row * x_step + i % per_row * image);
        for (uint32_t q = 0; q < c.groups; q++) {
            const float *a = img + (size_t)q * c.cg * c.ph * c.pw;
            float *out = y + (size_t)q * c.ng * pixels;
            if (cn->packed) {
                struct cpu_gemm gm = {.w = cn->packed + (size_t)q * c.ng * c.k,
                                      .n = c.ng,
                                      .k = c.k,
                                      .m = (uint32_t)pixels};
                gm.a = a;
                gm.m_off = cn->m_off;
                gm.k_off = cn->k_off;
                gm.y = out;
                gm.y_m = 1;
                gm.y_n = pixels;
                gemm_run(r, &gm);
                continue;
            }
            for (size_t p = 0; p < pixels; p++)
                dots(r, a + cn->m_off[p], 0, cn->k_off, w + row * w_step + (size_t)q * c.ng * c.k,
                     c.ng, c.k, out + p, pixels);
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
