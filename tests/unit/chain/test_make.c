// SPDX-License-Identifier: MIT
/* Each instruction against another reading of its row and of the seeds: that of the scenes in which
   the program is tested. */
#include "chain/chain.h"
#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCH = 5, LATEST = 3, TASK = 6, CHECK = 2, CLAIM = 9, NONCE = 4 };

/* One cast for all instructions. */
struct cast {
    struct world *w;
    struct su_chain_env env;
    struct su_chain_batch b;
    struct su_chain_at at;
    uint8_t identity[32], owner[32], requestor[32], task_key[32];
    struct call c;
    bool made[SU_IX_NUMBER_MAX + 1];
};

static void ata(const struct cast *k, const uint8_t owner[32], uint8_t key[32])
{
    const struct su_sys_bytes parts[] = {{owner, 32}, {su_token_id, 32}, {k->w->mint, 32}};
    uint8_t bump;

    assert_true(bank_find_address(su_ata_id, parts, 3, key, &bump));
}

/* The key of a role that call_begin leaves open. */
static void play(const struct cast *k, const char *role, bool signs, uint8_t key[32])
{
    const struct world *w = k->w;

    if (strcmp(role, "identity") == 0)
        memcpy(key, k->identity, 32);
    else if (strcmp(role, "owner") == 0 || strcmp(role, "depositor") == 0 ||
             strcmp(role, "signer") == 0 || strcmp(role, "new_admin") == 0)
        memcpy(key, k->owner, 32);
    else if (strcmp(role, "from") == 0 || strcmp(role, "to") == 0)
        ata(k, k->owner, key);
    else if (strcmp(role, "oracle") == 0 && signs)
        memcpy(key, k->identity, 32);
    else if (strcmp(role, "oracle") == 0 || strcmp(role, "node") == 0)
        at_key(w, role, k->identity, key);
    else if (strcmp(role, "latest") == 0 || strcmp(role, "next") == 0)
        at_config(w, *role == 'l' ? LATEST : LATEST + 1, key);
    else if (strcmp(role, "task") == 0 || strcmp(role, "object") == 0)
        at_task(w, TASK, key);
    else if (strcmp(role, "declaration") == 0)
        at_declared(w, TASK, k->owner, key);
    else if (strcmp(role, "assignment") == 0)
        at_assignment(w, TASK, key);
    else if (strcmp(role, "check") == 0)
        at_check(w, TASK, CHECK, key);
    else if (strcmp(role, "reserve") == 0)
        at_reserve(w, k->identity, key);
    else if (strcmp(role, "claim") == 0)
        at_claim(w, CLAIM, key);
}

static struct call *begin(struct cast *k, uint8_t number)
{
    call_begin(k->w, &k->c, number);
    for (size_t i = 0; i < k->c.count; i++) {
        char role[32];
        call_role(&k->c, i, role);
        play(k, role, k->c.metas[i].signer, k->c.metas[i].key);
    }
    return &k->c;
}

/* The batch holds the instruction that k->c describes, and nothing else. */
static void made(struct cast *k)
{
    struct su_err e;
    const struct su_instr *i = &k->b.instrs[0];
    const struct call *c = &k->c;

    if (su_chain_batch_check(&k->b, &e) != SU_OK)
        fail_msg("%s: %s: %s", c->info->name, e.at, e.msg);
    assert_int_equal(k->b.n, 1);
    assert_memory_equal(i->program, k->w->program, 32);
    if (i->data_bytes != c->bytes || i->n_metas != c->count)
        fail_msg("%s: %u bytes, %u accounts", c->info->name, i->data_bytes, i->n_metas);
    assert_int_equal(i->data[0], c->info->number);
    for (unsigned b = 1; b < 8; b++)
        assert_int_equal(i->data[b], 0);
    for (size_t m = 0; m < c->count; m++) {
        char role[32];
        call_role(c, m, role);
        if (memcmp(i->metas[m].key, c->metas[m].key, 32) != 0)
            fail_msg("%s: %s is another account", c->info->name, role);
        if (i->metas[m].signer != c->metas[m].signer ||
            i->metas[m].writable != c->metas[m].writable)
            fail_msg("%s: %s has other rights", c->info->name, role);
    }
    k->made[c->info->number] = true;
    su_chain_batch_fini(&k->b);
    su_chain_batch_init(&k->b, &k->env, k->w->payer);
}

/* What data the last one had; before made(). */
#define DATA(k, name) ((const struct su_ix_##name *)(const void *)(k)->b.instrs[0].data)

static int setup(void **state)
{
    static const uint8_t digest[32] = {8};
    struct cast *k = su_alloc(sizeof *k);

    *state = k;
    k->w = world_bare();
    k->w->epoch = EPOCH;
    k->w->nonce = NONCE;
    at_model(k->w, k->w->creator, digest, k->w->model);
    world_key("identity", k->identity);
    world_key("owner", k->owner);
    memcpy(k->requestor, k->w->requestor, 32);
    su_chain_env_of(&k->env, k->w->program, k->w->mint, k->w->vault, k->w->genesis, EPOCH);
    k->at.epoch = EPOCH;
    k->at.task = TASK;
    k->at.check = CHECK;
    at_execution(k->w, k->at.execution);
    at_task(k->w, TASK, k->task_key);
    su_chain_batch_init(&k->b, &k->env, k->w->payer);
    return 0;
}

static int teardown(void **state)
{
    struct cast *k = *state;

    su_chain_batch_fini(&k->b);
    world_free(k->w);
    free(k);
    return 0;
}

static void make_config(struct cast *k)
{
    struct su_chain_batch *b = &k->b;
    uint8_t members[2][32], leaving[1][32], key[32];
    const struct su_chain_oracle_set set = {(const uint8_t(*)[32])members,
                                            (const uint8_t(*)[32])leaving, 2, 1, LATEST};

    begin(k, SU_IX_INIT);
    su_chain_make_init(b, k->w->admin, &k->w->params);
    assert_memory_equal(DATA(k, init)->genesis, k->w->genesis, 32);
    made(k);
    begin(k, SU_IX_CONFIG_NEXT);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *oracle = i < 2 ? members[i] : leaving[0];
        memset(oracle, (int)(40 + i), 32);
        at_key(k->w, "oracle", oracle, key);
        call_more(&k->c, key);
    }
    su_chain_make_config_next(b, k->w->admin, &set, &k->w->params);
    assert_int_equal(DATA(k, config_next)->oracle_count, 2);
    made(k);
    begin(k, SU_IX_ADMIN_SET);
    su_chain_make_admin_set(b, k->w->admin, k->owner);
    made(k);
    begin(k, SU_IX_POOL_DEPOSIT);
    su_chain_make_pool_deposit(b, k->owner, 77);
    assert_int_equal(DATA(k, amount)->amount, 77);
    made(k);
    call_set(begin(k, SU_IX_ORACLE_REGISTER), "key", k->identity);
    su_chain_make_oracle_register(b, k->identity, k->owner, k->owner, "http://x");
    assert_int_equal(DATA(k, oracle_register)->endpoint_len, 8);
    made(k);
    begin(k, SU_IX_ORACLE_BOND);
    su_chain_make_oracle_bond(b, k->owner, k->identity, 1);
    made(k);
    begin(k, SU_IX_ORACLE_WITHDRAW);
    su_chain_make_oracle_withdraw(b, k->owner, k->identity, 1, 2);
    assert_true(DATA(k, oracle_withdraw)->earned == 1 && DATA(k, oracle_withdraw)->bond == 2);
    made(k);
    begin(k, SU_IX_ORACLE_CLOSE);
    su_chain_make_oracle_close(b, k->owner, k->identity, k->w->payer);
    made(k);
}

static void make_models(struct cast *k)
{
    struct su_chain_batch *b = &k->b;
    const uint8_t *creator = k->w->creator, *model = k->w->model;
    const struct su_chain_model_args args = {{8}, 9, SU_NO_TASK, "name", "uri:"};
    const struct su_chain_edge edges[] = {{2, 5, 1, 0}, {2, 7, 0, 3}};
    struct su_ix_task_add add = {.index = TASK, .fee_unit = 11};
    uint8_t key[32];

    begin(k, SU_IX_MODEL_CREATE);
    su_chain_make_model_create(b, creator, &args);
    assert_true(DATA(k, model_create)->name_len == 4 && DATA(k, model_create)->uri_len == 4);
    made(k);
    begin(k, SU_IX_TASK_ADD);
    memset(&add.ix, 0xff, sizeof add.ix.number);
    su_chain_make_task_add(b, creator, model, &add, "uri:2");
    assert_true(DATA(k, task_add)->uri_len == 5 && DATA(k, task_add)->fee_unit == 11);
    made(k);
    begin(k, SU_IX_CONNECT);
    for (unsigned i = 0; i < 3; i++) {
        at_task(k->w, (uint16_t[]){2, 5, 7}[i], key);
        call_more(&k->c, key);
    }
    su_chain_make_connect(b, creator, model, edges, 2);
    assert_int_equal(DATA(k, connect)->count, 2);
    assert_memory_equal(DATA(k, connect)->edges, ((uint8_t[]){0, 1, 1, 0, 0, 0, 2, 3}), 8);
    made(k);
    begin(k, SU_IX_MODEL_FEEDBACK);
    at_task(k->w, 2, key);
    call_set(&k->c, "from", key);
    at_task(k->w, 7, key);
    call_set(&k->c, "to", key);
    su_chain_make_model_feedback(b, creator, model, &edges[1]);
    assert_int_equal(DATA(k, model_feedback)->input, 3);
    made(k);
    begin(k, SU_IX_MODEL_FINALISE);
    su_chain_make_model_finalise(b, creator, model);
    made(k);
    begin(k, SU_IX_MODEL_DISCARD);
    su_chain_make_model_discard(b, creator, model, TASK, k->w->payer);
    made(k);
    call_set(begin(k, SU_IX_MODEL_DISCARD), "object", model);
    su_chain_make_model_discard(b, creator, model, SU_NO_TASK, k->w->payer);
    made(k);
}

static void make_nodes(struct cast *k)
{
    struct su_chain_batch *b = &k->b;
    const struct su_chain_node_args args = {1, 2, {3}, "http://127.0.0.1"};
    const struct su_chain_undeclaration u = {k->owner, k->identity, k->owner, k->task_key,
                                             k->w->payer};

    begin(k, SU_IX_NODE_REGISTER);
    su_chain_make_node_register(b, k->identity, k->owner, &args);
    assert_int_equal(DATA(k, node_register)->endpoint_len, 16);
    assert_int_equal(DATA(k, node_register)->conformance_root[0], 3);
    made(k);
    begin(k, SU_IX_NODE_UPDATE);
    su_chain_make_node_update(b, k->identity, &args);
    made(k);
    begin(k, SU_IX_NODE_DECLARE);
    su_chain_make_node_declare(b, k->identity, k->owner, k->w->model, TASK);
    made(k);
    begin(k, SU_IX_NODE_UNDECLARE);
    su_chain_make_node_undeclare(b, &u);
    made(k);
    begin(k, SU_IX_STAKE_DEPOSIT);
    su_chain_make_stake_deposit(b, k->owner, k->identity, 5);
    made(k);
    begin(k, SU_IX_STAKE_UNLOCK);
    su_chain_make_stake_unlock(b, k->owner, k->identity, 6);
    assert_int_equal(DATA(k, amount)->amount, 6);
    made(k);
    begin(k, SU_IX_STAKE_WITHDRAW);
    su_chain_make_stake_withdraw(b, k->owner, k->identity, 3);
    assert_int_equal(DATA(k, stake_withdraw)->ticket, 3);
    made(k);
    begin(k, SU_IX_EARNINGS_CLAIM);
    su_chain_make_earnings_claim(b, k->owner, k->identity);
    made(k);
    begin(k, SU_IX_NODE_CLOSE);
    su_chain_make_node_close(b, k->owner, k->identity, k->w->payer);
    made(k);
}

static void make_requests(struct cast *k)
{
    struct su_chain_batch *b = &k->b;
    const struct su_chain_request q = {NONCE, 1, {2}, 3};
    uint8_t key[32];

    begin(k, SU_IX_REQUEST_OPEN);
    su_chain_make_request_open(b, k->requestor, k->w->model, &q);
    assert_true(DATA(k, request_open)->nonce == NONCE && DATA(k, request_open)->max_steps == 3);
    made(k);
    begin(k, SU_IX_REQUEST_TASKS);
    for (uint16_t t = TASK; t < TASK + 3; t++) {
        at_task(k->w, t, key);
        call_more(&k->c, key);
        at_assignment(k->w, t, key);
        call_more(&k->c, key);
        k->c.metas[k->c.count - 1].writable = true; /* the task's is only read */
    }
    su_chain_make_request_tasks(b, k->requestor, &k->at, k->w->model, 3);
    assert_true(DATA(k, request_tasks)->first == TASK && DATA(k, request_tasks)->count == 3);
    made(k);
    ata(k, k->requestor, key);
    call_set(begin(k, SU_IX_REQUEST_SUBMIT), "from", key);
    su_chain_make_request_submit(b, k->requestor, &k->at, 12);
    made(k);
    begin(k, SU_IX_REQUEST_CANCEL);
    su_chain_make_request_cancel(b, k->requestor, &k->at);
    made(k);
    begin(k, SU_IX_REQUEST_EXPIRE);
    su_chain_make_request_expire(b, &k->at);
    made(k);
    call_set(begin(k, SU_IX_REFUND_CLAIM), "to", key);
    su_chain_make_refund_claim(b, k->requestor);
    made(k);
}

static void make_assignments(struct cast *k)
{
    struct su_chain_batch *b = &k->b;
    const struct su_ix_vote_assign va = {.ix = {9, {9}}, .round = 4, .pad = {9}};
    const struct su_ix_vote_task vt = {.ix = {9, {9}}, .round = 4, .pad = 9, .pad2 = {9}};
    const struct su_ix_commit commit = {.ix = {9, {9}}, .steps = 4, .pad = {9}};
    uint8_t ids[3][32], path[1][32] = {{7}}, key[32];
    const struct su_chain_assign_group g = {1, 3, 1, (const uint8_t(*)[32])ids,
                                            (const uint8_t(*)[32])path};

    begin(k, SU_IX_VOTE_ASSIGN);
    su_chain_make_vote_assign(b, k->identity, &k->at, &va);
    assert_true(DATA(k, vote_assign)->round == 4 && DATA(k, vote_assign)->pad[0] == 0);
    made(k);
    begin(k, SU_IX_ASSIGN); /* tasks 4, 5, 6 to A, B, A */
    for (unsigned i = 0; i < 3; i++) {
        memcpy(ids[i], i == 1 ? k->owner : k->identity, 32);
        at_assignment(k->w, (uint16_t)(4 + i), key);
        call_more(&k->c, key);
    }
    for (unsigned i = 0; i < 2; i++) {
        at_key(k->w, "node", ids[i], key);
        call_more(&k->c, key);
    }
    for (unsigned i = 0; i < 2; i++) {
        at_reserve(k->w, ids[i], key);
        call_more(&k->c, key);
    }
    su_chain_make_assign(b, &k->at, &g);
    assert_memory_equal(DATA(k, assign)->node_of, ((uint8_t[]){0, 1, 0, 0}), 4);
    assert_int_equal(DATA(k, assign)->path[0][0], 7);
    made(k);
    begin(k, SU_IX_RELEASE);
    su_chain_make_release(b, &k->at, k->identity, k->w->payer);
    made(k);
    begin(k, SU_IX_VOTE_TASK);
    su_chain_make_vote_task(b, k->identity, &k->at, &vt);
    assert_true(DATA(k, vote_task)->pad == 0 && DATA(k, vote_task)->pad2[0] == 0);
    made(k);
    begin(k, SU_IX_REASSIGN);
    su_chain_make_reassign(b, &k->at, k->identity);
    made(k);
    begin(k, SU_IX_COMMIT);
    su_chain_make_commit(b, k->identity, &k->at, &commit);
    assert_true(DATA(k, commit)->steps == 4 && DATA(k, commit)->pad[0] == 0);
    made(k);
    begin(k, SU_IX_COMMIT_EXPIRE);
    su_chain_make_commit_expire(b, &k->at);
    made(k);
}

static void make_checks(struct cast *k)
{
    struct su_chain_batch *b = &k->b;
    struct su_ix_check_row row = {.ix = {9, {9}}, .low = 5, .pad = {9}};
    const struct su_ix_reveal reveal = {.ix = {9, {9}}, .salt = {5}};
    uint8_t proof[80] = {6}, key[32];

    memcpy(row.identity, k->identity, 32);
    begin(k, SU_IX_FREEZE);
    su_chain_make_freeze(b, &k->at, 3, true);
    assert_true(DATA(k, freeze)->hash_index == 3 && DATA(k, freeze)->fallback == 1);
    made(k);
    begin(k, SU_IX_DRAW);
    su_chain_make_draw(b, k->identity, &k->at, proof);
    assert_memory_equal(DATA(k, draw)->proof, proof, 80);
    made(k);
    begin(k, SU_IX_DRAW_DEFAULT);
    su_chain_make_draw_default(b, &k->at);
    made(k);
    begin(k, SU_IX_CHECK_SKIP);
    su_chain_make_check_skip(b, &k->at, &row);
    assert_true(DATA(k, check_row)->low == 5 && DATA(k, check_row)->pad[0] == 0);
    made(k);
    begin(k, SU_IX_CHECK_ACCEPT);
    su_chain_make_check_accept(b, &k->at, &row);
    made(k);
    begin(k, SU_IX_CHECK_POST);
    su_chain_make_check_post(b, k->identity, &k->at, k->owner, k->identity);
    assert_memory_equal(DATA(k, check_post)->input_root, k->owner, 32);
    made(k);
    begin(k, SU_IX_CHECK_EXPIRE);
    su_chain_make_check_expire(b, &k->at);
    made(k);
    begin(k, SU_IX_REVEAL);
    su_chain_make_reveal(b, k->identity, &k->at, &reveal);
    assert_int_equal(DATA(k, reveal)->salt[0], 5);
    made(k);
    begin(k, SU_IX_MATCH);
    for (uint16_t t = 1; t < 3; t++) {
        at_assignment(k->w, t, key);
        call_more(&k->c, key);
    }
    su_chain_make_match(b, &k->at, 0x82, (uint16_t[]){1, 2});
    assert_int_equal(DATA(k, match)->mask, 0x82);
    made(k);
    begin(k, SU_IX_REVEAL_EXPIRE);
    su_chain_make_reveal_expire(b, &k->at);
    made(k);
    begin(k, SU_IX_DISPUTE_EXPIRE);
    su_chain_make_dispute_expire(b, &k->at);
    made(k);
    begin(k, SU_IX_DECLARE_MISSING);
    su_chain_make_declare_missing(b, k->requestor, &k->at);
    made(k);
}

static void make_settlement(struct cast *k)
{
    struct su_chain_batch *b = &k->b;

    begin(k, SU_IX_CONCLUDE);
    su_chain_make_conclude(b, k->owner, &k->at);
    made(k);
    begin(k, SU_IX_SLASH);
    su_chain_make_slash(b, &k->at, 1, k->identity);
    assert_int_equal(DATA(k, slash)->who, 1);
    made(k);
    begin(k, SU_IX_PAY_TASK);
    su_chain_make_pay_task(b, &k->at, k->identity);
    made(k);
    begin(k, SU_IX_PAY_CHECK);
    su_chain_make_pay_check(b, &k->at, k->identity, CLAIM);
    made(k);
    begin(k, SU_IX_FREE_RESERVE);
    su_chain_make_free_reserve(b, &k->at, k->identity, k->w->payer);
    made(k);
    begin(k, SU_IX_PAY_ORACLE);
    su_chain_make_pay_oracle(b, &k->at, k->identity, 2);
    assert_int_equal(DATA(k, pay_oracle)->number, 2);
    made(k);
    begin(k, SU_IX_FINISH);
    su_chain_make_finish(b, &k->at, k->requestor);
    made(k);
    begin(k, SU_IX_CLOSE_ASSIGNMENT);
    su_chain_make_close_assignment(b, &k->at, k->w->payer);
    made(k);
    begin(k, SU_IX_CLOSE_CHECK);
    su_chain_make_close_check(b, &k->at, k->w->payer);
    made(k);
    begin(k, SU_IX_CLOSE_EXECUTION);
    su_chain_make_close_execution(b, &k->at, k->w->payer);
    made(k);
    begin(k, SU_IX_CLAIM_PAY);
    su_chain_make_claim_pay(b, CLAIM, k->identity, k->w->payer);
    made(k);
}

static void every_instruction(void **state)
{
    struct cast *k = *state;
    const struct su_ix_info *info;

    make_config(k);
    make_models(k);
    make_nodes(k);
    make_requests(k);
    make_assignments(k);
    make_checks(k);
    make_settlement(k);
    for (size_t row = 0; (info = su_ix_info_at(row)) != NULL; row++)
        if (!k->made[info->number])
            fail_msg("%s is never made", info->name);
}

/* What the arguments cannot be; the first failure sticks, and nothing is added after it. */
static void refusals(void **state)
{
    struct cast *k = *state;
    struct su_chain_batch *b = &k->b;
    char text[200];
    struct su_err e;

    memset(text, 'x', sizeof text);
    text[199] = '\0';
    const struct su_chain_node_args node = {.endpoint = text};
    const struct su_chain_model_args name = {.name = text}, uri = {.uri = text};
    const struct su_ix_task_add add = {.index = 0};
    const struct su_chain_oracle_set set = {.n_members = SU_ORACLES_MAX + 1};
    const struct su_chain_assign_group none = {.count = 0}, deep = {.count = 1, .path_len = 6};
#define REFUSED(call, what)                                                                        \
    do {                                                                                           \
        call;                                                                                      \
        assert_int_equal(su_chain_batch_check(b, &e), SU_EINVAL);                                  \
        assert_string_equal(e.at, what);                                                           \
        assert_int_equal(b->n, 0);                                                                 \
        su_chain_make_draw_default(b, &k->at);                                                     \
        assert_int_equal(b->n, 0);                                                                 \
        su_chain_batch_fini(b);                                                                    \
        su_chain_batch_init(b, &k->env, k->w->payer);                                              \
    } while (0)
    REFUSED(su_chain_make_node_register(b, k->identity, k->owner, &node), "endpoint");
    REFUSED(su_chain_make_node_update(b, k->identity, &node), "endpoint");
    REFUSED(su_chain_make_oracle_register(b, k->identity, k->owner, k->owner, text), "endpoint");
    REFUSED(su_chain_make_model_create(b, k->owner, &name), "name");
    REFUSED(su_chain_make_model_create(b, k->owner, &uri), "uri");
    REFUSED(su_chain_make_task_add(b, k->owner, k->owner, &add, text), "uri");
    REFUSED(su_chain_make_connect(b, k->owner, k->owner, NULL, 0), "connect");
    REFUSED(su_chain_make_connect(b, k->owner, k->owner, NULL, 9), "connect");
    REFUSED(su_chain_make_config_next(b, k->owner, &set, &k->w->params), "oracles");
    REFUSED(su_chain_make_request_tasks(b, k->owner, &k->at, k->owner, 5), "request_tasks");
    REFUSED(su_chain_make_request_tasks(b, k->owner, &k->at, k->owner, 0), "request_tasks");
    REFUSED(su_chain_make_assign(b, &k->at, &none), "assign");
    REFUSED(su_chain_make_assign(b, &k->at, &deep), "assign");
    for (size_t i = 0; i < SU_TX_INSTRS_MAX; i++)
        su_chain_make_usdc_account(b, k->owner);
    assert_int_equal(su_chain_batch_check(b, &e), SU_OK);
    uint8_t account[32];
    ata(k, k->owner, account);
    assert_memory_equal(b->instrs[63].metas[1].key, account, 32);
    su_chain_make_usdc_account(b, k->owner);
    assert_int_equal(su_chain_batch_check(b, &e), SU_ELIMIT);
    assert_int_equal(b->n, SU_TX_INSTRS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_instruction, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
