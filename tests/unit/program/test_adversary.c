// SPDX-License-Identifier: MIT
/* Every instruction of the registries, spoilt in every way the tables allow. */
#include "abi/abi.h"
#include "support/adversary.h"
#include "support/bank.h"
#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void set_init(struct world *w, struct call *c)
{
    call_init(w, c);
}
static void set_config_next(struct world *w, struct call *c)
{
    const int leaving[] = {2, -1};
    call_config_next(w, c, 2, leaving);
}
static void set_admin(struct world *w, struct call *c)
{
    call_admin_set(w, c, "owner0");
}
static void set_pool_deposit(struct world *w, struct call *c)
{
    call_pool_deposit(w, c, "requestor", 10);
}
static void set_oracle_register(struct world *w, struct call *c)
{
    world_person(w, "oracle9", 0);
    call_oracle_register(w, c, "oracle9");
}
static void set_oracle_bond(struct world *w, struct call *c)
{
    call_oracle_bond(w, c, "oracle1", 10);
}
static void register_free(struct world *w, uint64_t bond)
{
    struct call c;
    world_person(w, "free", 0);
    world_person(w, "free.owner", 1000);
    call_oracle_register(w, &c, "free");
    call_must(w, &c);
    if (bond == 0)
        return;
    call_oracle_bond(w, &c, "free", bond);
    call_must(w, &c);
}
static void set_oracle_withdraw(struct world *w, struct call *c)
{
    register_free(w, 500);
    call_oracle_withdraw(w, c, "free", 0, 300);
}
static void set_oracle_close(struct world *w, struct call *c)
{
    register_free(w, 0);
    call_oracle_close(w, c, "free");
}
static void set_model_create(struct world *w, struct call *c)
{
    call_model_create(w, c, "new", 2, SU_NO_TASK);
}
/* A draft of three tasks, the last one missing, nothing connected. */
static void draft(struct world *w, uint16_t added, uint16_t sample)
{
    struct call c;
    call_model_create(w, &c, "new", 3, sample);
    call_must(w, &c);
    for (uint16_t i = 0; i < added; i++) {
        call_task_add(w, &c, i, i == 0, i == 2);
        call_must(w, &c);
    }
}
static void set_task_add(struct world *w, struct call *c)
{
    draft(w, 2, SU_NO_TASK);
    call_task_add(w, c, 2, false, true);
}
static void set_connect(struct world *w, struct call *c)
{
    draft(w, 3, SU_NO_TASK);
    call_connect(w, c, 0, 2);
}
static void set_feedback(struct world *w, struct call *c)
{
    draft(w, 3, 2);
    call_model_feedback(w, c, 2, 0);
}
static void set_finalise(struct world *w, struct call *c)
{
    draft(w, 3, SU_NO_TASK);
    call_connect(w, c, 0, 2);
    call_must(w, c);
    call_model_finalise(w, c);
}
static void set_discard_task(struct world *w, struct call *c)
{
    draft(w, 2, SU_NO_TASK);
    call_model_discard(w, c, 1);
}
static void set_discard_model(struct world *w, struct call *c)
{
    draft(w, 0, SU_NO_TASK);
    call_model_discard(w, c, -1);
}
static void set_node_register(struct world *w, struct call *c)
{
    world_person(w, "node9", 0);
    call_node_register(w, c, "node9", "owner1");
}
static void set_node_update(struct world *w, struct call *c)
{
    call_node_update(w, c, "node1");
}
static void set_declare_first(struct world *w, struct call *c)
{
    world_node(w, "node9", "owner9", 5000ull * SU_USDC);
    call_node_declare(w, c, "node9", "owner9", 1);
}
static void set_declare_second(struct world *w, struct call *c)
{
    world_node(w, "node9", "owner0", 5000ull * SU_USDC);
    call_node_declare(w, c, "node9", "owner0", 1);
}
static void set_undeclare(struct world *w, struct call *c)
{
    call_node_undeclare(w, c, "node1", "owner1", 1);
}
static void set_stake_deposit(struct world *w, struct call *c)
{
    call_stake_deposit(w, c, "owner1", "node1", 10);
}
static void set_stake_unlock(struct world *w, struct call *c)
{
    call_stake_unlock(w, c, "node1", "owner1", 5000ull * SU_USDC);
}
static void set_stake_withdraw(struct world *w, struct call *c)
{
    call_stake_unlock(w, c, "node1", "owner1", 10);
    call_must(w, c);
    world_advance(w, w->params.cooldown_slots);
    call_stake_withdraw(w, c, "node1", "owner1", 0);
}
static void node_earns(struct world *w, const char *name, uint64_t amount)
{
    struct su_acc_node n = *world_node_read(w, name);
    uint8_t key[32];
    n.earned = amount;
    world_key(name, key);
    at_key(w, "node", key, key);
    world_write(w, key, &n, sizeof n);
}
static void set_earnings(struct world *w, struct call *c)
{
    node_earns(w, "node1", 10);
    call_earnings_claim(w, c, "node1", "owner1");
}
static void set_node_close(struct world *w, struct call *c)
{
    world_node(w, "node9", "owner1", 0);
    call_node_close(w, c, "node9", "owner1");
}
static void plant(struct world *w, const uint8_t key[32], uint8_t tag, void *data, size_t n)
{
    struct su_acc_head *head = data;
    struct svm_account a = {.lamports = bank_rent_minimum(n), .data = data, .data_bytes = n};
    head->tag = tag;
    head->version = SU_ABI_VERSION;
    memcpy(head->rent_payer, w->payer, 32);
    memcpy(a.key, key, 32);
    memcpy(a.owner, w->program, 32);
    bank_account_set(w->bank, &a);
}
static void set_refund(struct world *w, struct call *c)
{
    static const char *const who[] = {"requestor", "owner0"};
    for (unsigned i = 0; i < 2; i++) {
        struct su_acc_requestor r = {.nonce = 1, .refund = 10};
        uint8_t key[32];
        world_key(who[i], r.key);
        at_key(w, "requestor", r.key, key);
        plant(w, key, SU_TAG_REQUESTOR, &r, sizeof r);
    }
    call_refund_claim(w, c, "requestor");
}
static void set_claim(struct world *w, struct call *c)
{
    uint8_t key[32];
    for (uint64_t seq = 0; seq < 2; seq++) {
        struct su_acc_claim claim = {.seq = seq, .amount = 10};
        world_key(seq == 0 ? "node1" : "node2", key);
        at_key(w, "node", key, claim.node);
        at_claim(w, seq, key);
        plant(w, key, SU_TAG_CLAIM, &claim, sizeof claim);
    }
    struct su_acc_pool pool = *(const struct su_acc_pool *)world_read(w, SU_TAG_POOL, w->pool);
    pool.balance = 1000;
    pool.claims_next = 2;
    world_write(w, w->pool, &pool, sizeof pool);
    call_claim_pay(w, c, 0, "node1");
}

static struct world *world_of(const struct scene *scene, struct call *c)
{
    struct world *w = scene->bare ? world_bare() : world_full(3, 2);
    if (!scene->bare) { /* objects to be confused with */
        uint8_t model[32], creator[32];
        memcpy(model, w->model, 32);
        memcpy(creator, w->creator, 32);
        world_person(w, "rival", 0);
        world_key("rival", w->creator);
        world_model(w, "decoy", 2, false);
        memcpy(w->model, model, 32);
        memcpy(w->creator, creator, 32);
    }
    scene->set(w, c);
    return w;
}

static const struct scene scenes[] = {
    {"init", world_of, set_init, true, false},
    {"config_next", world_of, set_config_next, false, false},
    {"admin_set", world_of, set_admin, false, false},
    {"pool_deposit", world_of, set_pool_deposit, false, true},
    {"oracle_register", world_of, set_oracle_register, false, false},
    {"oracle_bond", world_of, set_oracle_bond, false, true},
    {"oracle_withdraw", world_of, set_oracle_withdraw, false, false},
    {"oracle_close", world_of, set_oracle_close, false, false},
    {"model_create", world_of, set_model_create, false, false},
    {"task_add", world_of, set_task_add, false, false},
    {"connect", world_of, set_connect, false, false},
    {"model_feedback", world_of, set_feedback, false, false},
    {"model_finalise", world_of, set_finalise, false, false},
    {"model_discard task", world_of, set_discard_task, false, false},
    {"model_discard model", world_of, set_discard_model, false, false},
    {"node_register", world_of, set_node_register, false, false},
    {"node_update", world_of, set_node_update, false, true},
    {"node_declare first", world_of, set_declare_first, false, false},
    {"node_declare second", world_of, set_declare_second, false, false},
    {"node_undeclare", world_of, set_undeclare, false, false},
    {"stake_deposit", world_of, set_stake_deposit, false, true},
    {"stake_unlock", world_of, set_stake_unlock, false, false},
    {"stake_withdraw", world_of, set_stake_withdraw, false, false},
    {"earnings_claim", world_of, set_earnings, false, false},
    {"node_close", world_of, set_node_close, false, false},
    {"refund_claim", world_of, set_refund, false, false},
    {"claim_pay", world_of, set_claim, false, false},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

static const struct excuse excuses[] = {
    {SU_IX_INIT, "admin", EXCUSE_ANY, "whom the program's key names", NULL},
    {SU_IX_ADMIN_SET, "new_admin", EXCUSE_ANY, "whom the admin names, who signs", NULL},
    {SU_IX_CONFIG_NEXT, "oracles", SU_TAG_ORACLE, "which members: the admin's choice", NULL},
    {SU_IX_POOL_DEPOSIT, "from", EXCUSE_USDC, "another account of the depositor", NULL},
    {SU_IX_STAKE_DEPOSIT, "from", EXCUSE_USDC, "another account of the depositor", NULL},
    {SU_IX_ORACLE_BOND, "from", EXCUSE_USDC, "another account of the depositor", NULL},
    {SU_IX_STAKE_DEPOSIT, "node", SU_TAG_NODE, "a present to whom the depositor names", NULL},
    {SU_IX_ORACLE_BOND, "oracle", SU_TAG_ORACLE, "a present to whom the depositor names", NULL},
    {SU_IX_ORACLE_REGISTER, "owner", EXCUSE_ANY, "whom the oracle's key names", NULL},
    {SU_IX_ORACLE_WITHDRAW, "to", EXCUSE_USDC, "where the owner wants it", NULL},
    {SU_IX_STAKE_WITHDRAW, "to", EXCUSE_USDC, "where the owner wants it", NULL},
    {SU_IX_EARNINGS_CLAIM, "to", EXCUSE_USDC, "where the owner wants it", NULL},
    {SU_IX_REFUND_CLAIM, "to", EXCUSE_USDC, "where the requestor wants it", NULL},
    {SU_IX_NODE_REGISTER, "owner", EXCUSE_ANY, "another owner, who signs", NULL},
    {SU_IX_NODE_DECLARE, "payer", EXCUSE_ANY, "pays nothing once the declaration exists", NULL},
    {SU_IX_NODE_UNDECLARE, "signer", EXCUSE_KEY, "identity or owner", "owner1"},
};

static const struct adversary registries = {scenes, SCENES, excuses,
                                            sizeof excuses / sizeof *excuses};

static void rights(void **unused)
{
    (void)unused;
    adversary_rights(&registries);
}
static void replacements(void **unused)
{
    (void)unused;
    assert_true(adversary_replacements(&registries) > 5000);
}
static void forgeries(void **unused)
{
    (void)unused;
    adversary_forgeries(&registries);
}
static void data(void **unused)
{
    (void)unused;
    adversary_data(&registries);
}
static void replays(void **unused)
{
    (void)unused;
    adversary_replays(&registries);
}

static void amounts(void **unused)
{
    (void)unused;
    static const uint64_t bad[] = {0, SU_AMOUNT_MAX + 1, 1ull << 63, UINT64_MAX - 5, UINT64_MAX};
    for (size_t i = 0; i < SCENES; i++) {
        struct call c, spoilt;
        struct world *w = world_of(&scenes[i], &c);
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            spoilt = c;
            switch (c.info->number) {
            case SU_IX_POOL_DEPOSIT:
            case SU_IX_ORACLE_BOND:
            case SU_IX_STAKE_DEPOSIT:
            case SU_IX_STAKE_UNLOCK:
                spoilt.data.amount.amount = bad[k];
                break;
            case SU_IX_ORACLE_WITHDRAW:
                spoilt.data.oracle_withdraw.bond = bad[k];
                break;
            case SU_IX_STAKE_WITHDRAW:
                spoilt.data.stake_withdraw.ticket = bad[k] + 1;
                if (bad[k] == UINT64_MAX) /* ticket 0: the good call */
                    continue;
                break;
            default:
                continue;
            }
            adversary_must_fail(w, &spoilt, scenes[i].name, "its amount is absurd", 0);
            if (c.info->number == SU_IX_ORACLE_WITHDRAW) {
                spoilt = c;
                spoilt.data.oracle_withdraw.earned = bad[k];
                if (bad[k] != 0)
                    adversary_must_fail(w, &spoilt, scenes[i].name, "its amount is absurd", 0);
            }
        }
        world_free(w);
    }
    adversary_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights), cmocka_unit_test(replacements), cmocka_unit_test(forgeries),
        cmocka_unit_test(data),   cmocka_unit_test(replays),      cmocka_unit_test(amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
