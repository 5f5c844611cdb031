// SPDX-License-Identifier: MIT
#include "llm_common.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_LEAST 32u /* rows that make a product worth its weights' way from memory */
#define CHUNK_MOST 512u
#define CHUNK_MACS                                                                                 \
    (UINT64_C(1) << 36) /* fractions of a second, which nothing else gets in between */
#define CTX_DEFAULT 8192u
#define CTX_MAX (1u << 20)
#define ANSWER_BYTES_MAX ((size_t)64 << 20)

/* ---- options --------------------------------------------------------------------------------- */

static enum su_code get_float(const struct cli *c, const char *option, float lo, float hi,
                              float *out, struct su_err *e)
{
    const char *text = cli_get(c, option);
    char *end = NULL;
    if (!text)
        return SU_OK;
    errno = 0;
    float v = strtof(text, &end);
    if (end == text || *end || errno == ERANGE || isnan(v))
        return su_fail(e, SU_EINVAL, option, "%s is no number", text);
    if (v < lo || v > hi)
        return su_fail(e, SU_EOVERFLOW, option, "%s is outside %g to %g", text, (double)lo,
                       (double)hi);
    *out = v;
    return SU_OK;
}

enum su_code cli_llm_u32(const struct cli *c, const char *option, uint32_t lo, uint32_t hi,
                         uint32_t *out, struct su_err *e)
{
    uint64_t v = 0;
    if (!cli_get(c, option))
        return SU_OK;
    enum su_code rc = su_parse_u64(cli_get(c, option), option, lo, hi, &v, e);
    if (rc == SU_OK)
        *out = (uint32_t)v;
    return rc;
}

enum su_code cli_llm_sampling(const struct cli *c, struct su_sampling *s, struct su_err *e)
{
    s->repeat_last = 64;
    enum su_code rc = get_float(c, "--temperature", 0.0f, 100.0f, &s->temperature, e);
    if (rc == SU_OK)
        rc = cli_llm_u32(c, "--top-k", 0, 1u << 20, &s->top_k, e);
    if (rc == SU_OK)
        rc = get_float(c, "--top-p", 0.0f, 1.0f, &s->top_p, e);
    if (rc == SU_OK)
        rc = get_float(c, "--min-p", 0.0f, 1.0f, &s->min_p, e);
    if (rc == SU_OK)
        rc = get_float(c, "--repeat-penalty", 0.01f, 100.0f, &s->repeat_penalty, e);
    if (rc == SU_OK && cli_get(c, "--seed"))
        rc = su_parse_u64(cli_get(c, "--seed"), "--seed", 0, UINT64_MAX, &s->seed, e);
    return rc;
}

/* ---- the model ------------------------------------------------------------------------------- */

enum su_code cli_llm_only(const struct cli *c, const struct cli_model *m, struct su_err *e)
{
    if (!m->model || !m->model->weights)
        return su_fail(e, SU_EUSAGE, m->name, "is a graph without weights; give a model");
    if (!m->model->is_llm)
        return su_fail(e, SU_EUSAGE, m->name,
                       "is no language model; `splitup %s` takes a .gguf file or a folder of one",
                       c->verb->name);
    return SU_OK;
}

enum su_code cli_llm_prepare(struct cli_llm *l, struct su_err *e)
{
    enum su_code rc = cli_llm_only(l->cli, l->model, e);
    if (rc != SU_OK)
        return rc;
    uint32_t trained = l->model->model->llm.ctx;
    l->ctx = trained && trained < CTX_DEFAULT ? trained : CTX_DEFAULT;
    rc = cli_llm_u32(l->cli, "--ctx", 1, CTX_MAX, &l->ctx, e);
    return rc == SU_OK ? su_model_text(l->model->model, &l->text, e) : rc;
}

static enum su_code plan_chunk(struct cli_llm *l, uint32_t chunk, struct su_plan **out,
                               struct su_err *e)
{
    struct su_plan_opts o = {.target = &l->target, .n_target = 1, .ctx = l->ctx};
    /* A chunk of prompts beside a row of every other session. */
    o.t_max = chunk + (l->sessions ? l->sessions - 1 : 0);
    o.e_max = l->emit;
    o.sessions = l->sessions;
    return su_plan_build(l->model->graph, &o, out, e);
}

/* The most rows that are worth it: no more than a session can hold, nor than take long. That is
   known of the cpu backend; others may be a hundred times slower. */
static uint32_t largest_chunk(const struct cli_llm *l)
{
    uint64_t macs = SU_MAX(su_graph_macs(l->model->graph), 1u);
    uint32_t most = CHUNK_MOST;
    bool alone = l->emit > 0 && l->sessions <= 1; /* few rows emit, nobody waits for a token */
    if (!alone || su_exec_backend(l->exec) != SU_BACKEND_CPU)
        return CHUNK_LEAST;
    while (most > CHUNK_LEAST && (most / 2 >= l->ctx || most > CHUNK_MACS / macs))
        most /= 2;
    return most;
}

/* CHUNK_LEAST rows, or fewer where they do not fit the target; or more where these make no more
   tasks of the model. */
static enum su_code choose_chunk(struct cli_llm *l, struct su_err *e)
{
    enum su_code rc = SU_OK;
    for (l->chunk = CHUNK_LEAST; l->chunk > 0; l->chunk /= 2) {
        rc = plan_chunk(l, l->chunk, &l->plan, e);
        if (rc == SU_OK)
            break;
    }
    if (rc != SU_OK || l->chunk < CHUNK_LEAST)
        return rc;
    for (uint32_t chunk = largest_chunk(l); chunk > l->chunk; chunk /= 2) {
        struct su_plan *p = NULL;
        if (plan_chunk(l, chunk, &p, NULL) == SU_OK && p->n_task <= l->plan->n_task) {
            su_plan_free(l->plan);
            l->plan = p;
            l->chunk = chunk;
        } else {
            su_plan_free(p);
        }
    }
    return SU_OK;
}

static enum su_code plan(struct cli_llm *l, struct su_err *e)
{
    const struct cli *c = l->cli;
    uint32_t n = 1;
    l->target = UINT64_C(1) << 46; /* no limit: one task */
    enum su_code rc = cli_llm_u32(c, "--batch", 1, 4096, &l->chunk, e);
    if (rc == SU_OK && cli_get(c, "--target-vram"))
        rc = cli_targets(cli_get(c, "--target-vram"), &l->target, 1, &n, e);
    if (rc != SU_OK)
        return rc;
    return cli_get(c, "--batch") ? plan_chunk(l, l->chunk, &l->plan, e) : choose_chunk(l, e);
}

enum su_code cli_llm_open(struct cli_llm *l, struct su_err *e)
{
    enum su_code rc = cli_exec_open(l->cli, &l->exec, e);
    if (rc == SU_OK)
        rc = plan(l, e);
    if (rc == SU_OK)
        rc = su_engine_open(l->exec, l->model->graph, l->plan, l->model->model->weights, &l->engine,
                            e);
    return rc;
}

enum su_code cli_llm_close(struct cli_llm *l, enum su_code rc, struct su_err *e)
{
    struct su_err close_err = {0};
    su_engine_close(l->engine);
    if (su_exec_close(l->exec, &close_err) != SU_OK && rc == SU_OK) {
        rc = close_err.code;
        if (e)
            *e = close_err;
    }
    su_plan_free(l->plan);
    su_text_free(l->text);
    return rc;
}

enum su_code cli_prompt_encode(const struct su_text *text, const char *prompt, const char *system,
                               struct su_text_ids *out, struct su_err *e)
{
    struct su_text_chat chat;
    struct su_text_prompt p;
    enum su_code rc;

    if (!system)
        return su_text_encode(text, prompt, strlen(prompt), SU_TEXT_ADD_SPECIAL, out, e);
    const struct su_text_turn turn[2] = {{SU_TEXT_SYSTEM, system}, {SU_TEXT_USER_TURN, prompt}};
    rc = su_text_chat_detect(su_text_template(text), &chat, e);
    if (rc)
        return su_wrap(e, "--system");
    su_text_prompt_init(&p);
    rc = su_text_chat_render(&chat, turn + (*system ? 0 : 1), *system ? 2 : 1, true, &p, e);
    if (!rc)
        rc = su_text_encode_prompt(text, &p, out, e);
    su_text_prompt_fini(&p);
    return rc;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void print_from(const struct cli_answer *a, size_t before)
{
    if (!a->silent && !a->text.failed && a->text.len > before)
        fwrite(a->text.data + before, 1, a->text.len - before, stdout);
}

static bool on_token(void *ctx, uint32_t token)
{
    struct cli_answer *a = ctx;
    size_t before = a->text.len;
    a->end_ns = su_clock_mono_ns();
    if (a->first_ns == 0)
        a->first_ns = a->end_ns;
    a->token[a->n++] = token;
    su_text_decode(&a->decoder, token, &a->text);
    print_from(a, before);
    return a->silent || fflush(stdout) == 0; /* else nobody reads any more */
}

static bool on_cancel(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

enum su_code cli_answer_begin(struct cli_answer *a, const struct cli_llm *l,
                              struct su_generation *g, struct su_err *e)
{
    g->n_stop = (uint32_t)su_text_stops(l->text, &g->stop);
    g->on_token = on_token;
    g->cancelled = on_cancel;
    g->ctx = a;
    su_buf_init(&a->text, ANSWER_BYTES_MAX);
    a->llm = l;
    a->token = su_try_alloc(SU_MAX(g->max_tokens, 1u), sizeof *a->token);
    if (!a->token)
        return su_fail(e, SU_ENOMEM, "--max-tokens", "no memory for %u tokens", g->max_tokens);
    su_text_decoder_init(&a->decoder, l->text, false, false);
    a->start_ns = su_clock_mono_ns();
    return SU_OK;
}

enum su_code cli_answer_end(struct cli_answer *a, enum su_code rc, const struct su_generated *r,
                            struct su_err *e)
{
    if (rc == SU_ECANCELLED) {
        a->cancelled = true;
        rc = SU_OK;
    }
    a->stopped = r->stopped;
    memcpy(a->output_sha256, r->output_sha256, sizeof a->output_sha256);
    size_t before = a->text.len;
    su_text_decode_end(&a->decoder, &a->text);
    print_from(a, before);
    if (!a->silent && (rc == SU_OK || a->text.len > 0))
        putchar('\n');
    if (rc == SU_OK)
        rc = su_buf_check(&a->text, "answer", e);
    return rc == SU_OK && !a->silent ? cli_flush(e) : rc;
}

enum su_code cli_answer_get(struct cli_answer *a, const struct cli_llm *l, uint32_t session,
                            const struct su_sampling *s, const uint32_t *held, uint32_t n_held,
                            const uint32_t *prompt, uint32_t n_prompt, uint32_t max_tokens,
                            struct su_err *e)
{
    struct su_generation g = {.prompt = prompt,
                              .n_prompt = n_prompt,
                              .held = held,
                              .n_held = n_held,
                              .max_tokens = max_tokens,
                              .chunk = l->chunk,
                              .sampling = *s};
    struct su_generated r = {0};
    enum su_code rc = cli_answer_begin(a, l, &g, e);
    if (rc != SU_OK)
        return rc;
    rc = su_engine_generate(l->engine, session, &g, &r, e);
    free(r.token);
    return cli_answer_end(a, rc, &r, e);
}

void cli_answer_fini(struct cli_answer *a)
{
    su_buf_fini(&a->text);
    free(a->token);
}

double cli_answer_rate(const struct cli_answer *a)
{
    return a->end_ns > a->first_ns ? (double)(a->n - 1) / ((double)(a->end_ns - a->first_ns) * 1e-9)
                                   : 0.0;
}

double cli_answer_first_ms(const struct cli_answer *a)
{
    return a->first_ns ? (double)(a->first_ns - a->start_ns) * 1e-6 : 0.0;
}
