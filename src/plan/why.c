// SPDX-License-Identifier: MIT
#include "draw_priv.h"
#include "plan_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a weight or state, which may have been reshaped; else NULL. */
static const char *stored_name(const struct su_graph *g, uint32_t value)
{
    const struct su_value *v = &g->value[value];
    while (v->kind == SU_VALUE_NODE && g->node[v->node].op == SU_OP_RESHAPE) {
        v = &g->value[g->node[v->node].arg[0]];
    }
    return v->kind == SU_VALUE_WEIGHT || v->kind == SU_VALUE_STATE ? v->name : NULL;
}

void su_plan_node_label(const struct su_plan_problem *p, uint32_t node, char *out, size_t cap)
{
    const struct su_node *n = &p->g->node[node];
    const char *name = NULL;
    for (uint32_t k = 0; k < n->n_arg && !name; k++) {
        name = stored_name(p->g, n->arg[k]);
    }
    size_t at = (size_t)snprintf(out, cap, "%s", su_op_name(n->op));
    if (p->whole_node[node] != UINT32_MAX && at < cap) {
        at += (size_t)snprintf(out + at, cap - at, " #%u", p->whole_node[node]);
    }
    if (name && at < cap) {
        snprintf(out + at, cap - at, " (%.60s)", name);
    }
}

struct explain {
    struct su_plan_problem *p;
    struct su_plan_parts parts; /* a copy whose task_of may be changed for a trial */
    const struct su_plan_targets *t;
    const struct su_plan *plan;
    uint32_t *unit;
};

static void cost_of_task(struct explain *w, uint32_t task, struct su_plan_cost *c)
{
    su_plan_eval(w->p, w->unit, su_plan_parts_units(w->p, &w->parts, task, w->unit), c);
}

static uint32_t first_unit(const struct explain *w, uint32_t task)
{
    uint32_t u = 0;
    while (w->parts.task_of[u] != task) {
        u++;
    }
    return u;
}

/* The task that would have taken the unit: the last one it reads from, else the one before. */
static uint32_t neighbour_of(const struct explain *w, uint32_t u)
{
    uint32_t task = w->parts.task_of[u], best = UINT32_MAX;
    for (uint32_t k = w->p->prev_start[u]; k < w->p->prev_start[u + 1]; k++) {
        uint32_t from = w->parts.task_of[w->p->prev[k]];
        if (from < task && (best == UINT32_MAX || from > best)) {
            best = from;
        }
    }
    return best == UINT32_MAX ? task - 1 : best;
}

/* Why unit u is not in task `near`, into b. */
static void explain_unit(struct explain *w, uint32_t u, uint32_t near, struct su_buf *b)
{
    char label[128], a[32], c[32], own[32];
    uint32_t task = w->parts.task_of[u];
    struct su_plan_cost alone, joined, with, left, now;
    uint64_t target = w->t->bytes[w->t->per_device ? w->parts.device[near] : 0];
    su_plan_node_label(w->p, w->p->unit_node[w->p->unit_start[u]], label, sizeof label);
    su_plan_eval(w->p, &u, 1, &alone);
    cost_of_task(w, near, &joined);
    cost_of_task(w, task, &now);
    w->parts.task_of[u] = near;
    cost_of_task(w, near, &with);
    cost_of_task(w, task, &left);
    w->parts.task_of[u] = task;
    su_buf_printf(b, "adding %s", label);
    if (alone.fixed_bytes > 0) {
        su_buf_printf(b, " with %s of weights", su_format_size(alone.fixed_bytes, own, sizeof own));
    }
    su_buf_printf(b, " to task %u would ", near);
    if (with.vram_bytes > target) {
        su_buf_printf(b, "need %s > %s", su_format_size(with.vram_bytes, a, sizeof a),
                      su_format_size(target, c, sizeof c));
    } else if (with.n_in > SU_PLAN_PORT_MAX || with.n_out > SU_PLAN_PORT_MAX) {
        su_buf_printf(b, "need %u inputs and %u outputs, more than %u", with.n_in, with.n_out,
                      SU_PLAN_PORT_MAX);
    } else if (su_plan_work(w->p, with.macs) > su_plan_work(w->p, w->plan->peak_macs)) {
        su_buf_printf(b, "give it %s macs, above the %s of the largest task",
                      su_plan_count_text(with.macs, a), su_plan_count_text(w->plan->peak_macs, c));
    } else if (with.cut_bytes + left.cut_bytes > joined.cut_bytes + now.cut_bytes) {
        uint64_t more = with.cut_bytes + left.cut_bytes - joined.cut_bytes - now.cut_bytes;
        su_buf_printf(b, "let %s/row more cross", su_format_size(more, a, sizeof a));
    } else {
        su_buf_printf(b, "save nothing");
    }
}

static void explain_task(struct explain *w, uint32_t task, struct su_buf *b)
{
    char mine[32], its[32], cross[32], limit[32];
    const struct su_plan_task *t = &w->plan->task[task];
    uint64_t target = w->t->bytes[w->t->per_device ? t->device : 0];
    uint64_t need = t->vram_fixed + t->vram_session * w->plan->sessions;
    su_format_size(need, mine, sizeof mine);
    su_format_size(target, limit, sizeof limit);
    if (task == 0) {
        su_buf_printf(b, "%s: needs %s of %s", w->plan->n_task == 1 ? "fits whole" : "first task",
                      mine, limit);
        return;
    }
    uint32_t u = first_unit(w, task), near = neighbour_of(w, u);
    const struct su_plan_task *n = &w->plan->task[near];
    struct su_plan_cost c;
    cost_of_task(w, task, &c);
    explain_unit(w, u, near, b);
    su_buf_printf(
        b, "; %s/row cross here, with %s before and %s after the cut",
        su_format_size(c.cut_bytes, cross, sizeof cross),
        su_format_size(n->vram_fixed + n->vram_session * w->plan->sessions, its, sizeof its), mine);
}

enum su_code su_plan_explain(struct su_plan_problem *p, const struct su_plan_parts *parts,
                             const struct su_plan_targets *t, struct su_plan *plan,
                             struct su_err *e)
{
    struct explain w = {.p = p, .parts = *parts, .t = t, .plan = plan};
    struct su_buf b;
    enum su_code rc = SU_OK;
    su_buf_init(&b, 0);
    w.unit = su_try_alloc(p->n_unit + 1u, sizeof *w.unit);
    if (!w.unit) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", p->n_unit);
    }
    for (uint32_t i = 0; i < plan->n_task && rc == SU_OK; i++) {
        su_buf_clear(&b);
        explain_task(&w, i, &b);
        rc = su_buf_check(&b, "plan", e);
        if (rc == SU_OK) {
            plan->task[i].why = su_strdup((const char *)b.data);
        }
    }
    free(w.unit);
    su_buf_fini(&b);
    return rc;
}
