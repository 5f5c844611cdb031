// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>
#include <string.h>

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void sort_u32(uint32_t *v, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (v[i - 1] > v[i]) {
            qsort(v, n, sizeof *v, compare_u32);
            return;
        }
    }
}

static void take_node(struct su_plan_problem *p, uint32_t node)
{
    if (p->node_stamp[node] == p->stamp) {
        return;
    }
    p->node_stamp[node] = p->stamp;
    p->set.node[p->set.n_node++] = node;
}

/* Adds the copied nodes that the nodes of the set need. */
static void take_copied(struct su_plan_problem *p)
{
    for (uint32_t i = 0; i < p->set.n_node; i++) {
        const struct su_node *n = &p->g->node[p->set.node[i]];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            const struct su_value *v = &p->g->value[n->arg[k]];
            if (v->kind == SU_VALUE_NODE && p->copied[v->node]) {
                take_node(p, v->node);
            }
        }
    }
}

static void take_arg(struct su_plan_problem *p, uint32_t value)
{
    const struct su_value *v = &p->g->value[value];
    if (p->made_stamp[value] == p->stamp) {
        p->used[value]++;
        return;
    }
    if (p->value_stamp[value] == p->stamp) {
        return;
    }
    p->value_stamp[value] = p->stamp;
    if (v->kind == SU_VALUE_WEIGHT || v->kind == SU_VALUE_STATE) {
        p->set.source[p->set.n_source++] = value;
    } else {
        p->set.in[p->set.n_in++] = value;
    }
}

void su_plan_set_fill(struct su_plan_problem *p, const uint32_t *unit, uint32_t n)
{
    struct su_plan_set *s = &p->set;
    p->stamp++;
    s->n_node = s->n_in = s->n_out = s->n_source = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = p->unit_start[unit[i]]; k < p->unit_start[unit[i] + 1]; k++) {
            take_node(p, p->unit_node[k]);
        }
    }
    take_copied(p);
    sort_u32(s->node, s->n_node);
    for (uint32_t i = 0; i < s->n_node; i++) {
        const struct su_node *nd = &p->g->node[s->node[i]];
        for (uint32_t k = 0; k < nd->n_arg; k++) {
            take_arg(p, nd->arg[k]);
        }
        for (uint32_t k = 0; k < nd->n_out; k++) {
            p->made_stamp[nd->first_out + k] = p->stamp;
            p->used[nd->first_out + k] = 0;
        }
    }
    for (uint32_t i = 0; i < s->n_node; i++) {
        const struct su_node *nd = &p->g->node[s->node[i]];
        for (uint32_t k = 0; k < nd->n_out && !p->copied[s->node[i]]; k++) {
            uint32_t v = nd->first_out + k;
            if (p->used[v] < p->uses[v]) {
                s->out[s->n_out++] = v;
            }
        }
    }
    sort_u32(s->in, s->n_in);
}

static void new_item(struct su_plan_problem *p, uint32_t value, uint32_t from, uint32_t *n)
{
    p->item_of[value] = *n;
    p->item[*n] = (struct su_plan_item){.bytes = p->value_bytes[value], .from = from, .to = from};
    ++*n;
}

/* The arena that su_layout_build would give the task's graph: same items in the same order. One that
   fits in `room` however it is placed is not placed: then both results are the items' sum. */
static uint64_t arena_of_set(struct su_plan_problem *p, uint64_t room, uint64_t *peak_bytes)
{
    const struct su_plan_set *s = &p->set;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_in; i++) {
        new_item(p, s->in[i], 0, &n);
    }
    for (uint32_t i = 0; i < s->n_node; i++) {
        const struct su_node *nd = &p->g->node[s->node[i]];
        for (uint32_t k = 0; k < nd->n_arg; k++) {
            if (!su_plan_value_outside(p->g, nd->arg[k])) {
                p->item[p->item_of[nd->arg[k]]].to = i + 1;
            }
        }
        if (nd->op == SU_OP_RESHAPE && !su_plan_value_outside(p->g, nd->arg[0])) {
            p->item_of[nd->first_out] = p->item_of[nd->arg[0]];
            continue;
        }
        for (uint32_t k = 0; k < nd->n_out; k++) {
            if (!su_plan_value_outside(p->g, nd->first_out + k)) {
                new_item(p, nd->first_out + k, i + 1, &n);
            }
        }
    }
    for (uint32_t i = 0; i < s->n_out; i++) {
        if (!su_plan_value_outside(p->g, s->out[i])) {
            p->item[p->item_of[s->out[i]]].to = s->n_node + 1;
        }
    }
    uint64_t sum = 0, work = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += p->item[i].bytes;
    }
    for (uint32_t i = 0; i < s->n_node; i++) {
        work = SU_MAX(work, su_plan_node_work(p->g, s->node[i], p->t_max, p->e_max));
    }
    if (sum + work <= room) {
        *peak_bytes = sum + work;
        return sum + work;
    }
    uint64_t arena = su_plan_arena_place(p->item, n, p->tmp, peak_bytes);
    *peak_bytes += work;
    return arena + work;
}

/* Without a target (0) all of *c is exact. */
static void eval(struct su_plan_problem *p, const uint32_t *unit, uint32_t n, uint64_t target,
                 struct su_plan_cost *c)
{
    memset(c, 0, sizeof *c);
    su_plan_set_fill(p, unit, n);
    const struct su_plan_set *s = &p->set;
    for (uint32_t i = 0; i < s->n_node; i++) {
        const struct su_node *nd = &p->g->node[s->node[i]];
        c->macs += p->node_macs[s->node[i]];
        if (nd->op == SU_OP_CONST) {
            c->fixed_bytes += p->value_bytes[nd->first_out];
        }
    }
    for (uint32_t i = 0; i < s->n_source; i++) {
        uint64_t bytes = p->value_bytes[s->source[i]];
        if (p->g->value[s->source[i]].kind == SU_VALUE_STATE) {
            c->session_bytes += bytes;
        } else {
            c->fixed_bytes += bytes;
        }
    }
    for (uint32_t i = 0; i < s->n_in; i++) {
        const struct su_value *v = &p->g->value[s->in[i]];
        c->cut_bytes += v->kind == SU_VALUE_NODE ? su_value_row_bytes(v) : 0;
    }
    c->n_in = s->n_in;
    c->n_out = s->n_out;
    uint64_t state, held, peak;
    if (!su_mul_u64(c->session_bytes, p->sessions, &state) ||
        !su_add_u64(state, c->fixed_bytes, &held)) {
        c->vram_bytes = c->floor_bytes = UINT64_MAX;
        return;
    }
    if (target > 0 && held > target) {
        c->vram_bytes = c->floor_bytes = held;
        return;
    }
    c->arena_bytes = arena_of_set(p, target > 0 ? target - held : 0, &peak);
    if (!su_add_u64(held, c->arena_bytes, &c->vram_bytes)) {
        c->vram_bytes = c->floor_bytes = UINT64_MAX;
        return;
    }
    c->floor_bytes = held + peak;
}

void su_plan_eval(struct su_plan_problem *p, const uint32_t *unit, uint32_t n,
                  struct su_plan_cost *c)
{
    eval(p, unit, n, 0, c);
}

void su_plan_eval_within(struct su_plan_problem *p, const uint32_t *unit, uint32_t n,
                         uint64_t target, struct su_plan_cost *c)
{
    eval(p, unit, n, target, c);
}

uint64_t su_plan_work(const struct su_plan_problem *p, uint64_t macs)
{
    return macs / p->work_step + (macs % p->work_step != 0);
}

bool su_plan_cost_fits(const struct su_plan_cost *c, uint64_t target)
{
    return c->vram_bytes <= target && c->n_in <= SU_PLAN_PORT_MAX && c->n_out <= SU_PLAN_PORT_MAX;
}
