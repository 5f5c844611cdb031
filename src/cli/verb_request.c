// SPDX-License-Identifier: MIT
/* splitup run of a model of the cluster, and splitup request: what was asked for. */
#include "generation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 500, REPEATS = 2 };

/* ---- run ----------------------------------------------------------------------------------------- */

struct asking {
    const struct cli *c;
    struct su_ops *o;
    bool json;
    char model[SU_NAME_MAX + SU_CHAIN_TEXT]; /* address or name, without the cluster */
    struct su_buf input;
    struct su_digits *digits;
    uint64_t index;
    struct cli_task_report *report;
    uint8_t shown_state;
    bool shown_provisional, shown_assigned, shown_draw;
};

static enum su_code read_digit(struct asking *a, float pixel[784], struct su_err *e)
{
    const char *path = cli_get(a->c, "--input"), *index = cli_get(a->c, "--index");
    enum su_code rc = SU_OK;

    if (!path)
        return su_fail(e, SU_EUSAGE, "--input",
                       "is missing; give a PNG, PGM, IDX(.gz) or safetensors file");
    if (cli_get(a->c, "--range"))
        return su_fail(e, SU_EUSAGE, "--range", "is for models of this machine; give --index");
    rc = su_digits_open(path, &a->digits, e);
    if (!rc && su_digits_count(a->digits) == 0)
        rc = su_fail(e, SU_EINVAL, path, "holds 0 digits; give a file with at least one");
    if (!rc && index)
        rc = su_parse_u64(index, "--index", 0, su_digits_count(a->digits) - 1, &a->index, e);
    return rc ? rc : su_digits_get(a->digits, a->index, pixel, e);
}

/* The input container needs the model's shapes: its address is found as the request will find it. */
static enum su_code make_input(struct asking *a, struct su_err *e)
{
    struct su_chain_model *m = su_alloc(sizeof *m);
    const struct su_chain_env *env;
    const struct su_params *params;
    uint8_t key[32];
    float pixel[784];
    enum su_code rc = su_ops_env(a->o, &env, &params, e);

    if (!rc)
        rc = su_ops_model_find(a->o, a->model, key, e);
    if (!rc)
        rc = su_chain_model_load(su_ops_chain(a->o), env, key, m, e);
    if (!rc)
        rc = read_digit(a, pixel, e);
    if (!rc)
        rc = cli_digit_input(m, pixel, &a->input, e);
    su_chain_model_fini(m);
    free(m);
    return rc;
}

static enum su_code print_result(struct asking *a, const struct su_ops_follow_state *s,
                                 struct su_err *e)
{
    char key[SU_CHAIN_TEXT];
    unsigned best = 0;
    const uint8_t *leaf = NULL;
    const float *p = cli_digit_output(s, &best, &leaf);
    struct su_json_writer w;
    struct su_buf b;

    if (!a->json) {
        if (p)
            printf("%-12s %u  (%.2f %%)%s\n", s->final ? "final" : "provisional", best,
                   (double)p[best] * 100, s->final ? "" : "  not checked yet");
        return cli_flush(e);
    }
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", a->model);
    su_json_put_str(&w, "execution", su_chain_key_text(s->execution, key));
    su_json_put_u64(&w, "index", a->index);
    if (su_digits_label(a->digits, a->index) >= 0)
        su_json_put_i64(&w, "label", su_digits_label(a->digits, a->index));
    su_json_put_bool(&w, "provisional", s->provisional);
    su_json_put_bool(&w, "final", s->final);
    if (p) {
        su_json_put_u64(&w, "predicted", best);
        su_json_put_array(&w, "probabilities");
        for (unsigned k = 0; k < CLI_DIGIT_CLASSES; k++)
            su_json_put_float(&w, NULL, p[k]);
        su_json_end_array(&w);
        su_json_put_hex(&w, "output_sha256", leaf, SU_SHA256_BYTES);
    }
    if (s->final) {
        cli_put_input(&w, s, a->input.data, a->input.len);
        cli_put_tasks(&w, s, a->report);
        cli_put_samples(&w, s);
    }
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void print_parts(const struct su_ops_follow_state *s)
{
    char node[SU_CHAIN_TEXT], owner[SU_CHAIN_TEXT];

    for (uint16_t i = 0; i < s->n_part; i++)
        printf("task %-7u %s of %s\n", i, su_chain_key_text(s->part[i].node, node),
               su_chain_key_text(s->part[i].owner, owner));
}

static void print_draw(const struct su_ops_follow_state *s)
{
    for (uint16_t i = 0; i < s->n_part; i++)
        printf("draw %-7u %.4f of %.4f%s\n", i, (double)s->part[i].draw / 4294967296.0,
               (double)s->part[i].threshold_ppm / SU_PPM,
               s->part[i].flags & SU_TASKF_SAMPLED ? ": checked" : "");
}

static enum su_code show_progress(struct asking *a, const struct su_ops_follow_state *s,
                                  struct su_err *e)
{
    if (!a->json && s->known && s->chain.state != a->shown_state) {
        printf("%-12s slot %" PRIu64 "\n", su_ops_execution_word(s->chain.state), s->slot);
        if (s->chain.state >= SU_EXEC_RUNNING && s->chain.state < SU_EXEC_VOID &&
            !a->shown_assigned)
            print_parts(s);
        if (s->chain.state >= SU_EXEC_CHECKING && s->chain.state < SU_EXEC_VOID && !a->shown_draw)
            print_draw(s);
        a->shown_assigned = a->shown_assigned || s->chain.state >= SU_EXEC_RUNNING;
        a->shown_draw = a->shown_draw || s->chain.state >= SU_EXEC_CHECKING;
        a->shown_state = s->chain.state;
    }
    (void)cli_task_reports(s, a->report);
    if (!s->provisional || a->shown_provisional || s->final)
        return cli_flush(e);
    a->shown_provisional = true;
    return print_result(a, s, e);
}

static enum su_code follow(struct asking *a, const uint8_t execution[32], struct su_err *e)
{
    const struct su_ops_follow_options fo = {
        .input = a->input.data, .input_bytes = a->input.len, .repeats = REPEATS, .claim = false};
    struct su_ops_follow *f = NULL;
    enum su_code rc = su_ops_follow_open(a->o, execution, &fo, &f, e);
    const struct su_ops_follow_state *s = rc ? NULL : su_ops_follow_state(f);

    if (!rc) {
        a->report = su_alloc(s->n_part * sizeof *a->report + 1);
        for (uint16_t i = 0; i < s->n_part; i++)
            a->report[i] = CLI_TASK_REPORT_NONE;
    }
    while (!rc && !s->ended) {
        rc = su_ops_follow_poll(f, WAIT_MS, e);
        if (!rc)
            rc = show_progress(a, s, e);
    }
    if (rc == SU_ECANCELLED && s && !s->ended)
        rc = su_wrap(e, "the request goes on, `splitup request list` shows it");
    if (!rc && s->final)
        rc = print_result(a, s, e);
    else if (!rc)
        rc = su_fail(e, SU_EIO, a->model,
                     "no result: %s; what was held comes back (`splitup "
                     "request refund`)",
                     s->chain.state == SU_EXEC_SETTLED ? "its output never came"
                                                       : su_ops_void_word(s->void_cause));
    su_ops_follow_close(f);
    free(a->report);
    return rc;
}

static enum su_code ask_for(struct asking *a, struct su_err *e)
{
    struct su_ops_request r = {.model = a->model, .max_steps = 1, .repeats = REPEATS};
    struct su_ops_request_terms terms;
    struct su_ops_proposal p = {.n_tx = 0};
    enum su_code rc = make_input(a, e);

    r.input = a->input.data;
    r.input_bytes = a->input.len;
    if (!rc)
        rc = su_ops_request_prepare(a->o, &r, &p, &terms, e);
    if (!rc)
        rc = cli_agree(a->c, a->o, &p, e);
    if (!rc && !cli_has(a->c, "--dry-run"))
        rc = follow(a, terms.execution, e);
    su_ops_proposal_fini(&p);
    return rc;
}

enum su_code cli_network_run(const struct cli *c, struct su_err *e)
{
    struct asking a = {.c = c, .json = cli_has(c, "--json")};
    bool generates = false;
    enum su_code rc = cli_may_sign(c, e);

    su_buf_init(&a.input, SU_INPUT_BYTES_MAX);
    if (!rc)
        rc = cli_ops_open_for(c, a.model, sizeof a.model, &a.o, e);
    if (!rc)
        rc = cli_model_generates(a.o, a.model, &generates, e);
    if (!rc)
        rc = generates ? cli_generation_run(c, a.o, a.model, e) : ask_for(&a, e);
    su_digits_close(a.digits);
    su_buf_fini(&a.input);
    su_ops_close(a.o);
    return rc;
}

/* ---- request ------------------------------------------------------------------------------------- */

static void put_execution(struct su_json_writer *w, const uint8_t key[32],
                          const struct su_acc_execution *x)
{
    char text[SU_CHAIN_TEXT];

    su_json_put_str(w, "execution", su_chain_key_text(key, text));
    su_json_put_str(w, "model", su_chain_key_text(x->model, text));
    su_json_put_str(w, "requestor", su_chain_key_text(x->requestor, text));
    su_json_put_str(w, "state", su_ops_execution_word(x->state));
    if (x->state == SU_EXEC_VOID)
        su_json_put_str(w, "cause", su_ops_void_word(x->void_cause));
    su_json_put_u64(w, "nonce", x->nonce);
    su_json_put_u64(w, "request_slot", x->request_slot);
    su_json_put_u64(w, "steps", x->steps);
    su_json_put_u64(w, "max_steps", x->max_steps);
    cli_put_amount(w, "held", x->escrow, SU_OPS_USDC);
    su_json_put_u64(w, "task_count", x->task_count);
    su_json_put_u64(w, "assigned", x->assigned);
    su_json_put_u64(w, "committed", x->committed);
    su_json_put_u64(w, "sampled", x->sampled);
    su_json_put_u64(w, "checked", x->checked);
    su_json_put_u64(w, "revealed", x->revealed);
}

static enum su_code list_json(const struct su_chain_accounts *list, const uint8_t *program,
                              uint64_t refund, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_array(&w, "requests");
    for (size_t i = 0; i < list->n; i++) {
        const struct su_acc_execution *x;
        if (su_chain_as_execution(&list->items[i], program, &x, NULL) != SU_OK)
            continue;
        su_json_put_object(&w, NULL);
        put_execution(&w, list->items[i].key, x);
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    cli_put_amount(&w, "refund", refund, SU_OPS_USDC);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void list_text(const struct su_chain_accounts *list, const uint8_t *program, uint64_t refund)
{
    static const char *const title[] = {"EXECUTION",  "STATE",    ">TASKS",
                                        ">COMMITTED", ">SAMPLED", ">HELD"};
    char text[SU_CHAIN_TEXT], amount[SU_OPS_AMOUNT_TEXT];
    struct cli_table t;

    cli_table_init(&t, title, SU_ARRAY_LEN(title));
    for (size_t i = 0; i < list->n; i++) {
        const struct su_acc_execution *x;
        if (su_chain_as_execution(&list->items[i], program, &x, NULL) != SU_OK)
            continue;
        cli_table_cell(&t, "%s", su_chain_key_text(list->items[i].key, text));
        cli_table_cell(&t, "%s", su_ops_execution_word(x->state));
        cli_table_cell(&t, "%u", x->task_count);
        cli_table_cell(&t, "%u", x->committed);
        cli_table_cell(&t, "%u", x->sampled);
        cli_table_cell(&t, "%s", su_ops_amount_text(x->escrow, SU_OPS_USDC, amount));
    }
    cli_table_print(&t);
    if (refund > 0)
        printf("%s came back and can be claimed: `splitup request refund`\n",
               su_ops_amount_text(refund, SU_OPS_USDC, amount));
}

static enum su_code request_list(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_chain_filter mine = {.offset = offsetof(struct su_acc_execution, requestor), .n = 32};
    struct su_chain_accounts list = {0};
    struct su_wallet *wallet;
    uint64_t refund = 0;
    enum su_code rc = su_ops_wallet(o, &wallet, e);

    if (!rc)
        rc = su_ops_refund_waiting(o, &refund, e);
    if (rc)
        return rc;
    mine.bytes = su_wallet_public_key(wallet);
    rc = su_chain_list(su_ops_chain(o), SU_TAG_EXECUTION, &mine, &list, e);
    if (!rc && cli_has(c, "--json"))
        rc = list_json(&list, su_chain_program(su_ops_chain(o)), refund, e);
    else if (!rc)
        list_text(&list, su_chain_program(su_ops_chain(o)), refund);
    su_chain_accounts_fini(&list);
    return rc;
}

static enum su_code show_json(const struct su_ops_follow_state *s, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    put_execution(&w, s->execution, &s->chain);
    cli_put_tasks(&w, s, NULL);
    cli_put_samples(&w, s);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void show_text(const struct su_ops_follow_state *s)
{
    static const char *const title[] = {">TASK", "STATE", "NODE", "OWNER", ">TRY", "CHECK"};
    char text[SU_CHAIN_TEXT], amount[SU_OPS_AMOUNT_TEXT];
    struct cli_table t;

    printf("execution  %s\n", su_chain_key_text(s->execution, text));
    printf("model      %s\n", su_chain_key_text(s->chain.model, text));
    printf("requestor  %s\n", su_chain_key_text(s->chain.requestor, text));
    printf("state      %s\n", su_ops_execution_word(s->chain.state));
    if (s->chain.state == SU_EXEC_VOID)
        printf("because    %s\n", su_ops_void_word(s->chain.void_cause));
    printf("held       %s\n\n", su_ops_amount_text(s->chain.escrow, SU_OPS_USDC, amount));
    cli_table_init(&t, title, SU_ARRAY_LEN(title));
    for (uint16_t i = 0; i < s->n_part; i++) {
        const struct su_ops_part *p = &s->part[i];
        bool known = p->state != SU_TASK_UNASSIGNED;
        cli_table_cell(&t, "%u", i);
        cli_table_cell(&t, "%s", su_ops_task_word(p->state));
        cli_table_cell(&t, "%s", known ? su_chain_key_text(p->node, text) : "-");
        cli_table_cell(&t, "%s", known ? su_chain_key_text(p->owner, text) : "-");
        cli_table_cell(&t, "%u", p->attempt + 1);
        cli_table_cell(&t, "%s", p->flags & SU_TASKF_SAMPLED ? cli_sample_verdict(p) : "-");
    }
    cli_table_print(&t);
}

static enum su_code request_show(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_follow_options look = {.look_on = true};
    struct su_ops_follow *f = NULL;
    uint8_t key[32];
    enum su_code rc = su_chain_key_parse(c->arg[1], "EXECUTION", key, e);

    if (!rc)
        rc = su_ops_follow_open(o, key, &look, &f, e);
    if (!rc)
        rc = su_ops_follow_poll(f, 0, e);
    if (!rc && !su_ops_follow_state(f)->known)
        rc = su_fail(e, SU_ENET, c->arg[1], "%s", su_ops_follow_state(f)->trouble);
    if (!rc && cli_has(c, "--json"))
        rc = show_json(su_ops_follow_state(f), e);
    else if (!rc)
        show_text(su_ops_follow_state(f));
    su_ops_follow_close(f);
    return rc;
}

static enum su_code request_cancel(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_ops_proposal p = {.n_tx = 0};
    uint8_t key[32];
    enum su_code rc = su_chain_key_parse(c->arg[1], "EXECUTION", key, e);

    if (!rc)
        rc = cli_may_sign(c, e);
    if (!rc)
        rc = su_ops_cancel_prepare(o, key, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    return rc;
}

static enum su_code request_refund(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_ops_proposal p = {.n_tx = 0};
    enum su_code rc = cli_may_sign(c, e);

    if (!rc)
        rc = su_ops_refund_prepare(o, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const char *const words[] = {"list", "show", "cancel", "refund"};
    static enum su_code (*const act[])(const struct cli *, struct su_ops *, struct su_err *) = {
        request_list, request_show, request_cancel, request_refund};
    static const unsigned words_after[] = {0, 1, 1, 0};
    struct su_ops *o = NULL;
    size_t i;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);

    if (!rc)
        rc = cli_words(c, words_after[i], words_after[i], e);
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = act[i](c, o, e);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_request = {
    .name = "request",
    .args = "list|show EXECUTION|cancel EXECUTION|refund",
    .summary = "What this wallet asked models of the cluster to run",
    .detail = "`splitup run ADDRESS` asks a model of the cluster. list shows what is open and what "
              "came back, show who works on which task and what is checked, cancel takes a request "
              "back that no node was assigned to, refund claims what was held and not used.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {CLI_OPTION_URL, CLI_OPTION_KEYPAIR, CLI_OPTION_PASSPHRASE, CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN, CLI_OPTION_JSON},
    .run = run,
};
