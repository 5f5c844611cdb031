// SPDX-License-Identifier: MIT
/* Requests on a cluster whose oracles and nodes are keys in this process: what a request shows and
   holds, what is refused, and what whoever follows does when nobody answers. */
#include "support/cluster.h"

#include "engine/engine.h"
#include "ops/ops.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TASKS = 2, POLLS = 400 };

struct scene {
    struct cluster *c;
    struct su_ops *ops;
    struct su_buf input;
    char home[64], url[64], other[96];
};

static void ok(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s", e->at, e->msg);
}

static void refused(enum su_code rc, enum su_code want, const struct su_err *e, const char *text)
{
    char line[640];

    su_err_line(e, line, sizeof line);
    if (rc != want)
        fail_msg("%s, not %s: %s", su_code_name(rc), su_code_name(want), line);
    if (!strstr(line, text))
        fail_msg("\"%s\" is not in: %s", text, line);
}

static void container(struct su_buf *b, uint8_t dtype, uint32_t width, uint32_t steps)
{
    static const uint8_t rows[256];
    const struct su_input in = {
        .tensor = {{.dtype = dtype, .rank = 1, .dims = {width}, .steps = steps, .rows = rows}},
        .n_tensor = 1};
    struct su_err e = {0};

    su_buf_init(b, 0);
    ok(su_input_encode(&in, b, &e), &e);
}

/* The cluster's payer as a wallet of ours. */
static void write_wallet(const struct scene *s)
{
    uint8_t seed[32], key[32], secret[64];
    struct su_buf b;
    char path[96];
    struct su_err e = {0};

    su_sha256("payer", 5, seed);
    su_ed25519_from_seed(seed, key, secret);
    assert_memory_equal(key, s->c->payer.public_key, 32);
    su_buf_init(&b, 0);
    for (unsigned i = 0; i < 64; i++)
        su_buf_printf(&b, "%s%u", i == 0 ? "[" : ",", secret[i]);
    su_buf_printf(&b, "]");
    (void)snprintf(path, sizeof path, "%s/wallet.json", s->home);
    ok(su_file_write(path, b.data, b.len, 0600, &e), &e);
    su_buf_fini(&b);
}

static struct su_ops *open_ops(const struct scene *s, const char *keypair)
{
    const struct su_ops_options o = {.url = s->url, .keypair = keypair};
    struct su_ops *ops;
    struct su_err e = {0};

    ok(su_ops_open(&o, &ops, &e), &e);
    return ops;
}

static int set_up(void **state)
{
    struct scene *s = su_alloc(sizeof *s);
    uint8_t key[32];
    struct su_err e = {0};

    (void)su_str_copy(s->home, sizeof s->home, "/tmp/su-test-request-XXXXXX");
    assert_non_null(mkdtemp(s->home));
    assert_int_equal(setenv("HOME", s->home, 1), 0);
    assert_int_equal(setenv("SPLITUP_HOME", s->home, 1), 0);
    s->c = cluster_new(TASKS);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", su_ledger_rpc_port(s->c->rpc));
    write_wallet(s);
    (void)snprintf(s->other, sizeof s->other, "%s/other.json", s->home);
    ok(su_wallet_create(s->other, NULL, key, &e), &e);
    s->ops = open_ops(s, NULL);
    container(&s->input, SU_I32, 4, 1);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char path[96];

    su_ops_close(s->ops);
    su_buf_fini(&s->input);
    cluster_free(s->c);
    (void)snprintf(path, sizeof path, "%s/wallet.json", s->home);
    (void)unlink(path);
    (void)unlink(s->other);
    int rc = rmdir(s->home);
    free(s);
    return rc;
}

static const char *line_of(const struct su_ops_proposal *p, const char *label)
{
    for (size_t i = 0; i < p->n_line; i++)
        if (strcmp(p->line[i].label, label) == 0)
            return p->line[i].text;
    fail_msg("no line \"%s\"", label);
    return NULL;
}

static struct su_ops_request request_of(const struct scene *s)
{
    return (struct su_ops_request){.model = "toy",
                                   .input = s->input.data,
                                   .input_bytes = s->input.len,
                                   .max_steps = 1,
                                   .seed = 5,
                                   .repeats = 1};
}

static void check_refused(const struct su_ops_request *f, enum su_code want, const char *text)
{
    struct su_err e = {0};

    refused(su_ops_request_check(f, &e), want, &e, text);
}

static void fields(void **state)
{
    struct scene *s = *state;
    struct su_ops_request f = request_of(s);
    struct su_err e = {0};

    ok(su_ops_request_check(&f, &e), &e);
    f.model = "";
    check_refused(&f, SU_EINVAL, "MODEL");
    f = request_of(s);
    f.input = NULL;
    check_refused(&f, SU_EINVAL, "input");
    f = request_of(s);
    f.input_bytes = SU_INPUT_BYTES_MAX + 1u;
    check_refused(&f, SU_ELIMIT, "input");
    f = request_of(s);
    f.max_steps = 0;
    check_refused(&f, SU_EINVAL, "steps");
    f.max_steps = SU_STEPS_MAX + 1;
    check_refused(&f, SU_ELIMIT, "steps");
    f = request_of(s);
    f.input = "nonsense";
    f.input_bytes = 8;
    assert_int_not_equal(su_ops_request_check(&f, &e), SU_OK);
}

static void prepare_refused(struct scene *s, const struct su_ops_request *f, enum su_code want,
                            const char *text)
{
    struct su_ops_request_terms t;
    struct su_ops_proposal p;
    struct su_err e = {0};

    refused(su_ops_request_prepare(s->ops, f, &p, &t, &e), want, &e, text);
    su_ops_proposal_fini(&p);
}

static void what_is_refused(void **state)
{
    struct scene *s = *state;
    struct su_ops_request f = request_of(s);
    struct su_buf wrong;
    char text[SU_CHAIN_TEXT];
    uint8_t key[32];
    struct su_err e = {0};

    f.model = "nothing of that name";
    prepare_refused(s, &f, SU_ENOENT, "splitup-deploy list");
    f.model = "a name that is longer than any on chain";
    prepare_refused(s, &f, SU_EINVAL, "MODEL");
    f.model = su_chain_key_text(s->c->owners[0].public_key, text);
    prepare_refused(s, &f, SU_ENOENT, "");
    f = request_of(s);
    f.escrow_max = 1;
    prepare_refused(s, &f, SU_ELIMIT, "escrow");
    f = request_of(s);
    f.max_steps = 2;
    prepare_refused(s, &f, SU_ETYPE, "1 steps, and 2");
    container(&wrong, SU_F32, 4, 1);
    f = request_of(s);
    f.input = wrong.data;
    f.input_bytes = wrong.len;
    prepare_refused(s, &f, SU_ETYPE, "input 0 of task 0");
    su_buf_fini(&wrong);
    container(&wrong, SU_I32, 5, 1);
    f.input = wrong.data;
    f.input_bytes = wrong.len;
    prepare_refused(s, &f, SU_ETYPE, "input 0 of task 0");
    su_buf_fini(&wrong);
    ok(su_ops_model_find(s->ops, "toy", key, &e), &e);
    assert_memory_equal(key, s->c->model, 32);

    struct su_ops *poor = open_ops(s, s->other);
    struct su_ops_request_terms t;
    struct su_ops_proposal p;
    f = request_of(s);
    refused(su_ops_request_prepare(poor, &f, &p, &t, &e), SU_ELIMIT, &e, "airdrop");
    su_ops_proposal_fini(&p);
    refused(su_ops_refund_prepare(poor, &p, &e), SU_ENOENT, &e, "no refund");
    su_ops_proposal_fini(&p);
    uint64_t waiting = 1;
    ok(su_ops_refund_waiting(poor, &waiting, &e), &e);
    assert_int_equal(waiting, 0);
    su_ops_close(poor);
}

/* Asks for it; the terms. */
static struct su_ops_request_terms ask(struct scene *s)
{
    const struct su_ops_request f = request_of(s);
    struct su_ops_request_terms t;
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    struct su_err e = {0};

    ok(su_ops_request_prepare(s->ops, &f, &p, &t, &e), &e);
    assert_int_equal(t.tasks, TASKS);
    assert_int_equal(t.escrow, t.fees + t.surcharge + t.oracle_fee);
    assert_int_equal(p.usdc_out, t.escrow);
    assert_int_equal(p.usdc_in, t.refund);
    assert_true(p.rent_lamports > 0);
    assert_non_null(strstr(line_of(&p, "if a node lies"), "1 time"));
    ok(su_ops_commit(s->ops, &p, NULL, NULL, &r, &e), &e);
    su_ops_proposal_fini(&p);
    return t;
}

static struct su_ops_follow *follow(struct scene *s, const struct su_ops_request_terms *t,
                                    bool claim)
{
    const struct su_ops_follow_options fo = {
        .input = s->input.data, .input_bytes = s->input.len, .claim = claim};
    struct su_ops_follow *f;
    struct su_err e = {0};

    ok(su_ops_follow_open(s->ops, t->execution, &fo, &f, &e), &e);
    return f;
}

/* Polls while slots pass, until it has ended. */
static void to_the_end(struct scene *s, struct su_ops_follow *f, uint64_t slots)
{
    struct su_err e = {0};

    for (unsigned i = 0; i < POLLS && !su_ops_follow_state(f)->ended; i++) {
        cluster_advance(s->c, slots);
        ok(su_ops_follow_poll(f, 30, &e), &e);
    }
    if (!su_ops_follow_state(f)->ended)
        fail_msg("state %s: %s", su_ops_execution_word(su_ops_follow_state(f)->chain.state),
                 su_ops_follow_state(f)->trouble);
}

static uint64_t usdc(struct scene *s)
{
    struct su_chain_token t;
    uint8_t ata[32];
    struct su_err e = {0};

    su_chain_ata(s->c->payer.public_key, s->c->env.mint, ata);
    ok(su_chain_token_get(s->c->chain, ata, &t, &e), &e);
    return t.amount;
}

static void cancelled(void **state)
{
    struct scene *s = *state;
    uint64_t before = usdc(s);
    struct su_ops_request_terms t = ask(s);
    struct su_ops_follow *f = follow(s, &t, true);
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    struct su_err e = {0};

    assert_int_equal(usdc(s), before - t.escrow);
    ok(su_ops_follow_poll(f, 0, &e), &e);
    assert_true(now->known && !now->ended);
    assert_int_equal(now->chain.state, SU_EXEC_REQUESTED);
    assert_string_equal(su_ops_execution_word(now->chain.state), "waiting");
    assert_int_equal(now->oracles, CLUSTER_ORACLES);
    assert_int_equal(now->oracles_with_input, 0); /* nobody listens there */
    assert_true(now->trouble[0] != 0 && now->at_ms[SU_OPS_REQUESTED] > 0);
    assert_int_equal(now->n_part, TASKS);
    assert_string_equal(su_ops_task_word(now->part[0].state), "unassigned");

    struct su_ops *other = open_ops(s, s->other);
    refused(su_ops_cancel_prepare(other, t.execution, &p, &e), SU_EACCES, &e, "--keypair");
    su_ops_proposal_fini(&p);
    su_ops_close(other);
    refused(su_ops_cancel_prepare(s->ops, s->c->model, &p, &e), SU_ETYPE, &e, "");
    su_ops_proposal_fini(&p);
    ok(su_ops_cancel_prepare(s->ops, t.execution, &p, &e), &e);
    ok(su_ops_commit(s->ops, &p, NULL, NULL, &r, &e), &e);
    su_ops_proposal_fini(&p);

    /* Nobody else pays out and closes: whoever follows does, and claims. */
    to_the_end(s, f, 2);
    assert_true(now->closed && !now->final);
    assert_int_equal(now->void_cause, SU_VOID_CANCELLED);
    assert_string_equal(su_ops_void_word(now->void_cause), "cancelled");
    assert_true(now->cranks > 0);
    assert_int_equal(usdc(s), before);
    su_ops_follow_close(f);
    refused(su_ops_cancel_prepare(s->ops, t.execution, &p, &e), SU_ENOENT, &e, "no such execution");
    su_ops_proposal_fini(&p);
    const struct su_ops_follow_options none = {.input = NULL};
    refused(su_ops_follow_open(s->ops, t.execution, &none, &f, &e), SU_ENOENT, &e, "ended");
}

static void assigned_and_late(void **state)
{
    struct scene *s = *state;
    uint64_t before = usdc(s);
    struct su_ops_request_terms t = ask(s);
    struct su_ops_follow *f = follow(s, &t, false);
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    struct su_chain_case c;
    struct su_chain_crank k[32];
    const struct su_chain_case_hints hints = {.voted = &s->c->voted};
    const struct su_chain_crank_send how = {.signer = &s->c->payer};
    struct su_ops_proposal p;
    size_t sent = 0;
    struct su_err e = {0};

    cluster_vote(s->c, t.execution);
    ok(su_chain_case_load(s->c->chain, &s->c->env, t.execution, &hints, &c, &e), &e);
    const struct su_chain_crank_by by = {.slot = c.slot, .voted = &s->c->voted};
    size_t n = su_chain_crank(&c, &by, k, SU_ARRAY_LEN(k));
    ok(su_chain_crank_run(s->c->chain, &c, k, n, &how, &sent, &e), &e);
    assert_true(sent > 0);
    su_chain_case_fini(&c);
    for (unsigned i = 0; i < POLLS && now->chain.state != SU_EXEC_RUNNING; i++)
        ok(su_ops_follow_poll(f, 30, &e), &e);
    assert_int_equal(now->chain.state, SU_EXEC_RUNNING);
    assert_true(now->at_ms[SU_OPS_ASSIGNED] > 0);
    for (uint16_t i = 0; i < TASKS; i++) {
        assert_memory_equal(now->part[i].node, s->c->nodes[i].public_key, 32);
        assert_memory_equal(now->part[i].owner, s->c->owners[i].public_key, 32);
        assert_string_equal(now->part[i].endpoint, "127.0.0.1:2");
        assert_int_equal(now->part[i].state, SU_TASK_ASSIGNED);
    }
    assert_int_equal(now->n_output, 1);
    assert_int_equal(now->output[0].task, TASKS - 1);
    assert_int_equal(now->output[0].row_bytes, 16);
    assert_false(now->provisional);
    refused(su_ops_cancel_prepare(s->ops, t.execution, &p, &e), SU_EBUSY, &e, "running");
    su_ops_proposal_fini(&p);
    su_ops_follow_stop(f); /* no task samples: nobody to tell */

    /* Nobody commits: deadlines pass until the attempts are used up; the client calls the defaults. */
    to_the_end(s, f, 400);
    assert_int_equal(now->void_cause, SU_VOID_ATTEMPTS);
    su_ops_follow_close(f);
    f = follow(s, &t, true); /* taken up again */
    to_the_end(s, f, 20);
    assert_int_equal(su_ops_follow_state(f)->void_cause, SU_VOID_ATTEMPTS);
    su_ops_follow_close(f);
    assert_int_equal(usdc(s), before);
}

static void looked_away(void **state)
{
    struct scene *s = *state;
    struct su_ops_request_terms t = ask(s);
    struct su_ops_follow *f = follow(s, &t, false), *helper;
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    const struct su_ops_follow_options look = {.look_on = true};
    uint64_t waiting = 0;
    struct su_err e = {0};

    ok(su_ops_follow_poll(f, 0, &e), &e);
    assert_int_equal(now->chain.state, SU_EXEC_REQUESTED);
    /* It expires, and is closed by another hand, without this one looking. */
    helper = follow(s, &t, false);
    for (unsigned i = 0; i < POLLS && !su_ops_follow_state(helper)->closed; i++) {
        struct su_ops_follow *next = NULL;
        cluster_advance(s->c, 60);
        ok(su_ops_follow_poll(helper, 150, &e), &e);
        if (su_ops_follow_state(helper)->ended &&
            su_ops_follow_open(s->ops, t.execution, &look, &next, &e) == SU_ENOENT)
            break;
        su_ops_follow_close(next);
        if (su_ops_follow_state(helper)->ended) {
            su_ops_follow_close(helper);
            helper = follow(s, &t, true);
        }
    }
    su_ops_follow_close(helper);
    to_the_end(s, f, 1);
    assert_true(now->closed && !now->final);
    assert_int_equal(now->void_cause, SU_VOID_EXPIRED);
    su_ops_follow_close(f);
    ok(su_ops_refund_waiting(s->ops, &waiting, &e), &e);
    assert_int_equal(waiting, 0);
}

/* A draft, then a model that nobody offers, then two of one name. */
static void two_of_a_name(void **state)
{
    struct scene *s = *state;
    struct cluster *c = s->c;
    const uint8_t *key = c->payer.public_key;
    const struct su_chain_model_args args = {
        .digest = {4}, .task_count = 1, .sample_task = SU_NO_TASK, .name = "toy", .uri = ""};
    struct su_ix_task_add ix = {.input_count = 1,
                                .output_count = 1,
                                .macs_per_step = SU_MACS_PER_UNIT / 2,
                                .weight_bytes = 1000,
                                .fee_unit = c->params.fee_unit,
                                .sampling_ppm = c->params.sampling_min_ppm};
    struct su_ops_request f = request_of(s);
    struct su_chain_batch b;
    char text[SU_CHAIN_TEXT];
    uint8_t model[32];
    struct su_err e = {0};

    for (unsigned i = 0; i < 2; i++) {
        ix.specs[i].dtype = SU_I32;
        ix.specs[i].rank = 1;
        ix.specs[i].dims[0] = 4;
        ix.specs[i].flags = SU_SPEC_EXTERNAL;
    }
    su_chain_addr_model(&c->env, key, args.digest, model);
    f.model = su_chain_key_text(model, text);
    su_chain_batch_init(&b, &c->env, key);
    su_chain_make_model_create(&b, key, &args);
    cluster_send(c, &b);
    prepare_refused(s, &f, SU_EBUSY, "draft");
    ok(su_ops_model_find(s->ops, "toy", model, &e), &e); /* drafts do not count */
    assert_memory_equal(model, c->model, 32);
    su_chain_addr_model(&c->env, key, args.digest, model);
    su_chain_batch_init(&b, &c->env, key);
    su_chain_make_task_add(&b, key, model, &ix, "");
    su_chain_make_model_finalise(&b, key, model);
    cluster_send(c, &b);
    prepare_refused(s, &f, SU_EBUSY, "0 of the 3 owners");
    f.model = "toy";
    prepare_refused(s, &f, SU_EEXIST, "2 models");
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(su_ops_execution_word(200), "unknown");
    assert_string_equal(su_ops_void_word(SU_VOID_FAULT), "a node was wrong");
    assert_string_equal(su_ops_void_word(200), "ended");
    assert_string_equal(su_ops_task_word(200), "unknown");
    assert_string_equal(su_ops_check_state_name(SU_OPS_CHECK_MATCH), "match");
}

/* ---- one wallet, several requests ------------------------------------------------------------- */

enum { ASKERS = 2, EACH = 3 };

struct asker {
    const struct scene *s;
    struct su_ops *ops;
    pthread_t thread;
    struct su_ops_request_terms terms[EACH];
    enum su_code rc;
    struct su_err e;
};

static void *ask_often(void *ctx)
{
    struct asker *a = ctx;
    char text[SU_CHAIN_TEXT];
    struct su_ops_request f = request_of(a->s);

    f.model = su_chain_key_text(a->s->c->model, text);
    for (unsigned i = 0; i < EACH && !a->rc; i++) {
        struct su_ops_proposal p;
        struct su_ops_receipt r;
        a->rc = su_ops_request_prepare(a->ops, &f, &p, &a->terms[i], &a->e);
        if (!a->rc)
            a->rc = su_ops_commit(a->ops, &p, NULL, NULL, &r, &a->e);
        su_ops_proposal_fini(&p);
    }
    return NULL;
}

static void stands(const struct scene *s, const struct su_ops_request_terms *t)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_execution *x;
    struct su_err e = {0};

    ok(su_chain_execution_get(s->c->chain, t->execution, &list, &x, &e), &e);
    assert_true(x->nonce == t->nonce && x->seed == 5);
    assert_int_equal(x->state, SU_EXEC_REQUESTED);
    assert_int_equal(x->escrow, t->escrow);
    su_chain_accounts_fini(&list);
}

/* Prepared under one number, committed one after the other. */
static void one_number_for_two(void **state)
{
    struct scene *s = *state;
    char text[SU_CHAIN_TEXT];
    struct su_ops_request f = request_of(s);
    struct su_ops_request_terms t[2];
    struct su_ops_proposal p[2];
    struct su_ops_receipt r;
    struct su_err e = {0};

    f.model = su_chain_key_text(s->c->model, text);
    for (unsigned i = 0; i < 2; i++)
        ok(su_ops_request_prepare(s->ops, &f, &p[i], &t[i], &e), &e);
    assert_true(t[0].nonce == t[1].nonce);
    assert_memory_equal(t[0].execution, t[1].execution, 32);
    const uint64_t before = usdc(s) + t[0].refund;
    for (unsigned i = 0; i < 2; i++) {
        ok(su_ops_commit(s->ops, &p[i], NULL, NULL, &r, &e), &e);
        su_ops_proposal_fini(&p[i]);
        stands(s, &t[i]);
    }
    assert_true(t[1].nonce == t[0].nonce + 1);
    assert_int_equal(t[1].refund, 0);
    assert_int_equal(usdc(s), before - 2 * t[0].escrow);
}

static void many_at_once(void **state)
{
    struct scene *s = *state;
    struct asker a[ASKERS] = {{.rc = SU_OK}};
    uint64_t waiting = 0, low = UINT64_MAX, high = 0;
    struct su_err e = {0};

    ok(su_ops_refund_waiting(s->ops, &waiting, &e), &e);
    const uint64_t before = usdc(s) + waiting;
    for (unsigned i = 0; i < ASKERS; i++) {
        a[i].s = s;
        a[i].ops = open_ops(s, NULL);
        assert_int_equal(pthread_create(&a[i].thread, NULL, ask_often, &a[i]), 0);
    }
    for (unsigned i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(a[i].thread, NULL), 0);
        ok(a[i].rc, &a[i].e);
        su_ops_close(a[i].ops);
        for (unsigned k = 0; k < EACH; k++) {
            stands(s, &a[i].terms[k]);
            low = SU_MIN(low, a[i].terms[k].nonce);
            high = SU_MAX(high, a[i].terms[k].nonce);
        }
    }
    assert_true(high - low == ASKERS * EACH - 1); /* no number twice, none in vain */
    assert_int_equal(usdc(s), before - ASKERS * EACH * a[0].terms[0].escrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),       cmocka_unit_test(what_is_refused),
        cmocka_unit_test(cancelled),    cmocka_unit_test(assigned_and_late),
        cmocka_unit_test(looked_away),  cmocka_unit_test(two_of_a_name),
        cmocka_unit_test(words),        cmocka_unit_test(one_number_for_two),
        cmocka_unit_test(many_at_once),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
