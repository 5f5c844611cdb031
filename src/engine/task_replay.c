// SPDX-License-Identifier: MIT
#include "task_priv.h"

#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"

#define CTX_MAX (1u << 20) /* of a session */

/* ---- cutting a replay into dispatches -------------------------------------------------------- */

uint32_t su_task_ctx(const struct su_graph *g, uint32_t steps)
{
    return g->n_state > 0 ? steps : SU_MIN(steps, CTX_MAX);
}

enum su_code su_task_cursor_init(struct su_task_cursor *c, const struct su_task *t,
                                 const struct su_replay *r, uint32_t rows_max, struct su_err *e)
{
    memset(c, 0, sizeof *c);
    if (r->steps == 0)
        return su_fail(e, SU_EINVAL, "replay", "has no step");
    if (r->steps > SU_STEPS_MAX)
        return su_fail(e, SU_ELIMIT, "replay", "%u steps; the most is %u", r->steps, SU_STEPS_MAX);
    c->task = t;
    c->replay = r;
    c->rows_max = SU_MIN(rows_max, r->steps);
    for (uint32_t k = 0; k < su_task_inputs(t); k++)
        if (!r->input[k] && su_task_value(t, SU_PORT_INPUT, k)->domain != SU_EMIT)
            return su_fail(e, SU_EINVAL, su_task_value(t, SU_PORT_INPUT, k)->name,
                           "no rows for this input");
    c->row = su_try_alloc(c->rows_max, sizeof *c->row);
    if (!c->row)
        return su_fail(e, SU_ENOMEM, "replay", "%u rows", c->rows_max);
    return SU_OK;
}

void su_task_cursor_fini(struct su_task_cursor *c)
{
    free(c->row);
    memset(c, 0, sizeof *c);
}

/* The fixed inputs have at step `a` what they have at step `b`. */
static bool fixed_alike(const struct su_task_cursor *c, uint32_t a, uint32_t b)
{
    for (uint32_t k = 0; k < su_task_inputs(c->task); k++) {
        const struct su_value *v = su_task_value(c->task, SU_PORT_INPUT, k);
        size_t one = (size_t)su_value_row_bytes(v);
        const uint8_t *rows = c->replay->input[k];
        if (v->domain == SU_FIXED && memcmp(rows + a * one, rows + b * one, one) != 0)
            return false;
    }
    return true;
}

bool su_task_cursor_next(struct su_task_cursor *c, uint32_t end)
{
    const struct su_replay *r = c->replay;
    c->done += c->n_row;
    c->emitted += c->n_emit;
    c->n_row = c->n_emit = 0;
    uint32_t most =
        r->rows ? SU_MIN(SU_MAX(r->rows(r->ctx, c->rows_max), 1u), c->rows_max) : c->rows_max;
    while (c->n_row < most && c->done + c->n_row < SU_MIN(end, r->steps)) {
        uint32_t step = c->done + c->n_row;
        bool emit = !r->emits || r->emits[step];
        if ((emit && c->n_emit == c->task->e_max) || !fixed_alike(c, c->done, step))
            break;
        c->row[c->n_row++] = (struct su_row){c->session, step, emit};
        c->n_emit += emit;
    }
    for (uint32_t k = 0; k < su_task_inputs(c->task); k++) {
        const struct su_value *v = su_task_value(c->task, SU_PORT_INPUT, k);
        uint64_t before = su_task_rows_bytes(v, c->done, c->emitted);
        c->input[k] = r->input[k] ? (const uint8_t *)r->input[k] + before : NULL;
    }
    return c->n_row > 0;
}

/* ---- doing it again -------------------------------------------------------------------------- */

static void outputs_fini(const struct su_task *t, void **output)
{
    for (uint32_t o = 0; output && o < su_task_outputs(t); o++) {
        free(output[o]);
        output[o] = NULL;
    }
}

static enum su_code outputs_init(const struct su_task *t, const struct su_replay *r, void **output,
                                 struct su_err *e)
{
    uint32_t n_emit = 0;
    if (!output)
        return SU_OK;
    for (uint32_t s = 0; s < r->steps; s++)
        n_emit += !r->emits || r->emits[s];
    for (uint32_t o = 0; o < su_task_outputs(t); o++)
        output[o] = NULL;
    for (uint32_t o = 0; o < su_task_outputs(t); o++) {
        const struct su_value *v = su_task_value(t, SU_PORT_OUTPUT, o);
        uint64_t bytes = su_task_rows_bytes(v, r->steps, n_emit);
        output[o] = su_try_alloc((size_t)SU_MAX(bytes, 4u), 1);
        if (!output[o]) {
            outputs_fini(t, output);
            return su_fail(e, SU_ENOMEM, "replay", "%llu bytes of output %u",
                           (unsigned long long)bytes, o);
        }
    }
    return SU_OK;
}

static enum su_code one_dispatch(struct su_task *t, struct su_task_cursor *c,
                                 struct su_trace *trace, void **output, struct su_err *e)
{
    const struct su_replay *r = c->replay;
    struct su_task_result result;
    if (r->cancelled && r->cancelled(r->ctx))
        return su_fail(e, SU_ECANCELLED, "replay", "cancelled at step %u", c->done);
    enum su_code rc = su_task_run(t, c->row, c->n_row, c->input, trace, &result, e);
    for (uint32_t o = 0; rc == SU_OK && output && o < su_task_outputs(t); o++) {
        const struct su_value *v = su_task_value(t, SU_PORT_OUTPUT, o);
        memcpy((uint8_t *)output[o] + su_task_rows_bytes(v, c->done, c->emitted), result.output[o],
               (size_t)(result.rows[o] * result.row_bytes[o]));
    }
    su_task_result_fini(&result);
    if (rc == SU_OK && r->progress)
        r->progress(r->ctx, c->done + c->n_row, r->steps);
    return rc;
}

enum su_code su_task_replay(struct su_task *t, const struct su_replay *r, struct su_trace **trace,
                            void **output, struct su_err *e)
{
    struct su_task_cursor c = {0};
    bool open = false;
    *trace = NULL;
    for (uint32_t o = 0; output && o < su_task_outputs(t); o++)
        output[o] = NULL;
    enum su_code rc = su_task_cursor_init(&c, t, r, t->t_max, e);
    if (rc == SU_OK)
        rc = su_trace_new(su_task_inputs(t), su_task_outputs(t), trace, e);
    if (rc == SU_OK)
        rc = outputs_init(t, r, output, e);
    if (rc == SU_OK) {
        rc = su_task_session_new(t, su_task_ctx(t->graph, r->steps), &c.session, e);
        open = rc == SU_OK;
    }
    if (rc == SU_OK && r->draw)
        rc = su_task_session_draw(t, c.session, r->draw, e);
    while (rc == SU_OK && su_task_cursor_next(&c, r->steps))
        rc = one_dispatch(t, &c, *trace, output, e);
    if (open)
        su_task_session_free(t, c.session);
    su_task_cursor_fini(&c);
    if (rc != SU_OK) {
        outputs_fini(t, output);
        su_trace_free(*trace);
        *trace = NULL;
    }
    return rc;
}
