// SPDX-License-Identifier: MIT
/* Every instruction of the registries, spoilt in every way the tables allow: a call that succeeds
   is taken apart, and no spoilt one may pass. What may pass is named, with the reason, in
   `harmless`. */
#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A world in which the call then succeeds. */
struct scene {
    const char *name;
    void (*set)(struct world *w, struct call *c);
    bool bare; /* before init */
    bool repeats; /* the same call may succeed twice */
};

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

static const struct scene scenes[] = {
    {"init", set_init, true, false},
    {"config_next", set_config_next, false, false},
    {"admin_set", set_admin, false, false},
    {"pool_deposit", set_pool_deposit, false, true},
    {"oracle_register", set_oracle_register, false, false},
    {"oracle_bond", set_oracle_bond, false, true},
    {"oracle_withdraw", set_oracle_withdraw, false, false},
    {"oracle_close", set_oracle_close, false, false},
    {"model_create", set_model_create, false, false},
    {"task_add", set_task_add, false, false},
    {"connect", set_connect, false, false},
    {"model_feedback", set_feedback, false, false},
    {"model_finalise", set_finalise, false, false},
    {"model_discard task", set_discard_task, false, false},
    {"model_discard model", set_discard_model, false, false},
    {"node_register", set_node_register, false, false},
    {"node_update", set_node_update, false, true},
    {"node_declare first", set_declare_first, false, false},
    {"node_declare second", set_declare_second, false, false},
    {"node_undeclare", set_undeclare, false, false},
    {"stake_deposit", set_stake_deposit, false, true},
    {"stake_unlock", set_stake_unlock, false, false},
    {"stake_withdraw", set_stake_withdraw, false, false},
    {"earnings_claim", set_earnings, false, false},
    {"node_close", set_node_close, false, false},
    {"refund_claim", set_refund, false, false},
    {"claim_pay", set_claim, false, false},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

/* Replacements that are the caller's choice and take nothing from anybody. kind: the tag an
   account must have, or what it must be. */
enum kind { OWNER_1 = 100, USDC_ACCOUNT, ANYTHING };
static const struct {
    uint8_t number;
    const char *role;
    int kind;
    const char *why;
} harmless[] = {
    {SU_IX_INIT, "admin", ANYTHING, "whom the program's key names"},
    {SU_IX_ADMIN_SET, "new_admin", ANYTHING, "whom the admin names, who signs"},
    {SU_IX_CONFIG_NEXT, "oracles", SU_TAG_ORACLE, "which members: the admin's choice"},
    {SU_IX_POOL_DEPOSIT, "from", USDC_ACCOUNT, "another account of the depositor"},
    {SU_IX_STAKE_DEPOSIT, "from", USDC_ACCOUNT, "another account of the depositor"},
    {SU_IX_ORACLE_BOND, "from", USDC_ACCOUNT, "another account of the depositor"},
    {SU_IX_STAKE_DEPOSIT, "node", SU_TAG_NODE, "a present to whom the depositor names"},
    {SU_IX_ORACLE_BOND, "oracle", SU_TAG_ORACLE, "a present to whom the depositor names"},
    {SU_IX_ORACLE_REGISTER, "owner", ANYTHING, "whom the oracle's key names"},
    {SU_IX_ORACLE_WITHDRAW, "to", USDC_ACCOUNT, "where the owner wants it"},
    {SU_IX_STAKE_WITHDRAW, "to", USDC_ACCOUNT, "where the owner wants it"},
    {SU_IX_EARNINGS_CLAIM, "to", USDC_ACCOUNT, "where the owner wants it"},
    {SU_IX_REFUND_CLAIM, "to", USDC_ACCOUNT, "where the requestor wants it"},
    {SU_IX_NODE_REGISTER, "owner", ANYTHING, "another owner, who signs"},
    {SU_IX_NODE_DECLARE, "payer", ANYTHING, "pays nothing once the declaration exists"},
    {SU_IX_NODE_UNDECLARE, "signer", OWNER_1, "identity or owner"},
};

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

static bool token_of_mint(const struct world *w, const struct svm_account *a)
{
    return memcmp(a->owner, su_sys_token_id, 32) == 0 && a->data_bytes == 165 &&
           memcmp(a->data, w->mint, 32) == 0 && memcmp(a->key, w->vault, 32) != 0;
}

static bool is_harmless(const struct world *w, const struct call *c, size_t at,
                        const struct svm_account *other)
{
    char role[32];
    call_role(c, at, role);
    if (strcmp(role, "payer") == 0 && other->data_bytes == 0 && su_free_is_zero(other->owner, 32))
        return true; /* whoever signs may pay */
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (harmless[i].number != c->info->number || strcmp(harmless[i].role, role) != 0)
            continue;
        if (harmless[i].kind == ANYTHING)
            return true;
        if (harmless[i].kind == OWNER_1) {
            uint8_t owner[32];
            world_key("owner1", owner);
            return memcmp(other->key, owner, 32) == 0;
        }
        if (harmless[i].kind == USDC_ACCOUNT)
            return token_of_mint(w, other);
        return other->data_bytes != 0 && other->data[0] == harmless[i].kind;
    }
    return false;
}

static void must_fail(struct world *w, const struct call *c, const char *scene, const char *how,
                      size_t at)
{
    if (call_run(w, c) != 0)
        return;
    char role[32];
    call_role(c, at, role);
    fail_msg("%s passed although %s (account %zu, %s)", scene, how, at, role);
}

static void rights(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < SCENES; i++) {
        struct call c, spoilt;
        struct world *w = world_of(&scenes[i], &c);
        for (size_t k = 0; k < c.count; k++) {
            spoilt = c;
            spoilt.metas[k].signer = false;
            if (c.metas[k].signer)
                must_fail(w, &spoilt, scenes[i].name, "a signature is missing", k);
            spoilt = c;
            for (size_t n = 0; n < c.count; n++) /* a key's rights are those of all its places */
                if (memcmp(c.metas[n].key, c.metas[k].key, 32) == 0)
                    spoilt.metas[n].writable = false;
            if (c.metas[k].writable)
                must_fail(w, &spoilt, scenes[i].name, "an account is read-only", k);
        }
        for (size_t n = 0; n < c.count; n++) {
            spoilt = c;
            spoilt.count = n;
            must_fail(w, &spoilt, scenes[i].name, "accounts are missing", n);
        }
        call_must(w, &c); /* none of it has left a trace */
        world_free(w);
    }
}

/* Every account in the place of every other, signed and writable as the role wants it. */
static void replacements(void **unused)
{
    (void)unused;
    unsigned tried = 0, passed = 0;
    for (size_t i = 0; i < SCENES; i++) {
        struct call c;
        struct world *w = world_of(&scenes[i], &c);
        struct bank *start = bank_copy(w->bank);
        for (size_t k = 0; k < c.count; k++) {
            struct svm_account other;
            for (size_t n = 0; bank_account_at(start, n, &other); n++) {
                if (memcmp(other.key, c.metas[k].key, 32) == 0)
                    continue;
                struct call spoilt = c;
                memcpy(spoilt.metas[k].key, other.key, 32);
                tried++;
                if (call_run(w, &spoilt) == 0) {
                    char role[32];
                    call_role(&c, k, role);
                    if (!is_harmless(w, &c, k, &other))
                        fail_msg("%s passed with a foreign %s", scenes[i].name, role);
                    passed++;
                    bank_free(w->bank);
                    w->bank = bank_copy(start);
                }
            }
            struct call spoilt = c; /* nobody */
            memset(spoilt.metas[k].key, 0x77, 32);
            memset(&other, 0, sizeof other);
            if (call_run(w, &spoilt) == 0 && !is_harmless(w, &c, k, &other)) {
                char role[32];
                call_role(&c, k, role);
                fail_msg("%s passed with nobody as %s", scenes[i].name, role);
            }
            bank_free(w->bank);
            w->bank = bank_copy(start);
        }
        call_must(w, &c);
        bank_free(start);
        world_free(w);
    }
    print_message("%u replacements, %u of them harmless\n", tried, passed);
    assert_true(tried > 5000 && passed > 0);
}

/* The account's own bytes under another program, another tag, another version, another length. */
static void forgeries(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < SCENES; i++) {
        struct call c;
        struct world *w = world_of(&scenes[i], &c);
        struct bank *start = bank_copy(w->bank);
        for (size_t k = 0; k < c.count; k++) {
            struct svm_account a;
            bank_account_get(start, c.metas[k].key, &a);
            if (a.data_bytes < 8)
                continue;
            uint8_t *data = malloc(a.data_bytes + 1);
            assert_non_null(data);
            for (unsigned how = 0; how < 5; how++) {
                struct svm_account forged = a;
                memcpy(data, a.data, a.data_bytes);
                data[a.data_bytes] = 0;
                forged.data = data;
                if (how == 0)
                    memset(forged.owner, 0x99, 32);
                if (how == 1)
                    data[0] = (uint8_t)(data[0] % (SU_TAG_COUNT - 1) + 1);
                if (how == 2)
                    data[1]++;
                if (how == 3)
                    forged.data_bytes--;
                if (how == 4)
                    forged.data_bytes++;
                char role[32];
                call_role(&c, k, role);
                bool ours = memcmp(a.owner, w->program, 32) == 0;
                if (!ours && (how == 1 || how == 2))
                    continue; /* a token account's bytes mean something else */
                if (!ours && strcmp(role, "mint") == 0 && c.info->number != SU_IX_INIT)
                    continue; /* the configured mint is known by its address */
                if (!ours && strcmp(role, "vault") == 0 && c.info->number != SU_IX_INIT)
                    continue; /* so is the vault */
                bank_account_set(w->bank, &forged);
                must_fail(w, &c, scenes[i].name, "an account is forged", k);
                bank_free(w->bank);
                w->bank = bank_copy(start);
            }
            free(data);
        }
        bank_free(start);
        world_free(w);
    }
}

static void data(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < SCENES; i++) {
        struct call c, spoilt;
        struct world *w = world_of(&scenes[i], &c);
        for (size_t n = 0; n < c.bytes; n++) {
            spoilt = c;
            spoilt.bytes = n;
            must_fail(w, &spoilt, scenes[i].name, "its data is cut short", 0);
        }
        spoilt = c;
        for (size_t n = 1; n <= 16; n++) {
            spoilt.bytes = c.bytes + n;
            must_fail(w, &spoilt, scenes[i].name, "its data is too long", 0);
        }
        for (size_t n = 1; n < 8; n++) {
            spoilt = c;
            spoilt.data.raw[n] = 1;
            must_fail(w, &spoilt, scenes[i].name, "its padding is not zero", 0);
        }
        world_free(w);
    }
}

static void replays(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < SCENES; i++) {
        struct call c;
        struct world *w = world_of(&scenes[i], &c);
        call_must(w, &c);
        if (scenes[i].repeats) {
            call_must(w, &c);
        } else if (strcmp(scenes[i].name, "oracle_withdraw") == 0) {
            must_fail(w, &c, scenes[i].name, "less than that is left", 0);
        } else if (strcmp(scenes[i].name, "stake_unlock") == 0) {
            must_fail(w, &c, scenes[i].name, "the base stake must stay", 0);
        } else {
            must_fail(w, &c, scenes[i].name, "it has been done", 0);
        }
        world_free(w);
    }
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
            must_fail(w, &spoilt, scenes[i].name, "its amount is absurd", 0);
            if (c.info->number == SU_IX_ORACLE_WITHDRAW) {
                spoilt = c;
                spoilt.data.oracle_withdraw.earned = bad[k];
                if (bad[k] != 0)
                    must_fail(w, &spoilt, scenes[i].name, "its amount is absurd", 0);
            }
        }
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights), cmocka_unit_test(replacements), cmocka_unit_test(forgeries),
        cmocka_unit_test(data),   cmocka_unit_test(replays),      cmocka_unit_test(amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
