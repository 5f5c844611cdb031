// SPDX-License-Identifier: MIT
#include "rerun.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_cancelled(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

static const struct su_plan_input *source_of(const struct cli_rerun *r, uint32_t task, uint32_t i)
{
    return &r->package->task[task].input[i];
}

static uint32_t n_input(const struct cli_rerun *r, uint32_t task)
{
    return r->package->task[task].graph->n_input;
}

/* ---- task after task ------------------------------------------------------------------------ */

struct outputs {
    void *rows[SU_TASK_PORTS_MAX];
};

static void outputs_free(struct outputs *output, uint32_t n_task)
{
    for (uint32_t i = 0; i < n_task; i++)
        for (uint32_t k = 0; k < SU_TASK_PORTS_MAX; k++)
            free(output[i].rows[k]);
    free(output);
}

/* The wanted tasks and all that feeds them. */
static void mark_needed(const struct cli_rerun *r, bool *needed)
{
    for (uint32_t i = r->package->n_task; i-- > 0;) {
        needed[i] = needed[i] || !r->wanted || r->wanted[i];
        for (uint32_t k = 0; needed[i] && k < n_input(r, i); k++)
            if (source_of(r, i, k)->from_task != SU_PLAN_EXTERNAL)
                needed[source_of(r, i, k)->from_task] = true;
    }
}

static enum su_code find_input(const struct cli_rerun *r, uint32_t task, uint32_t i,
                               const struct outputs *output, const void **rows, struct su_err *e)
{
    const struct su_plan_input *from = source_of(r, task, i);
    const struct su_input_tensor *tensor;

    if (from->from_task != SU_PLAN_EXTERNAL) {
        *rows = output[from->from_task].rows[from->from_output];
        return SU_OK;
    }
    enum su_code rc = su_input_find(r->input, r->package, task, i, &tensor, e);
    if (rc)
        return rc;
    if (tensor->steps < r->steps)
        return su_fail(e, SU_ELIMIT, "input",
                       "has %" PRIu32 " steps of the %" PRIu32 " that were run", tensor->steps,
                       r->steps);
    *rows = tensor->rows;
    return SU_OK;
}

static enum su_code replay(const struct cli_rerun *r, uint32_t task, struct outputs *output,
                           struct cli_rerun_task *out, struct su_err *e)
{
    struct su_replay what = {.steps = r->steps, .cancelled = is_cancelled};
    struct su_trace *trace = NULL;
    struct su_task *t = NULL;
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < n_input(r, task) && !rc; i++)
        rc = find_input(r, task, i, output, &what.input[i], e);
    if (!rc)
        rc = su_task_open(r->exec, r->package, task, r->store, &t, e);
    if (rc)
        return rc;
    uint64_t start = su_clock_mono_ns();
    rc = su_task_replay(t, &what, &trace, output[task].rows, e);
    out->ms = (double)(su_clock_mono_ns() - start) / 1e6;
    out->bound_bytes = su_task_bound_bytes(t);
    out->done = !rc;
    if (!rc)
        su_trace_roots(trace, r->steps, &out->roots);
    su_trace_free(trace);
    su_task_close(t);
    return rc;
}

static enum su_code rerun_in_turn(const struct cli_rerun *r, struct cli_rerun_task *task,
                                  struct su_err *e)
{
    uint32_t n = r->package->n_task;
    struct outputs *output = su_alloc(n * sizeof *output);
    bool *needed = su_alloc(n);
    enum su_code rc = SU_OK;

    mark_needed(r, needed);
    for (uint32_t i = 0; i < n && !rc; i++)
        if (needed[i])
            rc = replay(r, i, output, &task[i], e);
    outputs_free(output, n);
    free(needed);
    return rc;
}

/* ---- a generation --------------------------------------------------------------------------- */

struct loaded {
    struct su_task *task;
    struct su_trace *trace;
    struct su_task_result result; /* of the present dispatch */
    uint32_t session;
    bool has_session;
};
struct generation {
    const struct cli_rerun *r;
    struct su_prompt prompt;
    struct loaded *l; /* per task */
    uint32_t *token; /* what the fed input gets, by step */
    struct su_row *row;
};

static enum su_code load_all(struct generation *g, struct cli_rerun_task *task, struct su_err *e)
{
    const struct su_package *p = g->r->package;
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < p->n_task && !rc; i++) {
        struct loaded *l = &g->l[i];
        const struct su_graph *graph = p->task[i].graph;
        rc = su_task_open(g->r->exec, p, i, g->r->store, &l->task, e);
        if (!rc)
            rc = su_trace_new(graph->n_input, graph->n_output, &l->trace, e);
        if (!rc)
            rc = su_task_session_new(l->task, g->r->steps, &l->session, e);
        l->has_session = !rc;
        if (!rc)
            rc = su_task_session_draw(l->task, l->session, &g->prompt.draw, e);
        if (!rc)
            task[i].bound_bytes = su_task_bound_bytes(l->task);
    }
    return rc;
}

/* Rows of one input for the dispatch that begins at `step`. */
static enum su_code rows_of(const struct generation *g, uint32_t task, uint32_t i, uint32_t step,
                            uint32_t n, const void **rows, struct su_err *e)
{
    static const uint32_t nothing; /* of an input that has no rows now */
    const struct su_plan_input *from = source_of(g->r, task, i);
    const struct su_feedback *fed = &g->prompt.feedback;
    const struct su_input_tensor *tensor;

    *rows = &nothing;
    if (from->from_task != SU_PLAN_EXTERNAL) {
        const struct su_task_result *made = &g->l[from->from_task].result;
        if (made->rows[from->from_output] > 0)
            *rows = made->output[from->from_output];
        return SU_OK;
    }
    if (task == fed->to_task && i == fed->to_input) {
        *rows = &g->token[step];
        return SU_OK;
    }
    enum su_code rc = su_input_find(g->r->input, g->r->package, task, i, &tensor, e);
    if (rc)
        return rc;
    const struct su_value *v =
        &g->r->package->task[task].graph->value[g->r->package->task[task].graph->input[i]];
    uint32_t first = su_prompt_first(&g->prompt, v->domain);
    if (step < first)
        return SU_OK;
    if (tensor->steps < step - first + n)
        return su_fail(e, SU_ELIMIT, v->name, "has %" PRIu32 " rows, fewer than steps were run",
                       tensor->steps);
    *rows = tensor->rows + (step - first) * su_value_row_bytes(v);
    return SU_OK;
}

static enum su_code dispatch_task(struct generation *g, uint32_t task, uint32_t step, uint32_t n,
                                  struct cli_rerun_task *out, struct su_err *e)
{
    struct loaded *l = &g->l[task];
    const void *input[SU_TASK_PORTS_MAX] = {NULL};
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < n_input(g->r, task) && !rc; i++)
        rc = rows_of(g, task, i, step, n, &input[i], e);
    for (uint32_t i = 0; i < n; i++)
        g->row[i] = (struct su_row){.session = l->session,
                                    .position = step + i,
                                    .emit = su_prompt_emits(&g->prompt, step + i)};
    if (!rc)
        rc = su_task_run(l->task, g->row, n, input, l->trace, &l->result, e);
    if (!rc)
        out->ms += l->result.ms;
    return rc;
}

/* All tasks once, over the steps [step, step + n): a piece of the prompt, or one token. */
static enum su_code dispatch(struct generation *g, uint32_t step, uint32_t n,
                             struct cli_rerun_task *task, struct su_err *e)
{
    const struct su_feedback *fed = &g->prompt.feedback;
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < g->r->package->n_task && !rc; i++)
        rc = dispatch_task(g, i, step, n, &task[i], e);
    const struct su_task_result *drawn = &g->l[fed->from_task].result;
    if (!rc && drawn->rows[fed->from_output] > 0)
        memcpy(&g->token[step + n], drawn->output[fed->from_output], 4);
    for (uint32_t i = 0; i < g->r->package->n_task; i++)
        su_task_result_fini(&g->l[i].result);
    if (!rc && cli_interrupted())
        rc = su_fail(e, SU_ECANCELLED, "rerun", "stopped at step %" PRIu32, step);
    return rc;
}

static enum su_code generate(struct generation *g, struct cli_rerun_task *task, struct su_err *e)
{
    uint32_t steps = g->r->steps, prompt = SU_MIN(g->prompt.steps, steps), n;
    enum su_code rc = SU_OK;

    memcpy(g->token, g->prompt.draw.prompt, (size_t)prompt * 4);
    for (uint32_t step = 0; step < steps && !rc; step += n) {
        n = step < prompt ? SU_MIN(prompt - step, g->r->package->t_max) : 1;
        rc = dispatch(g, step, n, task, e);
    }
    for (uint32_t i = 0; i < g->r->package->n_task && !rc; i++) {
        rc = su_prompt_roots(&g->prompt, i, g->l[i].trace, g->token, steps, &task[i].roots, e);
        task[i].done = !rc;
    }
    return rc;
}

static enum su_code rerun_generation(const struct cli_rerun *r, struct cli_rerun_task *task,
                                     struct su_err *e)
{
    struct generation g = {.r = r};
    enum su_code rc = su_prompt_of(r->package, r->input, r->seed, &g.prompt, e);

    g.l = su_alloc(r->package->n_task * sizeof *g.l);
    g.token = su_try_alloc((size_t)r->steps + 1, sizeof *g.token);
    g.row = su_try_alloc(r->package->t_max, sizeof *g.row);
    if (!rc && (!g.token || !g.row))
        rc = su_fail(e, SU_ENOMEM, "rerun", "out of memory for %" PRIu32 " steps", r->steps);
    if (!rc)
        rc = load_all(&g, task, e);
    if (!rc)
        rc = generate(&g, task, e);
    for (uint32_t i = 0; i < r->package->n_task; i++) {
        if (g.l[i].has_session)
            su_task_session_free(g.l[i].task, g.l[i].session);
        su_trace_free(g.l[i].trace);
        su_task_close(g.l[i].task);
    }
    free(g.l);
    free(g.token);
    free(g.row);
    return rc;
}

enum su_code cli_rerun(const struct cli_rerun *r, struct cli_rerun_task *task, struct su_err *e)
{
    struct su_feedback fed;

    memset(task, 0, r->package->n_task * sizeof *task);
    return su_package_feedback(r->package, &fed) ? rerun_generation(r, task, e)
                                                 : rerun_in_turn(r, task, e);
}
