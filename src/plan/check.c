// SPDX-License-Identifier: MIT
/* An independent reading of a plan: nothing here uses the code that made it, apart from
   su_layout_build. */
#include "plan_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct check {
    const struct su_plan *p;
    const struct su_graph *g;
    struct su_err *e;
    char at[32]; /* "task 3" */
};

#define REFUSE(w, code, ...) return su_fail((w)->e, (code), (w)->at, __VA_ARGS__)

static const struct su_value *input_value(const struct su_plan_task *t, uint32_t i)
{
    return &t->graph->value[t->graph->input[i]];
}

static const struct su_value *output_value(const struct su_plan_task *t, uint32_t i)
{
    return &t->graph->value[t->graph->output[i].value];
}

static bool same_type(const struct su_value *a, const struct su_value *b)
{
    return su_dtype_seen(a->dtype) == su_dtype_seen(b->dtype) && a->domain == b->domain &&
           su_shape_equal(&a->shape, &b->shape);
}

static enum su_code check_input(struct check *w, uint32_t task, uint32_t i)
{
    const struct su_plan_task *t = &w->p->task[task];
    const struct su_value *v = input_value(t, i);
    uint32_t from = t->input[i].from_task, out = t->input[i].from_output;
    if (from == SU_PLAN_EXTERNAL) {
        if (out >= w->g->n_input) {
            REFUSE(w, SU_EFORMAT, "input %u is input %u of a graph that has %u", i, out,
                   w->g->n_input);
        }
        const struct su_value *x = &w->g->value[w->g->input[out]];
        if (strcmp(x->name, v->name) != 0) {
            REFUSE(w, SU_EFORMAT, "input %u is called %s, not %s", i, v->name, x->name);
        }
        if (!same_type(x, v)) {
            REFUSE(w, SU_ETYPE, "input %s differs in type from the graph's", v->name);
        }
        return SU_OK;
    }
    if (from >= task) {
        REFUSE(w, SU_EFORMAT, "input %s comes from task %u, which is not before it", v->name, from);
    }
    const struct su_plan_task *f = &w->p->task[from];
    if (out >= f->graph->n_output) {
        REFUSE(w, SU_EFORMAT, "input %s is output %u of task %u, which has %u", v->name, out, from,
               f->graph->n_output);
    }
    if (strcmp(f->graph->output[out].name, v->name) != 0) {
        REFUSE(w, SU_EFORMAT, "input %s is called %s by task %u", v->name,
               f->graph->output[out].name, from);
    }
    if (!same_type(output_value(f, out), v)) {
        REFUSE(w, SU_ETYPE, "input %s differs in type from the output of task %u", v->name, from);
    }
    if (!f->output[out].consumed) {
        REFUSE(w, SU_EFORMAT, "input %s reads an output that task %u says nobody consumes", v->name,
               from);
    }
    return SU_OK;
}

static bool is_read(const struct su_plan *p, uint32_t task, uint32_t out)
{
    for (uint32_t i = task + 1; i < p->n_task; i++) {
        for (uint32_t k = 0; k < p->task[i].graph->n_input; k++) {
            if (p->task[i].input[k].from_task == task && p->task[i].input[k].from_output == out) {
                return true;
            }
        }
    }
    return false;
}

/* No other crossing value, and no input of the graph, has this name. */
static bool name_is_unique(const struct check *w, uint32_t task, uint32_t out)
{
    const char *name = w->p->task[task].graph->output[out].name;
    for (uint32_t i = 0; i < w->g->n_input; i++) {
        if (strcmp(w->g->value[w->g->input[i]].name, name) == 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->p->n_task; i++) {
        const struct su_plan_task *t = &w->p->task[i];
        for (uint32_t k = 0; k < t->graph->n_output; k++) {
            if ((i != task || k != out) && strcmp(t->graph->output[k].name, name) == 0) {
                return false;
            }
        }
    }
    return true;
}

static enum su_code check_output(struct check *w, uint32_t task, uint32_t i)
{
    const struct su_plan_task *t = &w->p->task[task];
    const char *name = t->graph->output[i].name;
    uint32_t whole = t->output[i].graph_output;
    bool read = is_read(w->p, task, i);
    if (t->output[i].consumed != read) {
        REFUSE(w, SU_EFORMAT, "output %s %s consumed by a later task", name,
               read ? "is" : "is not");
    }
    if (!read && whole == UINT32_MAX) {
        REFUSE(w, SU_EFORMAT, "output %s is an orphan: no task and no result needs it", name);
    }
    if (whole != UINT32_MAX) {
        if (whole >= w->g->n_output) {
            REFUSE(w, SU_EFORMAT, "output %s is output %u of a graph that has %u", name, whole,
                   w->g->n_output);
        }
        const struct su_plan_input *r = &w->p->result[whole];
        if (r->from_task != task || r->from_output != i) {
            REFUSE(w, SU_EFORMAT, "output %s is result %u, which is said to come from elsewhere",
                   name, whole);
        }
    }
    if (read && !name_is_unique(w, task, i)) {
        REFUSE(w, SU_EFORMAT, "the name %s of a value that crosses a cut is not unique", name);
    }
    return SU_OK;
}

static enum su_code check_results(struct check *w)
{
    for (uint32_t i = 0; i < w->p->n_result; i++) {
        const struct su_plan_input *r = &w->p->result[i];
        const char *name = w->g->output[i].name;
        if (r->from_task >= w->p->n_task ||
            r->from_output >= w->p->task[r->from_task].graph->n_output) {
            REFUSE(w, SU_EFORMAT, "result %s comes from no task", name);
        }
        const struct su_plan_task *t = &w->p->task[r->from_task];
        uint32_t whole = t->output[r->from_output].graph_output;
        if (whole >= w->g->n_output || w->g->output[whole].value != w->g->output[i].value) {
            REFUSE(w, SU_EFORMAT, "result %s is another output of task %u", name, r->from_task);
        }
        if (!same_type(output_value(t, r->from_output), &w->g->value[w->g->output[i].value])) {
            REFUSE(w, SU_ETYPE, "result %s differs in type from the graph's output", name);
        }
    }
    return SU_OK;
}

/* ---- sources --------------------------------------------------------------------------------- */

static uint64_t rows_of(const struct su_value *v)
{
    return v->shape.rank == 0 ? 1 : v->shape.dim[0];
}

static bool is_part_of(const struct su_value *part, const struct su_value *whole)
{
    if (strcmp(part->name, whole->name) != 0 || part->dtype != whole->dtype ||
        part->shape.rank != whole->shape.rank) {
        return false;
    }
    for (uint32_t i = 1; i < part->shape.rank; i++) {
        if (part->shape.dim[i] != whole->shape.dim[i]) {
            return false;
        }
    }
    return part->first_row >= whole->first_row &&
           part->first_row + rows_of(part) <= whole->first_row + rows_of(whole);
}

static enum su_code check_task_sources(struct check *w, const struct su_plan_task *t)
{
    for (uint32_t i = 0; i < t->graph->n_weight; i++) {
        const struct su_value *v = &t->graph->value[t->graph->weight[i]];
        bool known = false;
        for (uint32_t k = 0; k < w->g->n_weight && !known; k++) {
            known = is_part_of(v, &w->g->value[w->g->weight[k]]);
        }
        if (!known) {
            REFUSE(w, SU_ETYPE, "weight %s is not rows of a weight of the graph", v->name);
        }
    }
    for (uint32_t i = 0; i < t->graph->n_state; i++) {
        const struct su_value *v = &t->graph->value[t->graph->state[i]];
        bool known = false;
        for (uint32_t k = 0; k < w->g->n_state && !known; k++) {
            const struct su_value *x = &w->g->value[w->g->state[k]];
            known = strcmp(v->name, x->name) == 0 && su_shape_equal(&v->shape, &x->shape);
        }
        if (!known) {
            REFUSE(w, SU_ETYPE, "state %s is not a state of the graph", v->name);
        }
    }
    return SU_OK;
}

/* The end of the rows from `row` on that some task holds; `row` itself when none does. */
static uint64_t rows_held(const struct check *w, const struct su_value *whole, uint64_t row)
{
    for (uint32_t i = 0; i < w->p->n_task; i++) {
        const struct su_graph *t = w->p->task[i].graph;
        for (uint32_t k = 0; k < t->n_weight; k++) {
            const struct su_value *v = &t->value[t->weight[k]];
            if (v->first_row <= row && row < v->first_row + rows_of(v) && is_part_of(v, whole)) {
                return v->first_row + rows_of(v);
            }
        }
    }
    return row;
}

static enum su_code check_sources_complete(struct check *w)
{
    for (uint32_t i = 0; i < w->g->n_weight; i++) {
        const struct su_value *v = &w->g->value[w->g->weight[i]];
        uint64_t row = v->first_row, end = row + rows_of(v);
        while (row < end) {
            uint64_t next = rows_held(w, v, row);
            if (next == row) {
                REFUSE(w, SU_EFORMAT, "row %" PRIu64 " of weight %s is in no task", row, v->name);
            }
            row = next;
        }
    }
    for (uint32_t i = 0; i < w->g->n_state; i++) {
        const char *name = w->g->value[w->g->state[i]].name;
        uint32_t held = 0;
        for (uint32_t t = 0; t < w->p->n_task; t++) {
            const struct su_graph *tg = w->p->task[t].graph;
            for (uint32_t k = 0; k < tg->n_state; k++) {
                held += strcmp(tg->value[tg->state[k]].name, name) == 0;
            }
        }
        if (held != 1) {
            REFUSE(w, SU_EFORMAT, "state %s is in %u tasks, not in one", name, held);
        }
    }
    return SU_OK;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static enum su_code check_memory(struct check *w, const struct su_plan_task *t)
{
    struct su_layout *l;
    enum su_code rc = su_layout_build(t->graph, w->p->t_max, w->p->e_max, w->p->ctx, &l, w->e);
    if (rc != SU_OK) {
        return rc;
    }
    bool same = t->weight_bytes == l->fixed_bytes && t->arena_bytes == l->arena_bytes &&
                t->vram_fixed == l->fixed_bytes + l->arena_bytes &&
                t->vram_session == l->session_bytes;
    su_layout_free(l);
    if (!same) {
        REFUSE(w, SU_EFORMAT, "its memory is not what its layout says");
    }
    uint64_t all;
    if (!su_mul_u64(t->vram_session, w->p->sessions, &all) ||
        !su_add_u64(all, t->vram_fixed, &all) || all > w->p->target_bytes) {
        REFUSE(w, SU_ENOFIT, "it needs more than the target of %" PRIu64 " bytes",
               w->p->target_bytes);
    }
    return SU_OK;
}

static enum su_code check_numbers(struct check *w, const struct su_plan_task *t, uint64_t *cut)
{
    uint64_t in = 0, out = 0;
    for (uint32_t i = 0; i < t->graph->n_input; i++) {
        uint64_t bytes = su_value_row_bytes(input_value(t, i));
        in += bytes;
        *cut += t->input[i].from_task == SU_PLAN_EXTERNAL ? 0 : bytes;
    }
    for (uint32_t i = 0; i < t->graph->n_output; i++) {
        out += su_value_row_bytes(output_value(t, i));
    }
    if (t->bytes_in != in || t->bytes_out != out || t->macs != su_graph_macs(t->graph)) {
        REFUSE(w, SU_EFORMAT, "its bytes or macs are not those of its graph");
    }
    if (!t->why || t->why[0] == '\0' || strchr(t->why, '\n')) {
        REFUSE(w, SU_EFORMAT, "its cut is not explained in one line");
    }
    return SU_OK;
}

static enum su_code check_task(struct check *w, uint32_t task, uint64_t *cut)
{
    const struct su_plan_task *t = &w->p->task[task];
    if (!t->graph || !t->graph->checked) {
        REFUSE(w, SU_EFORMAT, "its graph was not checked");
    }
    if (t->graph->n_input > SU_PLAN_PORT_MAX || t->graph->n_output > SU_PLAN_PORT_MAX) {
        REFUSE(w, SU_EFORMAT, "%u inputs and %u outputs; at most %u are allowed", t->graph->n_input,
               t->graph->n_output, SU_PLAN_PORT_MAX);
    }
    for (uint32_t i = 0; i < t->graph->n_input; i++) {
        enum su_code rc = check_input(w, task, i);
        if (rc != SU_OK) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < t->graph->n_output; i++) {
        enum su_code rc = check_output(w, task, i);
        if (rc != SU_OK) {
            return rc;
        }
    }
    enum su_code rc = check_task_sources(w, t);
    if (rc == SU_OK) {
        rc = check_memory(w, t);
    }
    return rc == SU_OK ? check_numbers(w, t, cut) : rc;
}

enum su_code su_plan_check(const struct su_plan *p, const struct su_graph *g, struct su_err *e)
{
    struct check w = {.p = p, .g = g, .e = e, .at = "plan"};
    uint64_t cut = 0, peak = 0;
    if (p->n_task == 0 || p->n_task > SU_PLAN_TASK_MAX) {
        REFUSE(&w, SU_EFORMAT, "it has %u tasks; 1 to %u are allowed", p->n_task, SU_PLAN_TASK_MAX);
    }
    if (p->n_result != g->n_output) {
        REFUSE(&w, SU_EFORMAT, "it has %u results for %u outputs", p->n_result, g->n_output);
    }
    if (p->t_max == 0 || p->t_max > SU_ROWS_MAX || p->e_max == 0 || p->e_max > p->t_max ||
        p->sessions == 0 || p->ctx == 0) {
        REFUSE(&w, SU_EFORMAT, "its rows, sessions or context are out of range");
    }
    for (uint32_t i = 0; i < p->n_task; i++) {
        snprintf(w.at, sizeof w.at, "task %u", i);
        enum su_code rc = check_task(&w, i, &cut);
        if (rc != SU_OK) {
            return rc;
        }
        peak = SU_MAX(peak, p->task[i].macs);
    }
    su_str_copy(w.at, sizeof w.at, "plan");
    if (p->cut_bytes != cut || p->peak_macs != peak) {
        REFUSE(&w, SU_EFORMAT, "its totals are not those of its tasks");
    }
    enum su_code rc = check_results(&w);
    return rc == SU_OK ? check_sources_complete(&w) : rc;
}
