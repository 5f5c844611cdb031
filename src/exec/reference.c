// SPDX-License-Identifier: MIT
/* The reference backend: su_graph_eval behind the backend interface. Computes at submit; slow and certain. */
#include "exec_priv.h"

#include <stdlib.h>
#include <string.h>

struct reference_stage {
    void **weight; /* as stored, graph->weight order */
    uint64_t weight_bytes;
    struct su_session *session[SU_STAGE_SESSION_MAX];
    struct su_session *any; /* stands where no session is open, so that every number names one */
    struct su_eval *eval[SU_STAGE_IN_FLIGHT];
    double ms[SU_STAGE_IN_FLIGHT];
};

static enum su_code reference_open(struct su_exec *x, const struct su_exec_opts *o,
                                   struct su_err *e)
{
    (void)o;
    (void)e;
    su_str_copy(x->device_name, sizeof x->device_name, "reference interpreter");
    return SU_OK;
}

static enum su_code reference_close(struct su_exec *x, struct su_err *e)
{
    (void)x;
    (void)e;
    return SU_OK;
}

static void reference_unload(struct su_stage *s)
{
    struct reference_stage *r = s->impl;
    for (uint32_t i = 0; i < s->graph->n_weight; i++)
        free(r->weight[i]);
    free(r->weight);
    for (unsigned i = 0; i < SU_STAGE_IN_FLIGHT; i++)
        su_eval_free(r->eval[i]);
    su_session_free(r->any);
    free(r);
    s->impl = NULL;
}

static enum su_code reference_load(struct su_stage *s, const struct su_weight_source *src,
                                   struct su_err *e)
{
    const struct su_graph *g = s->graph;
    struct reference_stage *r = su_alloc(sizeof *r);
    r->weight = su_alloc(sizeof *r->weight * g->n_weight);
    s->impl = r;
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        uint64_t bytes = 0;
        rc = su_tensor_bytes(v->dtype, &v->shape, &bytes, e);
        if (rc != SU_OK)
            break;
        r->weight[i] = su_try_alloc((size_t)bytes, 1);
        if (!r->weight[i])
            rc = su_fail(e, SU_ENOMEM, v->name, "%llu bytes of weights", (unsigned long long)bytes);
        else
            rc = su_exec_read_weight(g, src, i, r->weight[i], bytes, e);
        r->weight_bytes += bytes;
    }
    if (rc == SU_OK)
        rc = su_session_new(g, 1, &r->any, e);
    if (rc != SU_OK)
        reference_unload(s);
    return rc;
}

static enum su_code reference_session_new(struct su_stage *s, uint32_t session, uint32_t ctx,
                                          struct su_err *e)
{
    struct reference_stage *r = s->impl;
    return su_session_new(s->graph, ctx, &r->session[session], e);
}

static void reference_session_free(struct su_stage *s, uint32_t session)
{
    struct reference_stage *r = s->impl;
    su_session_free(r->session[session]);
    r->session[session] = NULL;
}

static void reference_session_truncate(struct su_stage *s, uint32_t session, uint32_t length)
{
    struct reference_stage *r = s->impl;
    SU_ASSERT(su_session_truncate(r->session[session], length, NULL) == SU_OK);
}

static uint64_t reference_bound_bytes(const struct su_stage *s)
{
    const struct reference_stage *r = s->impl;
    return r->weight_bytes;
}

static enum su_code reference_submit(struct su_stage *s, const struct su_step *step, uint32_t slot,
                                     struct su_err *e)
{
    struct reference_stage *r = s->impl;
    struct su_session *session[SU_STAGE_SESSION_MAX];
    for (uint32_t i = 0; i < SU_STAGE_SESSION_MAX; i++)
        session[i] = r->session[i] ? r->session[i] : r->any;
    struct su_eval_args args = {.row = step->row,
                                .n_row = step->n_row,
                                .input = step->input,
                                .weight = (const void *const *)r->weight,
                                .limit_bytes = 0,
                                .session = session,
                                .n_session = SU_STAGE_SESSION_MAX};
    uint64_t t0 = su_clock_mono_ns();
    enum su_code rc = su_graph_eval(s->graph, &args, &r->eval[slot], e);
    r->ms[slot] = (double)(su_clock_mono_ns() - t0) * 1e-6;
    return rc;
}

static enum su_code reference_wait(struct su_stage *s, uint32_t slot, bool op_times,
                                   struct su_step_result *r, struct su_err *e)
{
    (void)op_times; /* the interpreter is never timed per op: n_op stays 0 */
    (void)e;
    struct reference_stage *rs = s->impl;
    if (r) {
        for (uint32_t i = 0; i < r->n_output; i++) {
            size_t bytes = 0;
            const void *data = su_eval_value(rs->eval[slot], s->graph->output[i].value, &bytes);
            SU_ASSERT(bytes == r->output_bytes[i]);
            memcpy(r->output[i], data, bytes);
        }
        r->ms = rs->ms[slot];
        r->saturations = su_eval_saturations(rs->eval[slot]);
    }
    su_eval_free(rs->eval[slot]);
    rs->eval[slot] = NULL;
    return SU_OK;
}

const struct su_backend_ops su_backend_reference = {
    .open = reference_open,
    .close = reference_close,
    .load = reference_load,
    .unload = reference_unload,
    .bound_bytes = reference_bound_bytes,
    .submit = reference_submit,
    .wait = reference_wait,
    .lacks = su_eval_lacks,
    .session_new = reference_session_new,
    .session_free = reference_session_free,
    .session_truncate = reference_session_truncate,
    .blocks = true,
};
