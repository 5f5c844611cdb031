// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct emit {
    struct su_plan_problem *p;
    const struct su_plan_parts *parts;
    struct su_plan *plan;
    uint32_t *id; /* per value: in the task's graph being built */
    uint32_t *from_task; /* per value: the task that makes it, and which output it is there */
    uint32_t *from_output;
    uint32_t *result; /* per value: the first output of the whole graph that it is, or UINT32_MAX */
    uint32_t *input; /* per value: which input of the whole graph */
    bool *crosses; /* per value */
    uint32_t *unit;
    bool *seen; /* per node of the whole graph */
    char prefix[24]; /* of the names of crossing values; no name of the graph starts with it */
};

static bool prefix_taken(const struct su_graph *g, const char *prefix)
{
    for (uint32_t i = 0; i < g->n_value; i++) {
        if (g->value[i].name && su_str_starts(g->value[i].name, prefix)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        if (su_str_starts(g->output[i].name, prefix)) {
            return true;
        }
    }
    return false;
}

static enum su_code name_crossing(struct emit *w, struct su_err *e)
{
    for (uint32_t i = 0; i < 100; i++) {
        if (i == 0) {
            su_str_copy(w->prefix, sizeof w->prefix, "cut.");
        } else {
            snprintf(w->prefix, sizeof w->prefix, "cut%u.", i);
        }
        if (!prefix_taken(w->p->g, w->prefix)) {
            return SU_OK;
        }
    }
    return su_fail(
        e, SU_ELIMIT, "cut.",
        "names of the graph start with \"cut.\" and \"cut1.\" to \"cut99.\"; rename one");
}

static void find_crossing(struct emit *w)
{
    const struct su_graph *g = w->p->g;
    for (uint32_t i = 0; i < g->n_node; i++) {
        uint32_t u = w->p->unit_of[i];
        for (uint32_t k = 0; k < g->node[i].n_arg && u != UINT32_MAX; k++) {
            const struct su_value *v = &g->value[g->node[i].arg[k]];
            uint32_t from = v->kind == SU_VALUE_NODE ? w->p->unit_of[v->node] : UINT32_MAX;
            if (from != UINT32_MAX && w->parts->task_of[from] != w->parts->task_of[u]) {
                w->crosses[g->node[i].arg[k]] = true;
            }
        }
    }
    for (uint32_t i = 0; i < g->n_value; i++) {
        w->result[i] = UINT32_MAX;
    }
    for (uint32_t i = g->n_output; i-- > 0;) {
        w->result[g->output[i].value] = i;
    }
    for (uint32_t i = 0; i < g->n_input; i++) {
        w->input[g->input[i]] = i;
    }
}

static void name_of(const struct emit *w, uint32_t value, char *out, size_t cap)
{
    snprintf(out, cap, "%s%u", w->prefix, value);
}

static enum su_code add_inputs(struct emit *w, struct su_plan_task *t, struct su_err *e)
{
    const struct su_plan_set *s = &w->p->set;
    for (uint32_t i = 0; i < s->n_in; i++) {
        const struct su_value *v = &w->p->g->value[s->in[i]];
        char name[SU_GRAPH_NAME_MAX + 1];
        if (v->kind == SU_VALUE_INPUT) {
            su_str_copy(name, sizeof name, v->name);
            t->input[i] = (struct su_plan_input){SU_PLAN_EXTERNAL, w->input[s->in[i]]};
        } else {
            name_of(w, s->in[i], name, sizeof name);
            t->input[i] = (struct su_plan_input){w->from_task[s->in[i]], w->from_output[s->in[i]]};
        }
        t->bytes_in += su_value_row_bytes(v);
        enum su_code rc =
            su_graph_add_input(t->graph, name, v->domain, v->dtype, &v->shape, &w->id[s->in[i]], e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < s->n_source; i++) {
        const struct su_value *v = &w->p->g->value[s->source[i]];
        uint32_t *id = &w->id[s->source[i]];
        enum su_code rc =
            v->kind == SU_VALUE_STATE
                ? su_graph_add_state(t->graph, v->name, &v->shape, id, e)
                : su_graph_add_weight(t->graph, v->name, v->dtype, &v->shape, v->first_row, id, e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return SU_OK;
}

static enum su_code add_nodes(struct emit *w, struct su_plan_task *t, struct su_err *e)
{
    const struct su_plan_set *s = &w->p->set;
    t->first_node = UINT32_MAX;
    for (uint32_t i = 0; i < s->n_node; i++) {
        const struct su_node *n = &w->p->g->node[s->node[i]];
        uint32_t arg[SU_GRAPH_ARG_MAX], id, whole = w->p->whole_node[s->node[i]];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            arg[k] = w->id[n->arg[k]];
        }
        enum su_code rc = su_graph_add_node(t->graph, n->op, arg, n->n_arg, n->attr, n->n_attr,
                                            n->data, n->data_bytes, &id, e);
        if (rc != SU_OK) {
            return rc;
        }
        for (uint32_t k = 0; k < n->n_out; k++) {
            w->id[n->first_out + k] = id + k;
        }
        if (whole != UINT32_MAX && !w->seen[whole]) {
            w->seen[whole] = true;
            t->n_node++;
            t->first_node = SU_MIN(t->first_node, whole);
        }
    }
    for (uint32_t i = 0; i < s->n_node; i++) {
        if (w->p->whole_node[s->node[i]] != UINT32_MAX) {
            w->seen[w->p->whole_node[s->node[i]]] = false;
        }
    }
    t->first_node = t->n_node > 0 ? t->first_node : 0;
    return SU_OK;
}

static enum su_code add_outputs(struct emit *w, uint32_t task, struct su_err *e)
{
    const struct su_plan_set *s = &w->p->set;
    struct su_plan_task *t = &w->plan->task[task];
    for (uint32_t i = 0; i < s->n_out; i++) {
        uint32_t v = s->out[i];
        char name[SU_GRAPH_NAME_MAX + 1];
        name_of(w, v, name, sizeof name);
        t->output[i] = (struct su_plan_output){w->crosses[v], w->result[v]};
        t->bytes_out += su_value_row_bytes(&w->p->g->value[v]);
        w->from_task[v] = task;
        w->from_output[v] = i;
        const char *chosen = w->crosses[v] ? name : w->p->g->output[w->result[v]].name;
        enum su_code rc = su_graph_add_output(t->graph, chosen, w->id[v], e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return su_graph_check(t->graph, e);
}

static enum su_code measure(struct emit *w, struct su_plan_task *t, uint64_t target,
                            struct su_err *e)
{
    struct su_layout *l;
    enum su_code rc = su_layout_build(t->graph, w->p->t_max, w->p->e_max, w->p->ctx, &l, e);
    if (rc != SU_OK) {
        return rc;
    }
    t->weight_bytes = l->fixed_bytes;
    t->arena_bytes = l->arena_bytes;
    t->vram_fixed = l->fixed_bytes + l->arena_bytes;
    t->vram_session = l->session_bytes;
    su_layout_free(l);
    t->macs = su_graph_macs(t->graph);
    uint64_t all;
    if (!su_mul_u64(t->vram_session, w->p->sessions, &all) ||
        !su_add_u64(all, t->vram_fixed, &all) || all > target) {
        return su_fail(e, SU_EINTERNAL, NULL, "a task needs more than its target after all");
    }
    return SU_OK;
}

static enum su_code emit_task(struct emit *w, uint32_t task, uint64_t target, struct su_err *e)
{
    struct su_plan_task *t = &w->plan->task[task];
    uint32_t n = su_plan_parts_units(w->p, w->parts, task, w->unit);
    su_plan_set_fill(w->p, w->unit, n);
    t->device = w->parts->device[task];
    t->graph = su_graph_new();
    t->input = su_alloc((w->p->set.n_in + 1u) * sizeof *t->input);
    t->output = su_alloc((w->p->set.n_out + 1u) * sizeof *t->output);
    enum su_code rc = add_inputs(w, t, e);
    if (rc == SU_OK) {
        rc = add_nodes(w, t, e);
    }
    if (rc == SU_OK) {
        rc = add_outputs(w, task, e);
    }
    return rc == SU_OK ? measure(w, t, target, e) : rc;
}

/* Tasks on the path with the most macs. */
static uint32_t count_critical(const struct su_plan *plan)
{
    uint64_t best[SU_PLAN_TASK_MAX], most = 0;
    uint32_t length[SU_PLAN_TASK_MAX], longest = 0;
    for (uint32_t i = 0; i < plan->n_task; i++) {
        const struct su_plan_task *t = &plan->task[i];
        best[i] = 0;
        length[i] = 0;
        for (uint32_t k = 0; k < t->graph->n_input; k++) {
            uint32_t from = t->input[k].from_task;
            if (from != SU_PLAN_EXTERNAL && best[from] >= best[i]) {
                best[i] = best[from];
                length[i] = SU_MAX(length[i], length[from]);
            }
        }
        best[i] += t->macs;
        length[i]++;
        if (best[i] >= most) {
            most = best[i];
            longest = length[i];
        }
    }
    return longest;
}

static void sum_up(struct emit *w)
{
    struct su_plan *plan = w->plan;
    const struct su_graph *g = w->p->g;
    for (uint32_t i = 0; i < plan->n_task; i++) {
        const struct su_plan_task *t = &plan->task[i];
        plan->peak_macs = SU_MAX(plan->peak_macs, t->macs);
        for (uint32_t k = 0; k < t->graph->n_input; k++) {
            if (t->input[k].from_task != SU_PLAN_EXTERNAL) {
                plan->cut_bytes += su_value_row_bytes(&t->graph->value[t->graph->input[k]]);
            }
        }
    }
    plan->critical_macs_tasks = count_critical(plan);
    for (uint32_t i = 0; i < g->n_output; i++) {
        uint32_t v = g->output[i].value;
        plan->result[i] = (struct su_plan_input){w->from_task[v], w->from_output[v]};
    }
}

enum su_code su_plan_emit(struct su_plan_problem *p, const struct su_plan_parts *parts,
                          const struct su_plan_targets *t, struct su_plan *plan, struct su_err *e)
{
    struct emit w = {.p = p, .parts = parts, .plan = plan};
    uint32_t n_whole = 0;
    uint32_t **array[] = {&w.id, &w.from_task, &w.from_output, &w.result, &w.input};
    struct su_arena a;
    enum su_code rc = SU_OK;
    bool ok = true;
    for (uint32_t i = 0; i < p->g->n_node; i++) {
        if (p->whole_node[i] != UINT32_MAX) {
            n_whole = SU_MAX(n_whole, p->whole_node[i] + 1);
        }
    }
    su_arena_init(&a, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(array) && ok; i++) {
        *array[i] = su_arena_alloc(&a, (p->g->n_value + 1u) * sizeof(uint32_t));
        ok = *array[i] != NULL;
    }
    w.unit = su_arena_alloc(&a, (p->n_unit + 1u) * sizeof *w.unit);
    w.crosses = su_arena_alloc(&a, (p->g->n_value + 1u) * sizeof *w.crosses);
    w.seen = su_arena_alloc(&a, (n_whole + 1u) * sizeof *w.seen);
    plan->task = su_try_alloc(parts->n_task, sizeof *plan->task);
    plan->result = su_try_alloc(p->g->n_output, sizeof *plan->result);
    if (!ok || !w.unit || !w.crosses || !w.seen || !plan->task || !plan->result) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory for a plan of %u tasks", parts->n_task);
        goto out;
    }
    plan->n_task = parts->n_task;
    plan->n_result = p->g->n_output;
    find_crossing(&w);
    rc = name_crossing(&w, e);
    for (uint32_t i = 0; i < plan->n_task && rc == SU_OK; i++) {
        rc = emit_task(&w, i, t->bytes[t->per_device ? parts->device[i] : 0], e);
    }
    if (rc == SU_OK) {
        sum_up(&w);
    }
out:
    su_arena_fini(&a);
    return rc;
}
