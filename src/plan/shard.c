// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- which nodes, into how many rows --------------------------------------------------------- */

/* Rows of the weight may only be parted at multiples of this; 0 = the node cannot be sharded. */
static uint32_t row_step(const struct su_graph *g, const struct su_node *n)
{
    uint32_t arg = n->op == SU_OP_EMBEDDING ? 0 : 1;
    if (n->op != SU_OP_MATMUL && n->op != SU_OP_QMATMUL && n->op != SU_OP_CONV2D &&
        n->op != SU_OP_EMBEDDING) {
        return 0;
    }
    const struct su_value *w = &g->value[n->arg[arg]];
    if (w->kind != SU_VALUE_WEIGHT || (n->op == SU_OP_MATMUL && w->shape.rank != 2)) {
        return 0;
    }
    if (n->op == SU_OP_CONV2D && n->attr[8] > 1) {
        return w->shape.dim[0] / (uint32_t)n->attr[8];
    }
    return 1;
}

static uint32_t weight_of(const struct su_node *n)
{
    return n->op == SU_OP_EMBEDDING ? n->arg[0] : n->arg[1];
}

static bool is_copied(const struct su_plan_problem *p, uint32_t value)
{
    const struct su_value *v = &p->g->value[value];
    return v->kind == SU_VALUE_WEIGHT || (v->kind == SU_VALUE_NODE && p->copied[v->node]);
}

/* VRAM of the task that holds only `rows` rows of the node; `other` is what neither the weight nor
   the result takes. What is computed from a copied argument is copied too. */
static uint64_t piece_vram(const struct su_plan_problem *p, const struct su_node *n, uint64_t other,
                           uint32_t rows)
{
    struct su_value w = p->g->value[weight_of(n)], out = p->g->value[n->first_out];
    uint64_t bytes;
    if (n->op != SU_OP_EMBEDDING) {
        uint32_t axis = out.shape.rank - (n->op == SU_OP_CONV2D ? 3 : 1);
        out.shape.dim[axis] = rows;
    }
    w.shape.dim[0] = rows;
    if (su_plan_fixed_bytes(w.dtype, &w.shape, &bytes, NULL) != SU_OK) {
        return UINT64_MAX;
    }
    if (n->op == SU_OP_CONV2D && n->attr[8] > 1) {
        struct su_value x = p->g->value[n->arg[0]];
        uint64_t whole = su_plan_value_bytes(&x, p->t_max, p->e_max);
        uint32_t axis = x.shape.rank - 3;
        x.shape.dim[axis] =
            (uint32_t)((uint64_t)x.shape.dim[axis] * rows / p->g->value[weight_of(n)].shape.dim[0]);
        other += su_plan_value_bytes(&x, p->t_max, p->e_max);
        other -= is_copied(p, n->arg[0]) || other < whole ? 0 : whole;
    }
    if (n->op == SU_OP_EMBEDDING && is_copied(p, n->arg[1])) {
        other += SU_PLAN_ALIGN + su_plan_value_bytes(&p->g->value[n->arg[1]], p->t_max, p->e_max);
    }
    return bytes + other + su_plan_value_bytes(&out, p->t_max, p->e_max);
}

/* Rows per piece for the fewest pieces that fit alone, as equal as they can be; 0 = no size fits.
   */
static uint32_t rows_that_fit(const struct su_plan_problem *p, uint32_t node, uint64_t vram,
                              uint64_t target, uint32_t step)
{
    const struct su_node *n = &p->g->node[node];
    uint32_t total = p->g->value[weight_of(n)].shape.dim[0];
    uint64_t own = p->value_bytes[weight_of(n)] + p->value_bytes[n->first_out];
    uint64_t other = vram > own ? vram - own : 0;
    uint32_t lo = 0, hi = total / step;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo + 1) / 2;
        if (piece_vram(p, n, other, mid * step) <= target) {
            lo = mid;
        } else {
            hi = mid - 1;
        }
    }
    if (lo == 0) {
        return 0;
    }
    uint32_t pieces = (total / step + lo - 1) / lo;
    if (pieces > SU_PLAN_TASK_MAX) {
        return 0;
    }
    return (total / step + pieces - 1) / pieces * step;
}

/* Another weight made of the same stored tensor; pieces of both could be the same rows under one
   name. */
static bool shares_name(const struct su_graph *g, uint32_t weight)
{
    for (uint32_t i = 0; i < g->n_weight; i++) {
        if (g->weight[i] != weight &&
            strcmp(g->value[g->weight[i]].name, g->value[weight].name) == 0) {
            return true;
        }
    }
    return false;
}

/* A stored tensor is parted once: every use of it in the same places, or none. */
static bool agree_on_weights(const struct su_plan_problem *p, uint32_t *rows)
{
    const struct su_graph *g = p->g;
    struct {
        uint32_t rows, step, uses;
        bool mixed;
    } *w = su_try_alloc(g->n_value, sizeof *w);
    if (!w) {
        return false;
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        uint32_t step = row_step(g, &g->node[i]);
        if (step == 0) {
            continue;
        }
        uint32_t v = weight_of(&g->node[i]);
        w[v].mixed |= w[v].step != 0 && w[v].step != step;
        w[v].step = step;
        w[v].uses++;
        if (rows[i] != 0) {
            w[v].rows = w[v].rows == 0 ? rows[i] : SU_MIN(w[v].rows, rows[i]);
        }
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        if (row_step(g, &g->node[i]) != 0) {
            uint32_t v = weight_of(&g->node[i]);
            bool whole =
                w[v].rows == 0 || w[v].mixed || w[v].uses != p->uses[v] || shares_name(g, v);
            rows[i] = whole ? 0 : w[v].rows;
        }
    }
    free(w);
    return true;
}

enum su_code su_plan_shard_choose(struct su_plan_problem *p, uint64_t target, uint32_t *rows,
                                  uint32_t *n_sharded, struct su_err *e)
{
    *n_sharded = 0;
    for (uint32_t i = 0; i < p->g->n_node; i++) {
        uint32_t step = row_step(p->g, &p->g->node[i]), u = p->unit_of[i];
        rows[i] = 0;
        if (step == 0 || u == UINT32_MAX || p->unit_start[u + 1] - p->unit_start[u] != 1) {
            continue;
        }
        struct su_plan_cost c;
        su_plan_eval(p, &u, 1, &c);
        if (c.vram_bytes > target) {
            rows[i] = rows_that_fit(p, i, c.vram_bytes, target, step);
        }
    }
    if (!agree_on_weights(p, rows)) {
        return su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u nodes", p->g->n_node);
    }
    for (uint32_t i = 0; i < p->g->n_node; i++) {
        *n_sharded += rows[i] != 0;
    }
    return SU_OK;
}

/* ---- rewriting ------------------------------------------------------------------------------- */

struct rewrite {
    const struct su_graph *from;
    const uint32_t *from_whole; /* per node of from */
    const uint32_t *rows; /* per node of from, or NULL: nothing is sharded */
    struct su_graph *to;
    uint32_t *whole, cap_whole; /* per node of to */
    uint32_t *value; /* per value of from: in to; of a sharded weight: its first piece */
    uint32_t *weight_rows; /* per value of from: rows per piece, 0 = not sharded */
    uint32_t now; /* whole node that new nodes stand for */
};

static enum su_code add_node(struct rewrite *w, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                             const int32_t *attr, uint32_t n_attr, const void *data, uint32_t len,
                             uint32_t *id, struct su_err *e)
{
    enum su_code rc = su_graph_add_node(w->to, op, arg, n_arg, attr, n_attr, data, len, id, e);
    if (rc != SU_OK) {
        return rc;
    }
    if (w->to->n_node > w->cap_whole) {
        uint32_t cap = w->cap_whole * 2 + 64;
        w->whole = su_realloc(w->whole, cap * sizeof *w->whole);
        w->cap_whole = cap;
    }
    w->whole[w->to->n_node - 1] = w->now;
    return SU_OK;
}

static enum su_code copy_source(struct rewrite *w, uint32_t value, struct su_err *e)
{
    const struct su_value *v = &w->from->value[value];
    uint32_t *id = &w->value[value], rows = w->weight_rows[value];
    if (v->kind == SU_VALUE_INPUT) {
        return su_graph_add_input(w->to, v->name, v->domain, v->dtype, &v->shape, id, e);
    }
    if (v->kind == SU_VALUE_STATE) {
        return su_graph_add_state(w->to, v->name, &v->shape, id, e);
    }
    if (rows == 0) {
        return su_graph_add_weight(w->to, v->name, v->dtype, &v->shape, v->first_row, id, e);
    }
    for (uint32_t first = 0; first < v->shape.dim[0]; first += rows) {
        struct su_shape s = v->shape;
        uint32_t piece;
        s.dim[0] = SU_MIN(rows, v->shape.dim[0] - first);
        enum su_code rc = su_graph_add_weight(w->to, v->name, v->dtype, &s, v->first_row + first,
                                              first == 0 ? id : &piece, e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return SU_OK;
}

/* The piece of a conv2d, matmul or qmatmul that holds rows first..first + count of its weight. */
static enum su_code add_product_piece(struct rewrite *w, const struct su_node *n, uint32_t piece,
                                      uint32_t first, uint32_t count, uint32_t *id,
                                      struct su_err *e)
{
    int32_t attr[SU_GRAPH_ATTR_MAX];
    uint32_t arg[2] = {w->value[n->arg[0]], piece};
    memcpy(attr, n->attr, sizeof attr);
    if (n->op == SU_OP_CONV2D && n->attr[8] > 1) {
        const struct su_shape *ws = &w->from->value[n->arg[1]].shape;
        const struct su_shape *xs = &w->from->value[n->arg[0]].shape;
        uint32_t step = ws->dim[0] / (uint32_t)n->attr[8];
        int32_t slice[4] = {(int32_t)(xs->rank - 3), (int32_t)(first / step * ws->dim[1]),
                            (int32_t)((first + count) / step * ws->dim[1]), 1};
        enum su_code rc = add_node(w, SU_OP_SLICE, arg, 1, slice, 4, NULL, 0, &arg[0], e);
        if (rc != SU_OK) {
            return rc;
        }
        attr[8] = (int32_t)(count / step);
    }
    return add_node(w, n->op, arg, 2, attr, n->n_attr, NULL, 0, id, e);
}

/* A piece of an embedding answers 0 for indices of other pieces. */
static enum su_code add_embedding_piece(struct rewrite *w, const struct su_node *n, uint32_t piece,
                                        uint32_t first, uint32_t *id, struct su_err *e)
{
    uint32_t arg[2] = {w->value[n->arg[1]], 0};
    if (first > 0) {
        int32_t dtype = (int32_t)w->from->value[n->arg[1]].dtype;
        uint8_t data[4];
        su_put_le32(data, first);
        enum su_code rc = add_node(w, SU_OP_CONST, NULL, 0, &dtype, 1, data, 4, &arg[1], e);
        if (rc == SU_OK) {
            rc = add_node(w, SU_OP_SUB, arg, 2, NULL, 0, NULL, 0, &arg[0], e);
        }
        if (rc != SU_OK) {
            return rc;
        }
    }
    uint32_t pair[2] = {piece, arg[0]};
    return add_node(w, SU_OP_EMBEDDING, pair, 2, NULL, 0, NULL, 0, id, e);
}

/* Joins by concat in a tree, so that no node reads more values than a task has ports. */
static enum su_code join_by_concat(struct rewrite *w, int32_t axis, uint32_t *part, uint32_t n,
                                   struct su_err *e)
{
    while (n > 1) {
        uint32_t joined = 0;
        for (uint32_t i = 0; i < n; i += SU_PLAN_PORT_MAX) {
            uint32_t count = SU_MIN(SU_PLAN_PORT_MAX, n - i), id = part[i];
            if (count > 1) {
                enum su_code rc =
                    add_node(w, SU_OP_CONCAT, part + i, count, &axis, 1, NULL, 0, &id, e);
                if (rc != SU_OK) {
                    return rc;
                }
            }
            part[joined++] = id;
        }
        n = joined;
    }
    return SU_OK;
}

static enum su_code join_by_add(struct rewrite *w, uint32_t *part, uint32_t n, struct su_err *e)
{
    for (uint32_t i = 1; i < n; i++) {
        uint32_t arg[2] = {part[0], part[i]};
        enum su_code rc = add_node(w, SU_OP_ADD, arg, 2, NULL, 0, NULL, 0, &part[0], e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return SU_OK;
}

static enum su_code shard_node(struct rewrite *w, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &w->from->node[node];
    uint32_t weight = weight_of(n), rows = w->rows[node];
    uint32_t total = w->from->value[weight].shape.dim[0], part[SU_PLAN_TASK_MAX], n_part = 0;
    for (uint32_t first = 0; first < total; first += rows) {
        uint32_t count = SU_MIN(rows, total - first), piece = w->value[weight] + n_part;
        enum su_code rc = n->op == SU_OP_EMBEDDING
                              ? add_embedding_piece(w, n, piece, first, &part[n_part], e)
                              : add_product_piece(w, n, piece, first, count, &part[n_part], e);
        if (rc != SU_OK) {
            return rc;
        }
        n_part++;
    }
    uint32_t rank = w->from->value[n->first_out].shape.rank;
    enum su_code rc =
        n->op == SU_OP_EMBEDDING
            ? join_by_add(w, part, n_part, e)
            : join_by_concat(w, (int32_t)rank - (n->op == SU_OP_CONV2D ? 3 : 1), part, n_part, e);
    w->value[n->first_out] = part[0];
    return rc;
}

static enum su_code copy_node(struct rewrite *w, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &w->from->node[node];
    uint32_t arg[SU_GRAPH_ARG_MAX], id;
    w->now = w->from_whole ? w->from_whole[node] : node;
    if (w->rows && w->rows[node] != 0) {
        return shard_node(w, node, e);
    }
    for (uint32_t k = 0; k < n->n_arg; k++) {
        arg[k] = w->value[n->arg[k]];
    }
    enum su_code rc =
        add_node(w, n->op, arg, n->n_arg, n->attr, n->n_attr, n->data, n->data_bytes, &id, e);
    for (uint32_t k = 0; k < n->n_out && rc == SU_OK; k++) {
        w->value[n->first_out + k] = id + k;
    }
    return rc;
}

/* An output that is no node's result becomes a reshape to the shape it has, so that a task produces
   it. */
static enum su_code copy_output(struct rewrite *w, const struct su_graph_output *o,
                                struct su_err *e)
{
    const struct su_value *v = &w->from->value[o->value];
    uint32_t id = w->value[o->value];
    if (v->kind != SU_VALUE_NODE) {
        int32_t dim[SU_GRAPH_RANK_MAX];
        for (uint32_t i = 0; i < v->shape.rank; i++) {
            dim[i] = (int32_t)v->shape.dim[i];
        }
        w->now = UINT32_MAX;
        enum su_code rc = add_node(w, SU_OP_RESHAPE, &id, 1, dim, v->shape.rank, NULL, 0, &id, e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return su_graph_add_output(w->to, o->name, id, e);
}

static enum su_code run_rewrite(struct rewrite *w, struct su_err *e)
{
    const struct su_graph *g = w->from;
    for (uint32_t i = 0; i < g->n_node && w->rows; i++) {
        if (w->rows[i] != 0) {
            w->weight_rows[weight_of(&g->node[i])] = w->rows[i];
        }
    }
    for (uint32_t i = 0; i < g->n_record; i++) {
        bool source = g->record[i] & 0x80000000u;
        enum su_code rc =
            source ? copy_source(w, g->record[i] & 0x7fffffffu, e) : copy_node(w, g->record[i], e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        enum su_code rc = copy_output(w, &g->output[i], e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return su_graph_check(w->to, e);
}

enum su_code su_plan_rewrite(const struct su_graph *g, const uint32_t *whole, const uint32_t *rows,
                             const struct su_plan_opts *o, struct su_plan_problem **out,
                             struct su_err *e)
{
    struct rewrite w = {.from = g, .from_whole = whole, .rows = rows, .to = su_graph_new()};
    enum su_code rc;
    *out = NULL;
    w.value = su_try_alloc(g->n_value, sizeof *w.value);
    w.weight_rows = su_try_alloc(g->n_value, sizeof *w.weight_rows);
    if (!w.value || !w.weight_rows) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u nodes", g->n_node);
    } else {
        rc = run_rewrite(&w, e);
    }
    free(w.value);
    free(w.weight_rows);
    if (rc != SU_OK) {
        su_graph_free(w.to);
        free(w.whole);
        return rc;
    }
    return su_plan_problem_new(w.to, w.whole, o, out, e);
}
