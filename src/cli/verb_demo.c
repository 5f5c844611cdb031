// SPDX-License-Identifier: MIT
/* splitup demo: the whole of it on one machine. */
#include "demo.h"
#include "ui_open.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 200, PAUSE_MS = 20 };
#define DIGIT_VRAM ((uint64_t)1 << 30) /* of a node that reads digits */

/* The handler of SIGINT wakes whatever waits. */
static void on_terminate(int signal_number)
{
    (void)signal_number;
    (void)raise(SIGINT);
}

/* ---- digits -------------------------------------------------------------------------------------- */

/* Those that lie beside the model's weights. */
static enum su_code own_digits(char path[4096], struct su_err *e)
{
    struct su_model *m = NULL;
    enum su_code rc = su_model_open("mnist", &m, e);

    if (rc)
        return rc;
    (void)su_str_copy(path, 4096, su_weights_file_path(m->weights, 0));
    su_model_close(m);
    char *slash = strrchr(path, '/');
    size_t at = slash ? (size_t)(slash - path) + 1 : 0;
    return su_str_copy(path + at, 4096 - at, "digits-images-idx3-ubyte")
               ? SU_OK
               : su_fail(e, SU_ELIMIT, path, "is too long a path");
}

static enum su_code open_digits(struct demo *d, struct su_err *e)
{
    const char *given = cli_get(d->c, "--input"), *index = cli_get(d->c, "--index");
    char path[4096];
    enum su_code rc = given ? SU_OK : own_digits(path, e);

    if (!rc)
        rc = su_digits_open(given ? given : path, &d->digits, e);
    if (!rc && su_digits_count(d->digits) == 0)
        rc = su_fail(e, SU_EINVAL, given ? given : path, "holds 0 digits");
    if (!rc && index)
        rc = su_parse_u64(index, "--index", 0, su_digits_count(d->digits) - 1, &d->digit, e);
    return rc;
}

static void draw_digit(const struct demo *d)
{
    char line[200];
    float pixel[784];

    if (d->json || d->text ||
        su_digits_get(d->digits, d->digit % su_digits_count(d->digits), pixel, NULL) != SU_OK)
        return;
    for (unsigned row = 0; row < 14; row++) {
        cli_digit_line(pixel, row, d->c->utf8, line, sizeof line);
        printf("          %s\n", line);
    }
    (void)fflush(stdout);
}

/* ---- one execution ------------------------------------------------------------------------------- */

static void tell_request(const struct demo *d, const struct demo_run *r)
{
    char key[SU_CHAIN_TEXT], all[SU_OPS_AMOUNT_TEXT], fees[SU_OPS_AMOUNT_TEXT],
        checks[SU_OPS_AMOUNT_TEXT];

    demo_say(d, "request  %s: %s held (fees %s, checks %s)",
             su_chain_key_text(r->terms.execution, key),
             su_ops_amount_text(r->terms.escrow, SU_OPS_USDC, all),
             su_ops_amount_text(r->terms.fees, SU_OPS_USDC, fees),
             su_ops_amount_text(r->terms.surcharge, SU_OPS_USDC, checks));
}

static enum su_code not_final(const struct demo_run *r, struct su_err *e)
{
    const struct su_ops_follow_state *s = r->state;

    return su_fail(e, SU_EIO, "demo", "the execution ended without a final result: %s%s%s",
                   s->chain.state == SU_EXEC_SETTLED ? "its output never came"
                                                     : su_ops_void_word(s->void_cause),
                   s->trouble[0] ? "; last trouble: " : "", s->trouble);
}

static enum su_code one(struct demo *d, unsigned number, struct su_err *e)
{
    struct demo_money before, after;
    struct demo_run r = {.follow = NULL};
    enum su_code rc = demo_money(d, &before, e);

    draw_digit(d);
    if (!rc)
        rc = demo_begin(d, &r, number, e);
    if (!rc)
        tell_request(d, &r);
    while (!rc && !r.state->ended) {
        rc = demo_turn(d, &r, WAIT_MS, e);
        if (!rc)
            demo_tell(d, &r);
    }
    if (!rc)
        demo_check_reports(d, &r);
    if (!rc)
        rc = demo_check_draw(d, &r, e);
    if (!rc)
        rc = demo_settle(d, &after, e);
    if (!rc) {
        demo_tell(d, &r);
        demo_tell_money(d, &before, &after);
    }
    if (!rc && d->json)
        rc = demo_print_run(d, &r, &before, &after, e);
    if (!rc && !r.state->final)
        rc = not_final(&r, e);
    demo_run_fini(&r);
    return rc;
}

/* ---- many ---------------------------------------------------------------------------------------- */

static void count(const struct demo *d, struct demo_totals *t, const struct demo_run *r)
{
    const struct su_ops_follow_state *s = r->state;

    t->final += s->final;
    t->proofs += r->proof_right;
    t->flags_right += r->flags_right;
    t->sampled += r->sampled;
    t->matched += r->matched;
    t->foreign += r->foreign;
    for (uint16_t i = 0; i < s->n_part; i++) {
        double p = (double)s->part[i].threshold_ppm / SU_PPM;
        uint64_t macs = d->chain_model.tasks[i]->macs_per_step;
        t->tasks++;
        t->expected += p;
        t->variance += p * (1 - p);
        t->macs += macs;
        t->check_macs += s->part[i].n_check > 0 ? macs : 0;
    }
    demo_costs_add(t->cost, r);
}

static enum su_code finish_run(struct demo *d, struct demo_totals *t, struct demo_run *r,
                               struct su_err *e)
{
    demo_check_reports(d, r);
    enum su_code rc = demo_check_draw(d, r, e);

    if (!rc)
        count(d, t, r);
    if (!rc && d->json)
        rc = demo_print_run(d, r, NULL, NULL, e);
    else if (!rc)
        demo_say(d, "%u of %u: %s, %u of %u tasks checked, %u matched", t->executions + 1,
                 d->executions, r->state->final ? "final" : su_ops_void_word(r->state->void_cause),
                 r->sampled, r->state->n_part, r->matched);
    t->executions++;
    demo_run_fini(r);
    return rc;
}

static enum su_code turns(struct demo *d, struct demo_totals *t, struct demo_run *run,
                          struct su_err *e)
{
    unsigned begun = 0;
    enum su_code rc = SU_OK;

    while (!rc && t->executions < d->executions) {
        for (unsigned i = 0; i < d->at_once && !rc; i++) {
            if (!run[i].follow && begun < d->executions)
                rc = demo_begin(d, &run[i], begun++, e);
            if (!rc && run[i].follow)
                rc = demo_turn(d, &run[i], 0, e);
            if (!rc && run[i].follow && run[i].state->ended)
                rc = finish_run(d, t, &run[i], e);
        }
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return rc;
}

static enum su_code many(struct demo *d, struct su_err *e)
{
    struct demo_run run[DEMO_AT_ONCE];
    struct demo_totals t = {.executions = 0};
    struct demo_money before, after;
    uint64_t begun = su_clock_mono_ns();
    enum su_code rc = demo_money(d, &before, e);

    memset(run, 0, sizeof run);
    if (!rc)
        rc = turns(d, &t, run, e);
    for (unsigned i = 0; i < DEMO_AT_ONCE; i++)
        demo_run_fini(&run[i]);
    if (!rc)
        rc = demo_settle(d, &after, e);
    t.seconds = (double)(su_clock_mono_ns() - begun) * 1e-9;
    if (!rc && d->json)
        rc = demo_print_totals(d, &t, &before, &after, e);
    else if (!rc)
        demo_tell_money(d, &before, &after);
    return rc;
}

/* ---- staying ------------------------------------------------------------------------------------- */

/* True when another digit is wanted; false: enough. */
static bool wants_more(struct demo *d, struct su_err *e, enum su_code *rc)
{
    struct pollfd fd[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = cli_interrupt_fd(), .events = POLLIN}};
    char line[64];

    for (;;) {
        *rc = demo_alive(d, e);
        if (*rc)
            return false;
        if (poll(fd, 2, 500) <= 0 || (fd[0].revents & (POLLIN | POLLHUP)) == 0)
            continue;
        ssize_t n = read(STDIN_FILENO, line, sizeof line);
        return n > 0 && line[0] != 'q' && line[0] != 'Q';
    }
}

/* The app, as owner A, who has a node here and gets money to ask with. */
static enum su_code show_app(struct demo *d, struct su_err *e)
{
    const struct su_ops_airdrop gift = {.usdc = "1000"};
    char wallet[DEMO_PATH_MAX], home[DEMO_PATH_MAX], node[64];
    const struct cli_ui u = {.url = d->url,
                             .keypair = demo_path(d, "owner-a", "wallet.json", wallet),
                             .node_url = node,
                             .memory = true,
                             .period_ms = 500};
    enum su_code rc = su_ops_airdrop(d->ops, &gift, d->owner[0].key, e);

    (void)snprintf(node, sizeof node, "http://%s", d->node[0].endpoint);
    (void)setenv("SPLITUP_HOME", demo_path(d, d->node[0].name, NULL, home), 1);
    if (!rc)
        rc = cli_ui_run(&u, NULL, e);
    return rc ? rc : demo_alive(d, e);
}

enum su_code cli_demo_show(struct demo *d, struct su_err *e)
{
    enum su_code rc = one(d, 0, e);

    if (!rc && cli_ui_can() && !cli_has(d->c, "--text"))
        return show_app(d, e);

    for (unsigned number = 1; !rc; number++) {
        demo_say(d, "stays    RPC %s; Enter runs another digit, q ends it", d->url);
        if (!wants_more(d, e, &rc))
            break;
        rc = one(d, number, e);
    }
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------- */

static enum su_code number(const struct cli *c, const char *option, uint64_t least, uint64_t most,
                           unsigned *out, struct su_err *e)
{
    uint64_t v = *out;
    enum su_code rc = SU_OK;

    if (cli_get(c, option))
        rc = su_parse_u64(cli_get(c, option), option, least, most, &v, e);
    *out = (unsigned)v;
    return rc;
}

static enum su_code options(struct demo *d, struct su_err *e)
{
    const struct cli *c = d->c;
    enum su_code rc = number(c, "--nodes", DEMO_OWNERS, DEMO_NODES_MAX, &d->n_node, e);

    if (!rc)
        rc = number(c, "--oracles", 1, SU_ORACLES_MAX, &d->n_oracle, e);
    if (!rc)
        rc = number(c, "--executions", 1, DEMO_EXECUTIONS_MAX, &d->executions, e);
    if (!rc)
        rc = number(c, "--at-once", 1, DEMO_AT_ONCE, &d->at_once, e);
    if (!rc)
        rc = number(c, "--sampling", 1, 100, &d->checked, e);
    if (!rc && cli_get(c, "--backend") && strcmp(cli_get(c, "--backend"), "cpu") != 0 &&
        strcmp(cli_get(c, "--backend"), "vulkan") != 0)
        rc = su_fail(e, SU_EINVAL, "--backend", "%s is unknown; give vulkan or cpu",
                     cli_get(c, "--backend"));
    su_random(&d->seed, sizeof d->seed);
    if (!rc && cli_get(c, "--seed"))
        rc = su_parse_u64(cli_get(c, "--seed"), "--seed", 0, UINT64_MAX, &d->seed, e);
    d->json = cli_has(c, "--json");
    d->once = cli_has(c, "--once") || d->json || cli_get(c, "--executions");
    if (!rc && !cli_has(c, "--model") &&
        (cli_has(c, "--prompt") || cli_has(c, "--prompts") || cli_has(c, "--max-tokens")))
        rc = su_fail(e, SU_EUSAGE, "--prompt", "needs a language model: --model FILE.gguf");
    if (rc)
        return rc;
    if (cli_has(c, "--model"))
        return demo_words_open(d, e);
    (void)su_str_copy(d->model_name, sizeof d->model_name, "mnist");
    (void)su_str_copy(d->model_path, sizeof d->model_path, "mnist");
    (void)su_str_copy(d->target, sizeof d->target, "300KB");
    d->vram_bytes = DIGIT_VRAM;
    return open_digits(d, e);
}

static enum su_code close_all(struct demo *d, struct su_err *e)
{
    su_ops_close(d->ops);
    su_chain_model_fini(&d->chain_model);
    su_chain_close(d->chain);
    su_jobs_free(d->jobs);
    su_digits_close(d->digits);
    demo_words_close(d);
    demo_keys_fini(d);
    if (d->super && cli_has(d->c, "--keep"))
        fprintf(stderr, "splitup demo: its files stay in %s\n", d->home);
    return su_super_close(d->super, e);
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    struct demo *d = su_alloc(sizeof *d);
    struct sigaction act = {.sa_handler = on_terminate}, old;

    d->c = c;
    d->n_node = 3;
    d->n_oracle = 3;
    d->executions = 1;
    d->at_once = DEMO_AT_ONCE;
    d->started_ns = su_clock_mono_ns();
    sigaction(SIGTERM, &act, &old);
    enum su_code rc = options(d, e);
    if (!rc)
        rc = demo_setup(d, e);
    if (!rc && d->executions > 1)
        rc = many(d, e);
    else if (!rc)
        rc = d->once ? one(d, 0, e) : cli_demo_show(d, e);
    enum su_code closed = close_all(d, rc ? NULL : e);
    sigaction(SIGTERM, &old, NULL);
    free(d);
    return rc ? rc : closed;
}

const struct cli_verb cli_verb_demo = {
    .name = "demo",
    .args = "",
    .summary = "A whole network on this machine reads a digit, and is checked",
    .detail = "Starts a ledger, oracles and nodes of three owners as processes of their own under "
              "one temporary home, gives them test money, registers a model in tasks that no "
              "single node sees whole, has it read a digit, and shows who computed what, who was "
              "drawn to be checked and by whom, and what was paid. Everything is gone when it "
              "ends, however it ends. One node computes on a Vulkan device where there is one, so "
              "that checks cross backends. Without --once it stays, on a terminal with the "
              "app; else Enter runs another digit. With "
              "--model a language model is cut into three tasks in place of it, and goes on with "
              "the text of --prompt.",
    .option = {{"--nodes", "N", "3 to 16 (default 3)"},
               {"--oracles", "M", "1 to 8 (default 3)"},
               {"--seed", "S", "of keys and requests (default: another one each time)"},
               {"--input", "FILE", "digits: PNG, PGM, IDX (.gz) or safetensors (default: its own)"},
               {"--index", "N", "which digit of the file comes first (default 0)"},
               {"--model", "MODEL", "a language model in place of digits, with --prompt"},
               {"--prompt", "TEXT", "language models: the text to go on with"},
               {"--prompts", "FILE", "one prompt a line, an execution each, in place of --prompt"},
               {"--system", "TEXT",
                "answer the prompt as a user's turn after this system turn (may be empty)"},
               {"--max-tokens", "N", "most tokens to write (default 64)"},
               {"--temperature", "X",
                "0 takes the likeliest token (default), 1 draws as the model says"},
               {"--top-k", "N", "draw among the N likeliest only"},
               {"--top-p", "X", "draw among the likeliest that make up this share"},
               {"--min-p", "X", "leave out what is less likely than this share of the likeliest"},
               {"--repeat-penalty", "X", "make tokens of the last 64 less likely by this factor"},
               {"--executions", "K", "run K of them, several at a time, and sum up"},
               {"--at-once", "N", "of these executions, 1 to 8 (default 8)"},
               {"--sampling", "PERCENT",
                "share of the tasks that is checked (default: the config's least, 8)"},
               {"--backend", "vulkan|cpu", "for every node (default: see above)"},
               {"--once", NULL, "end after one"},
               {"--text", NULL, "stay with lines of text, not with the app"},
               {"--keep", NULL, "leave the files of the processes behind"},
               {"--json", NULL, "print JSON, one line for an execution, and end"}},
    .run = run,
};
