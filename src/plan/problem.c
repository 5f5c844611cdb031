// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>

#define WORK_STEPS 128u

/* Ops cheap enough to be repeated in every task that needs their result. */
static bool repeatable(enum su_op op)
{
    return op <= SU_OP_MOD || op == SU_OP_CONST || op == SU_OP_IOTA;
}

static bool is_graph_output(const struct su_graph *g, const bool *output, uint32_t node)
{
    const struct su_node *n = &g->node[node];
    for (uint32_t k = 0; k < n->n_out; k++) {
        if (output[n->first_out + k]) {
            return true;
        }
    }
    return false;
}

static bool find_copied(struct su_plan_problem *p)
{
    const struct su_graph *g = p->g;
    bool *output = su_try_alloc(g->n_value, sizeof *output);
    if (!output) {
        return false;
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        output[g->output[i].value] = true;
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        bool copied = repeatable(n->op) && !is_graph_output(g, output, i);
        for (uint32_t k = 0; k < n->n_arg && copied; k++) {
            const struct su_value *v = &g->value[n->arg[k]];
            copied = v->kind == SU_VALUE_WEIGHT || (v->kind == SU_VALUE_NODE && p->copied[v->node]);
        }
        p->copied[i] = copied;
    }
    free(output);
    return true;
}

static enum su_code size_values(struct su_plan_problem *p, struct su_err *e)
{
    const struct su_graph *g = p->g;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < g->n_value; i++) {
        const struct su_value *v = &g->value[i];
        enum su_code rc = SU_OK;
        if (v->kind == SU_VALUE_STATE) {
            rc = su_plan_state_bytes(&v->shape, p->ctx, &p->value_bytes[i], e);
        } else if (v->kind == SU_VALUE_WEIGHT ||
                   (v->kind == SU_VALUE_NODE && g->node[v->node].op == SU_OP_CONST)) {
            rc = su_plan_fixed_bytes(v->dtype, &v->shape, &p->value_bytes[i], e);
        } else {
            p->value_bytes[i] = su_plan_value_bytes(v, p->t_max, p->e_max);
        }
        if (rc != SU_OK) {
            return rc;
        }
        if (!su_add_u64(sum, p->value_bytes[i], &sum) || sum > UINT64_MAX >> 1) {
            return su_fail(e, SU_EOVERFLOW, NULL, "weights and values together exceed 2^63 bytes");
        }
    }
    return SU_OK;
}

static void count_uses(struct su_plan_problem *p)
{
    const struct su_graph *g = p->g;
    for (uint32_t i = 0; i < g->n_node; i++) {
        for (uint32_t k = 0; k < g->node[i].n_arg; k++) {
            p->uses[g->node[i].arg[k]]++;
        }
        p->node_macs[i] = su_node_macs(g, i);
    }
    p->work_step = SU_MAX(su_graph_macs(g) / WORK_STEPS, 1);
    for (uint32_t i = 0; i < g->n_output; i++) {
        p->uses[g->output[i].value]++;
    }
}

/* Lists, for every unit, the units it reads from (ascending, each once), then turns the lists
   round. */
static bool link_units(struct su_plan_problem *p)
{
    const struct su_graph *g = p->g;
    size_t n_arg = 0;
    for (uint32_t i = 0; i < g->n_node; i++) {
        n_arg += g->node[i].n_arg;
    }
    size_t list = (p->n_unit + 1u) * sizeof(uint32_t);
    p->prev_start = su_arena_alloc(&p->arena, list);
    p->next_start = su_arena_alloc(&p->arena, list);
    p->prev = su_arena_alloc(&p->arena, (n_arg + 1) * sizeof(uint32_t));
    p->next = su_arena_alloc(&p->arena, (n_arg + 1) * sizeof(uint32_t));
    uint32_t *seen = su_arena_alloc(&p->arena, list);
    if (!p->prev_start || !p->next_start || !p->prev || !p->next || !seen) {
        return false;
    }
    uint32_t n = 0;
    for (uint32_t u = 0; u < p->n_unit; u++) {
        p->prev_start[u] = n;
        for (uint32_t i = p->unit_start[u]; i < p->unit_start[u + 1]; i++) {
            const struct su_node *nd = &g->node[p->unit_node[i]];
            for (uint32_t k = 0; k < nd->n_arg; k++) {
                const struct su_value *v = &g->value[nd->arg[k]];
                uint32_t from = v->kind == SU_VALUE_NODE ? p->unit_of[v->node] : UINT32_MAX;
                if (from != UINT32_MAX && from != u && seen[from] != u + 1) {
                    seen[from] = u + 1;
                    p->prev[n++] = from;
                    p->next_start[from]++;
                }
            }
        }
    }
    p->prev_start[p->n_unit] = n;
    uint32_t at = 0;
    for (uint32_t u = 0; u <= p->n_unit; u++) {
        uint32_t count = p->next_start[u];
        p->next_start[u] = at;
        seen[u] = at;
        at += count;
    }
    for (uint32_t u = 0; u < p->n_unit; u++) {
        for (uint32_t k = p->prev_start[u]; k < p->prev_start[u + 1]; k++) {
            p->next[seen[p->prev[k]]++] = u;
        }
    }
    return true;
}

static bool alloc_arrays(struct su_plan_problem *p)
{
    size_t nn = p->g->n_node + 1u, nv = p->g->n_value + 1u;
    struct {
        void **at;
        size_t bytes;
    } want[] = {
        {(void **)&p->copied, nn * sizeof *p->copied},
        {(void **)&p->unit_of, nn * sizeof *p->unit_of},
        {(void **)&p->unit_start, nn * sizeof *p->unit_start},
        {(void **)&p->unit_node, nn * sizeof *p->unit_node},
        {(void **)&p->node_macs, nn * sizeof *p->node_macs},
        {(void **)&p->node_stamp, nn * sizeof *p->node_stamp},
        {(void **)&p->set.node, nn * sizeof *p->set.node},
        {(void **)&p->uses, nv * sizeof *p->uses},
        {(void **)&p->value_bytes, nv * sizeof *p->value_bytes},
        {(void **)&p->set.in, nv * sizeof *p->set.in},
        {(void **)&p->set.out, nv * sizeof *p->set.out},
        {(void **)&p->set.source, nv * sizeof *p->set.source},
        {(void **)&p->value_stamp, nv * sizeof *p->value_stamp},
        {(void **)&p->made_stamp, nv * sizeof *p->made_stamp},
        {(void **)&p->used, nv * sizeof *p->used},
        {(void **)&p->item_of, nv * sizeof *p->item_of},
        {(void **)&p->tmp, 2 * nv * sizeof *p->tmp},
        {(void **)&p->item, nv * sizeof *p->item},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++) {
        *want[i].at = su_arena_alloc(&p->arena, want[i].bytes);
        if (!*want[i].at) {
            return false;
        }
    }
    return true;
}

enum su_code su_plan_problem_new(struct su_graph *g, uint32_t *whole_node,
                                 const struct su_plan_opts *o, struct su_plan_problem **out,
                                 struct su_err *e)
{
    *out = NULL;
    struct su_plan_problem *p = su_alloc(sizeof *p);
    p->g = g;
    p->whole_node = whole_node;
    p->t_max = o->t_max;
    p->e_max = o->e_max;
    p->ctx = o->ctx;
    p->sessions = o->sessions;
    su_arena_init(&p->arena, 0);
    enum su_code rc = SU_OK;
    if (!alloc_arrays(p) || !find_copied(p)) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u nodes", g->n_node);
        goto out;
    }
    rc = size_values(p, e);
    if (rc != SU_OK) {
        goto out;
    }
    count_uses(p);
    rc = su_plan_units_make(p, e);
    if (rc == SU_OK && !link_units(p)) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u nodes", g->n_node);
    }
out:
    if (rc != SU_OK) {
        su_plan_problem_free(p);
        return rc;
    }
    *out = p;
    return SU_OK;
}

void su_plan_problem_free(struct su_plan_problem *p)
{
    if (p) {
        su_graph_free(p->g);
        free(p->whole_node);
        su_arena_fini(&p->arena);
        free(p);
    }
}
