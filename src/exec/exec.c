// SPDX-License-Identifier: MIT
#include "exec_priv.h"

#include <stdlib.h>
#include <string.h>

#define READ_PIECE_BYTES (16u << 20)
#define SESSION_CTX_MAX (1u << 20)

static const struct {
    const char *name;
    const struct su_backend_ops *ops;
} backends[SU_BACKEND_COUNT] = {
    [SU_BACKEND_REFERENCE] = {"reference", &su_backend_reference},
    [SU_BACKEND_CPU] = {"cpu", &su_backend_cpu},
    [SU_BACKEND_VULKAN] = {"vulkan", &su_backend_vulkan},
};

const char *su_backend_name(enum su_backend b)
{
    return (unsigned)b < SU_BACKEND_COUNT ? backends[b].name : "?";
}

bool su_backend_find(const char *name, enum su_backend *out)
{
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        if (strcmp(name, backends[b].name) == 0) {
            *out = (enum su_backend)b;
            return true;
        }
    }
    return false;
}

const char *su_backend_lacks(enum su_backend b, enum su_op op)
{
    if ((unsigned)b >= SU_BACKEND_COUNT || (unsigned)op >= SU_OP_COUNT)
        return "unknown backend or op";
    return backends[b].ops->lacks(op);
}

enum su_code su_exec_open(const struct su_exec_opts *opts, struct su_exec **out, struct su_err *e)
{
    *out = NULL;
    if ((unsigned)opts->backend >= SU_BACKEND_COUNT)
        return su_fail(e, SU_EINVAL, "backend", "number %u is unknown", (unsigned)opts->backend);
    struct su_exec *x = su_alloc(sizeof *x);
    x->backend = opts->backend;
    x->ops = backends[opts->backend].ops;
    enum su_code rc = x->ops->open(x, opts, e);
    if (rc != SU_OK) {
        free(x);
        return rc;
    }
    *out = x;
    return SU_OK;
}

enum su_code su_exec_close(struct su_exec *x, struct su_err *e)
{
    if (!x)
        return SU_OK;
    enum su_code rc = x->ops->close(x, e);
    free(x);
    return rc;
}

enum su_backend su_exec_backend(const struct su_exec *x)
{
    return x->backend;
}

const char *su_exec_device_name(const struct su_exec *x)
{
    return x->device_name;
}

unsigned su_exec_pipelines(const struct su_exec *x)
{
    return x->ops->pipelines ? x->ops->pipelines(x) : 0;
}

enum su_code su_exec_read_weight(const struct su_graph *g, const struct su_weight_source *src,
                                 uint32_t weight, void *dst, uint64_t bytes, struct su_err *e)
{
    for (uint64_t at = 0; at < bytes;) {
        size_t n = (size_t)SU_MIN(bytes - at, (uint64_t)READ_PIECE_BYTES);
        enum su_code rc = src->read(src->ctx, weight, at, (uint8_t *)dst + at, n, e);
        if (rc != SU_OK) {
            (void)su_wrap(e, "weight %s", g->value[g->weight[weight]].name);
            return rc;
        }
        at += n;
    }
    return SU_OK;
}

static bool has_emitted(const struct su_graph *g)
{
    for (uint32_t i = 0; i < g->n_value; i++)
        if (g->value[i].domain == SU_EMIT)
            return true;
    return false;
}

enum su_code su_stage_load(struct su_exec *x, const struct su_graph *g, uint32_t t_max,
                           uint32_t e_max, const struct su_weight_source *src,
                           struct su_stage **out, struct su_err *e)
{
    *out = NULL;
    if (!g->checked)
        return su_fail(e, SU_EINVAL, "graph", "was not checked; call su_graph_check first");
    if (t_max < 1 || t_max > SU_ROWS_MAX)
        return su_fail(e, SU_EINVAL, "rows", "%u rows per dispatch; give 1 to %u", t_max,
                       SU_ROWS_MAX);
    if (e_max < 1 || e_max > t_max)
        return su_fail(e, SU_EINVAL, "rows", "%u of %u rows emit; give 1 to %u", e_max, t_max,
                       t_max);
    for (uint32_t n = 0; n < g->n_node; n++) {
        const char *why = x->ops->lacks(g->node[n].op);
        if (why)
            return su_fail(e, SU_EUNSUPPORTED, su_op_name(g->node[n].op),
                           "node %u: the %s backend lacks this op (%s)", n,
                           backends[x->backend].name, why);
    }
    if (g->n_state > 0 && !x->ops->session_new)
        return su_fail(e, SU_EUNSUPPORTED, g->value[g->state[0]].name,
                       "the %s backend holds no states of sequence models",
                       backends[x->backend].name);
    for (uint32_t i = 0; i < g->n_weight; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        if (su_dtype_is_block(v->dtype) && !x->ops->blocks)
            return su_fail(e, SU_EUNSUPPORTED, v->name,
                           "the %s backend reads no block-quantised weights (%s)",
                           backends[x->backend].name, su_dtype_name(v->dtype));
    }
    struct su_stage *s = su_alloc(sizeof *s);
    s->exec = x;
    s->graph = g;
    s->t_max = t_max;
    s->e_max = has_emitted(g) ? e_max : t_max;
    enum su_code rc = x->ops->load(s, src, e);
    if (rc != SU_OK) {
        free(s);
        return rc;
    }
    *out = s;
    return SU_OK;
}

void su_stage_free(struct su_stage *s)
{
    if (!s)
        return;
    while (s->waited < s->submitted) { /* a step the caller gave up on still owns device memory */
        struct su_step_result r;
        if (su_stage_wait(s, s->waited, false, &r, NULL) == SU_OK)
            su_step_result_fini(&r);
    }
    for (uint32_t i = 0; i < SU_STAGE_SESSION_MAX; i++)
        if (s->session[i].ctx > 0)
            su_stage_session_free(s, i);
    s->exec->ops->unload(s);
    free(s);
}

uint64_t su_stage_bound_bytes(const struct su_stage *s)
{
    return s->exec->ops->bound_bytes(s);
}

/* ---- sessions ------------------------------------------------------------------------------ */

enum su_code su_stage_session_new(struct su_stage *s, uint32_t ctx, uint32_t *session,
                                  struct su_err *e)
{
    uint32_t i = 0;
    if (ctx < 1 || ctx > SESSION_CTX_MAX)
        return su_fail(e, SU_EINVAL, "session", "%u positions; give 1 to %u", ctx, SESSION_CTX_MAX);
    while (i < SU_STAGE_SESSION_MAX && s->session[i].ctx > 0)
        i++;
    if (i == SU_STAGE_SESSION_MAX)
        return su_fail(e, SU_ELIMIT, "session", "%u are open; close one first",
                       SU_STAGE_SESSION_MAX);
    if (s->graph->n_state > 0) {
        enum su_code rc = s->exec->ops->session_new(s, i, ctx, e);
        if (rc != SU_OK)
            return rc;
    }
    s->session[i] = (struct su_stage_session){.ctx = ctx};
    *session = i;
    return SU_OK;
}

static struct su_stage_session *session_of(const struct su_stage *s, uint32_t session)
{
    SU_ASSERT(session < SU_STAGE_SESSION_MAX && s->session[session].ctx > 0);
    return (struct su_stage_session *)&s->session[session];
}

void su_stage_session_free(struct su_stage *s, uint32_t session)
{
    session_of(s, session)->ctx = 0;
    if (s->graph->n_state > 0)
        s->exec->ops->session_free(s, session);
}

enum su_code su_stage_session_truncate(struct su_stage *s, uint32_t session, uint32_t length,
                                       struct su_err *e)
{
    struct su_stage_session *se = session_of(s, session);
    if (length > se->length)
        return su_fail(e, SU_EINVAL, "session", "cannot be cut to %u positions: it has %u", length,
                       se->length);
    se->length = length;
    if (s->graph->n_state > 0 && s->exec->ops->session_truncate)
        s->exec->ops->session_truncate(s, session, length);
    return SU_OK;
}

uint32_t su_stage_session_length(const struct su_stage *s, uint32_t session)
{
    return session_of(s, session)->length;
}

/* Grows the sessions by the step's rows, or by nothing when one of them is out of place. */
static enum su_code advance_sessions(struct su_stage *s, const struct su_step *step,
                                     struct su_err *e)
{
    enum su_code rc = SU_OK;
    uint32_t i = 0;
    if (s->graph->n_state == 0)
        return SU_OK;
    for (; i < step->n_row && rc == SU_OK; i++) {
        const struct su_row *r = &step->row[i];
        if (r->session >= SU_STAGE_SESSION_MAX || s->session[r->session].ctx == 0)
            rc = su_fail(e, SU_EINVAL, "step", "row %u names session %u, which is not open", i,
                         r->session);
        else if (r->position != s->session[r->session].length)
            rc = su_fail(e, SU_EINVAL, "step",
                         "row %u is position %u of session %u, whose next is %u", i, r->position,
                         r->session, s->session[r->session].length);
        else if (r->position >= s->session[r->session].ctx)
            rc = su_fail(e, SU_ELIMIT, "step", "session %u is full with %u positions", r->session,
                         s->session[r->session].ctx);
        else
            s->session[r->session].length++;
    }
    for (; rc != SU_OK && i-- > 1;)
        s->session[step->row[i - 1].session].length--;
    return rc;
}

enum su_code su_stage_submit(struct su_stage *s, const struct su_step *step, uint64_t *ticket,
                             struct su_err *e)
{
    if (step->n_row < 1 || step->n_row > s->t_max)
        return su_fail(e, SU_EINVAL, "step", "%u rows; this stage takes 1 to %u", step->n_row,
                       s->t_max);
    if (s->submitted - s->waited >= SU_STAGE_IN_FLIGHT)
        return su_fail(e, SU_EBUSY, "step", "%u steps are in flight; wait for one first",
                       SU_STAGE_IN_FLIGHT);
    uint32_t slot = (uint32_t)(s->submitted % SU_STAGE_IN_FLIGHT);
    uint32_t n_emit = 0;
    for (uint32_t i = 0; i < step->n_row; i++)
        n_emit += step->row[i].emit;
    if (n_emit > s->e_max)
        return su_fail(e, SU_EINVAL, "step", "%u rows emit; this stage was loaded for %u", n_emit,
                       s->e_max);
    enum su_code rc = advance_sessions(s, step, e);
    if (rc != SU_OK)
        return rc;
    rc = s->exec->ops->submit(s, step, slot, e);
    if (rc != SU_OK) {
        for (uint32_t i = 0; i < step->n_row && s->graph->n_state > 0; i++)
            s->session[step->row[i].session].length--;
        return rc;
    }
    s->flight[slot] = (struct su_rowcount){step->n_row, n_emit};
    *ticket = s->submitted++;
    return SU_OK;
}

enum su_code su_stage_submit_here(struct su_stage *s, const struct su_step *step, uint64_t *ticket,
                                  struct su_err *e)
{
    s->here = true;
    enum su_code rc = su_stage_submit(s, step, ticket, e);
    s->here = false;
    return rc;
}

static enum su_code result_alloc(const struct su_stage *s, struct su_rowcount rows,
                                 struct su_step_result *r, struct su_err *e)
{
    const struct su_graph *g = s->graph;
    r->output = su_alloc(sizeof *r->output * g->n_output);
    r->output_bytes = su_alloc(sizeof *r->output_bytes * g->n_output);
    r->n_output = g->n_output;
    for (uint32_t i = 0; i < g->n_output; i++) {
        const struct su_value *v = &g->value[g->output[i].value];
        uint64_t n = v->domain == SU_ROWS ? rows.n_row : v->domain == SU_EMIT ? rows.n_emit : 1;
        uint64_t bytes = n * su_value_row_bytes(v);
        r->output[i] = su_try_alloc((size_t)SU_MAX(bytes, 4u), 1);
        if (!r->output[i])
            return su_fail(e, SU_ENOMEM, g->output[i].name, "%llu bytes for an output",
                           (unsigned long long)bytes);
        r->output_bytes[i] = (size_t)bytes;
    }
    return SU_OK;
}

enum su_code su_stage_wait(struct su_stage *s, uint64_t ticket, bool op_times,
                           struct su_step_result *r, struct su_err *e)
{
    memset(r, 0, sizeof *r);
    if (ticket != s->waited || ticket >= s->submitted)
        return su_fail(e, SU_EINVAL, "step", "ticket %llu; the next to wait for is %llu",
                       (unsigned long long)ticket, (unsigned long long)s->waited);
    uint32_t slot = (uint32_t)(ticket % SU_STAGE_IN_FLIGHT);
    s->waited++;
    enum su_code rc = result_alloc(s, s->flight[slot], r, e);
    enum su_code waited =
        s->exec->ops->wait(s, slot, op_times, rc == SU_OK ? r : NULL, rc == SU_OK ? e : NULL);
    if (rc == SU_OK)
        rc = waited;
    if (rc != SU_OK)
        su_step_result_fini(r);
    return rc;
}

void su_step_result_fini(struct su_step_result *r)
{
    for (uint32_t i = 0; i < r->n_output; i++)
        free(r->output[i]);
    free(r->output);
    free(r->output_bytes);
    free(r->op);
    memset(r, 0, sizeof *r);
}
