// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT (UINT64_MAX >> 1)
/* Placement by size looks at all pairs; beyond this many items only the placement in order is
   tried. */
#define BY_SIZE_ITEMS_MAX 2048u
#define PAD_ELEMENTS 32u

/* ---- placement ------------------------------------------------------------------------------- */

/* In order of birth, into the smallest gap that is large enough. Fills `live` (the items alive, by
   offset), returns the end of the highest item; *peak_bytes is what no placement can go below. */
static uint64_t place_in_order(struct su_plan_item *item, uint32_t n, uint32_t *live,
                               uint64_t *peak_bytes)
{
    uint64_t end = 0, sum = 0, peak = 0;
    uint32_t n_live = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t kept = 0;
        for (uint32_t k = 0; k < n_live; k++) {
            if (item[live[k]].to >= item[i].from) {
                live[kept++] = live[k];
            } else {
                sum -= item[live[k]].bytes;
            }
        }
        n_live = kept;
        uint64_t low = 0, best = UINT64_MAX, at = 0;
        uint32_t slot = n_live;
        for (uint32_t k = 0; k < n_live; k++) {
            const struct su_plan_item *l = &item[live[k]];
            uint64_t gap = l->offset - low;
            if (gap >= item[i].bytes && gap < best) {
                best = gap;
                at = low;
                slot = k;
            }
            low = l->offset + l->bytes;
        }
        if (best == UINT64_MAX) {
            at = low;
        }
        item[i].offset = at;
        memmove(live + slot + 1, live + slot, (n_live - slot) * sizeof *live);
        live[slot] = i;
        n_live++;
        sum += item[i].bytes;
        peak = SU_MAX(peak, sum);
        end = SU_MAX(end, at + item[i].bytes);
    }
    *peak_bytes = peak;
    return end;
}

static void sift_down(const struct su_plan_item *item, uint32_t *heap, uint32_t n, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= n) {
            return;
        }
        /* The root is the item that sorts last: fewest bytes, then the highest number. */
        uint32_t a = heap[child];
        if (child + 1 < n) {
            uint32_t b = heap[child + 1];
            if (item[b].bytes < item[a].bytes || (item[b].bytes == item[a].bytes && b > a)) {
                child++;
                a = b;
            }
        }
        uint32_t p = heap[at];
        if (item[p].bytes < item[a].bytes || (item[p].bytes == item[a].bytes && p > a)) {
            return;
        }
        heap[at] = a;
        heap[child] = p;
        at = child;
    }
}

/* order = the item numbers by falling bytes, then rising number (heap sort: no allocation, one
   result everywhere). */
static void sort_by_size(const struct su_plan_item *item, uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++) {
        order[i] = i;
    }
    for (uint32_t i = n / 2; i-- > 0;) {
        sift_down(item, order, n, i);
    }
    for (uint32_t left = n; left-- > 1;) {
        uint32_t last = order[0];
        order[0] = order[left];
        order[left] = last;
        sift_down(item, order, left, 0);
    }
}

/* Largest first, each at the lowest free offset over its whole life; `placed` is kept by offset. */
static uint64_t place_by_size(struct su_plan_item *item, uint32_t n, uint32_t *order,
                              uint32_t *placed)
{
    uint64_t end = 0;
    sort_by_size(item, n, order);
    for (uint32_t i = 0; i < n; i++) {
        struct su_plan_item *x = &item[order[i]];
        uint64_t low = 0;
        for (uint32_t k = 0; k < i; k++) {
            const struct su_plan_item *p = &item[placed[k]];
            if (p->from > x->to || x->from > p->to) {
                continue;
            }
            if (p->offset >= low + x->bytes) {
                break;
            }
            low = SU_MAX(low, p->offset + p->bytes);
        }
        x->offset = low;
        uint32_t slot = i;
        while (slot > 0 && item[placed[slot - 1]].offset > low) {
            placed[slot] = placed[slot - 1];
            slot--;
        }
        placed[slot] = order[i];
        end = SU_MAX(end, low + x->bytes);
    }
    return end;
}

uint64_t su_plan_arena_place(struct su_plan_item *item, uint32_t n, uint32_t *tmp,
                             uint64_t *peak_bytes)
{
    uint64_t in_order = place_in_order(item, n, tmp, peak_bytes);
    if (in_order == *peak_bytes || n > BY_SIZE_ITEMS_MAX) {
        return in_order;
    }
    uint64_t by_size = place_by_size(item, n, tmp, tmp + n);
    if (by_size < in_order) {
        return by_size;
    }
    return place_in_order(item, n, tmp, peak_bytes);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

enum su_code su_plan_fixed_bytes(enum su_dtype d, const struct su_shape *s, uint64_t *bytes,
                                 struct su_err *e)
{
    uint64_t rows = s->rank < 2 ? 1 : s->dim[0], row = 1;
    for (uint32_t i = s->rank < 2 ? 0 : 1; i < s->rank; i++) {
        if (!su_mul_u64(row, s->dim[i], &row)) {
            goto over;
        }
    }
    if (su_dtype_is_block(d)) {
        struct su_shape one = {1, {0}};
        if (row > SU_GRAPH_DIM_MAX) {
            goto over;
        }
        one.dim[0] = (uint32_t)row;
        enum su_code rc = su_tensor_bytes(d, &one, &row, e);
        if (rc != SU_OK) {
            return rc;
        }
    } else {
        if (row > SIZE_LIMIT / 8) {
            goto over;
        }
        row = su_align_up(row, PAD_ELEMENTS) * 4;
    }
    uint64_t total;
    if (!su_mul_u64(rows, row, &total) || total > SIZE_LIMIT - SU_PLAN_ALIGN) {
        goto over;
    }
    *bytes = su_align_up(total, SU_PLAN_ALIGN);
    return SU_OK;
over:
    return su_fail(e, SU_EOVERFLOW, NULL, "a weight needs more than 2^63 bytes");
}

enum su_code su_plan_state_bytes(const struct su_shape *s, uint32_t ctx, uint64_t *bytes,
                                 struct su_err *e)
{
    uint64_t total;
    if (!su_mul_u64(su_shape_elements(s), (uint64_t)ctx * 2, &total) ||
        total > SIZE_LIMIT - SU_PLAN_ALIGN) {
        return su_fail(e, SU_EOVERFLOW, NULL, "a state needs more than 2^63 bytes");
    }
    *bytes = su_align_up(total, SU_PLAN_ALIGN);
    return SU_OK;
}

uint32_t su_layout_rows(const struct su_value *v, uint32_t t_max, uint32_t e_max)
{
    return v->domain == SU_FIXED ? 1 : v->domain == SU_EMIT ? e_max : t_max;
}

uint64_t su_plan_value_bytes(const struct su_value *v, uint32_t t_max, uint32_t e_max)
{
    return su_align_up(su_value_row_bytes(v) * su_layout_rows(v, t_max, e_max), SU_PLAN_ALIGN);
}

uint64_t su_plan_node_work(const struct su_graph *g, uint32_t node, uint32_t t_max, uint32_t e_max)
{
    const struct su_node *n = &g->node[node];
    if (n->op != SU_OP_QMATMUL && n->op != SU_OP_QMATMUL_ID && n->op != SU_OP_ATTENTION) {
        return 0;
    }
    const struct su_value *a = &g->value[n->arg[0]];
    uint64_t rows = su_layout_rows(a, t_max, e_max);
    /* A byte and a 32nd of eight per quant; heads x (maximum, sum). */
    uint64_t row = n->op == SU_OP_ATTENTION ? 8ull * (uint32_t)n->attr[0]
                                            : su_shape_elements(&a->shape) / 32 * 40;
    return su_align_up(row * rows, SU_PLAN_ALIGN);
}

bool su_plan_value_outside(const struct su_graph *g, uint32_t value)
{
    const struct su_value *v = &g->value[value];
    if (v->kind != SU_VALUE_NODE) {
        return v->kind != SU_VALUE_INPUT;
    }
    enum su_op op = g->node[v->node].op;
    return op == SU_OP_CONST || op == SU_OP_STATE_APPEND;
}

/* ---- layout of a graph ----------------------------------------------------------------------- */

struct work {
    uint32_t t_max, e_max;
    struct su_plan_item *item;
    uint32_t *item_of; /* per value: its item, or UINT32_MAX */
    uint32_t *tmp;
    uint32_t n_item;
};

static enum su_code add_bytes(uint64_t *sum, uint64_t more, const char *what, struct su_err *e)
{
    if (more > SIZE_LIMIT || *sum > SIZE_LIMIT - more) {
        return su_fail(e, SU_EOVERFLOW, NULL, "%s need more than 2^63 bytes", what);
    }
    *sum += more;
    return SU_OK;
}

static enum su_code place_fixed(const struct su_graph *g, uint32_t ctx, struct su_layout *l,
                                struct su_err *e)
{
    for (uint32_t i = 0; i < g->n_value; i++) {
        const struct su_value *v = &g->value[i];
        uint64_t bytes;
        enum su_code rc;
        l->offset[i] = SU_LAYOUT_NONE;
        if (v->kind == SU_VALUE_STATE) {
            rc = su_plan_state_bytes(&v->shape, ctx, &bytes, e);
            if (rc == SU_OK) {
                rc = add_bytes(&l->session_bytes, bytes, "the states of a session", e);
            }
        } else if (v->kind == SU_VALUE_WEIGHT ||
                   (v->kind == SU_VALUE_NODE && g->node[v->node].op == SU_OP_CONST)) {
            l->fixed[i] = true;
            l->offset[i] = l->fixed_bytes;
            rc = su_plan_fixed_bytes(v->dtype, &v->shape, &l->bytes[i], e);
            if (rc == SU_OK) {
                rc = add_bytes(&l->fixed_bytes, l->bytes[i], "the weights", e);
            }
        } else {
            continue;
        }
        if (rc != SU_OK) {
            return rc;
        }
    }
    return SU_OK;
}

static enum su_code new_item(const struct su_graph *g, uint32_t value, uint32_t from,
                             struct work *w, uint64_t *sum, struct su_err *e)
{
    struct su_plan_item *x = &w->item[w->n_item];
    x->bytes = su_plan_value_bytes(&g->value[value], w->t_max, w->e_max);
    x->from = x->to = from;
    w->item_of[value] = w->n_item++;
    return add_bytes(sum, x->bytes, "the values of a dispatch", e);
}

/* Inputs are born at time 0, the results of node i at time i + 1, and graph outputs live one time
   longer than the last node. */
static enum su_code collect_items(const struct su_graph *g, struct work *w, struct su_err *e)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < g->n_value; i++) {
        w->item_of[i] = UINT32_MAX;
    }
    for (uint32_t i = 0; i < g->n_input; i++) {
        enum su_code rc = new_item(g, g->input[i], 0, w, &sum, e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            uint32_t it = w->item_of[n->arg[k]];
            if (it != UINT32_MAX) {
                w->item[it].to = SU_MAX(w->item[it].to, i + 1);
            }
        }
        if (n->op == SU_OP_RESHAPE && w->item_of[n->arg[0]] != UINT32_MAX) {
            w->item_of[n->first_out] = w->item_of[n->arg[0]];
            continue;
        }
        for (uint32_t k = 0; k < n->n_out; k++) {
            if (su_plan_value_outside(g, n->first_out + k)) {
                continue;
            }
            enum su_code rc = new_item(g, n->first_out + k, i + 1, w, &sum, e);
            if (rc != SU_OK) {
                return rc;
            }
        }
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        uint32_t it = w->item_of[g->output[i].value];
        if (it != UINT32_MAX) {
            w->item[it].to = g->n_node + 1;
        }
    }
    return SU_OK;
}

enum su_code su_layout_build(const struct su_graph *g, uint32_t t_max, uint32_t e_max, uint32_t ctx,
                             struct su_layout **out, struct su_err *e)
{
    enum su_code rc;
    struct work w = {.t_max = t_max, .e_max = e_max};
    *out = NULL;
    struct su_layout *l = su_alloc(sizeof *l);
    l->n_value = g->n_value;
    l->offset = su_try_alloc(g->n_value, sizeof *l->offset);
    l->bytes = su_try_alloc(g->n_value, sizeof *l->bytes);
    l->fixed = su_try_alloc(g->n_value, sizeof *l->fixed);
    w.item = su_try_alloc(g->n_value, sizeof *w.item);
    w.item_of = su_try_alloc(g->n_value, sizeof *w.item_of);
    w.tmp = su_try_alloc((size_t)g->n_value * 2, sizeof *w.tmp);
    if (!l->offset || !l->bytes || !l->fixed || !w.item || !w.item_of || !w.tmp) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory for the layout of %u values", g->n_value);
        goto out;
    }
    rc = place_fixed(g, ctx, l, e);
    if (rc != SU_OK) {
        goto out;
    }
    rc = collect_items(g, &w, e);
    if (rc != SU_OK) {
        goto out;
    }
    uint64_t peak;
    l->work_offset = su_plan_arena_place(w.item, w.n_item, w.tmp, &peak);
    for (uint32_t i = 0; i < g->n_node; i++) {
        l->work_bytes = SU_MAX(l->work_bytes, su_plan_node_work(g, i, t_max, e_max));
    }
    l->arena_bytes = l->work_offset + l->work_bytes;
    for (uint32_t i = 0; i < g->n_value; i++) {
        if (w.item_of[i] != UINT32_MAX) {
            l->offset[i] = w.item[w.item_of[i]].offset;
            l->bytes[i] = w.item[w.item_of[i]].bytes;
        }
    }
out:
    free(w.item);
    free(w.item_of);
    free(w.tmp);
    if (rc != SU_OK) {
        su_layout_free(l);
        return rc;
    }
    *out = l;
    return SU_OK;
}

void su_layout_free(struct su_layout *l)
{
    if (l) {
        free(l->offset);
        free(l->bytes);
        free(l->fixed);
        free(l);
    }
}
