// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include <string.h>

#include "engine_priv.h"

enum su_code su_engine_llm_check(const struct su_engine *en, const uint32_t *token, uint32_t n,
                                 const char *at, uint32_t *vocabulary, struct su_err *e)
{
    const struct su_graph *g = su_engine_graph(en);
    const struct su_value *in = g->n_input == 1 ? &g->value[g->input[0]] : NULL;
    const struct su_value *out = g->n_output == 1 ? &g->value[g->output[0].value] : NULL;
    if (!in || !out || in->domain != SU_ROWS || in->dtype != SU_I32 || in->shape.rank != 0 ||
        out->domain != SU_EMIT || out->dtype != SU_F32 || out->shape.rank != 1)
        return su_fail(e, SU_ETYPE, "graph",
                       "does not take a token per row to logits of emitted rows; only language "
                       "models do");
    *vocabulary = out->shape.dim[0];
    for (uint32_t i = 0; i < n; i++)
        if (token[i] >= *vocabulary)
            return su_fail(e, SU_EINVAL, at, "token %u is number %u of a vocabulary of %u", i,
                           token[i], *vocabulary);
    return SU_OK;
}

enum su_code su_engine_generate(struct su_engine *en, uint32_t session,
                                const struct su_generation *g, struct su_generated *out,
                                struct su_err *e)
{
    struct su_stream s = {0};
    struct su_dispatch d = {0};
    uint32_t vocabulary = 0, t_max = su_engine_rows(en);
    uint32_t chunk = g->chunk ? SU_MIN(g->chunk, t_max) : t_max;
    memset(out, 0, sizeof *out);
    enum su_code rc = su_engine_llm_check(en, g->prompt, g->n_prompt, "prompt", &vocabulary, e);
    if (rc == SU_OK)
        rc = su_stream_init(&s, g, e);
    if (rc == SU_OK)
        rc = su_dispatch_init(&d, chunk, 1, e);
    s.session = session;
    while (rc == SU_OK && su_stream_waiting(&s) > 0) {
        rc = su_stream_proceed(&s, e);
        if (rc != SU_OK)
            break;
        su_dispatch_add(&d, en, &s, chunk);
        rc = su_dispatch_run(&d, en, vocabulary, e);
        if (rc == SU_OK && d.part[0].code != SU_OK) {
            rc = d.part[0].code;
            if (e)
                *e = d.part[0].err;
        }
    }
    if (rc == SU_OK)
        su_stream_result(&s, out);
    su_dispatch_fini(&d);
    su_stream_fini(&s);
    return rc;
}
