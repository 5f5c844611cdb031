// SPDX-License-Identifier: MIT
/* Generations step by step: rows of several of them make a dispatch, and the logits of each one's
   last row choose its next token. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"

/* ---- one generation -------------------------------------------------------------------------- */

enum su_code su_stream_init(struct su_stream *s, const struct su_generation *g, struct su_err *e)
{
    memset(s, 0, sizeof *s);
    if (g->n_prompt < 1)
        return su_fail(e, SU_EINVAL, "prompt", "is empty; give at least one token");
    enum su_code rc = su_sampling_check(&g->sampling, e);
    if (rc != SU_OK)
        return rc;
    s->sampling = g->sampling;
    s->on_token = g->on_token;
    s->cancelled = g->cancelled;
    s->ctx = g->ctx;
    s->n_stop = g->n_stop;
    s->n_held = s->n_fed = g->held ? g->n_held : 0;
    s->n_prompt = g->n_prompt;
    s->n_token = s->n_held + g->n_prompt;
    s->max_tokens = g->max_tokens;
    s->stop = su_try_alloc((size_t)g->n_stop + 1, sizeof *s->stop);
    s->token = su_try_alloc((size_t)s->n_token + g->max_tokens, sizeof *s->token);
    if (!s->stop || !s->token) {
        su_stream_fini(s);
        return su_fail(e, SU_ENOMEM, "generation", "no memory for %u tokens", g->max_tokens);
    }
    if (g->n_stop > 0)
        memcpy(s->stop, g->stop, g->n_stop * sizeof *s->stop);
    if (s->n_held > 0)
        memcpy(s->token, g->held, s->n_held * sizeof *s->token);
    memcpy(s->token + s->n_held, g->prompt, g->n_prompt * sizeof *s->token);
    return SU_OK;
}

void su_stream_fini(struct su_stream *s)
{
    free(s->stop);
    free(s->token);
    memset(s, 0, sizeof *s);
}

uint32_t su_stream_waiting(const struct su_stream *s)
{
    return s->ended ? 0 : s->n_token - s->n_fed;
}

bool su_stream_decodes(const struct su_stream *s)
{
    return s->n_fed >= s->n_held + s->n_prompt;
}

static uint32_t chosen(const struct su_stream *s)
{
    return s->n_token - s->n_held - s->n_prompt;
}

enum su_code su_stream_proceed(const struct su_stream *s, struct su_err *e)
{
    if (!s->cancelled || !s->cancelled(s->ctx))
        return SU_OK;
    return su_fail(e, SU_ECANCELLED, NULL, "stopped after %u tokens", chosen(s));
}

static bool is_stop(const struct su_stream *s, uint32_t token)
{
    for (uint32_t i = 0; i < s->n_stop; i++)
        if (s->stop[i] == token)
            return true;
    return false;
}

static void take(struct su_stream *s, uint32_t token)
{
    if (is_stop(s, token)) {
        s->ended = s->stopped = true;
        return;
    }
    s->token[s->n_token++] = token;
    s->stopped = s->on_token && !s->on_token(s->ctx, token);
    s->ended = s->stopped || chosen(s) == s->max_tokens;
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

void su_stream_result(struct su_stream *s, struct su_generated *out)
{
    *out = (struct su_generated){.n = chosen(s), .stopped = s->stopped};
    out->prefill_ms = (double)(s->prompt_ns - s->start_ns) * 1e-6;
    out->decode_ms = (double)(s->end_ns - s->prompt_ns) * 1e-6;
    memmove(s->token, s->token + s->n_held + s->n_prompt, out->n * sizeof *s->token);
    out->token = s->token;
    s->token = NULL;
    digest_tokens(out);
}

/* ---- a dispatch ------------------------------------------------------------------------------ */

enum su_code su_dispatch_init(struct su_dispatch *d, uint32_t rows, uint32_t parts,
                              struct su_err *e)
{
    *d = (struct su_dispatch){.row = su_try_alloc(rows, sizeof *d->row),
                              .token = su_try_alloc(rows, sizeof *d->token),
                              .part = su_try_alloc(parts, sizeof *d->part)};
    if (d->row && d->token && d->part)
        return SU_OK;
    su_dispatch_fini(d);
    return su_fail(e, SU_ENOMEM, "generation", "no memory for dispatches of %u rows", rows);
}

void su_dispatch_fini(struct su_dispatch *d)
{
    free(d->row);
    free(d->token);
    free(d->part);
    memset(d, 0, sizeof *d);
}

void su_dispatch_add(struct su_dispatch *d, const struct su_engine *en, struct su_stream *s,
                     uint32_t n)
{
    uint32_t waiting = su_stream_waiting(s), at = su_engine_session_length(en, s->session);
    n = SU_MIN(n, waiting);
    d->n_part = d->n_row == 0 ? 0 : d->n_part;
    if (n == 0)
        return;
    bool emit = n == waiting && s->max_tokens > 0;
    for (uint32_t i = 0; i < n; i++) {
        d->row[d->n_row] =
            (struct su_row){.session = s->session, .position = at + i, .emit = emit && i + 1 == n};
        d->token[d->n_row++] = s->token[s->n_fed + i];
    }
    d->part[d->n_part++] = (struct su_dispatch_part){.stream = s, .n_row = n, .emit = emit};
}

/* The rows are in the session; x: logits of the last one when it emitted. */
static void advance(struct su_dispatch_part *p, const struct su_engine *en, const float *x,
                    uint32_t vocabulary)
{
    struct su_stream *s = p->stream;
    uint32_t token = 0;
    bool was_prompt = !su_stream_decodes(s);
    s->n_fed += p->n_row;
    s->ended = su_stream_decodes(s) && s->max_tokens == 0;
    if (p->emit)
        p->code = su_sample(&s->sampling, x, vocabulary, s->token, s->n_token,
                            su_engine_session_length(en, s->session), &token, &p->err);
    s->end_ns = su_clock_mono_ns();
    if (was_prompt && su_stream_decodes(s))
        s->prompt_ns = s->end_ns;
    if (p->emit && p->code == SU_OK)
        take(s, token);
}

enum su_code su_dispatch_run(struct su_dispatch *d, struct su_engine *en, uint32_t vocabulary,
                             struct su_err *e)
{
    struct su_engine_result r;
    const void *input = d->token;
    uint64_t start_ns = su_clock_mono_ns();
    enum su_code rc = su_engine_run(en, d->row, d->n_row, &input, false, &r, e);
    d->n_row = 0;
    if (rc != SU_OK)
        return rc;
    const float *x = r.output[0];
    for (uint32_t i = 0; i < d->n_part; i++) {
        struct su_stream *s = d->part[i].stream;
        if (s->start_ns == 0)
            s->start_ns = start_ns;
        advance(&d->part[i], en, x, vocabulary);
        x += d->part[i].emit ? vocabulary : 0;
    }
    su_engine_result_fini(&r);
    return SU_OK;
}
