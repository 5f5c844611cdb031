// SPDX-License-Identifier: MIT
/* Dispatches of the nodes that have kernels of their own. The order of the push words is that of
   the Push block of the kernel named. */
#include "vk_priv.h"

#include <string.h>

#define MATMUL_ROWS_TM 2u
#define MATMUL_ROWS_TN 8u
#define MATMUL_COLUMNS_TM 2u
#define MATMUL_COLUMNS_TN 2u
#define MATMUL_FEW_ROWS 16u /* below, lanes take columns */
#define CONV_TP 2u
#define CONV_TN 8u
#define TILE_W_VEC 1u
#define TILE_X_VEC 2u

static const struct su_value *arg_of(const struct vk_stage *s, uint32_t node, uint32_t i)
{
    return &s->graph->value[s->graph->node[node].arg[i]];
}

static const struct su_value *out_of(const struct vk_stage *s, uint32_t node)
{
    return &s->graph->value[s->graph->node[node].first_out];
}

static uint64_t span(const struct su_shape *x, uint32_t from, uint32_t to)
{
    uint64_t n = 1;
    for (uint32_t i = from; i < to; i++)
        n *= x->dim[i];
    return n;
}

/* Elements of a value over all rows of the largest dispatch, within what kernels can count. */
static enum su_code check_elements(const struct vk_stage *s, uint32_t node,
                                   const struct su_value *v, struct su_err *e)
{
    return vk_plan_limit(s, node, "the number of elements",
                         vk_domain_rows(s, v->domain, s->t_max) * su_shape_elements(&v->shape),
                         VK_ELEMENTS_MAX, e);
}

/* rounds: loop iterations of one lane. */
static enum su_code check_loop(const struct vk_stage *s, uint32_t node, uint64_t rounds,
                               struct su_err *e)
{
    return vk_plan_limit(s, node, "the length of a loop", rounds, vk_loop_limit(s->vx), e);
}

static uint32_t number_type(enum su_dtype t) /* 0 f32, 1 i32, 2 u32 */
{
    return t == SU_F32 ? 0 : t == SU_I32 ? 1 : 2;
}

/* How much of K one dispatch takes: four per round and one round per segment, a multiple of the
   segment. */
static uint32_t k_step(const struct vk_stage *s, uint32_t k)
{
    uint64_t most = (uint64_t)vk_loop_limit(s->vx) * 3 / 256 * 256;
    return (uint32_t)SU_MIN((uint64_t)k, most);
}

/* ---- matmul -------------------------------------------------------------------------------------
   ----------------- */

struct product {
    uint32_t m, n, k, batch;
    bool flat;
    uint32_t w_stride, tile;
};

static void matmul_push(const struct vk_stage *s, uint32_t node, const struct product *p,
                        uint32_t *w)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *b = arg_of(s, node, 1);
    w[1] = p->flat;
    w[2] = p->m;
    w[3] = p->n;
    w[4] = p->k;
    w[5] = p->batch;
    w[7] = p->flat ? 0 : vk_plan_row_step(s, n->arg[0]);
    w[8] = p->m * p->k;
    w[10] = vk_plan_row_step(s, n->arg[1]);
    w[11] = b->shape.rank > 2 ? p->n * p->k : 0;
    w[12] = p->w_stride;
    w[14] = p->flat ? 0 : vk_plan_row_step(s, n->first_out);
    w[15] = p->m * p->n;
}

static void matmul_grids(const struct vk_stage *s, const struct product *p, struct vk_dispatch *d)
{
    uint32_t wg = s->vx->workgroup_tile;
    struct vk_extent z = {p->flat ? 1 : p->batch, 1, !p->flat};
    d->key = (struct vk_pipeline_key){VK_MATMUL_ROWS, 0, p->tile, wg};
    d->grid = (struct vk_grid){
        .dim = {{p->m, wg * MATMUL_ROWS_TM, p->flat}, {p->n, MATMUL_ROWS_TN, false}, z},
        .x_word = 16,
        .z_word = 17};
    d->alt_key = (struct vk_pipeline_key){VK_MATMUL_COLUMNS, 0, p->tile, wg};
    d->alt_grid = (struct vk_grid){
        .dim = {{p->n, wg * MATMUL_COLUMNS_TN, false}, {p->m, MATMUL_COLUMNS_TM, p->flat}, z},
        .x_word = 16,
        .z_word = 17};
    d->alt_below = MATMUL_FEW_ROWS;
}

enum su_code vk_plan_matmul(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *a = arg_of(s, node, 0), *b = arg_of(s, node, 1);
    struct product p = {.k = a->shape.dim[a->shape.rank - 1], .n = b->shape.dim[b->shape.rank - 2]};
    uint64_t batch = a->shape.rank > 2 ? span(&a->shape, 0, a->shape.rank - 2) : 1;
    uint64_t m = a->shape.rank > 1 ? a->shape.dim[a->shape.rank - 2] : 1;
    p.flat = b->shape.rank == 2 && b->domain == SU_FIXED;
    p.m = (uint32_t)(p.flat ? m * batch : m);
    p.batch = (uint32_t)(p.flat ? 1 : batch);
    p.w_stride = s->weight_stride[n->arg[1]] ? (uint32_t)s->weight_stride[n->arg[1]] : p.k;
    p.tile = (p.w_stride % 4 == 0 ? TILE_W_VEC : 0) | (p.k % 4 == 0 ? TILE_X_VEC : 0);
    enum su_code rc = check_elements(s, node, out_of(s, node), e);
    if (rc == SU_OK)
        rc = check_elements(s, node, a, e);
    uint32_t step = k_step(s, p.k);
    for (uint32_t k = 0; k < p.k && rc == SU_OK; k += step) {
        struct vk_dispatch *d = vk_plan_add(s, node, e);
        if (!d)
            return SU_ENOMEM;
        matmul_push(s, node, &p, d->push);
        d->push[18] = k;
        d->push[19] = SU_MIN(p.k, k + step);
        d->push[20] = k + step >= p.k;
        d->out[0] = vk_plan_ref(s, n->first_out);
        d->in[0] = d->vec[1] = vk_plan_ref(s, n->arg[0]);
        d->in[1] = d->vec[0] = vk_plan_ref(s, n->arg[1]);
        if (p.tile & TILE_W_VEC) /* read by fours only */
            d->in[1] = d->in[0];
        matmul_grids(s, &p, d);
    }
    return rc;
}

/* ---- convolution and pools
   ------------------------------------------------------------------------------------------ */

/* Kernels compute positions in 32 bits, padding included. */
static enum su_code check_padded(const struct vk_stage *s, uint32_t node, const struct su_shape *x,
                                 const int32_t *pad, struct su_err *e)
{
    uint64_t h = (uint64_t)x->dim[x->rank - 2] + (uint32_t)pad[0] + (uint32_t)pad[2];
    uint64_t w = (uint64_t)x->dim[x->rank - 1] + (uint32_t)pad[1] + (uint32_t)pad[3];
    return vk_plan_limit(s, node, "a padded side", SU_MAX(h, w), 1u << 30, e);
}

static void conv_push(const struct vk_stage *s, uint32_t node, uint32_t *w)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = &arg_of(s, node, 0)->shape, *f = &arg_of(s, node, 1)->shape;
    const struct su_shape *y = &out_of(s, node)->shape;
    uint32_t shift[2], oh = y->dim[y->rank - 2], ow = y->dim[y->rank - 1];
    const uint32_t head[] = {(uint32_t)span(x, 0, x->rank - 3),
                             f->dim[1],
                             x->dim[x->rank - 2],
                             x->dim[x->rank - 1],
                             f->dim[0] / (uint32_t)n->attr[8],
                             (uint32_t)n->attr[8],
                             f->dim[2],
                             f->dim[3],
                             oh,
                             ow};
    memcpy(w + 1, head, sizeof head);
    vk_plan_divisor(oh * ow, &w[11], &shift[0]);
    vk_plan_divisor(ow, &w[12], &shift[1]);
    w[13] = shift[0] | shift[1] << 8;
    w[14] = (uint32_t)n->attr[0];
    w[15] = (uint32_t)n->attr[1];
    w[16] = (uint32_t)n->attr[6];
    w[17] = (uint32_t)n->attr[7];
    w[18] = (uint32_t)n->attr[2];
    w[19] = (uint32_t)n->attr[3];
}

enum su_code vk_plan_conv2d(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = &arg_of(s, node, 0)->shape, *f = &arg_of(s, node, 1)->shape;
    uint32_t k = (uint32_t)span(f, 1, 4), step = k_step(s, k), groups = (uint32_t)n->attr[8];
    uint32_t w_stride = s->weight_stride[n->arg[1]] ? (uint32_t)s->weight_stride[n->arg[1]] : k;
    uint32_t wg = s->vx->workgroup_tile, tiles = (f->dim[0] / groups + CONV_TN - 1) / CONV_TN;
    const struct su_shape *y = &out_of(s, node)->shape;
    uint64_t positions = span(x, 0, x->rank - 3) * span(y, y->rank - 2, y->rank);
    enum su_code rc = check_elements(s, node, out_of(s, node), e);
    if (rc == SU_OK)
        rc = check_elements(s, node, arg_of(s, node, 0), e);
    if (rc == SU_OK)
        rc = check_padded(s, node, x, n->attr + 2, e);
    for (uint32_t at = 0; at < k && rc == SU_OK; at += step) {
        struct vk_dispatch *d = vk_plan_add(s, node, e);
        if (!d)
            return SU_ENOMEM;
        conv_push(s, node, d->push);
        d->push[22] = w_stride;
        d->push[25] = at;
        d->push[26] = SU_MIN(k, at + step);
        d->push[27] = at + step >= k;
        d->out[0] = vk_plan_ref(s, n->first_out);
        d->in[0] = vk_plan_ref(s, n->arg[0]);
        d->in[1] = d->vec[0] = vk_plan_ref(s, n->arg[1]);
        d->key = (struct vk_pipeline_key){VK_CONV2D, 0, w_stride % 4 == 0 ? TILE_W_VEC : 0, wg};
        if (d->key.tile)
            d->in[1] = d->in[0];
        d->grid = (struct vk_grid){.dim = {{positions, wg * CONV_TP, true},
                                           {(uint64_t)tiles * groups, 1, false},
                                           {1, 1, false}},
                                   .x_word = 24};
    }
    return rc;
}

enum su_code vk_plan_pool(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = &arg_of(s, node, 0)->shape, *y = &out_of(s, node)->shape;
    uint32_t h = x->dim[x->rank - 2], wide = x->dim[x->rank - 1], oh = y->dim[y->rank - 2],
             ow = y->dim[y->rank - 1];
    uint32_t shift[2], kh = (uint32_t)n->attr[0], kw = (uint32_t)n->attr[1];
    enum su_code rc = check_elements(s, node, out_of(s, node), e);
    if (rc == SU_OK)
        rc = check_elements(s, node, arg_of(s, node, 0), e);
    if (rc == SU_OK)
        rc = check_padded(s, node, x, n->attr + 4, e);
    if (rc == SU_OK)
        rc = check_loop(s, node, (uint64_t)kh * kw + kh + 64, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *w = d->push;
    const uint32_t head[] = {(uint32_t)span(x, 0, x->rank - 2), h, wide, oh, ow};
    memcpy(w + 1, head, sizeof head);
    vk_plan_divisor(oh * ow, &w[6], &shift[0]);
    vk_plan_divisor(ow, &w[7], &shift[1]);
    w[8] = shift[0] | shift[1] << 8;
    for (uint32_t i = 0; i < 6; i++) /* kernel, stride, top, left */
        w[9 + i] = (uint32_t)n->attr[i];
    bool average = n->op == SU_OP_AVGPOOL;
    w[17] = average && n->attr[8];
    d->key = (struct vk_pipeline_key){VK_POOL, average, 0, s->vx->workgroup_wide};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes(su_shape_elements(y), d->key.workgroup);
    return SU_OK;
}

/* ---- reductions ---------------------------------------------------------------------------------
   --------------------- */

/* Axes of x that are (or are not) reduced, neighbours merged: at most three of either kind, since
   they alternate. */
struct merged {
    uint32_t n, dim[3];
    uint32_t stride[3];
};

static struct merged merge(const struct su_shape *x, uint32_t mask, bool reduced)
{
    struct merged r = {.dim = {1, 1, 1}};
    uint32_t dim[SU_GRAPH_RANK_MAX], stride[SU_GRAPH_RANK_MAX], n = 0, step = 1;
    for (uint32_t i = x->rank; i-- > 0; step *= x->dim[i]) { /* from the last axis */
        if (x->dim[i] == 1 || (mask >> i & 1u) != reduced)
            continue;
        if (n && step == stride[n - 1] * dim[n - 1]) {
            dim[n - 1] *= x->dim[i];
        } else {
            dim[n] = x->dim[i];
            stride[n++] = step;
        }
    }
    r.n = n;
    for (uint32_t i = 0; i < n; i++) {
        r.dim[2 - i] = dim[i];
        r.stride[2 - i] = stride[i];
    }
    return r;
}

enum su_code vk_plan_reduce(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *x = arg_of(s, node, 0);
    struct merged keep = merge(&x->shape, (uint32_t)n->attr[0], false);
    struct merged red = merge(&x->shape, (uint32_t)n->attr[0], true);
    uint32_t groups = keep.dim[0] * keep.dim[1] * keep.dim[2],
             count = red.dim[0] * red.dim[1] * red.dim[2], shift[3];
    uint32_t type = number_type(su_dtype_seen(x->dtype));
    bool lanes = type == 0 && n->op != SU_OP_REDUCE_MAX;
    enum su_code rc = check_elements(s, node, x, e);
    if (rc == SU_OK)
        rc = check_loop(s, node, count / (lanes ? 32 : 8) + 128, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *w = d->push;
    w[1] = groups;
    w[2] = keep.dim[1];
    w[3] = keep.dim[2];
    vk_plan_divisor(groups, &w[4], &shift[0]);
    vk_plan_divisor(keep.dim[2], &w[5], &shift[1]);
    vk_plan_divisor(keep.dim[1], &w[6], &shift[2]);
    w[7] = shift[0] | shift[1] << 8 | shift[2] << 16;
    w[9] = vk_plan_row_step(s, n->arg[0]);
    memcpy(w + 10, keep.stride, sizeof keep.stride);
    w[13] = count;
    w[14] = red.dim[1];
    w[15] = red.dim[2];
    vk_plan_divisor(red.dim[2], &w[16], &shift[0]);
    vk_plan_divisor(red.dim[1], &w[17], &shift[1]);
    w[18] = shift[0] | shift[1] << 8;
    memcpy(w + 19, red.stride, sizeof red.stride);
    uint32_t op = n->op == SU_OP_REDUCE_SUM   ? (type ? 1 : 0)
                  : n->op == SU_OP_REDUCE_MAX ? 2 + type
                  : type                      ? 6
                                              : 5;
    d->key = (struct vk_pipeline_key){VK_REDUCE, op, 0, s->vx->workgroup_tile};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes(groups, d->key.workgroup);
    return SU_OK;
}

enum su_code vk_plan_scan(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *x = arg_of(s, node, 0);
    uint32_t axis = (uint32_t)n->attr[0], count = x->shape.dim[axis], shift[2];
    uint32_t inner = (uint32_t)span(&x->shape, axis + 1, x->shape.rank);
    uint32_t lines = (uint32_t)span(&x->shape, 0, axis) * inner,
             type = number_type(su_dtype_seen(x->dtype));
    enum su_code rc = check_elements(s, node, x, e);
    if (rc == SU_OK)
        rc = check_loop(s, node, count / 8 + 8, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *w = d->push;
    w[1] = lines;
    w[2] = inner;
    vk_plan_divisor(inner, &w[3], &shift[1]);
    vk_plan_divisor(lines, &w[4], &shift[0]);
    w[5] = shift[0] | shift[1] << 8;
    w[6] = count;
    uint32_t op = n->op == SU_OP_ARGMAX ? 2 + type : type ? 1 : 0;
    d->key = (struct vk_pipeline_key){VK_SCAN, op, 0, s->vx->workgroup_tile};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes(lines, d->key.workgroup);
    return SU_OK;
}

enum su_code vk_plan_topk(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *x = arg_of(s, node, 0);
    uint32_t count = x->shape.dim[x->shape.rank - 1],
             lines = (uint32_t)span(&x->shape, 0, x->shape.rank - 1), shift[2];
    enum su_code rc = check_elements(s, node, x, e);
    if (rc == SU_OK)
        rc = check_loop(s, node, count / 8 + 8, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *w = d->push;
    w[1] = lines;
    w[2] = count;
    w[3] = (uint32_t)n->attr[0];
    vk_plan_divisor(count, &w[4], &shift[0]);
    vk_plan_divisor(lines, &w[5], &shift[1]);
    w[6] = shift[0] | shift[1] << 8;
    d->key = (struct vk_pipeline_key){VK_TOPK, number_type(su_dtype_seen(x->dtype)), 0,
                                      s->vx->workgroup_tile};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->out[1] = vk_plan_ref(s, n->first_out + 1);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes((uint64_t)lines * count, d->key.workgroup);
    return SU_OK;
}

/* ---- gather and norms
   -------------------------------------------------------------------------------------------------
   --- */

enum su_code vk_plan_gather(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *x = arg_of(s, node, 0), *index = arg_of(s, node, 1),
                          *y = out_of(s, node);
    uint32_t axis = n->op == SU_OP_GATHER ? (uint32_t)n->attr[0] : 0, shift[3];
    uint32_t count = (uint32_t)su_shape_elements(&index->shape);
    uint32_t inner = (uint32_t)span(&x->shape, axis + 1, x->shape.rank),
             per_row = (uint32_t)su_shape_elements(&y->shape);
    enum su_code rc = check_elements(s, node, y, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *w = d->push;
    w[1] = per_row;
    w[2] = count;
    w[3] = inner;
    w[4] = x->shape.dim[axis];
    vk_plan_divisor(per_row, &w[5], &shift[0]);
    vk_plan_divisor(inner, &w[6], &shift[1]);
    vk_plan_divisor(count, &w[7], &shift[2]);
    w[8] = shift[0] | shift[1] << 8 | shift[2] << 16;
    w[10] = vk_plan_row_step(s, n->arg[0]);
    w[12] = vk_plan_row_step(s, n->arg[1]);
    d->key = (struct vk_pipeline_key){VK_GATHER, 0, 0, s->vx->workgroup_wide};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->in[1] = vk_plan_ref(s, n->arg[1]);
    d->grid = vk_plan_lanes(per_row, d->key.workgroup);
    return SU_OK;
}

static uint32_t attr_bits(const struct su_node *n, uint32_t i)
{
    return su_f32_bits(su_num_fix(su_f32_from_bits((uint32_t)n->attr[i])));
}

enum su_code vk_plan_norm(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *x = arg_of(s, node, 0);
    uint32_t count = x->shape.dim[x->shape.rank - 1],
             lines = (uint32_t)span(&x->shape, 0, x->shape.rank - 1);
    enum su_code rc = check_elements(s, node, x, e);
    if (rc == SU_OK)
        rc = check_loop(s, node, (uint64_t)count / 16 + count / 8 + count / 4 + 128, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *w = d->push;
    w[1] = lines;
    w[2] = count;
    vk_plan_divisor(lines, &w[3], &w[4]);
    if (n->op != SU_OP_SOFTMAX)
        w[9] = attr_bits(n, 0);
    if (n->op == SU_OP_RMSNORM)
        w[10] = attr_bits(n, 1);
    uint32_t op = n->op == SU_OP_LAYERNORM ? 0 : n->op == SU_OP_RMSNORM ? 1 : 2;
    d->key = (struct vk_pipeline_key){VK_NORM, op, n->n_arg - 1, s->vx->workgroup_tile};
    d->out[0] = vk_plan_ref(s, n->first_out);
    for (uint32_t i = 0; i < n->n_arg; i++)
        d->in[i] = vk_plan_ref(s, n->arg[i]);
    d->grid = vk_plan_lanes(lines, d->key.workgroup);
    return SU_OK;
}
