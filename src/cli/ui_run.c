// SPDX-License-Identifier: MIT
/* What the app's Run pane sends and what it shows of it: digits, and generations. */
#include "ui_run.h"

#include "generation.h"
#include "llm_common.h"

#include <stdlib.h>
#include <string.h>

/* All of it belongs to the app's worker thread. */
struct cli_ui_runner {
    struct su_ui_runner runner;
    struct cli cli; /* of `splitup run`, without any option */
    struct cli_watch watch;
    struct cli_asker asker; /* of the model that was asked last; text NULL = none */
    struct cli_generation next, now; /* prepared; followed */
    struct su_text *text; /* that `now` is decoded with, when it is no longer the asker's */
    struct su_params params;
};

extern const struct cli_verb cli_verb_run;

/* ---- digits ---------------------------------------------------------------------------------------- */

static enum su_code digit_input(struct su_chain_model *m, const struct su_ui_intent *i,
                                struct su_buf *out, uint32_t *max_steps, struct su_err *e)
{
    float pixel[SU_UI_PIXELS];

    for (size_t k = 0; k < SU_UI_PIXELS; k++)
        pixel[k] = (float)i->pixel[k] / 255.0f;
    *max_steps = 1;
    return cli_digit_input(m, pixel, out, e);
}

static enum su_code load_digit(struct su_ops *o, const struct su_ui_intent *i, struct su_buf *out,
                               uint32_t *max_steps, struct su_err *e)
{
    struct su_chain_model *m = su_alloc(sizeof *m);
    const struct su_chain_env *env;
    const struct su_params *params;
    uint8_t key[32];
    enum su_code rc = su_ops_env(o, &env, &params, e);

    if (!rc)
        rc = su_ops_model_find(o, i->field[0], key, e);
    if (!rc)
        rc = su_chain_model_load(su_ops_chain(o), env, key, m, e);
    if (!rc)
        rc = digit_input(m, i, out, max_steps, e);
    su_chain_model_fini(m);
    free(m);
    return rc;
}

/* ---- generations ----------------------------------------------------------------------------------- */

/* The model's tokenizer, fetched when another model was asked before. */
static enum su_code open_model(struct cli_ui_runner *r, struct su_ops *o, const char *word,
                               struct su_err *e)
{
    if (r->asker.text && strcmp(r->asker.name, word) == 0 && r->asker.o == o)
        return SU_OK;
    if (r->now.text && r->now.text == r->asker.text) { /* what is followed still needs it */
        su_text_free(r->text);
        r->text = r->asker.text;
        r->asker.text = NULL;
    }
    cli_asker_close(&r->asker);
    r->asker = (struct cli_asker){.c = &r->cli, .o = o};
    enum su_code rc = cli_asker_open(&r->asker, word, e);
    if (rc)
        cli_asker_close(&r->asker);
    return rc;
}

static enum su_code prompt_input(struct cli_ui_runner *r, struct su_ops *o,
                                 const struct su_ui_intent *i, struct su_buf *out,
                                 uint32_t *max_steps, struct su_err *e)
{
    struct cli_generation *g = &r->next;
    const struct su_chain_env *env;
    const struct su_params *params;
    uint64_t tokens = CLI_TOKENS_DEFAULT;
    enum su_code rc = su_ops_env(o, &env, &params, e);

    cli_generation_fini(g);
    *g = (struct cli_generation){.silent = true};
    if (!rc && i->field[2][0])
        rc = su_parse_u64(i->field[2], "Tokens", 1, 1u << 20, &tokens, e);
    if (!rc)
        rc = open_model(r, o, i->field[0], e);
    if (rc)
        return rc;
    r->params = *params;
    g->text = r->asker.text;
    g->max_tokens = (uint32_t)tokens;
    rc = cli_prompt_encode(g->text, i->prompt ? i->prompt : i->field[1], NULL, &g->prompt, e);
    if (!rc)
        rc = cli_asker_fit(&r->asker, g, e);
    if (!rc)
        rc = cli_generation_input(g, r->asker.model, out, e);
    if (!rc)
        *max_steps = cli_generation_steps(g);
    return rc;
}

/* ---- for the app ----------------------------------------------------------------------------------- */

static enum su_code on_input(void *ctx, struct su_ops *o, const struct su_ui_intent *i,
                             const struct su_ui_hooks *h, struct su_buf *out, uint32_t *max_steps,
                             struct su_err *e)
{
    struct cli_ui_runner *r = ctx;

    if (i->drawn) {
        cli_generation_fini(&r->next);
        r->next = (struct cli_generation){.silent = true};
        return load_digit(o, i, out, max_steps, e);
    }
    r->watch = (struct cli_watch){h->ctx, h->say, h->stop};
    r->cli.watch = &r->watch;
    enum su_code rc = prompt_input(r, o, i, out, max_steps, e);
    r->cli.watch = NULL;
    return rc;
}

static void on_begin(void *ctx)
{
    struct cli_ui_runner *r = ctx;

    cli_generation_fini(&r->now);
    r->now = r->next;
    r->next = (struct cli_generation){.silent = true};
    su_text_free(r->text);
    r->text = NULL;
    if (r->now.text)
        cli_generation_begin(&r->now);
}

/* The end of an answer that is longer than what can be shown, from a character's beginning on. */
static void put_answer(const struct su_buf *words, char out[SU_UI_OUTPUT])
{
    size_t n = words->failed ? 0 : words->len, from = n < SU_UI_OUTPUT ? 0 : n - SU_UI_OUTPUT + 1;

    while (from < n && (words->data[from] & 0xc0) == 0x80)
        from++;
    if (n > from)
        memcpy(out, words->data + from, n - from);
    out[n - from] = 0;
}

static void put_generation(struct cli_ui_runner *r, const struct su_ops_follow_state *s,
                           struct su_ui_news *out)
{
    struct cli_generation *g = &r->now;

    if (cli_generation_take(g, s, NULL)) /* there is no memory for more: it stays as it is */
        return;
    put_answer(&g->words, out->text);
    out->tokens = g->n;
    out->max_tokens = g->max_tokens;
    out->rate = cli_generation_rate(g);
    if (s->known) {
        out->cost = g->text == r->asker.text
                        ? cli_execution_cost_so_far(&r->params, r->asker.model, s)
                        : cli_execution_cost(&r->params, s);
        out->held = s->chain.fees + s->chain.surcharge + s->chain.oracle_fee;
    }
}

static void on_output(void *ctx, const struct su_ops_follow_state *s, struct su_ui_news *out)
{
    struct cli_ui_runner *r = ctx;
    unsigned best = 0;

    if (r->now.text) {
        put_generation(r, s, out);
        return;
    }
    const float *p = cli_digit_output(s, &best, NULL);
    if (p)
        (void)snprintf(out->text, sizeof out->text, "a %u (%.2f %%)", best, (double)p[best] * 100);
}

struct cli_ui_runner *cli_ui_runner_open(void)
{
    struct cli_ui_runner *r = su_alloc(sizeof *r);

    r->runner = (struct su_ui_runner){r, on_input, on_begin, on_output};
    r->cli.verb = &cli_verb_run;
    return r;
}

const struct su_ui_runner *cli_ui_runner_get(const struct cli_ui_runner *r)
{
    return &r->runner;
}

void cli_ui_runner_close(struct cli_ui_runner *r)
{
    if (!r)
        return;
    cli_generation_fini(&r->next);
    cli_generation_fini(&r->now);
    su_text_free(r->text);
    cli_asker_close(&r->asker);
    free(r);
}
