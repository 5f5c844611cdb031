// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"

struct task_run {
    struct su_step_result result;
    uint64_t ticket;
    uint32_t waiting; /* inputs from tasks that have not finished */
    uint32_t readers; /* inputs of later tasks and results that still need the outputs */
    bool submitted;
};

struct su_engine {
    const struct su_graph *graph;
    const struct su_plan *plan;
    struct su_stage **stage; /* per task */
    uint32_t e_max; /* rows of a run that may emit */
    bool session[SU_STAGE_SESSION_MAX]; /* open */
};

/* ---- opening --------------------------------------------------------------------------------- */

struct source {
    const struct su_weight_span *span; /* graph->weight order */
};

static enum su_code read_span(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                              struct su_err *e)
{
    const struct su_weight_span *s = &((const struct source *)ctx)->span[weight];
    if (offset > s->bytes || n > s->bytes - offset)
        return su_fail(e, SU_EINTERNAL, s->tensor->name, "read of %zu bytes at %llu beyond %llu", n,
                       (unsigned long long)offset, (unsigned long long)s->bytes);
    memcpy(dst, s->tensor->data + s->offset + offset, n);
    return SU_OK;
}

/* As su_wrap, but the code survives a NULL e. */
static enum su_code in_task(enum su_code rc, uint32_t t, struct su_err *e)
{
    if (rc != SU_OK)
        (void)su_wrap(e, "task %u", t);
    return rc;
}

static enum su_code load_task(struct su_engine *en, struct su_exec *x,
                              const struct su_weights *weights, uint32_t t, struct su_err *e)
{
    const struct su_graph *g = en->plan->task[t].graph;
    struct su_weight_span *span = su_alloc((size_t)g->n_weight * sizeof *span);
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++)
        rc = su_weights_resolve(weights, g, g->weight[i], &span[i], e);
    struct source from = {span};
    struct su_weight_source src = {&from, read_span};
    if (rc == SU_OK)
        rc = su_stage_load(x, g, en->plan->t_max, en->plan->e_max, &src, &en->stage[t], e);
    free(span);
    return in_task(rc, t, e);
}

/* Where nothing is of emitted rows, any row may emit. */
static uint32_t emit_limit(const struct su_graph *g, const struct su_plan *p)
{
    for (uint32_t i = 0; i < g->n_value; i++)
        if (g->value[i].domain == SU_EMIT)
            return p->e_max;
    return p->t_max;
}

enum su_code su_engine_open(struct su_exec *x, const struct su_graph *graph,
                            const struct su_plan *plan, const struct su_weights *weights,
                            struct su_engine **out, struct su_err *e)
{
    *out = NULL;
    enum su_code rc = su_plan_check(plan, graph, e);
    if (rc != SU_OK)
        return rc;
    struct su_engine *en = su_alloc(sizeof *en);
    en->graph = graph;
    en->plan = plan;
    en->e_max = emit_limit(graph, plan);
    en->stage = su_alloc(plan->n_task * sizeof *en->stage);
    for (uint32_t t = 0; t < plan->n_task && rc == SU_OK; t++)
        rc = load_task(en, x, weights, t, e);
    if (rc != SU_OK) {
        su_engine_close(en);
        return rc;
    }
    *out = en;
    return SU_OK;
}

void su_engine_close(struct su_engine *en)
{
    if (!en)
        return;
    for (uint32_t t = 0; t < en->plan->n_task; t++)
        su_stage_free(en->stage[t]);
    free(en->stage);
    free(en);
}

const struct su_graph *su_engine_graph(const struct su_engine *en)
{
    return en->graph;
}

const struct su_plan *su_engine_plan(const struct su_engine *en)
{
    return en->plan;
}

uint32_t su_engine_rows(const struct su_engine *en)
{
    return en->plan->t_max;
}

uint32_t su_engine_emit_rows(const struct su_engine *en)
{
    return en->e_max;
}

uint64_t su_engine_task_bound_bytes(const struct su_engine *en, uint32_t task)
{
    return su_stage_bound_bytes(en->stage[task]);
}

/* ---- running --------------------------------------------------------------------------------- */

struct run {
    struct su_engine *en;
    struct task_run *task;
    const struct su_row *row;
    uint32_t n_row;
    const void *const *input;
    uint32_t *queue; /* tasks submitted, in order */
    uint32_t n_queue, next;
};

static void count_edges(struct run *r)
{
    const struct su_plan *p = r->en->plan;
    for (uint32_t t = 0; t < p->n_task; t++)
        for (uint32_t i = 0; i < p->task[t].graph->n_input; i++) {
            uint32_t from = p->task[t].input[i].from_task;
            if (from == SU_PLAN_EXTERNAL)
                continue;
            r->task[t].waiting++;
            r->task[from].readers++;
        }
    for (uint32_t i = 0; i < p->n_result; i++)
        r->task[p->result[i].from_task].readers++;
}

static void release_reader(struct run *r, uint32_t from)
{
    if (from != SU_PLAN_EXTERNAL && --r->task[from].readers == 0)
        su_step_result_fini(&r->task[from].result);
}

/* Submits every task whose inputs have arrived, so that independent branches are on the device
   together. */
static enum su_code submit_ready(struct run *r, struct su_err *e)
{
    const struct su_plan *p = r->en->plan;
    for (uint32_t t = 0; t < p->n_task; t++) {
        struct task_run *tr = &r->task[t];
        const struct su_plan_task *pt = &p->task[t];
        if (tr->submitted || tr->waiting > 0)
            continue;
        const void **input = su_alloc((size_t)pt->graph->n_input * sizeof *input);
        for (uint32_t i = 0; i < pt->graph->n_input; i++) {
            const struct su_plan_input *in = &pt->input[i];
            input[i] = in->from_task == SU_PLAN_EXTERNAL
                           ? r->input[in->from_output]
                           : r->task[in->from_task].result.output[in->from_output];
        }
        struct su_step step = {r->row, r->n_row, input};
        enum su_code rc = su_stage_submit(r->en->stage[t], &step, &tr->ticket, e);
        free(input);
        if (rc != SU_OK)
            return in_task(rc, t, e);
        tr->submitted = true;
        r->queue[r->n_queue++] = t;
        for (uint32_t i = 0; i < pt->graph->n_input; i++) /* submit has copied them */
            release_reader(r, pt->input[i].from_task);
    }
    return SU_OK;
}

static enum su_code wait_next(struct run *r, struct su_engine_result *out, struct su_err *e)
{
    const struct su_plan *p = r->en->plan;
    uint32_t t = r->queue[r->next];
    struct task_run *tr = &r->task[t];
    enum su_code rc = su_stage_wait(r->en->stage[t], tr->ticket, false, &tr->result, e);
    r->next++;
    if (rc != SU_OK)
        return in_task(rc, t, e);
    out->task_ms[t] = tr->result.ms;
    out->saturations += tr->result.saturations;
    for (uint32_t c = t + 1; c < p->n_task; c++)
        for (uint32_t i = 0; i < p->task[c].graph->n_input; i++)
            if (p->task[c].input[i].from_task == t)
                r->task[c].waiting--;
    return SU_OK;
}

/* Takes the results of the graph from the tasks that hold them: two results may be one output. */
static enum su_code collect(struct run *r, struct su_engine_result *out, struct su_err *e)
{
    const struct su_plan *p = r->en->plan;
    const struct su_graph *g = r->en->graph;
    for (uint32_t i = 0; i < p->n_result; i++) {
        struct su_step_result *from = &r->task[p->result[i].from_task].result;
        uint32_t o = p->result[i].from_output;
        size_t bytes = from->output_bytes[o];
        if (r->task[p->result[i].from_task].readers == 1) { /* nobody else will look */
            out->output[i] = from->output[o];
            from->output[o] = NULL;
        } else {
            out->output[i] = su_try_alloc(SU_MAX(bytes, 4u), 1);
            if (!out->output[i])
                return su_fail(e, SU_ENOMEM, g->output[i].name, "%zu bytes of results", bytes);
            memcpy(out->output[i], from->output[o], bytes);
        }
        out->output_bytes[i] = bytes;
        release_reader(r, p->result[i].from_task);
    }
    return SU_OK;
}

static void make_leaves(const struct run *r, struct su_engine_result *out)
{
    const struct su_graph *g = r->en->graph;
    struct su_bytes *part = su_alloc((size_t)g->n_output * sizeof *part);
    uint32_t emitted = 0;
    out->leaf = su_alloc(r->n_row * sizeof *out->leaf);
    out->n_leaf = r->n_row;
    for (uint32_t i = 0; i < r->n_row; i++) {
        for (uint32_t o = 0; o < g->n_output; o++) {
            const struct su_value *v = &g->value[g->output[o].value];
            size_t bytes = (size_t)su_value_row_bytes(v);
            size_t at = v->domain == SU_ROWS ? i : v->domain == SU_EMIT ? emitted : 0;
            bool has = v->domain != SU_EMIT || r->row[i].emit;
            part[o] = (struct su_bytes){(const uint8_t *)out->output[o] + (has ? at * bytes : 0),
                                        has ? bytes : 0};
        }
        su_leaf_digest(r->row[i].position, part, g->n_output, out->leaf[i]);
        emitted += r->row[i].emit;
    }
    free(part);
}

static void run_fini(struct run *r)
{
    while (r->next < r->n_queue) { /* after a failure: drain what is in flight */
        uint32_t t = r->queue[r->next++];
        enum su_code rc =
            su_stage_wait(r->en->stage[t], r->task[t].ticket, false, &r->task[t].result, NULL);
        (void)rc; /* the first failure is the one that is told */
    }
    for (uint32_t t = 0; t < r->en->plan->n_task; t++)
        su_step_result_fini(&r->task[t].result);
    free(r->task);
    free(r->queue);
}

/* Brings the sessions of a failed run's rows back to what they were in every stage. */
static void cut_back(struct su_engine *en, const struct su_row *row, uint32_t n_row,
                     const uint32_t *before)
{
    for (uint32_t i = 0; i < n_row && before; i++)
        for (uint32_t t = 0; t < en->plan->n_task && row[i].session < SU_STAGE_SESSION_MAX; t++)
            if (en->session[row[i].session] &&
                su_stage_session_length(en->stage[t], row[i].session) > before[i])
                (void)!su_stage_session_truncate(en->stage[t], row[i].session, before[i], NULL);
}

/* The rows' session lengths; NULL for a graph without states, whose rows name no sessions. */
static uint32_t *lengths_before(const struct su_engine *en, const struct su_row *row,
                                uint32_t n_row)
{
    if (en->graph->n_state == 0)
        return NULL;
    uint32_t *before = su_alloc(n_row * sizeof *before);
    for (uint32_t i = 0; i < n_row; i++)
        if (row[i].session < SU_STAGE_SESSION_MAX && en->session[row[i].session])
            before[i] = su_engine_session_length(en, row[i].session);
    return before;
}

enum su_code su_engine_run(struct su_engine *en, const struct su_row *row, uint32_t n_row,
                           const void *const *input, bool leaves, struct su_engine_result *r,
                           struct su_err *e)
{
    const struct su_plan *p = en->plan;
    struct run run = {.en = en, .row = row, .n_row = n_row, .input = input};
    memset(r, 0, sizeof *r);
    if (n_row < 1 || n_row > p->t_max)
        return su_fail(e, SU_EINVAL, "rows", "%u in one run; this plan takes 1 to %u", n_row,
                       p->t_max);
    uint32_t n_emit = 0;
    for (uint32_t i = 0; i < n_row; i++)
        n_emit += row[i].emit;
    if (n_emit > en->e_max)
        return su_fail(e, SU_EINVAL, "rows", "%u of one run emit; this plan takes up to %u", n_emit,
                       en->e_max);
    run.task = su_alloc(p->n_task * sizeof *run.task);
    run.queue = su_alloc(p->n_task * sizeof *run.queue);
    r->n_output = p->n_result;
    r->n_task = p->n_task;
    r->output = su_alloc(p->n_result * sizeof *r->output);
    r->output_bytes = su_alloc(p->n_result * sizeof *r->output_bytes);
    r->task_ms = su_alloc(p->n_task * sizeof *r->task_ms);
    count_edges(&run);
    uint32_t *before = lengths_before(en, row, n_row);
    enum su_code rc = submit_ready(&run, e);
    while (rc == SU_OK && run.next < run.n_queue) {
        rc = wait_next(&run, r, e);
        if (rc == SU_OK)
            rc = submit_ready(&run, e);
    }
    if (rc == SU_OK)
        rc = collect(&run, r, e);
    if (rc == SU_OK && leaves)
        make_leaves(&run, r);
    run_fini(&run);
    if (rc != SU_OK) {
        su_engine_result_fini(r);
        cut_back(en, row, n_row, before);
    }
    free(before);
    return rc;
}

/* ---- sessions ------------------------------------------------------------------------------ */

enum su_code su_engine_session_new(struct su_engine *en, uint32_t ctx, uint32_t *session,
                                   struct su_err *e)
{
    uint32_t id = 0;
    for (uint32_t t = 0; t < en->plan->n_task; t++) {
        enum su_code rc = su_stage_session_new(en->stage[t], ctx, &id, e);
        if (rc != SU_OK) {
            for (uint32_t k = 0; k < t; k++)
                su_stage_session_free(en->stage[k], *session);
            return in_task(rc, t, e);
        }
        /* Every stage opens and closes the same sessions in the same order and gives out the lowest free number. */
        SU_ASSERT(t == 0 || id == *session);
        *session = id;
    }
    en->session[*session] = true;
    return SU_OK;
}

void su_engine_session_free(struct su_engine *en, uint32_t session)
{
    for (uint32_t t = 0; t < en->plan->n_task; t++)
        su_stage_session_free(en->stage[t], session);
    en->session[session] = false;
}

uint32_t su_engine_session_length(const struct su_engine *en, uint32_t session)
{
    for (uint32_t t = 0; t < en->plan->n_task; t++)
        if (en->plan->task[t].graph->n_state > 0)
            return su_stage_session_length(en->stage[t], session);
    return 0;
}

enum su_code su_engine_session_truncate(struct su_engine *en, uint32_t session, uint32_t length,
                                        struct su_err *e)
{
    for (uint32_t t = 0; t < en->plan->n_task; t++) {
        if (en->plan->task[t].graph->n_state == 0)
            continue;
        enum su_code rc = su_stage_session_truncate(en->stage[t], session, length, e);
        if (rc != SU_OK)
            return rc;
    }
    return SU_OK;
}

void su_engine_result_fini(struct su_engine_result *r)
{
    for (uint32_t i = 0; i < r->n_output && r->output; i++)
        free(r->output[i]);
    free(r->output);
    free(r->output_bytes);
    free(r->task_ms);
    free(r->leaf);
    memset(r, 0, sizeof *r);
}
