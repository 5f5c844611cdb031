// SPDX-License-Identifier: MIT
/* Dispatch, reductions, indexing, pools and norms of the cpu backend. */
#include "cpu_priv.h"

#include <stdlib.h>
#include <string.h>

#include "cpu_math.h"

void cpu_op_run(struct cpu_run *r, uint32_t node)
{
    enum su_op op = r->stage->graph->node[node].op;
    switch (op) {
    case SU_OP_RESHAPE:
    case SU_OP_PERMUTE:
    case SU_OP_EXPAND:
    case SU_OP_PAD:
    case SU_OP_SHRINK:
    case SU_OP_FLIP:
    case SU_OP_CONCAT:
    case SU_OP_SLICE:
    case SU_OP_CONST:
    case SU_OP_IOTA:
    case SU_OP_SELECT_EMITTED:
        cpu_op_move(r, node);
        break;
    case SU_OP_REDUCE_SUM:
    case SU_OP_REDUCE_MAX:
    case SU_OP_REDUCE_PROD:
    case SU_OP_ARGMAX:
    case SU_OP_CUMSUM:
    case SU_OP_TOPK:
        cpu_op_reduce(r, node);
        break;
    case SU_OP_GATHER:
        cpu_op_gather(r, node);
        break;
    case SU_OP_EMBEDDING:
        if (su_dtype_is_block(r->stage->graph->value[r->stage->graph->node[node].arg[0]].dtype))
            cpu_op_embed_blocks(r, node);
        else
            cpu_op_gather(r, node);
        break;
    case SU_OP_QMATMUL:
    case SU_OP_QMATMUL_ID:
        cpu_op_qmatmul(r, node);
        break;
    case SU_OP_ROPE:
        cpu_op_rope(r, node);
        break;
    case SU_OP_STATE_APPEND:
        cpu_op_append(r, node);
        break;
    case SU_OP_ATTENTION:
        cpu_op_attention(r, node);
        break;
    case SU_OP_MOE_ROUTE:
        cpu_op_route(r, node);
        break;
    case SU_OP_MATMUL:
    case SU_OP_CONV2D:
        cpu_op_gemm(r, node);
        break;
    case SU_OP_MAXPOOL:
    case SU_OP_AVGPOOL:
        cpu_op_pool(r, node);
        break;
    case SU_OP_LAYERNORM:
    case SU_OP_RMSNORM:
    case SU_OP_SOFTMAX:
        cpu_op_norm(r, node);
        break;
    default:
        cpu_op_map(r, node);
    }
}

/* ---- reductions ------------------------------------------------------------------------------------------- */

/* The axes of a value split into kept and reduced ones, each walked row-major. */
struct axes {
    uint32_t n_kept, n_reduced;
    size_t kept_dim[SU_GRAPH_RANK_MAX], reduced_dim[SU_GRAPH_RANK_MAX];
    size_t kept_step[SU_GRAPH_RANK_MAX], reduced_step[SU_GRAPH_RANK_MAX];
    size_t n_out, n_in; /* products of the dims */
};

static struct axes axes_split(const struct su_shape *s, uint32_t mask)
{
    struct axes a = {.n_out = 1, .n_in = 1};
    size_t step = (size_t)su_shape_elements(s);
    for (uint32_t d = 0; d < s->rank; d++) {
        step /= s->dim[d];
        if (mask >> d & 1u) {
            a.reduced_dim[a.n_reduced] = s->dim[d];
            a.reduced_step[a.n_reduced++] = step;
            a.n_in *= s->dim[d];
        } else {
            a.kept_dim[a.n_kept] = s->dim[d];
            a.kept_step[a.n_kept++] = step;
            a.n_out *= s->dim[d];
        }
    }
    return a;
}

static size_t offset_of(size_t i, uint32_t n, const size_t *dim, const size_t *step)
{
    size_t at = 0;
    for (uint32_t d = n; d-- > 0; i /= dim[d])
        at += i % dim[d] * step[d];
    return at;
}

/* Element i of the reduced axes; the usual cases need no division. */
static inline size_t reduced_at(const struct axes *a, size_t i)
{
    if (a->n_reduced == 1)
        return i * a->reduced_step[0];
    return offset_of(i, a->n_reduced, a->reduced_dim, a->reduced_step);
}

static uint32_t reduce_f32(struct cpu_run *r, enum su_op op, const float *x, const struct axes *a)
{
    if (op == SU_OP_REDUCE_MAX) {
        uint32_t best = cm_key(cm_bits(x[0]));
        for (size_t i = 1; i < a->n_in; i++) {
            uint32_t k = cm_key(cm_bits(x[reduced_at(a, i)]));
            best = k > best ? k : best;
        }
        return best & CM_SIGN ? best ^ CM_SIGN : ~best;
    }
    float lane[32];
    for (uint32_t l = 0; l < 32; l++)
        lane[l] = op == SU_OP_REDUCE_PROD ? 1.0f : 0.0f;
    for (size_t i = 0; i < a->n_in; i++) {
        float v = x[reduced_at(a, i)];
        float *acc = &lane[i % 32];
        *acc = op == SU_OP_REDUCE_PROD ? su_num_fix(*acc * v) : *acc + v;
    }
    for (uint32_t half = 16; half > 0; half /= 2)
        for (uint32_t l = 0; l < half; l++)
            lane[l] = op == SU_OP_REDUCE_PROD ? su_num_fix(lane[l] * lane[l + half])
                                              : lane[l] + lane[l + half];
    uint32_t u = cm_bits(lane[0]);
    r->saturations += cm_clamped(u);
    return cm_fix(u);
}

static uint32_t reduce_int(enum su_op op, bool is_signed, const uint32_t *x, const struct axes *a)
{
    uint32_t flip = is_signed ? CM_SIGN : 0, acc = op == SU_OP_REDUCE_PROD  ? 1
                                                   : op == SU_OP_REDUCE_SUM ? 0
                                                                            : x[0];
    for (size_t i = 0; i < a->n_in; i++) {
        uint32_t v = x[reduced_at(a, i)];
        if (op == SU_OP_REDUCE_SUM)
            acc += v;
        else if (op == SU_OP_REDUCE_PROD)
            acc *= v;
        else
            acc = (v ^ flip) > (acc ^ flip) ? v : acc;
    }
    return acc;
}

/* Any value type as an unsigned number of the same order. */
static uint32_t order_key(enum su_dtype d, uint32_t u)
{
    return d == SU_F32 ? cm_key(u) : d == SU_I32 ? u ^ CM_SIGN : u;
}

static uint32_t argmax_one(enum su_dtype dtype, const uint32_t *x, const struct axes *a)
{
    uint32_t best = 0, best_key = order_key(dtype, x[0]);
    for (size_t i = 1; i < a->n_in; i++) {
        uint32_t k = order_key(dtype, x[reduced_at(a, i)]);
        if (k > best_key) {
            best_key = k;
            best = (uint32_t)i;
        }
    }
    return best;
}

static void cumsum_one(struct cpu_run *r, enum su_dtype dtype, const uint32_t *x, uint32_t *y,
                       const struct axes *a)
{
    uint32_t acc = 0;
    for (size_t i = 0; i < a->n_in; i++) {
        size_t at = reduced_at(a, i);
        if (dtype == SU_F32) {
            uint32_t u = cm_bits(cm_float(acc) + cm_float(x[at]));
            r->saturations += cm_clamped(u);
            acc = cm_fix(u);
        } else {
            acc += x[at];
        }
        y[at] = acc;
    }
}

struct ranked {
    uint32_t key, index;
};

static bool ranked_before(struct ranked a, struct ranked b)
{
    return a.key != b.key ? a.key > b.key : a.index < b.index;
}

/* The k first of n by (key descending, index ascending): insertion into the results themselves, k is small. */
static void topk_one(enum su_dtype dtype, const uint32_t *x, size_t n, uint32_t k, uint32_t *value,
                     uint32_t *index)
{
    uint32_t have = 0;
    for (size_t i = 0; i < n; i++) {
        struct ranked c = {order_key(dtype, x[i]), (uint32_t)i};
        if (have == k &&
            !ranked_before(c, (struct ranked){order_key(dtype, value[k - 1]), index[k - 1]}))
            continue;
        uint32_t at = have < k ? have++ : k - 1;
        for (; at > 0 &&
               ranked_before(c, (struct ranked){order_key(dtype, value[at - 1]), index[at - 1]});
             at--) {
            value[at] = value[at - 1];
            index[at] = index[at - 1];
        }
        value[at] = x[i];
        index[at] = (uint32_t)i;
    }
}

void cpu_op_reduce(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct su_value *xv = &g->value[nd->arg[0]];
    bool masked =
        nd->op == SU_OP_REDUCE_SUM || nd->op == SU_OP_REDUCE_MAX || nd->op == SU_OP_REDUCE_PROD;
    uint32_t last = xv->shape.rank ? xv->shape.rank - 1 : 0;
    uint32_t mask = masked ? (uint32_t)nd->attr[0]
                           : 1u << (nd->op == SU_OP_TOPK ? last : (uint32_t)nd->attr[0]);
    struct axes a = axes_split(&xv->shape, mask);
    enum su_dtype dtype = su_dtype_seen(xv->dtype);
    const uint32_t *x = cpu_value(r, nd->arg[0]);
    uint32_t *y = cpu_value(r, nd->first_out),
             *y2 = nd->n_out > 1 ? cpu_value(r, nd->first_out + 1) : NULL;
    uint32_t k = nd->op == SU_OP_TOPK ? (uint32_t)nd->attr[0] : 1;
    size_t rows = cpu_value_rows(r, nd->first_out), row = (size_t)su_shape_elements(&xv->shape);
    bool dense =
        a.n_reduced == 1 && a.reduced_step[0] == 1 && dtype == SU_F32 && nd->op == SU_OP_REDUCE_SUM;
    for (size_t i = 0; i < rows * a.n_out; i++) {
        size_t kept = offset_of(i % a.n_out, a.n_kept, a.kept_dim, a.kept_step);
        const uint32_t *at = x + i / a.n_out * row + kept;
        if (dense) {
            uint32_t u = cm_bits(r->k->sum((const float *)at, a.n_in));
            r->saturations += cm_clamped(u);
            y[i] = cm_fix(u);
        } else if (masked && dtype == SU_F32) {
            y[i] = reduce_f32(r, nd->op, (const float *)at, &a);
        } else if (masked) {
            y[i] = reduce_int(nd->op, dtype == SU_I32, at, &a);
        } else if (nd->op == SU_OP_ARGMAX) {
            y[i] = argmax_one(dtype, at, &a);
        } else if (nd->op == SU_OP_CUMSUM) {
            cumsum_one(r, dtype, at, y + i / a.n_out * row + kept, &a);
        } else {
            topk_one(dtype, at, a.n_in, k, y + i * k, y2 + i * k);
        }
    }
}

/* ---- indexing --------------------------------------------------------------------------------------------- */

/* Rows of a matrix that is kept for products. */
static void embed_matrix(struct cpu_run *r, const struct su_node *nd)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_shape *s = &g->value[nd->arg[0]].shape;
    const struct su_value *iv = &g->value[nd->arg[1]];
    const uint32_t *index = cpu_value(r, nd->arg[1]);
    float *y = cpu_value(r, nd->first_out);
    size_t count = (size_t)su_shape_elements(&iv->shape) *
                   (iv->domain == SU_FIXED ? 1 : cpu_value_rows(r, nd->first_out));
    for (size_t i = 0; i < count; i++, y += s->dim[1])
        if (index[i] < s->dim[0])
            cpu_matrix_row(&r->cs->matrix[nd->arg[0]], s->dim[0], s->dim[1], r->k->panel, index[i],
                           y);
        else
            memset(y, 0, s->dim[1] * sizeof *y);
}

void cpu_op_gather(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    if (r->cs->matrix[nd->arg[0]].w) {
        embed_matrix(r, nd);
        return;
    }
    const struct su_value *xv = &g->value[nd->arg[0]], *iv = &g->value[nd->arg[1]];
    uint32_t axis = nd->op == SU_OP_GATHER ? (uint32_t)nd->attr[0] : 0;
    size_t before = 1, after = 1, n = xv->shape.dim[axis],
           n_index = (size_t)su_shape_elements(&iv->shape);
    for (uint32_t d = 0; d < xv->shape.rank; d++)
        *(d < axis ? &before : &after) *= d == axis ? 1 : xv->shape.dim[d];
    const uint32_t *x = cpu_value(r, nd->arg[0]), *index = cpu_value(r, nd->arg[1]);
    uint32_t *y = cpu_value(r, nd->first_out);
    size_t rows = cpu_value_rows(r, nd->first_out);
    for (size_t row = 0; row < rows; row++) {
        const uint32_t *xr = x + row * cpu_row_step(r, nd->arg[0]),
                       *ir = index + row * cpu_row_step(r, nd->arg[1]);
        for (size_t b = 0; b < before; b++)
            for (size_t i = 0; i < n_index; i++, y += after) {
                if (ir[i] < n) /* a negative I32 is beyond any axis */
                    memcpy(y, xr + (b * n + ir[i]) * after, after * 4);
                else
                    memset(y, 0, after * 4);
            }
    }
}

/* ---- pools and norms -------------------------------------------------------------------------------------- */

struct window {
    int32_t y0, y1, x0, x1; /* inside the image */
    int32_t top, left; /* of the whole window */
};

static uint32_t pool_avg(struct cpu_run *r, const float *x, int32_t w, const struct window *win,
                         const int32_t *attr)
{
    float lane[32] = {0};
    for (int32_t i = win->y0; i < win->y1; i++)
        for (int32_t j = win->x0; j < win->x1; j++) {
            uint32_t at = (uint32_t)((i - win->top) * attr[1] + (j - win->left));
            lane[at % 32] = lane[at % 32] + x[i * w + j];
        }
    for (uint32_t half = 16; half > 0; half /= 2)
        for (uint32_t l = 0; l < half; l++)
            lane[l] = lane[l] + lane[l + half];
    int32_t count = attr[8] ? attr[0] * attr[1] : (win->y1 - win->y0) * (win->x1 - win->x0);
    uint32_t u = cm_bits(lane[0] * cm_recip((float)count));
    r->saturations += cm_clamped(u);
    return cm_fix(u);
}

/* One row of outputs: the greatest keys of each column first, then those of each window. */
static void pool_max_row(struct cpu_run *r, const uint32_t *x, int32_t w, struct window win,
                         int32_t ow, const int32_t *attr, uint32_t *y)
{
    uint32_t *key = (uint32_t *)(void *)r->work;
    r->k->column_max(x + (ptrdiff_t)win.y0 * w, (size_t)w, (size_t)(win.y1 - win.y0), key);
    for (int32_t j = 0; j < ow; j++) {
        int32_t left = j * attr[3] - attr[5], end = SU_MIN(left + attr[1], w);
        uint32_t best = 0;
        for (int32_t i = SU_MAX(left, 0); i < end; i++)
            best = SU_MAX(best, key[i]);
        y[j] = best & CM_SIGN ? best ^ CM_SIGN : ~best;
    }
}

void cpu_op_pool(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct su_shape *xs = &g->value[nd->arg[0]].shape, *ys = &g->value[nd->first_out].shape;
    int32_t h = (int32_t)xs->dim[xs->rank - 2], w = (int32_t)xs->dim[xs->rank - 1];
    int32_t oh = (int32_t)ys->dim[ys->rank - 2], ow = (int32_t)ys->dim[ys->rank - 1];
    size_t planes =
        (size_t)su_shape_elements(xs) / (size_t)(h * w) * cpu_value_rows(r, nd->first_out);
    const uint32_t *x = cpu_value(r, nd->arg[0]);
    uint32_t *y = cpu_value(r, nd->first_out);
    const int32_t *at = nd->attr;
    for (size_t p = 0; p < planes; p++, x += h * w)
        for (int32_t i = 0; i < oh; i++, y += ow) {
            struct window win = {.top = i * at[2] - at[4]};
            win.y0 = SU_MAX(win.top, 0);
            win.y1 = SU_MIN(win.top + at[0], h);
            if (nd->op == SU_OP_MAXPOOL) {
                pool_max_row(r, x, w, win, ow, at, y);
                continue;
            }
            for (int32_t j = 0; j < ow; j++) {
                win.left = j * at[3] - at[5];
                win.x0 = SU_MAX(win.left, 0);
                win.x1 = SU_MIN(win.left + at[1], w);
                y[j] = pool_avg(r, (const float *)x, w, &win, at);
            }
        }
}

void cpu_op_norm(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct su_shape *s = &g->value[nd->first_out].shape;
    size_t n = s->dim[s->rank - 1],
           rows = (size_t)su_shape_elements(s) / n * cpu_value_rows(r, nd->first_out);
    const float *x = cpu_value(r, nd->arg[0]);
    const float *w = nd->n_arg > 1 ? cpu_value(r, nd->arg[1]) : NULL,
                *b = nd->n_arg > 2 ? cpu_value(r, nd->arg[2]) : NULL;
    float *y = cpu_value(r, nd->first_out);
    for (size_t i = 0; i < rows; i++, x += n, y += n) {
        if (nd->op == SU_OP_SOFTMAX)
            r->k->softmax(x, y, n, &r->saturations);
        else if (nd->op == SU_OP_LAYERNORM)
            r->k->layernorm(x, w, b, y, n, cm_float((uint32_t)nd->attr[0]), &r->saturations);
        else
            r->k->rmsnorm(x, w, y, n, cm_float((uint32_t)nd->attr[0]),
                          cm_float((uint32_t)nd->attr[1]), &r->saturations);
    }
}
