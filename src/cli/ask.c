// SPDX-License-Identifier: MIT
/* Asking a model of a cluster for a generation: the request, the answer as it comes, and what is shown
   of it meanwhile. */
#include "generation.h"

#include "llm_common.h"
#include "stages.h"

#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 500, SHOW_MS = 250, REPEATS = 2, LINE_COLUMNS = 100 };

/* An execution that is being followed. */
struct asked {
    struct cli_asker *a;
    struct cli_generation *g;
    const struct su_ops_follow_state *s;
    struct cli_screen screen;
    struct cli_stages *stages;
    struct cli_stage *stage; /* n_stage of them */
    size_t n_stage;
    uint64_t shown_ns;
    bool told; /* that it is provisional */
    bool stopping; /* by SIGINT */
    bool ended; /* the answer's last line */
    bool left; /* nobody waits for its check */
};

static const struct su_params *params_of(struct su_ops *o)
{
    static const struct su_params none;
    const struct su_chain_env *env;
    const struct su_params *p;

    return su_ops_env(o, &env, &p, NULL) == SU_OK ? p : &none;
}

/* ---- telling --------------------------------------------------------------------------------------- */

static enum su_code print_json(const struct asked *q, struct su_err *e)
{
    const struct su_ops_follow_state *s = q->s;
    const struct cli_asker *a = q->a;
    char key[SU_CHAIN_TEXT];
    struct su_json_writer w;
    struct su_buf b, input;

    su_buf_init(&b, 0);
    su_buf_init(&input, SU_INPUT_BYTES_MAX);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", a->name);
    su_json_put_str(&w, "execution", su_chain_key_text(s->execution, key));
    su_json_put_bool(&w, "provisional", s->provisional);
    su_json_put_bool(&w, "final", s->final);
    cli_put_generation(&w, q->g);
    cli_put_amount(&w, "cost", cli_execution_cost(params_of(a->o), s), SU_OPS_USDC);
    if (s->final) {
        if (cli_generation_input(q->g, a->model, &input, NULL) == SU_OK)
            cli_put_input(&w, s, input.data, input.len);
        cli_put_tasks(&w, s, a->report);
        cli_put_samples(&w, s);
    }
    su_json_end_object(&w);
    su_buf_fini(&input);
    return cli_print_json(&b, e);
}

/* "1 of 3 stages sampled, 1 matched": once the draw is known. */
static void samples_text(const struct su_ops_follow_state *s, char *out, size_t cap)
{
    unsigned sampled = 0, right = 0;

    out[0] = 0;
    if (s->chain.state < SU_EXEC_CHECKING || s->chain.state == SU_EXEC_VOID)
        return;
    for (uint16_t i = 0; i < s->n_part; i++) {
        const char *verdict = cli_sample_verdict(&s->part[i]);
        if ((s->part[i].flags & SU_TASKF_SAMPLED) == 0)
            continue;
        sampled++;
        right += strncmp(verdict, "match", 5) == 0;
    }
    if (sampled == 0)
        (void)snprintf(out, cap, "none of %u stages sampled", s->n_part);
    else
        (void)snprintf(out, cap, "%u of %u stages sampled, %u matched", sampled, s->n_part, right);
}

static void put_mark(const struct asked *q, struct su_buf *out)
{
    const struct cli_generation *g = q->g;
    char cost[SU_OPS_AMOUNT_TEXT], all[SU_OPS_AMOUNT_TEXT], samples[96];
    const char *word = q->s->final ? "final" : "provisional";

    samples_text(q->s, samples, sizeof samples);
    su_buf_printf(out, "%s: %zu + %u tokens, %.2f tokens/s, first after %.0f ms, cost %s%s\n", word,
                  g->prompt.count, g->n, cli_generation_rate(g), cli_generation_first_ms(g),
                  su_ops_amount_text(q->a->cost, SU_OPS_USDC, cost),
                  q->s->final ? "" : "; not checked yet");
    if (q->s->final && samples[0])
        su_buf_printf(out, "checks: %s\n", samples);
    if (q->a->chat && q->a->answers > 1 && (q->s->final || q->left))
        su_buf_printf(out, "conversation: %u answers, cost %s\n", q->a->answers,
                      su_ops_amount_text(q->a->spent, SU_OPS_USDC, all));
}

static void put_stages(struct asked *q, struct su_buf *out, size_t most)
{
    struct cli_look look = {LINE_COLUMNS, q->a->c->utf8, false};
    unsigned rows;

    if (q->screen.draws) {
        cli_screen_room(&q->screen, &look.width, &rows);
        look.color = q->screen.color;
        most = SU_MIN(most, (size_t)rows);
    }
    cli_stage_lines(out, q->stage, q->n_stage, most, &look);
}

/* What goes on, and what it has cost. */
static void put_status(const struct asked *q, struct su_buf *out, unsigned width)
{
    const struct su_acc_execution *x = &q->s->chain;
    char cost[SU_OPS_AMOUNT_TEXT], held[SU_OPS_AMOUNT_TEXT], samples[96], line[512], what[160];
    const struct cli_generation *g = q->g;
    uint64_t most = x->fees + x->surcharge + x->oracle_fee;

    samples_text(q->s, samples, sizeof samples);
    if (!q->s->known || x->state < SU_EXEC_RUNNING)
        (void)snprintf(what, sizeof what, "%s: waiting for nodes",
                       q->s->known ? su_ops_execution_word(x->state) : "asked");
    else if (q->s->provisional)
        (void)snprintf(what, sizeof what, "provisional: %u tokens, being checked%s%s", g->n,
                       samples[0] ? ": " : "", samples);
    else if (g->n_row == 0)
        (void)snprintf(what, sizeof what, "running: the prompt, %zu tokens", g->prompt.count);
    else
        (void)snprintf(what, sizeof what, "provisional: %u of %u tokens, %.1f/s%s", g->n,
                       g->max_tokens, cli_generation_rate(g), q->stopping ? ", ending here" : "");
    int n = snprintf(
        line, sizeof line, "%s; cost so far %s of %s", what,
        su_ops_amount_number(
            q->s->known ? cli_execution_cost_so_far(params_of(q->a->o), q->a->model, q->s) : 0,
            SU_OPS_USDC, cost),
        su_ops_amount_text(q->s->known ? most : 0, SU_OPS_USDC, held));
    su_buf_put(out, line, SU_MIN((size_t)SU_MAX(n, 0), SU_MIN((size_t)width, sizeof line - 1)));
    su_buf_str(out, "\n");
}

/* The block while it runs. */
static void show(struct asked *q)
{
    unsigned width, rows;
    uint64_t now = su_clock_mono_ns();
    struct su_buf b;

    if (!q->screen.draws || now - q->shown_ns < SHOW_MS * 1000000ull)
        return;
    q->shown_ns = now;
    cli_screen_room(&q->screen, &width, &rows);
    su_buf_init(&b, 0);
    put_stages(q, &b, rows - 1);
    put_status(q, &b, width);
    cli_screen_show(&q->screen, &b);
    su_buf_fini(&b);
}

/* What stays: on a terminal, where the block tells it, only at the end. */
static enum su_code mark(struct asked *q, struct su_err *e)
{
    struct su_buf b;

    if (!q->ended)
        cli_generation_end(q->g);
    q->ended = true;
    if (cli_has(q->a->c, "--json"))
        return print_json(q, e);
    enum su_code rc = cli_flush(e);
    if (rc || (q->screen.draws && !q->s->ended && !q->s->final))
        return rc;
    cli_screen_clear(&q->screen);
    su_buf_init(&b, 0);
    if (q->s->final)
        put_stages(q, &b, SIZE_MAX);
    put_mark(q, &b);
    if (!b.failed)
        fwrite(b.data, 1, b.len, stderr);
    su_buf_fini(&b);
    return SU_OK;
}

/* ---- following ------------------------------------------------------------------------------------- */

static void see_stages(struct asked *q)
{
    cli_stages_see(q->stages, q->s);
    q->n_stage = cli_stages_get(q->stages, q->stage, q->a->model->model->task_count);
    for (size_t i = 0; i < q->n_stage; i++)
        q->a->report[i] = q->stage[i].report;
}

/* What SIGINT means now. */
static enum su_code interrupted(struct asked *q, struct su_ops_follow *f, enum su_code rc,
                                bool *leave)
{
    *leave = false;
    if (rc != SU_ECANCELLED || !cli_interrupted())
        return rc;
    if (!q->stopping && !q->s->provisional) {
        q->stopping = true;
        su_ops_follow_stop(f);
        rc = SU_OK;
    } else if (q->a->chat && q->s->provisional) {
        *leave = true;
        rc = SU_OK;
    }
    cli_interrupt_clear();
    return rc;
}

static void count_cost(struct asked *q)
{
    uint64_t cost = cli_execution_cost(params_of(q->a->o), q->s);

    q->a->cost = cost;
    q->a->answers++;
    if (!su_add_u64(q->a->spent, cost, &q->a->spent))
        q->a->spent = UINT64_MAX;
}

/* Nobody waits for the check of an answer that is there. */
static enum su_code leave_provisional(struct asked *q, struct su_err *e)
{
    q->left = true;
    count_cost(q);
    if (cli_has(q->a->c, "--json"))
        return SU_OK; /* printed when it became so */
    cli_screen_clear(&q->screen);
    struct su_buf b;
    su_buf_init(&b, 0);
    if (q->screen.draws)
        su_buf_str(&b, "\n"); /* behind the ^C that stands there */
    put_mark(q, &b);
    if (!b.failed)
        fwrite(b.data, 1, b.len, stderr);
    su_buf_fini(&b);
    return cli_flush(e);
}

static enum su_code watch(struct asked *q, struct su_ops_follow *f, bool *final, struct su_err *e)
{
    const struct su_ops_follow_state *s = q->s;
    bool leave = false;
    enum su_code rc = SU_OK;

    while (!rc && !s->ended && !leave) {
        rc = su_ops_follow_poll(f, q->screen.draws ? SHOW_MS : WAIT_MS, e);
        rc = interrupted(q, f, rc, &leave);
        if (!rc)
            rc = cli_generation_take(q->g, s, e);
        see_stages(q);
        if (!rc && s->provisional && !q->told && !s->final) {
            q->told = true;
            q->a->cost = cli_execution_cost(params_of(q->a->o), s);
            rc = mark(q, e);
        }
        if (!rc)
            show(q);
    }
    if (rc == SU_ECANCELLED && !s->ended)
        rc = su_wrap(e, "the request goes on, `splitup request list` shows it");
    if (rc)
        return rc;
    *final = s->final;
    if (s->final) {
        count_cost(q);
        return mark(q, e);
    }
    if (leave)
        return leave_provisional(q, e);
    return su_fail(e, SU_EIO, q->a->name,
                   "no result: %s; what was held comes back (`splitup request refund`)",
                   s->chain.state == SU_EXEC_SETTLED ? "its output never came"
                                                     : su_ops_void_word(s->void_cause));
}

static enum su_code follow(struct cli_asker *a, struct cli_generation *g,
                           const struct su_ops_request_terms *terms, const struct su_buf *input,
                           bool *final, struct su_err *e)
{
    const struct su_ops_follow_options fo = {
        .input = input->data, .input_bytes = input->len, .repeats = REPEATS};
    struct asked q = {.a = a, .g = g};
    struct su_ops_follow *f = NULL;
    enum su_code rc = su_ops_follow_open(a->o, terms->execution, &fo, &f, e);

    if (rc)
        return rc;
    for (uint16_t i = 0; i < a->model->model->task_count; i++)
        a->report[i] = CLI_TASK_REPORT_NONE;
    q.s = su_ops_follow_state(f);
    q.stage = su_alloc(a->model->model->task_count * sizeof *q.stage + 1);
    q.stages = cli_stages_open();
    cli_screen_begin(&q.screen, a->c, cli_has(a->c, "--json"));
    g->screen = &q.screen;
    rc = watch(&q, f, final, e);
    if (rc && !q.ended && g->n_row > 0)
        cli_generation_end(g);
    cli_screen_end(&q.screen);
    g->screen = NULL;
    cli_stages_close(q.stages);
    free(q.stage);
    su_ops_follow_close(f);
    return rc;
}

enum su_code cli_asker_ask(struct cli_asker *a, struct cli_generation *g, bool *final,
                           struct su_err *e)
{
    struct su_ops_request r = {.model = a->name, .seed = g->sampling.seed, .repeats = REPEATS};
    struct su_ops_request_terms terms;
    struct su_ops_proposal p = {.n_tx = 0};
    struct su_buf input;

    *final = false;
    su_buf_init(&input, SU_INPUT_BYTES_MAX);
    enum su_code rc = cli_asker_fit(a, g, e);
    if (!rc)
        rc = cli_generation_input(g, a->model, &input, e);
    r.input = input.data;
    r.input_bytes = input.len;
    r.max_steps = rc ? 0 : cli_generation_steps(g);
    if (!rc)
        rc = su_ops_request_prepare(a->o, &r, &p, &terms, e);
    if (!rc)
        rc = cli_agree_on(a->c, a->o, &p, a->chat ? NULL : stderr, e);
    if (!rc && !cli_has(a->c, "--dry-run")) {
        cli_generation_begin(g);
        rc = follow(a, g, &terms, &input, final, e);
    }
    su_ops_proposal_fini(&p);
    su_buf_fini(&input);
    return rc;
}

/* ---- splitup run ----------------------------------------------------------------------------------- */

enum su_code cli_generation_run(const struct cli *c, struct su_ops *o, const char *word,
                                struct su_err *e)
{
    struct cli_asker a = {.c = c, .o = o};
    struct cli_generation g = {.max_tokens = CLI_TOKENS_DEFAULT, .silent = cli_has(c, "--json")};
    bool final;
    enum su_code rc = SU_OK;

    if (!cli_has(c, "--prompt"))
        rc = su_fail(e, SU_EUSAGE, "--prompt", "is missing; %s is a language model", word);
    if (!rc)
        rc = cli_llm_u32(c, "--max-tokens", 1, 1u << 20, &g.max_tokens, e);
    if (!rc)
        rc = cli_llm_sampling(c, &g.sampling, e);
    if (!rc)
        rc = cli_asker_open(&a, word, e);
    g.text = a.text;
    if (!rc)
        rc =
            cli_prompt_encode(a.text, cli_get(c, "--prompt"), cli_get(c, "--system"), &g.prompt, e);
    if (!rc)
        rc = cli_asker_ask(&a, &g, &final, e);
    cli_generation_fini(&g);
    cli_asker_close(&a);
    return rc;
}
