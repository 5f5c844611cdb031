// SPDX-License-Identifier: MIT
/* splitup run of a language model: a prompt in, tokens out as they come. */
#include "cli_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_DEFAULT 32u
#define TOKENS_DEFAULT 256u
#define CTX_DEFAULT 8192u

struct llm {
    const struct cli *cli;
    struct cli_model *model;
    struct su_text *text;
    struct su_plan *plan;
    struct su_exec *exec;
    struct su_engine *engine;
    struct su_text_ids prompt;
    struct su_text_decoder decoder;
    struct su_buf answer; /* all of it, for JSON */
    uint64_t target, start_ns, first_ns;
    uint32_t ctx, max_tokens;
    struct su_sampling sampling;
    bool json;
};

/* ---- options ---------------------------------------------------------------------------------------------- */

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

static enum su_code get_u32(const struct cli *c, const char *option, uint32_t lo, uint32_t hi,
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

static enum su_code read_options(struct llm *l, struct su_err *e)
{
    const struct cli *c = l->cli;
    struct su_sampling *s = &l->sampling;
    uint32_t trained = l->model->model->llm.ctx;
    l->max_tokens = TOKENS_DEFAULT;
    l->ctx = trained && trained < CTX_DEFAULT ? trained : CTX_DEFAULT;
    s->repeat_last = 64;
    enum su_code rc = get_u32(c, "--max-tokens", 1, 1u << 20, &l->max_tokens, e);
    if (rc == SU_OK)
        rc = get_u32(c, "--ctx", 1, 1u << 20, &l->ctx, e);
    if (rc == SU_OK)
        rc = get_float(c, "--temperature", 0.0f, 100.0f, &s->temperature, e);
    if (rc == SU_OK)
        rc = get_u32(c, "--top-k", 0, 1u << 20, &s->top_k, e);
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

/* ---- preparing -------------------------------------------------------------------------------------------- */

/* With --system the prompt is a turn of a conversation in the model's own form, else plain text to go on with. */
static enum su_code encode(struct llm *l, struct su_err *e)
{
    const char *prompt = cli_get(l->cli, "--prompt"), *system = cli_get(l->cli, "--system");
    if (!system)
        return su_text_encode(l->text, prompt, strlen(prompt), SU_TEXT_ADD_SPECIAL, &l->prompt, e);
    const struct su_text_turn turn[2] = {{SU_TEXT_SYSTEM, system}, {SU_TEXT_USER_TURN, prompt}};
    struct su_text_chat chat;
    struct su_text_prompt p;
    enum su_code rc = su_text_chat_detect(su_text_template(l->text), &chat, e);
    if (rc != SU_OK)
        return su_wrap(e, "--system");
    su_text_prompt_init(&p);
    rc = su_text_chat_render(&chat, turn + (*system ? 0 : 1), *system ? 2 : 1, true, &p, e);
    if (rc == SU_OK)
        rc = su_text_encode_prompt(l->text, &p, &l->prompt, e);
    su_text_prompt_fini(&p);
    return rc;
}

static enum su_code plan(struct llm *l, struct su_err *e)
{
    const struct cli *c = l->cli;
    uint32_t n = 1, chunk = CHUNK_DEFAULT;
    struct su_plan_opts o = {.target = &l->target, .n_target = 1, .ctx = l->ctx};
    l->target = UINT64_C(1) << 46;
    enum su_code rc = get_u32(c, "--batch", 1, 4096, &chunk, e);
    if (rc == SU_OK && cli_get(c, "--target-vram"))
        rc = cli_targets(cli_get(c, "--target-vram"), &l->target, 1, &n, e);
    o.t_max = chunk;
    return rc == SU_OK ? su_plan_build(l->model->graph, &o, &l->plan, e) : rc;
}

static enum su_code prepare(struct llm *l, struct su_err *e)
{
    enum su_code rc = read_options(l, e);
    if (rc == SU_OK)
        rc = su_model_text(l->model->model, &l->text, e);
    if (rc == SU_OK)
        rc = encode(l, e);
    if (rc == SU_OK && l->prompt.count == 0)
        rc = su_fail(e, SU_EINVAL, "--prompt", "is empty; give some text");
    if (rc == SU_OK && l->prompt.count >= l->ctx)
        rc = su_fail(e, SU_ELIMIT, "--prompt", "%zu tokens; the context holds %u (--ctx)",
                     l->prompt.count, l->ctx);
    if (rc != SU_OK)
        return rc;
    l->max_tokens = SU_MIN(l->max_tokens, l->ctx - (uint32_t)l->prompt.count + 1);
    rc = plan(l, e);
    if (rc == SU_OK)
        rc = cli_exec_open(l->cli, &l->exec, e);
    if (rc == SU_OK)
        rc = su_engine_open(l->exec, l->model->graph, l->plan, l->model->model->weights, &l->engine,
                            e);
    return rc;
}

/* ---- generating ------------------------------------------------------------------------------------------- */

static bool on_token(void *ctx, uint32_t token)
{
    struct llm *l = ctx;
    size_t before = l->answer.len;
    if (l->first_ns == 0)
        l->first_ns = su_clock_mono_ns();
    su_text_decode(&l->decoder, token, &l->answer);
    if (!l->json && !l->answer.failed) {
        fwrite(l->answer.data + before, 1, l->answer.len - before, stdout);
        if (fflush(stdout) != 0)
            return false; /* nobody reads any more */
    }
    return true;
}

static bool on_cancel(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

static double rate(const struct llm *l, const struct su_generated *r)
{
    (void)l;
    return r->n > 1 && r->decode_ms > 0 ? (double)(r->n - 1) / (r->decode_ms * 1e-3) : 0.0;
}

static enum su_code print_json(struct llm *l, const struct su_generated *r, struct su_err *e)
{
    struct su_buf b;
    struct su_json_writer w;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", l->model->name);
    su_json_put_hex(&w, "graph_sha256", l->model->model->graph_digest, SU_SHA256_BYTES);
    su_json_put_str(&w, "backend", su_backend_name(su_exec_backend(l->exec)));
    su_json_put_str(&w, "device", su_exec_device_name(l->exec));
    su_json_put_strn(&w, "text", l->answer.data ? (const char *)l->answer.data : "", l->answer.len);
    su_json_put_array(&w, "token_ids");
    for (uint32_t i = 0; i < r->n; i++)
        su_json_put_u64(&w, NULL, r->token[i]);
    su_json_end_array(&w);
    su_json_put_u64(&w, "prompt_tokens", l->prompt.count);
    su_json_put_bool(&w, "stopped", r->stopped);
    su_json_put_hex(&w, "output_sha256", r->output_sha256, SU_SHA256_BYTES);
    su_json_put_double(&w, "tokens_per_second", rate(l, r));
    su_json_put_double(&w, "prompt_tokens_per_second",
                       (double)l->prompt.count / SU_MAX(r->prefill_ms * 1e-3, 1e-9));
    su_json_put_double(&w, "time_to_first_token_ms",
                       l->first_ns ? (double)(l->first_ns - l->start_ns) * 1e-6 : 0.0);
    su_json_put_array(&w, "tasks");
    for (uint32_t t = 0; t < l->plan->n_task; t++) {
        const struct su_plan_task *pt = &l->plan->task[t];
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "index", t);
        su_json_put_u64(&w, "vram_bytes", pt->vram_fixed + l->plan->sessions * pt->vram_session);
        su_json_put_double(&w, "compute_units", (double)pt->macs * 1e-9);
        su_json_put_str(&w, "device", su_exec_device_name(l->exec));
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code generate(struct llm *l, struct su_err *e)
{
    const uint32_t *stop = NULL;
    size_t n_stop = su_text_stops(l->text, &stop);
    struct su_generation g = {.prompt = l->prompt.ids,
                              .n_prompt = (uint32_t)l->prompt.count,
                              .max_tokens = l->max_tokens,
                              .stop = stop,
                              .n_stop = (uint32_t)n_stop,
                              .sampling = l->sampling,
                              .on_token = on_token,
                              .cancelled = on_cancel,
                              .ctx = l};
    struct su_generated r;
    uint32_t session = 0;
    enum su_code rc = su_engine_session_new(l->engine, l->ctx, &session, e);
    if (rc != SU_OK)
        return rc;
    su_text_decoder_init(&l->decoder, l->text, false, false);
    l->start_ns = su_clock_mono_ns();
    rc = su_engine_generate(l->engine, session, &g, &r, e);
    if (rc != SU_OK) {
        if (!l->json && l->answer.len)
            putchar('\n');
        return rc;
    }
    size_t before = l->answer.len;
    su_text_decode_end(&l->decoder, &l->answer);
    rc = su_buf_check(&l->answer, "answer", e);
    if (rc == SU_OK && l->json) {
        rc = print_json(l, &r, e);
    } else if (rc == SU_OK) {
        fwrite(l->answer.data ? l->answer.data + before : (const uint8_t *)"", 1,
               l->answer.len - before, stdout);
        printf("\n");
        fflush(stdout);
        fprintf(stderr, "%zu + %u tokens, %.2f tokens/s, first after %.0f ms, %u task%s, %s\n",
                l->prompt.count, r.n, rate(l, &r),
                l->first_ns ? (double)(l->first_ns - l->start_ns) * 1e-6 : 0.0, l->plan->n_task,
                l->plan->n_task == 1 ? "" : "s", su_exec_device_name(l->exec));
    }
    free(r.token);
    return rc;
}

enum su_code cli_llm_run(const struct cli *c, struct cli_model *m, struct su_err *e)
{
    struct llm l = {.cli = c, .model = m, .json = cli_has(c, "--json")};
    if (!cli_get(c, "--prompt"))
        return su_fail(e, SU_EUSAGE, "--prompt", "is missing; %s is a language model", m->name);
    su_buf_init(&l.answer, 64u << 20);
    enum su_code rc = prepare(&l, e);
    if (rc == SU_OK)
        rc = generate(&l, e);
    su_engine_close(l.engine);
    struct su_err close_err = {0};
    if (su_exec_close(l.exec, &close_err) != SU_OK && rc == SU_OK) {
        rc = close_err.code;
        if (e)
            *e = close_err;
    }
    su_plan_free(l.plan);
    su_text_ids_fini(&l.prompt);
    su_text_free(l.text);
    su_buf_fini(&l.answer);
    return rc;
}
