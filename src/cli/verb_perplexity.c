// SPDX-License-Identifier: MIT
/* splitup perplexity: how likely a language model finds a text. */
#include "llm_common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct cli_llm llm;
    struct su_text_ids ids; /* of the text, without bos */
    uint32_t limit, bos;
    double *nll; /* per token of the text; NAN where it has no score */
    uint32_t n; /* tokens of the text that are taken */
    uint32_t scored; /* in finished windows */
    struct su_progress progress;
    double seconds;
};

/* Mean of the scores so far, and their number. */
static double mean(const struct job *j, uint32_t *count)
{
    double sum = 0.0;
    *count = 0;
    for (uint32_t i = 0; i < j->n; i++)
        if (!isnan(j->nll[i])) {
            sum += j->nll[i];
            ++*count;
        }
    return *count ? sum / *count : 0.0;
}

static void on_progress(void *ctx, uint32_t n)
{
    struct job *j = ctx;
    su_progress_set(&j->progress, j->scored + n, su_clock_mono_ns());
    cli_progress(j->llm.cli, "perplexity", &j->progress, false);
}

static bool on_cancel(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

/* A window begins afresh: with bos, which makes its first token a score too, or with a token of the
   text that has none. */
static enum su_code score_window(struct job *j, uint32_t session, uint32_t from, uint32_t n,
                                 struct su_err *e)
{
    uint32_t lead = j->bos != SU_TEXT_NONE ? 1 : 0, *token = su_try_alloc(n + 1, sizeof *token);
    struct su_scoring s = {.token = token,
                           .n = n + lead,
                           .on_progress = on_progress,
                           .cancelled = on_cancel,
                           .ctx = j};
    if (!token)
        return su_fail(e, SU_ENOMEM, "--ctx", "no memory for %u tokens", n);
    if (lead)
        token[0] = j->bos;
    memcpy(token + lead, j->ids.ids + from, n * sizeof *token);
    enum su_code rc = su_engine_session_truncate(j->llm.engine, session, 0, e);
    if (rc == SU_OK && s.n > 1)
        rc = su_engine_score(j->llm.engine, session, &s, j->nll + from + 1 - lead, e);
    if (rc == SU_OK)
        j->scored += s.n - 1;
    free(token);
    return rc;
}

static enum su_code score_all(struct job *j, struct su_err *e)
{
    uint32_t session = 0, lead = j->bos != SU_TEXT_NONE ? 1 : 0, window = j->llm.ctx - lead + 1;
    enum su_code rc = su_engine_session_new(j->llm.engine, j->llm.ctx, &session, e);
    uint64_t start = su_clock_mono_ns();
    su_progress_init(&j->progress, j->n, "tokens", start);
    for (uint32_t at = 0; at < j->n && rc == SU_OK; at += window)
        rc = score_window(j, session, at, SU_MIN(window, j->n - at), e);
    cli_progress_clear(j->llm.cli);
    j->seconds = (double)(su_clock_mono_ns() - start) * 1e-9;
    if (rc == SU_ECANCELLED) {
        uint32_t count = 0;
        double m = mean(j, &count);
        rc = su_fail(e, SU_ECANCELLED, NULL, "stopped after %u of %u tokens; mean so far %.4f",
                     count, j->n, m);
    }
    return rc;
}

static enum su_code read_text(struct job *j, struct su_err *e)
{
    const struct cli *c = j->llm.cli;
    struct su_map m;
    enum su_code rc = su_map_open(c->arg[1], SU_TEXT_BYTES_MAX, &m, e);
    if (rc != SU_OK)
        return rc;
    rc = su_text_encode(j->llm.text, m.data, m.len, 0, &j->ids, e);
    su_map_close(&m);
    if (rc != SU_OK)
        return rc;
    j->bos = su_text_adds_bos(j->llm.text) ? su_text_bos(j->llm.text) : SU_TEXT_NONE;
    j->n = (uint32_t)SU_MIN(j->ids.count, (size_t)j->limit);
    if (j->n < 2)
        return su_fail(e, SU_EINVAL, c->arg[1], "%u tokens to score; give a longer text", j->n);
    if (j->llm.ctx < 2)
        return su_fail(e, SU_EINVAL, "--ctx", "%u; scoring takes at least 2", j->llm.ctx);
    j->nll = su_try_alloc(j->n, sizeof *j->nll);
    if (!j->nll)
        return su_fail(e, SU_ENOMEM, c->arg[1], "no memory for %u tokens", j->n);
    for (uint32_t i = 0; i < j->n; i++)
        j->nll[i] = NAN;
    return SU_OK;
}

static enum su_code print_json(const struct job *j, struct su_err *e)
{
    const struct cli_llm *l = &j->llm;
    uint32_t count = 0;
    double m = mean(j, &count);
    struct su_buf b;
    struct su_json_writer w;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", l->model->name);
    su_json_put_hex(&w, "graph_sha256", l->model->model->graph_digest, SU_SHA256_BYTES);
    su_json_put_str(&w, "backend", su_backend_name(su_exec_backend(l->exec)));
    su_json_put_str(&w, "device", su_exec_device_name(l->exec));
    su_json_put_u64(&w, "tasks", l->plan->n_task);
    su_json_put_u64(&w, "ctx", l->ctx);
    su_json_put_u64(&w, "tokens", count);
    su_json_put_double(&w, "mean_nll", m);
    su_json_put_double(&w, "perplexity", exp(m));
    su_json_put_double(&w, "seconds", j->seconds);
    su_json_put_double(&w, "tokens_per_second", count / SU_MAX(j->seconds, 1e-9));
    if (cli_has(l->cli, "--per-token")) {
        su_json_put_array(&w, "token_ids");
        for (uint32_t i = 0; i < j->n; i++)
            su_json_put_u64(&w, NULL, j->ids.ids[i]);
        su_json_end_array(&w);
        su_json_put_array(&w, "nll");
        for (uint32_t i = 0; i < j->n; i++)
            if (isnan(j->nll[i]))
                su_json_put_null(&w, NULL);
            else
                su_json_put_double(&w, NULL, j->nll[i]);
        su_json_end_array(&w);
    }
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code prepare(struct job *j, struct su_err *e)
{
    const struct cli *c = j->llm.cli;
    j->limit = UINT32_MAX;
    if (cli_has(c, "--per-token") && !cli_has(c, "--json"))
        return su_fail(e, SU_EUSAGE, "--per-token", "goes with --json");
    enum su_code rc = cli_llm_u32(c, "--limit", 2, UINT32_MAX, &j->limit, e);
    if (rc == SU_OK)
        rc = cli_llm_prepare(&j->llm, e);
    if (rc == SU_OK)
        rc = read_text(j, e);
    return rc == SU_OK ? cli_llm_open(&j->llm, e) : rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    struct cli_model m;
    struct job j = {.llm = {.cli = c, .model = &m}};
    enum su_code rc = cli_model_open(c->arg[0], &m, e);
    if (rc != SU_OK)
        return rc;
    rc = prepare(&j, e);
    if (rc == SU_OK)
        rc = score_all(&j, e);
    if (rc == SU_OK && cli_has(c, "--json")) {
        rc = print_json(&j, e);
    } else if (rc == SU_OK) {
        uint32_t count = 0;
        double mean_nll = mean(&j, &count);
        printf("%u tokens, mean NLL %.5f, perplexity %.4f, %.2f tokens/s\n", count, mean_nll,
               exp(mean_nll), count / SU_MAX(j.seconds, 1e-9));
    }
    rc = cli_llm_close(&j.llm, rc, e);
    free(j.nll);
    su_text_ids_fini(&j.ids);
    cli_model_close(&m);
    return rc;
}

const struct cli_verb cli_verb_perplexity = {
    .name = "perplexity",
    .args = "MODEL FILE",
    .summary = "Measure how likely a language model finds a text",
    .detail = "Prints the mean of -log of the probability that the model gives to each token of "
              "FILE after those before it, and its exponential. A text longer than the context is "
              "scored in windows that each begin afresh. Where the model has no beginning-of-text "
              "token, the first token of a window has no score.",
    .min_arg = 2,
    .max_arg = 2,
    .option = {{"--limit", "N", "score the first N tokens only"},
               {"--ctx", "N",
                "positions of a window (default: what the model knows, at most 8192)"},
               {"--target-vram", "SIZE",
                "memory that each task may use, e.g. 2GB (default: no limit, one task)"},
               {"--backend", "vulkan|cpu|reference", "(default: vulkan on a GPU, else cpu)"},
               {"--device", "WHICH",
                "Vulkan device: its number in `splitup doctor`, or a part of its name"},
               {"--threads", "N", "threads of the cpu backend (default: all processors)"},
               {"--batch", "N", "tokens per dispatch (default 32, at most 64)"},
               {"--json", NULL, "print a JSON object"},
               {"--per-token", NULL,
                "with --json: the tokens and the score of each, null without one"}},
    .run = run,
};
