// SPDX-License-Identifier: MIT
/* Elementwise ops and data movement of the cpu backend: everything that walks strided views. */
#include "cpu_priv.h"

#include <string.h>

#define DIMS (SU_GRAPH_RANK_MAX + 1) /* rows in front */

/* A walk over an output shape, rows first, with up to 3 operands; dims that all operands step through evenly are merged. */
struct walk {
    uint32_t rank;
    size_t dim[DIMS];
    ptrdiff_t step[3][DIMS];
};

static void walk_push(struct walk *w, size_t dim, const ptrdiff_t step[3])
{
    if (dim == 1)
        return;
    uint32_t r = w->rank;
    bool merge = r > 0;
    for (uint32_t o = 0; merge && o < 3; o++)
        merge = w->step[o][r - 1] == step[o] * (ptrdiff_t)dim;
    if (!merge)
        w->dim[w->rank++] = dim;
    else
        w->dim[--r] *= dim;
    for (uint32_t o = 0; o < 3; o++)
        w->step[o][r] = step[o];
}

/* Calls body(ctx, out offset in elements, operand offsets) for each innermost run. */
static void walk_run(const struct walk *w,
                     void (*body)(void *ctx, size_t out, const ptrdiff_t at[3], size_t n),
                     void *ctx)
{
    size_t index[DIMS] = {0}, out = 0;
    ptrdiff_t at[3] = {0, 0, 0};
    uint32_t outer = w->rank > 0 ? w->rank - 1 : 0;
    size_t n = w->rank > 0 ? w->dim[outer] : 1;
    for (;;) {
        body(ctx, out, at, n);
        out += n;
        uint32_t d = outer;
        for (;;) {
            if (d == 0)
                return;
            d--;
            for (uint32_t o = 0; o < 3; o++)
                at[o] += w->step[o][d];
            if (++index[d] < w->dim[d])
                break;
            index[d] = 0;
            for (uint32_t o = 0; o < 3; o++)
                at[o] -= w->step[o][d] * (ptrdiff_t)w->dim[d];
        }
    }
}

/* ---- elementwise ------------------------------------------------------------------------------------------ */

struct map_ctx {
    struct cpu_run *run;
    const struct su_node *node;
    enum su_dtype in, out;
    const uint32_t *arg[3];
    size_t inner[3];
    uint32_t *y;
};

static void map_body(void *ctx, size_t out, const ptrdiff_t at[3], size_t n)
{
    struct map_ctx *m = ctx;
    const void *arg[3] = {m->arg[0] + at[0], m->arg[1] ? m->arg[1] + at[1] : NULL,
                          m->arg[2] ? m->arg[2] + at[2] : NULL};
    m->run->k->map(m->node->op, m->in, m->out, m->node->n_attr ? m->node->attr[0] : 0, arg,
                   m->inner, m->y + out, n, &m->run->saturations);
}

void cpu_op_map(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct su_value *y = &g->value[nd->first_out];
    struct map_ctx m = {
        .run = r, .node = nd, .in = su_dtype_seen(g->value[nd->arg[0]].dtype), .out = y->dtype};
    struct walk w = {0};
    ptrdiff_t step[3] = {0, 0, 0}, dense[3] = {1, 1, 1};
    m.y = cpu_value(r, nd->first_out);
    for (uint32_t a = 0; a < nd->n_arg; a++) {
        m.arg[a] = cpu_value(r, nd->arg[a]);
        step[a] = (ptrdiff_t)cpu_row_step(r, nd->arg[a]);
    }
    walk_push(&w, cpu_value_rows(r, nd->first_out), step);
    ptrdiff_t by_dim[DIMS][3];
    for (uint32_t d = y->shape.rank; d-- > 0;)
        for (uint32_t a = 0; a < 3; a++) {
            by_dim[d][a] = 0;
            if (a >= nd->n_arg)
                continue;
            const struct su_shape *s = &g->value[nd->arg[a]].shape;
            uint32_t skip = y->shape.rank - s->rank;
            uint32_t dim = d >= skip ? s->dim[d - skip] : 1;
            by_dim[d][a] = dim == 1 ? 0 : dense[a];
            dense[a] *= (ptrdiff_t)dim;
        }
    for (uint32_t d = 0; d < y->shape.rank; d++)
        walk_push(&w, y->shape.dim[d], by_dim[d]);
    if (cpu_value_rows(r, nd->first_out) == 0)
        return;
    for (uint32_t a = 0; a < nd->n_arg; a++)
        m.inner[a] = w.rank > 0 ? (size_t)w.step[a][w.rank - 1] : 1;
    walk_run(&w, map_body, &m);
}

/* ---- movement --------------------------------------------------------------------------------------------- */

struct copy_ctx {
    const uint32_t *x;
    uint32_t *y;
    ptrdiff_t inner;
};

static void copy_body(void *ctx, size_t out, const ptrdiff_t at[3], size_t n)
{
    struct copy_ctx *c = ctx;
    const uint32_t *x = c->x + at[0];
    uint32_t *y = c->y + out;
    if (c->inner == 1) {
        memcpy(y, x, n * 4);
        return;
    }
    for (size_t i = 0; i < n; i++)
        y[i] = x[(ptrdiff_t)i * c->inner];
}

/* Writes a dense block of `rows` × dim from x with the given steps. */
static void copy_view(const uint32_t *x, uint32_t *y, size_t rows, ptrdiff_t row_step,
                      uint32_t rank, const uint32_t *dim, const ptrdiff_t *step)
{
    struct walk w = {0};
    if (rows == 0)
        return;
    walk_push(&w, rows, (ptrdiff_t[3]){row_step, 0, 0});
    for (uint32_t d = 0; d < rank; d++)
        walk_push(&w, dim[d], (ptrdiff_t[3]){step[d], 0, 0});
    struct copy_ctx c = {x, y, w.rank > 0 ? w.step[0][w.rank - 1] : 1};
    walk_run(&w, copy_body, &c);
}

static void dense_steps(const struct su_shape *s, ptrdiff_t *step)
{
    ptrdiff_t n = 1;
    for (uint32_t d = s->rank; d-- > 0; n *= (ptrdiff_t)s->dim[d])
        step[d] = n;
}

/* The views: y's element order over x's memory, as an offset and a step per axis of y. */
static const uint32_t *view_of(const struct su_node *nd, const struct su_shape *xs,
                               const struct su_shape *ys, const uint32_t *x, ptrdiff_t *step)
{
    ptrdiff_t xstep[SU_GRAPH_RANK_MAX];
    dense_steps(xs, xstep);
    memcpy(step, xstep, sizeof xstep);
    for (uint32_t d = 0; d < ys->rank; d++) {
        switch (nd->op) {
        case SU_OP_PERMUTE:
            step[d] = xstep[nd->attr[d]];
            break;
        case SU_OP_EXPAND:
            step[d] = xs->dim[d] == 1 ? 0 : xstep[d];
            break;
        case SU_OP_SHRINK:
            x += nd->attr[2 * d] * xstep[d];
            break;
        case SU_OP_FLIP:
            if ((uint32_t)nd->attr[0] >> d & 1u) {
                x += ((ptrdiff_t)xs->dim[d] - 1) * xstep[d];
                step[d] = -xstep[d];
            }
            break;
        default: /* SLICE */
            if ((uint32_t)nd->attr[0] == d) {
                x += nd->attr[1] * xstep[d];
                step[d] = xstep[d] * nd->attr[3];
            }
        }
    }
    return x;
}

/* Copies x, dense, into y at `offset` with y's steps: the other way round of a view, for pad and concat. */
static void put_block(const uint32_t *x, const struct su_shape *xs, size_t rows, size_t x_row,
                      uint32_t *y, size_t y_row, const ptrdiff_t *y_step)
{
    size_t run = xs->rank ? xs->dim[xs->rank - 1] : 1, runs = (size_t)su_shape_elements(xs) / run;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < runs; i++) {
            size_t rest = i;
            ptrdiff_t at = 0;
            for (uint32_t d = xs->rank ? xs->rank - 1 : 0; d-- > 0; rest /= xs->dim[d])
                at += (ptrdiff_t)(rest % xs->dim[d]) * y_step[d];
            memcpy(y + row * y_row + at, x + row * x_row + i * run, run * 4);
        }
}

static void move_pad(struct cpu_run *r, const struct su_node *nd)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_value *x = &g->value[nd->arg[0]], *y = &g->value[nd->first_out];
    size_t rows = cpu_value_rows(r, nd->first_out), n = (size_t)su_shape_elements(&y->shape);
    uint32_t *out = cpu_value(r, nd->first_out), *at = out;
    ptrdiff_t step[SU_GRAPH_RANK_MAX];
    memset(out, 0, rows * n * 4);
    dense_steps(&y->shape, step);
    for (uint32_t d = 0; d < y->shape.rank; d++)
        at += nd->attr[2 * d] * step[d];
    put_block(cpu_value(r, nd->arg[0]), &x->shape, rows, cpu_row_step(r, nd->arg[0]), at, n, step);
}

static void move_concat(struct cpu_run *r, const struct su_node *nd)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_value *y = &g->value[nd->first_out];
    uint32_t *at = cpu_value(r, nd->first_out);
    ptrdiff_t step[SU_GRAPH_RANK_MAX];
    dense_steps(&y->shape, step);
    for (uint32_t a = 0; a < nd->n_arg; a++) {
        const struct su_value *x = &g->value[nd->arg[a]];
        put_block(cpu_value(r, nd->arg[a]), &x->shape, cpu_value_rows(r, nd->first_out),
                  cpu_row_step(r, nd->arg[a]), at, (size_t)su_shape_elements(&y->shape), step);
        at += (ptrdiff_t)x->shape.dim[nd->attr[0]] * step[nd->attr[0]];
    }
}

static void move_emitted(struct cpu_run *r, const struct su_node *nd)
{
    const uint8_t *x = cpu_value(r, nd->arg[0]);
    uint8_t *y = cpu_value(r, nd->first_out);
    size_t bytes = (size_t)su_value_row_bytes(&r->stage->graph->value[nd->first_out]);
    for (uint32_t i = 0; i < r->n_row; i++)
        if (r->row[i].emit) {
            memcpy(y, x + i * bytes, bytes);
            y += bytes;
        }
}

static void move_iota(struct cpu_run *r, const struct su_node *nd)
{
    const struct su_value *y = &r->stage->graph->value[nd->first_out];
    ptrdiff_t step[SU_GRAPH_RANK_MAX];
    dense_steps(&y->shape, step);
    size_t n = (size_t)su_shape_elements(&y->shape);
    size_t inner = (size_t)step[nd->attr[1]], dim = y->shape.dim[nd->attr[1]];
    uint32_t *out = cpu_value(r, nd->first_out);
    for (size_t i = 0; i < n; i++) {
        uint32_t v = (uint32_t)(i / inner % dim);
        out[i] = y->dtype == SU_F32 ? su_f32_bits(su_num_from_u32(v)) : v;
    }
}

void cpu_op_move(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    switch (nd->op) {
    case SU_OP_CONST:
        return; /* placed at load */
    case SU_OP_IOTA:
        move_iota(r, nd);
        return;
    case SU_OP_PAD:
        move_pad(r, nd);
        return;
    case SU_OP_CONCAT:
        move_concat(r, nd);
        return;
    case SU_OP_SELECT_EMITTED:
        move_emitted(r, nd);
        return;
    default:
        break;
    }
    const struct su_value *x = &g->value[nd->arg[0]], *y = &g->value[nd->first_out];
    const uint32_t *from = cpu_value(r, nd->arg[0]);
    uint32_t *to = cpu_value(r, nd->first_out);
    size_t rows = cpu_value_rows(r, nd->first_out);
    if (nd->op == SU_OP_RESHAPE) {
        if (from != to)
            memcpy(to, from, rows * (size_t)su_value_row_bytes(y));
        return;
    }
    ptrdiff_t step[SU_GRAPH_RANK_MAX];
    from = view_of(nd, &x->shape, &y->shape, from, step);
    copy_view(from, to, rows, (ptrdiff_t)cpu_row_step(r, nd->arg[0]), y->shape.rank, y->shape.dim,
              step);
}
