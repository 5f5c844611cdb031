// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"

struct generation {
    struct su_engine *en;
    const struct su_generation *g;
    uint32_t session, vocabulary, chunk;
    struct su_row *row;
    uint32_t *history; /* held tokens, the prompt, then chosen tokens */
    uint32_t n_history;
};

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

/* Feeds n tokens; the last one's logits choose the next token when `choose` is set. */
static enum su_code feed(struct generation *s, const uint32_t *token, uint32_t n, bool choose,
                         uint32_t *next, struct su_err *e)
{
    uint32_t at = su_engine_session_length(s->en, s->session);
    struct su_engine_result r;
    const void *input = token;
    for (uint32_t i = 0; i < n; i++)
        s->row[i] = (struct su_row){
            .session = s->session, .position = at + i, .emit = choose && i + 1 == n};
    enum su_code rc = su_engine_run(s->en, s->row, n, &input, false, &r, e);
    if (rc != SU_OK)
        return rc;
    if (choose)
        rc = su_sample(&s->g->sampling, r.output[0], s->vocabulary, s->history, s->n_history,
                       at + n, next, e);
    su_engine_result_fini(&r);
    return rc;
}

static bool is_stop(const struct su_generation *g, uint32_t token)
{
    for (uint32_t i = 0; i < g->n_stop; i++)
        if (g->stop[i] == token)
            return true;
    return false;
}

static enum su_code cancelled(const struct generation *s, uint32_t done, struct su_err *e)
{
    if (!s->g->cancelled || !s->g->cancelled(s->g->ctx))
        return SU_OK;
    return su_fail(e, SU_ECANCELLED, NULL, "stopped after %u tokens", done);
}

static enum su_code prefill(struct generation *s, uint32_t *next, struct su_err *e)
{
    enum su_code rc = SU_OK;
    for (uint32_t at = 0; at < s->g->n_prompt && rc == SU_OK;) {
        uint32_t n = SU_MIN(s->chunk, s->g->n_prompt - at);
        rc = cancelled(s, 0, e);
        if (rc == SU_OK)
            rc = feed(s, s->g->prompt + at, n, s->g->max_tokens > 0 && at + n == s->g->n_prompt,
                      next, e);
        at += n;
    }
    return rc;
}

static enum su_code decode(struct generation *s, uint32_t next, struct su_generated *out,
                           struct su_err *e)
{
    enum su_code rc = SU_OK;
    while (rc == SU_OK && out->n < s->g->max_tokens) {
        if (is_stop(s->g, next)) {
            out->stopped = true;
            break;
        }
        out->token[out->n++] = next;
        s->history[s->n_history++] = next;
        if (s->g->on_token && !s->g->on_token(s->g->ctx, next)) {
            out->stopped = true;
            break;
        }
        if (out->n == s->g->max_tokens)
            break;
        rc = cancelled(s, out->n, e);
        if (rc == SU_OK)
            rc = feed(s, &out->token[out->n - 1], 1, true, &next, e);
    }
    return rc;
}

static void digest_tokens(struct su_generated *out)
{
    struct su_sha256 h;
    su_sha256_init(&h);
    for (uint32_t i = 0; i < out->n; i++) {
        uint8_t le[4];
        su_put_le32(le, out->token[i]);
        su_sha256_update(&h, le, sizeof le);
    }
    su_sha256_final(&h, out->output_sha256);
}

enum su_code su_engine_generate(struct su_engine *en, uint32_t session,
                                const struct su_generation *g, struct su_generated *out,
                                struct su_err *e)
{
    struct generation s = {.en = en, .g = g, .session = session};
    uint32_t next = 0, t_max = su_engine_rows(en);
    memset(out, 0, sizeof *out);
    enum su_code rc = su_engine_llm_check(en, g->prompt, g->n_prompt, "prompt", &s.vocabulary, e);
    if (rc == SU_OK && g->n_prompt < 1)
        rc = su_fail(e, SU_EINVAL, "prompt", "is empty; give at least one token");
    if (rc != SU_OK)
        return rc;
    s.chunk = g->chunk ? SU_MIN(g->chunk, t_max) : t_max;
    s.row = su_try_alloc(s.chunk, sizeof *s.row);
    s.history = su_try_alloc((size_t)g->n_held + g->n_prompt + g->max_tokens, sizeof *s.history);
    out->token = su_try_alloc(SU_MAX(g->max_tokens, 1u), sizeof *out->token);
    if (!s.row || !s.history || !out->token) {
        rc = su_fail(e, SU_ENOMEM, "generation", "no memory for %u tokens", g->max_tokens);
    } else {
        if (g->n_held > 0)
            memcpy(s.history, g->held, g->n_held * sizeof *g->held);
        memcpy(s.history + g->n_held, g->prompt, g->n_prompt * sizeof *g->prompt);
        s.n_history = g->n_held + g->n_prompt;
        uint64_t t0 = su_clock_mono_ns();
        rc = prefill(&s, &next, e);
        uint64_t t1 = su_clock_mono_ns();
        if (rc == SU_OK)
            rc = decode(&s, next, out, e);
        out->prefill_ms = (double)(t1 - t0) * 1e-6;
        out->decode_ms = (double)(su_clock_mono_ns() - t1) * 1e-6;
    }
    free(s.row);
    free(s.history);
    if (rc == SU_OK) {
        digest_tokens(out);
    } else {
        free(out->token);
        memset(out, 0, sizeof *out);
    }
    return rc;
}
