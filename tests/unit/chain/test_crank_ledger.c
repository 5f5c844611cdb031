// SPDX-License-Identifier: MIT
/* Cases read over HTTP and cranks sent there, against the embedded ledger: one execution from its
   request to nothing left, and what others do meanwhile. */
#include "chain/chain.h"
#include "ledger/ledger.h"
#include "support/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS = 5, LOOKS_MAX = 200 };

static struct su_chain_crank list[SU_CHAIN_CRANKS_MAX];

static void must(enum su_code c, const struct su_err *e)
{
    if (c)
        fail_msg("%s: %s: %s", su_code_name(c), e->at, e->msg);
}

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;
    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, parts[i].n);
    su_sha256_final(&s, out);
}

/* One execution being followed. */
struct scene {
    struct cluster *c;
    uint8_t execution[32];
    struct su_chain_case now;
    struct su_chain_crank_by by;
    unsigned reports, failures;
};

/* Reads it again, knowing what it was; false when it is gone. */
static bool look(struct scene *s)
{
    const struct su_chain_case_hints hints = {.before = s->now.execution ? &s->now : NULL,
                                              .voted = &s->c->voted};
    struct su_chain_case next;
    struct su_err e = {0};
    enum su_code rc = su_chain_case_load(s->c->chain, &s->c->env, s->execution, &hints, &next, &e);
    su_chain_case_fini(&s->now);
    if (rc == SU_ENOENT)
        return false;
    must(rc, &e);
    s->now = next;
    s->by.slot = next.slot;
    s->by.voted = &s->c->voted;
    return true;
}

static void report(void *ctx, const struct su_chain_crank *items, size_t n, enum su_code rc,
                   const struct su_chain_result *result)
{
    struct scene *s = ctx;
    assert_true(n >= 1 && items[0].number >= SU_IX_REQUEST_EXPIRE);
    assert_int_equal(rc != SU_OK, result->outcome.failure.kind[0] != '\0');
    s->reports++;
    s->failures += rc != SU_OK;
}

static size_t send(struct scene *s, size_t n)
{
    const struct su_chain_send_opts o = {.poll_ms = 5};
    const struct su_chain_crank_send how = {
        .signer = &s->c->payer, .opts = &o, .report = report, .ctx = s};
    struct su_err e = {0};
    size_t sent;
    must(su_chain_crank_run(s->c->chain, &s->now, list, n, &how, &sent, &e), &e);
    return sent;
}

/* Sends all there is to do now; how much landed. */
static size_t crank(struct scene *s)
{
    return send(s, su_chain_crank(&s->now, &s->by, list, SU_CHAIN_CRANKS_MAX));
}

static void requested(struct scene *s, uint16_t tasks)
{
    struct su_chain_case none;
    struct su_err e;
    memset(s, 0, sizeof *s);
    s->c = cluster_new(tasks);
    su_chain_addr_execution(&s->c->env, s->c->payer.public_key, 1, s->execution);
    assert_int_equal(su_chain_case_load(s->c->chain, &s->c->env, s->execution, NULL, &none, &e),
                     SU_ENOENT);
    cluster_request(s->c, 1, 1, s->execution);
    assert_true(look(s));
    assert_int_equal(s->now.execution->state, SU_EXEC_REQUESTED);
    assert_int_equal(su_chain_crank(&s->now, &s->by, list, SU_CHAIN_CRANKS_MAX), 0);
}

static void assigned(struct scene *s)
{
    cluster_vote(s->c, s->execution);
    assert_true(look(s));
    assert_int_equal(s->now.execution->state, SU_EXEC_ASSIGNING);
    assert_true(su_chain_voted_fits(&s->c->voted, s->now.execution));
    assert_int_equal(crank(s), (TASKS + SU_ASSIGN_GROUP - 1) / SU_ASSIGN_GROUP);
    assert_true(look(s));
    assert_int_equal(s->now.execution->state, SU_EXEC_RUNNING);
    for (size_t i = 0; i < CLUSTER_NODES; i++) {
        const struct su_chain_part *p = su_chain_case_part(&s->now, s->c->nodes[i].public_key);
        assert_true(p != NULL && p->node != NULL && p->reserve != NULL);
    }
}

/* What every asserter computed: output k is input k + 1. */
static void roots_of(uint16_t task, uint8_t in[1][32], uint8_t out[1][32], uint8_t input[32],
                     uint8_t output[32])
{
    uint8_t witness[32] = {0};
    memset(in[0], 1 + task, 32);
    memset(out[0], 2 + task, 32);
    su_msg_input_root(hash, (const uint8_t(*)[32])in, 1, input);
    su_msg_output_root(hash, (const uint8_t(*)[32])out, 1, witness, output);
}

static void begin(struct scene *s, struct su_chain_batch *b)
{
    su_chain_batch_init(b, &s->c->env, s->c->payer.public_key);
}

static void commit(struct scene *s, uint16_t task)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, task, 0);
    const struct su_msg_scope scope = su_chain_case_scope(&s->now);
    uint8_t in[1][32], out[1][32], input[32], output[32], salt[32] = {5};
    const uint8_t *node = s->now.assignments[task]->node;
    struct su_ix_commit ix = {.steps = 1};
    struct su_chain_batch b;
    roots_of(task, in, out, input, output);
    su_msg_commit(hash, &scope, task, 0, node, salt, input, output, ix.commit);
    begin(s, &b);
    su_chain_make_commit(&b, node, &at, &ix);
    cluster_send(s->c, &b);
}

static void reveal(struct scene *s, uint16_t task)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, task, 0);
    struct su_ix_reveal ix = {.salt = {5}};
    uint8_t in[1][32], out[1][32], input[32], output[32];
    struct su_chain_batch b;
    roots_of(task, in, out, input, output);
    memcpy(ix.roots[0], in[0], 32);
    memcpy(ix.roots[1], out[0], 32);
    begin(s, &b);
    su_chain_make_reveal(&b, s->now.assignments[task]->node, &at, &ix);
    cluster_send(s->c, &b);
}

/* All commit, then the slot hash moves on between the look and the transaction. */
static void frozen(struct scene *s)
{
    struct su_chain_turn turn;
    for (uint16_t t = 0; t < TASKS; t++)
        commit(s, t);
    cluster_advance(s->c, 3);
    assert_true(look(s));
    assert_non_null(s->now.slot_hashes);
    assert_false(su_chain_turn(&s->now, s->now.slot, &turn));
    const size_t n = su_chain_crank(&s->now, &s->by, list, SU_CHAIN_CRANKS_MAX);
    assert_int_equal(n, 1);
    cluster_advance(s->c, 2);
    s->failures = 0;
    assert_int_equal(send(s, n), 1);
    assert_int_equal(s->failures, 2);
    assert_true(look(s));
    assert_int_equal(s->now.execution->state, SU_EXEC_FROZEN);
}

/* Each oracle has its turn; nobody draws. */
static void drawn(struct scene *s)
{
    struct su_chain_turn first, second;
    struct su_chain_wait wait;
    assert_true(su_chain_turn(&s->now, s->now.slot, &first));
    assert_true(su_chain_turn(&s->now, first.until_slot, &second));
    assert_true(first.turn == 0 && second.oracle == first.oracle);
    assert_true(su_chain_turn(&s->now, first.until_slot + 1, &second));
    assert_true(second.turn == 1 && second.oracle != first.oracle);
    assert_false(su_chain_turn(&s->now, second.until_slot + 1, &second));
    assert_int_equal(su_chain_waits(&s->now, &s->by, &wait, 1), 1);
    assert_int_equal(wait.what, SU_CHAIN_WAIT_DRAW);
    assert_memory_equal(wait.who, first.key, 32);
    assert_int_equal(crank(s), 0);
    cluster_advance(s->c, 2 * s->c->params.turn_slots);
    assert_true(look(s));
    assert_int_equal(crank(s), 1);
    assert_true(look(s));
    assert_int_equal(s->now.execution->state, SU_EXEC_CHECKING);
    assert_int_equal(s->now.execution->sampled, TASKS);
}

static void accept_and_post(struct scene *s, const struct su_chain_check_due *d, uint16_t task)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, task, d->check);
    uint8_t in[1][32], out[1][32], input[32], output[32];
    struct su_chain_batch b;
    roots_of(task, in, out, input, output);
    begin(s, &b);
    su_chain_make_check_accept(&b, &at, d->row);
    cluster_send(s->c, &b);
    assert_true(look(s));
    const struct su_chain_check_due then = su_chain_check_due(&s->now, task, &s->c->voted);
    assert_int_equal(then.due, SU_CHAIN_DUE_POST);
    assert_int_equal(then.check, d->check);
    assert_memory_equal(then.identity, d->identity, 32);
    assert_non_null(s->now.checks[task][d->check]);
    begin(s, &b);
    su_chain_make_check_post(&b, then.identity, &at, input, output);
    cluster_send(s->c, &b);
}

/* Task 0's drawn validator posts; the others' never answer, and go to the committee. */
static void checked(struct scene *s)
{
    bool posted = false;
    for (unsigned i = 0; i < LOOKS_MAX && s->now.execution->state == SU_EXEC_CHECKING; i++) {
        const struct su_chain_check_due d = su_chain_check_due(&s->now, 0, &s->c->voted);
        struct su_chain_wait wait[TASKS];
        if (d.due == SU_CHAIN_DUE_ACCEPT) {
            accept_and_post(s, &d, 0);
            posted = true;
        } else if (crank(s) == 0) {
            assert_true(su_chain_waits(&s->now, &s->by, wait, TASKS) > 0);
            cluster_advance(s->c, wait[0].until_slot + 1 - s->now.slot);
        }
        assert_true(look(s));
    }
    assert_true(posted);
    assert_int_equal(s->now.execution->state, SU_EXEC_REVEALING);
    assert_int_equal(su_chain_check_due(&s->now, 0, &s->c->voted).due, SU_CHAIN_DUE_NONE);
}

static void judge(struct scene *s, uint16_t task)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, task, 0);
    struct su_ix_vote_task ix = {.question = SU_QUESTION_VERDICT, .verdict = SU_VERDICT_RIGHT};
    ix.round = (uint32_t)((s->now.slot - s->now.execution->phase_slot) / s->c->params.round_slots);
    for (unsigned i = 0; i < 2; i++) {
        struct su_chain_batch b;
        begin(s, &b);
        su_chain_make_vote_task(&b, s->c->oracles[i].public_key, &at, &ix);
        cluster_send(s->c, &b);
    }
}

static void settled(struct scene *s)
{
    for (uint16_t t = 0; t < TASKS; t++)
        reveal(s, t);
    assert_true(look(s));
    assert_int_equal(crank(s), TASKS - 1); /* matches */
    assert_true(look(s));
    for (uint16_t t = 0; t < TASKS; t++)
        if (s->now.execution->tasks[t].flags & SU_TASKF_DISPUTED)
            judge(s, t);
    assert_true(look(s));
    assert_int_equal(s->now.execution->done, TASKS);
    assert_int_equal(su_chain_crank(&s->now, &s->by, list, SU_CHAIN_CRANKS_MAX), 0);
    s->by.accepting = s->c->payer.public_key;
    assert_int_equal(crank(s), 1);
    assert_true(look(s));
    assert_int_equal(s->now.execution->state, SU_EXEC_SETTLED);
}

/* Once the check is paid its claim waits in the pool, and is paid without any execution, once. */
static void claim_paid(struct scene *s)
{
    const struct su_chain_send_opts o = {.poll_ms = 5};
    struct su_err e = {0};
    size_t paid;
    must(su_chain_claims_pay(s->c->chain, &s->c->env, &s->c->payer, &o, &paid, &e), &e);
    assert_int_equal(paid, 0);
    size_t n = su_chain_crank(&s->now, &s->by, list, SU_CHAIN_CRANKS_MAX), kept = 0;
    for (size_t k = 0; k < n; k++)
        if (list[k].claims)
            list[kept++] = list[k];
    assert_int_equal(kept, 1);
    assert_int_equal(send(s, kept), 1);
    must(su_chain_claims_pay(s->c->chain, &s->c->env, &s->c->payer, &o, &paid, &e), &e);
    assert_int_equal(paid, 1);
    must(su_chain_claims_pay(s->c->chain, &s->c->env, &s->c->payer, &o, &paid, &e), &e);
    assert_int_equal(paid, 0);
    assert_true(look(s));
}

/* Assignments and checks are closed first: whose reserves are left is no longer written anywhere,
   and a client that comes then finds them by one listing. */
static void closed(struct scene *s)
{
    for (unsigned i = 0; i < LOOKS_MAX && !s->now.execution->finished; i++) {
        size_t n = su_chain_crank(&s->now, &s->by, list, SU_CHAIN_CRANKS_MAX), kept = 0;
        for (size_t k = 0; k < n; k++)
            if (list[k].number != SU_IX_FREE_RESERVE)
                list[kept++] = list[k];
        assert_true(send(s, kept) > 0);
        assert_true(look(s));
    }
    size_t n = su_chain_crank(&s->now, &s->by, list, SU_CHAIN_CRANKS_MAX), kept = 0;
    for (size_t k = 0; k < n; k++)
        if (list[k].number == SU_IX_CLOSE_ASSIGNMENT)
            list[kept++] = list[k];
    assert_int_equal(kept, TASKS);
    assert_int_equal(send(s, kept), TASKS);
    assert_true(s->now.execution->reserves_open >= CLUSTER_NODES);
    su_chain_case_fini(&s->now);
    assert_true(look(s));
    size_t reserves = 0;
    for (size_t i = 0; i < s->now.n_parts; i++)
        reserves += s->now.parts[i].reserve != NULL && s->now.parts[i].node != NULL;
    assert_int_equal(reserves, s->now.execution->reserves_open);
    for (unsigned i = 0; i < LOOKS_MAX && s->now.execution; i++)
        if (crank(s) == 0 || !look(s))
            break;
    assert_null(s->now.execution);
}

static void from_request_to_nothing(void **unused)
{
    (void)unused;
    struct scene s;
    struct su_chain_accounts left;
    struct su_err e = {0};
    static const uint8_t tags[] = {SU_TAG_EXECUTION, SU_TAG_ASSIGNMENT, SU_TAG_CHECK,
                                   SU_TAG_RESERVE, SU_TAG_CLAIM};
    requested(&s, TASKS);
    assigned(&s);
    frozen(&s);
    drawn(&s);
    checked(&s);
    settled(&s);
    claim_paid(&s);
    closed(&s);
    for (size_t i = 0; i < sizeof tags; i++) {
        must(su_chain_list(s.c->chain, tags[i], NULL, &left, &e), &e);
        assert_int_equal(left.n, 0);
        su_chain_accounts_fini(&left);
    }
    cluster_free(s.c);
}

/* Two look, both send the same: the second one's transactions fail, which is no error. */
static void somebody_was_first(void **unused)
{
    (void)unused;
    struct scene s;
    struct su_err e = {0};
    size_t sent;
    requested(&s, TASKS);
    cluster_vote(s.c, s.execution);
    assert_true(look(&s));
    const size_t n = su_chain_crank(&s.now, &s.by, list, SU_CHAIN_CRANKS_MAX);
    assert_int_equal(send(&s, 1), 1); /* the first of the two groups */
    (void)su_chain_crank(&s.now, &s.by, list, SU_CHAIN_CRANKS_MAX);
    assert_int_equal(send(&s, n), n - 1);
    (void)su_chain_crank(&s.now, &s.by, list, SU_CHAIN_CRANKS_MAX);
    assert_int_equal(send(&s, n), 0);
    /* One without money is told so. */
    (void)su_chain_crank(&s.now, &s.by, list, SU_CHAIN_CRANKS_MAX);
    const struct su_chain_crank_send poor = {.signer = &s.c->nodes[0]};
    assert_int_equal(su_chain_crank_run(s.c->chain, &s.now, list, n, &poor, &sent, &e), SU_ENOENT);
    assert_true(sent == 0 && e.msg[0] != '\0');
    /* Nobody there at all. */
    su_ledger_rpc_stop(s.c->rpc);
    s.c->rpc = NULL;
    (void)su_chain_crank(&s.now, &s.by, list, SU_CHAIN_CRANKS_MAX);
    const struct su_chain_crank_send how = {.signer = &s.c->payer};
    assert_int_equal(su_chain_crank_run(s.c->chain, &s.now, list, n, &how, &sent, &e), SU_ENET);
    struct su_chain_case next;
    const struct su_chain_case_hints hints = {.before = &s.now};
    assert_int_equal(su_chain_case_load(s.c->chain, &s.c->env, s.execution, &hints, &next, &e),
                     SU_ENET);
    assert_null(next.execution);
    su_chain_case_fini(&s.now);
    cluster_free(s.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(from_request_to_nothing),
                                       cmocka_unit_test(somebody_was_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
