// SPDX-License-Identifier: MIT
/* Sessions: what a sequence model remembers, as the interpreter keeps it. */
#include "graph_priv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "session.h"

#define CTX_MAX (1u << 20)

enum su_code su_session_new(const struct su_graph *g, uint32_t ctx, struct su_session **out,
                            struct su_err *e)
{
    *out = NULL;
    if (!g->checked)
        return su_fail(e, SU_EINVAL, "graph", "su_graph_check has not passed this graph");
    if (ctx < 1 || ctx > CTX_MAX)
        return su_fail(e, SU_EINVAL, "session", "%" PRIu32 " positions; give 1 to %u", ctx,
                       CTX_MAX);
    struct su_session *s = su_try_alloc(1, sizeof *s);
    if (s)
        s->state = su_try_alloc(SU_MAX(g->n_state, 1u), sizeof *s->state);
    if (!s || !s->state) {
        su_session_free(s);
        return su_fail(e, SU_ENOMEM, "session", "no memory for %" PRIu32 " states", g->n_state);
    }
    s->ctx = ctx;
    s->n_state = g->n_state;
    for (uint32_t i = 0; i < g->n_state; i++) {
        const struct su_value *v = &g->value[g->state[i]];
        uint64_t bytes = 0;
        bool fits = su_mul_u64(su_shape_elements(&v->shape) * 2, ctx, &bytes) && bytes <= SIZE_MAX;
        s->state[i] = fits ? su_try_alloc_aligned((size_t)bytes, 1) : NULL;
        if (!s->state[i]) {
            enum su_code c = su_fail(e, fits ? SU_ENOMEM : SU_EOVERFLOW, v->name,
                                     "no memory for this state at %" PRIu32 " positions", ctx);
            su_session_free(s);
            return c;
        }
    }
    *out = s;
    return SU_OK;
}

void su_session_free(struct su_session *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; s->state && i < s->n_state; i++)
        free(s->state[i]);
    free(s->state);
    free(s);
}

uint32_t su_session_length(const struct su_session *s)
{
    return s->length;
}

enum su_code su_session_truncate(struct su_session *s, uint32_t length, struct su_err *e)
{
    if (length > s->length)
        return su_fail(e, SU_EINVAL, "session",
                       "cannot be cut to %" PRIu32 " positions: it has %" PRIu32, length,
                       s->length);
    s->length = length;
    return SU_OK;
}
