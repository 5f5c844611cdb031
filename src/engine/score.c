// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>

#include "engine_priv.h"

/* -log softmax(x)[token]; weight takes n values. */
static double score(const float *x, uint32_t n, uint32_t token, float *weight)
{
    float m = su_num_fix(x[0]);
    for (uint32_t i = 1; i < n; i++) {
        float v = su_num_fix(x[i]);
        m = su_num_key(v) > su_num_key(m) ? v : m;
    }
    for (uint32_t i = 0; i < n; i++)
        weight[i] = su_num_exp(su_num_fix(su_num_fix(x[i]) - m));
    return log((double)su_num_sum(weight, n)) - ((double)su_num_fix(x[token]) - (double)m);
}

enum su_code su_engine_score(struct su_engine *en, uint32_t session, const struct su_scoring *s,
                             double *nll, struct su_err *e)
{
    uint32_t vocabulary = 0, most = su_engine_emit_rows(en);
    uint32_t chunk = s->chunk ? SU_MIN(s->chunk, most) : most;
    enum su_code rc = su_engine_llm_check(en, s->token, s->n, "text", &vocabulary, e);
    if (rc == SU_OK && s->n < 2)
        rc = su_fail(e, SU_EINVAL, "text", "%u tokens; scoring takes at least 2", s->n);
    if (rc != SU_OK)
        return rc;
    struct su_row *row = su_try_alloc(chunk, sizeof *row);
    float *weight = su_try_alloc(vocabulary, sizeof *weight);
    if (!row || !weight)
        rc = su_fail(e, SU_ENOMEM, "text", "no memory for a vocabulary of %u", vocabulary);
    for (uint32_t at = 0; at < s->n - 1 && rc == SU_OK;) {
        uint32_t n = SU_MIN(chunk, s->n - 1 - at), from = su_engine_session_length(en, session);
        struct su_engine_result r;
        const void *input = s->token + at;
        if (s->cancelled && s->cancelled(s->ctx)) {
            rc = su_fail(e, SU_ECANCELLED, NULL, "stopped after %u of %u tokens", at, s->n - 1);
            break;
        }
        for (uint32_t i = 0; i < n; i++)
            row[i] = (struct su_row){.session = session, .position = from + i, .emit = true};
        rc = su_engine_run(en, row, n, &input, false, &r, e);
        if (rc != SU_OK)
            break;
        const float *logits = r.output[0];
        for (uint32_t i = 0; i < n; i++)
            nll[at + i] =
                score(logits + (size_t)i * vocabulary, vocabulary, s->token[at + i + 1], weight);
        su_engine_result_fini(&r);
        at += n;
        if (s->on_progress)
            s->on_progress(s->ctx, at);
    }
    free(row);
    free(weight);
    return rc;
}
