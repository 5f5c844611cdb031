// SPDX-License-Identifier: MIT
/* From a graph to a list of dispatches: references, grids, elementwise and movement nodes,
   barriers. */
#include "vk_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- common
   ------------------------------------------------------------------------------------------------
   */

struct vk_dispatch *vk_plan_add(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    if (s->n_dispatch == s->cap_dispatch) {
        uint32_t cap = SU_MAX(64u, s->cap_dispatch * 2);
        struct vk_dispatch *d = su_try_alloc(cap, sizeof *d);
        if (!d) {
            (void)su_fail(e, SU_ENOMEM, "stage", "planning %u dispatches", cap);
            return NULL;
        }
        if (s->n_dispatch)
            memcpy(d, s->dispatch, s->n_dispatch * sizeof *d);
        free(s->dispatch);
        s->dispatch = d;
        s->cap_dispatch = cap;
    }
    struct vk_dispatch *d = &s->dispatch[s->n_dispatch++];
    memset(d, 0, sizeof *d);
    d->node = node;
    d->domain = s->graph->value[s->graph->node[node].first_out].domain;
    d->push[0] = (uint32_t)d->domain;
    return d;
}

struct vk_ref vk_plan_ref(const struct vk_stage *s, uint32_t value)
{
    return (struct vk_ref){s->layout->fixed[value], s->layout->offset[value],
                           s->layout->bytes[value], VK_POOL_STAGE};
}

uint32_t vk_domain_rows(const struct vk_stage *s, enum su_domain d, uint32_t t)
{
    return d == SU_FIXED ? 1 : d == SU_EMIT ? SU_MIN(t, s->e_max) : t;
}

uint32_t vk_plan_row_step(const struct vk_stage *s, uint32_t value)
{
    const struct su_value *v = &s->graph->value[value];
    return v->domain == SU_FIXED ? 0 : (uint32_t)su_shape_elements(&v->shape);
}

/* With l = ceil(log2 d): m = ceil(2^(31 + l) / d) fits 32 bits, and x * m >> (31 + l) is exact for
   x < 2^31 (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).
   */
void vk_plan_divisor(uint32_t d, uint32_t *multiplier, uint32_t *shift)
{
    uint32_t l = 0;
    *multiplier = *shift = 0;
    if (d <= 1)
        return;
    while ((1ull << l) < d)
        l++;
    *multiplier = (uint32_t)(((1ull << (31 + l)) + d - 1) / d);
    *shift = l - 1;
}

struct vk_grid vk_plan_lanes(uint64_t items, uint32_t workgroup)
{
    return (struct vk_grid){.dim = {{items, workgroup, true}, {1, 1, false}, {1, 1, false}},
                            .fold = true};
}

enum su_code vk_plan_limit(const struct vk_stage *s, uint32_t node, const char *what, uint64_t have,
                           uint64_t most, struct su_err *e)
{
    if (have <= most)
        return SU_OK;
    return su_fail(e, SU_EUNSUPPORTED, su_op_name(s->graph->node[node].op),
                   "node %u: %s is %llu; %.80s takes %llu; use fewer rows or the cpu backend", node,
                   what, (unsigned long long)have, s->vx->device.info.name,
                   (unsigned long long)most);
}

void vk_plan_weights(struct vk_stage *s)
{
    const struct su_graph *g = s->graph;
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        if (n->op != SU_OP_MATMUL && n->op != SU_OP_CONV2D)
            continue;
        const struct su_value *w = &g->value[n->arg[1]];
        if (w->kind == SU_VALUE_WEIGHT && w->uses == 1 &&
            w->shape.rank >= (n->op == SU_OP_CONV2D ? 4 : 2)) {
            uint64_t row = su_shape_elements(&w->shape) / w->shape.dim[0];
            if (n->op == SU_OP_CONV2D || w->shape.rank == 2)
                s->weight_stride[n->arg[1]] = su_align_up(row, 4);
        }
    }
}

/* ---- elementwise space
   ---------------------------------------------------------------------------------------- */

void vk_plan_operand(const struct vk_stage *s, uint32_t value, const struct su_shape *out,
                     struct vk_operand *o)
{
    const struct su_shape *x = &s->graph->value[value].shape;
    *o = (struct vk_operand){.value = value, .row = vk_plan_row_step(s, value)};
    int64_t step = 1;
    for (uint32_t i = x->rank; i-- > 0;) {
        uint32_t axis = i + out->rank - x->rank;
        o->stride[axis] = x->dim[i] == 1 ? 0 : step;
        step *= x->dim[i];
    }
}

struct axes {
    uint32_t n;
    uint32_t dim[SU_GRAPH_RANK_MAX];
    int64_t stride[2 + VK_OPERANDS][SU_GRAPH_RANK_MAX]; /* operands, then the index of an iota */
};

static void merge_axes(const struct vk_space *sp, struct axes *a)
{
    memset(a, 0, sizeof *a);
    uint32_t rows = sp->n_operand + 1;
    for (uint32_t i = 0; i < sp->shape.rank; i++) {
        uint32_t dim = sp->shape.dim[i];
        if (dim == 1)
            continue;
        int64_t stride[2 + VK_OPERANDS];
        for (uint32_t k = 0; k < sp->n_operand; k++)
            stride[k] = sp->operand[k].stride[i];
        stride[sp->n_operand] = (int)i == sp->iota_axis;
        bool fits = a->n > 0;
        for (uint32_t k = 0; fits && k < rows; k++)
            fits = a->stride[k][a->n - 1] == stride[k] * dim;
        if (fits) {
            a->dim[a->n - 1] *= dim;
        } else {
            a->dim[a->n++] = dim;
        }
        for (uint32_t k = 0; k < rows; k++)
            a->stride[k][a->n - 1] = stride[k];
    }
}

/* Leaves the three largest axes as a->n, in their order; the others follow after them. */
static void order_axes(struct axes *a)
{
    while (a->n > 3) {
        uint32_t split = 0;
        for (uint32_t i = 1; i < a->n; i++) {
            if (a->dim[i] < a->dim[split])
                split = i;
        }
        struct axes b = *a;
        for (uint32_t i = split; i + 1 < a->n; i++) {
            a->dim[i] = b.dim[i + 1];
            for (uint32_t k = 0; k < SU_ARRAY_LEN(a->stride); k++)
                a->stride[k][i] = b.stride[k][i + 1];
        }
        a->n--;
        a->dim[a->n] = b.dim[split];
        for (uint32_t k = 0; k < SU_ARRAY_LEN(a->stride); k++)
            a->stride[k][a->n] = b.stride[k][split];
    }
}

static enum su_code emit_space(struct vk_stage *s, const struct vk_space *sp, const struct axes *a,
                               const int64_t *offset, struct su_err *e)
{
    struct vk_dispatch *d = vk_plan_add(s, sp->node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t dim[3] = {1, 1, 1}, axis[3], shift[3];
    for (uint32_t i = 0; i < 3; i++) {
        axis[i] = UINT32_MAX;
        if (i + a->n >= 3) {
            axis[i] = i + a->n - 3;
            dim[i] = a->dim[axis[i]];
        }
    }
    uint32_t n = dim[0] * dim[1] * dim[2];
    d->domain = sp->domain;
    d->key = sp->key;
    uint32_t *w = d->push;
    w[0] = (uint32_t)sp->domain;
    w[1] = n;
    w[2] = dim[1];
    w[3] = dim[2];
    vk_plan_divisor(n, &w[4], &shift[0]);
    vk_plan_divisor(dim[2], &w[5], &shift[1]);
    vk_plan_divisor(dim[1], &w[6], &shift[2]);
    w[7] = shift[0] | shift[1] << 8 | shift[2] << 16;
    uint32_t at = 8;
    for (uint32_t k = 0; k < sp->n_operand; k++) {
        w[at++] = (uint32_t)offset[k];
        if (k == 0 && sp->compact)
            continue;
        w[at++] = (uint32_t)sp->operand[k].row;
        for (uint32_t i = 0; i < 3; i++)
            w[at++] = axis[i] == UINT32_MAX ? 0 : (uint32_t)a->stride[k][axis[i]];
    }
    if (!sp->compact) {
        w[28] = sp->aux;
        for (uint32_t i = 0; i < 3 && sp->iota_axis >= 0; i++) {
            if (axis[i] != UINT32_MAX && a->stride[sp->n_operand][axis[i]])
                w[28] = i;
        }
    }
    d->out[0] = vk_plan_ref(s, sp->operand[0].value);
    for (uint32_t k = 1; k < sp->n_operand; k++)
        d->in[k - 1] = vk_plan_ref(s, sp->operand[k].value);
    d->grid = vk_plan_lanes(n, sp->key.workgroup);
    return SU_OK;
}

bool vk_plan_space_single(const struct vk_space *sp)
{
    struct axes a;
    merge_axes(sp, &a);
    return a.n <= 3;
}

enum su_code vk_plan_space(struct vk_stage *s, struct vk_space *sp, struct su_err *e)
{
    struct axes a;
    uint64_t rows = vk_domain_rows(s, sp->domain, s->t_max);
    enum su_code rc = vk_plan_limit(s, sp->node, "the number of elements",
                                    rows * su_shape_elements(&sp->shape), VK_ELEMENTS_MAX, e);
    if (rc != SU_OK)
        return rc;
    merge_axes(sp, &a);
    uint32_t all = a.n;
    order_axes(&a);
    uint64_t series = 1;
    for (uint32_t i = a.n; i < all; i++)
        series *= a.dim[i];
    rc = vk_plan_limit(s, sp->node, "the number of separate pieces", series, 1u << 16, e);
    for (uint64_t i = 0; i < series && rc == SU_OK; i++) {
        int64_t offset[1 + VK_OPERANDS];
        uint64_t rest = i;
        for (uint32_t k = 0; k < sp->n_operand; k++)
            offset[k] = sp->operand[k].offset;
        for (uint32_t j = a.n; j < all; j++) {
            int64_t index = (int64_t)(rest % a.dim[j]);
            rest /= a.dim[j];
            for (uint32_t k = 0; k < sp->n_operand; k++)
                offset[k] += index * a.stride[k][j];
        }
        rc = emit_space(s, sp, &a, offset, e);
    }
    return rc;
}

/* ---- movement
   -------------------------------------------------------------------------------------------------
   - */

/* A space over `shape` whose operands are the node's output and, when value is given, that value;
   strides still to be set. */
static struct vk_space copy_space(const struct vk_stage *s, uint32_t node,
                                  const struct su_shape *shape, uint32_t op)
{
    uint32_t out = s->graph->node[node].first_out;
    struct vk_space sp = {.node = node,
                          .n_operand = op >= SU_EW_ONE ? 2 : 1,
                          .shape = *shape,
                          .domain = s->graph->value[out].domain,
                          .key = {VK_ELEMENTWISE, op, 0, s->vx->workgroup_wide},
                          .iota_axis = -1};
    vk_plan_operand(s, out, &s->graph->value[out].shape, &sp.operand[0]);
    return sp;
}

static void strides_of(const struct su_shape *x, int64_t *stride)
{
    int64_t step = 1;
    for (uint32_t i = x->rank; i-- > 0;) {
        stride[i] = step;
        step *= x->dim[i];
    }
}

/* Output from input at base, stepping by `stride` along the output's axes. */
static enum su_code plan_view(struct vk_stage *s, uint32_t node, int64_t base,
                              const int64_t *stride, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    struct vk_space sp = copy_space(s, node, &s->graph->value[n->first_out].shape, SU_EW_COPY);
    sp.operand[1] = (struct vk_operand){
        .value = n->arg[0], .offset = base, .row = vk_plan_row_step(s, n->arg[0])};
    memcpy(sp.operand[1].stride, stride, sp.shape.rank * sizeof *stride);
    return vk_plan_space(s, &sp, e);
}

/* Argument `arg` as a block of the output that starts at base. */
static enum su_code plan_block(struct vk_stage *s, uint32_t node, uint32_t arg, int64_t base,
                               struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = &s->graph->value[n->arg[arg]].shape;
    struct vk_space sp = copy_space(s, node, x, SU_EW_COPY);
    strides_of(&s->graph->value[n->first_out].shape, sp.operand[0].stride);
    sp.operand[0].offset = base;
    vk_plan_operand(s, n->arg[arg], x, &sp.operand[1]);
    return vk_plan_space(s, &sp, e);
}

static enum su_code plan_pad(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *out = &s->graph->value[n->first_out].shape;
    struct vk_space fill = copy_space(s, node, out, SU_EW_FILL);
    int64_t stride[SU_GRAPH_RANK_MAX], base = 0;
    strides_of(out, stride);
    for (uint32_t i = 0; i < out->rank; i++)
        base += stride[i] * n->attr[2 * i];
    enum su_code rc = vk_plan_space(s, &fill, e);
    return rc == SU_OK ? plan_block(s, node, 0, base, e) : rc;
}

static enum su_code plan_concat(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    int64_t stride[SU_GRAPH_RANK_MAX], base = 0;
    strides_of(&s->graph->value[n->first_out].shape, stride);
    for (uint32_t i = 0; i < n->n_arg; i++) {
        enum su_code rc = plan_block(s, node, i, base, e);
        if (rc != SU_OK)
            return rc;
        base +=
            stride[n->attr[0]] * s->graph->value[s->graph->node[node].arg[i]].shape.dim[n->attr[0]];
    }
    return SU_OK;
}

static enum su_code plan_iota(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *out = &s->graph->value[n->first_out].shape;
    uint32_t op = (enum su_dtype)n->attr[0] == SU_F32 ? SU_EW_IOTA_F : SU_EW_IOTA_I;
    bool single = out->dim[n->attr[1]] == 1; /* every index is 0, of either type */
    struct vk_space sp = copy_space(s, node, out, single ? SU_EW_FILL : op);
    sp.iota_axis = single ? -1 : n->attr[1];
    return vk_plan_space(s, &sp, e);
}

static enum su_code plan_same(struct vk_stage *s, uint32_t node, uint32_t op, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = &s->graph->value[n->arg[0]].shape;
    struct vk_space sp = copy_space(s, node, x, op);
    strides_of(x, sp.operand[0].stride);
    vk_plan_operand(s, n->arg[0], x, &sp.operand[1]);
    strides_of(x, sp.operand[1].stride);
    return vk_plan_space(s, &sp, e);
}

enum su_code vk_plan_movement(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = n->n_arg ? &s->graph->value[n->arg[0]].shape : NULL;
    int64_t in[SU_GRAPH_RANK_MAX], view[SU_GRAPH_RANK_MAX], base = 0;
    if (x) {
        strides_of(x, in);
        memcpy(view, in, sizeof view);
    }
    switch (n->op) {
    case SU_OP_RESHAPE: /* shares its argument's bytes, unless these lie among the weights */
        return s->layout->fixed[n->arg[0]] ? plan_same(s, node, SU_EW_COPY, e) : SU_OK;
    case SU_OP_SELECT_EMITTED:
        return plan_same(s, node, SU_EW_SELECT_EMITTED, e);
    case SU_OP_IOTA:
        return plan_iota(s, node, e);
    case SU_OP_CONCAT:
        return plan_concat(s, node, e);
    case SU_OP_PAD:
        return plan_pad(s, node, e);
    case SU_OP_PERMUTE:
        for (uint32_t i = 0; i < x->rank; i++)
            view[i] = in[n->attr[i]];
        break;
    case SU_OP_EXPAND:
        for (uint32_t i = 0; i < x->rank; i++)
            view[i] = x->dim[i] == 1 ? 0 : in[i];
        break;
    case SU_OP_SHRINK:
        for (uint32_t i = 0; i < x->rank; i++)
            base += in[i] * n->attr[2 * i];
        break;
    case SU_OP_SLICE:
        base = in[n->attr[0]] * n->attr[1];
        view[n->attr[0]] *= n->attr[3];
        break;
    default: /* FLIP */
        for (uint32_t i = 0; i < x->rank; i++) {
            if ((uint32_t)n->attr[0] >> i & 1u) {
                base += in[i] * ((int64_t)x->dim[i] - 1);
                view[i] = -in[i];
            }
        }
    }
    return plan_view(s, node, base, view, e);
}

/* ---- barriers -----------------------------------------------------------------------------------
   ------------------ */

struct touched {
    struct vk_ref *write, *read;
    uint32_t n_write, n_read;
};

static bool overlaps(const struct vk_ref *a, const struct vk_ref *b)
{
    return a->bytes && b->bytes && a->pool == b->pool && a->fixed == b->fixed &&
           a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static bool conflicts(const struct vk_dispatch *d, const struct touched *t)
{
    for (uint32_t i = 0; i < t->n_write; i++) {
        const struct vk_ref *w = &t->write[i];
        bool hit = overlaps(w, &d->out[0]) || overlaps(w, &d->out[1]);
        for (uint32_t k = 0; k < 4; k++)
            hit |= overlaps(w, &d->in[k]) || (k < 2 && overlaps(w, &d->vec[k]));
        if (hit)
            return true;
    }
    for (uint32_t i = 0; i < t->n_read; i++) {
        if (overlaps(&t->read[i], &d->out[0]) || overlaps(&t->read[i], &d->out[1]))
            return true;
    }
    return false;
}

static void touch(const struct vk_dispatch *d, struct touched *t)
{
    for (uint32_t k = 0; k < 2; k++) {
        if (d->out[k].bytes)
            t->write[t->n_write++] = d->out[k];
    }
    for (uint32_t k = 0; k < 4; k++) {
        if (d->in[k].bytes && !d->in[k].fixed)
            t->read[t->n_read++] = d->in[k];
    }
    for (uint32_t k = 0; k < 2; k++) {
        if (d->vec[k].bytes && !d->vec[k].fixed)
            t->read[t->n_read++] = d->vec[k];
    }
}

/* Marks the dispatches that must wait for those since the last barrier. Between two barriers
   nothing overlaps, so the lists stay as short as there are independent branches. */
static enum su_code plan_barriers(struct vk_stage *s, struct su_err *e)
{
    struct touched t = {.write = su_try_alloc((size_t)s->n_dispatch * 2 + 1, sizeof(struct vk_ref)),
                        .read = su_try_alloc((size_t)s->n_dispatch * 6 + 1, sizeof(struct vk_ref))};
    enum su_code rc =
        t.write && t.read ? SU_OK : su_fail(e, SU_ENOMEM, "stage", "planning barriers");
    for (uint32_t i = 0; i < s->n_dispatch && rc == SU_OK; i++) {
        struct vk_dispatch *d = &s->dispatch[i];
        if (conflicts(d, &t)) {
            d->barrier = true;
            t.n_write = t.n_read = 0;
        }
        touch(d, &t);
    }
    free(t.write);
    free(t.read);
    return rc;
}

/* ---- the whole graph
   -------------------------------------------------------------------------------------------------
   */

static enum su_code plan_node(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    enum su_op op = s->graph->node[node].op;
    if (s->fused_into[node] != UINT32_MAX)
        return s->fused_into[node] == node ? vk_fuse_plan(s, node, e) : SU_OK;
    if (vk_is_elementwise(op))
        return vk_plan_elementwise(s, node, e);
    switch (op) {
    case SU_OP_CONST:
        return SU_OK;
    case SU_OP_MATMUL:
        return vk_plan_matmul(s, node, e);
    case SU_OP_CONV2D:
        return vk_plan_conv2d(s, node, e);
    case SU_OP_MAXPOOL:
    case SU_OP_AVGPOOL:
        return vk_plan_pool(s, node, e);
    case SU_OP_REDUCE_SUM:
    case SU_OP_REDUCE_MAX:
    case SU_OP_REDUCE_PROD:
        return vk_plan_reduce(s, node, e);
    case SU_OP_ARGMAX:
    case SU_OP_CUMSUM:
        return vk_plan_scan(s, node, e);
    case SU_OP_TOPK:
        return vk_plan_topk(s, node, e);
    case SU_OP_EMBEDDING:
        if (su_dtype_is_block(s->graph->value[s->graph->node[node].arg[0]].dtype))
            return vk_plan_embedding_blocks(s, node, e);
        return vk_plan_gather(s, node, e);
    case SU_OP_GATHER:
        return vk_plan_gather(s, node, e);
    case SU_OP_QMATMUL:
    case SU_OP_QMATMUL_ID:
        return vk_plan_qmatmul(s, node, e);
    case SU_OP_ROPE:
        return vk_plan_rope(s, node, e);
    case SU_OP_STATE_APPEND:
        return vk_plan_state_append(s, node, e);
    case SU_OP_ATTENTION:
        return vk_plan_attention(s, node, e);
    case SU_OP_MOE_ROUTE:
        return vk_plan_moe_route(s, node, e);
    case SU_OP_LAYERNORM:
    case SU_OP_RMSNORM:
    case SU_OP_SOFTMAX:
        return vk_quants_of_norm(s, node) ? vk_plan_quants_of_norm(s, node, e)
                                          : vk_plan_norm(s, node, e);
    default:
        return vk_plan_movement(s, node, e);
    }
}

/* What descriptors can reach. */
static enum su_code check_ranges(const struct vk_stage *s, const struct vk_dispatch *d,
                                 struct su_err *e)
{
    const struct vk_found *f = &s->vx->device;
    enum su_code rc = SU_OK;
    for (uint32_t k = 0; k < 2 && rc == SU_OK; k++)
        rc = vk_plan_limit(s, d->node, "the result's bytes", d->out[k].bytes,
                           f->info.max_buffer_range, e);
    for (uint32_t k = 0; k < 4 && rc == SU_OK; k++)
        rc = vk_plan_limit(s, d->node, "an argument's elements", d->in[k].bytes / 4,
                           SU_MIN(f->max_texels, VK_ELEMENTS_MAX), e);
    for (uint32_t k = 0; k < 2 && rc == SU_OK; k++)
        rc = vk_plan_limit(s, d->node, "an argument's groups of four elements",
                           d->vec[k].bytes / 16, SU_MIN(f->max_texels, VK_ELEMENTS_MAX / 4), e);
    for (uint32_t k = 0; k < 3 && rc == SU_OK; k++) {
        uint64_t groups = d->grid.dim[k].items / d->grid.dim[k].per + 1;
        if (k == 1)
            rc = vk_plan_limit(s, d->node, "the number of tiles", groups, VK_GROUPS_MAX, e);
    }
    return rc;
}

enum su_code vk_plan_build(struct vk_stage *s, struct su_err *e)
{
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < s->graph->n_node && rc == SU_OK; i++)
        rc = plan_node(s, i, e);
    for (uint32_t i = 0; i < s->n_dispatch && rc == SU_OK; i++)
        rc = check_ranges(s, &s->dispatch[i], e);
    return rc == SU_OK ? plan_barriers(s, e) : rc;
}
