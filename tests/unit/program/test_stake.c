// SPDX-License-Identifier: MIT
/* Stake, tickets, earnings, refunds, claims: every rule and its error, and no coin lost. */
#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define EXPECT(w, c, outcome) assert_string_equal(call_try((w), (c)), (outcome))

static uint64_t usdc(struct world *w, const char *name)
{
    uint8_t key[32];
    world_key_of(name, "usdc", key);
    return bank_token_amount(w->bank, key);
}

/* Changes a node behind the program's back. */
static struct su_acc_node node_copy(struct world *w, const char *name)
{
    return *world_node_read(w, name);
}
static void node_put(struct world *w, const char *name, const struct su_acc_node *n)
{
    uint8_t key[32];
    world_key(name, key);
    at_key(w, "node", key, key);
    world_write(w, key, n, sizeof *n);
}

static void deposit(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_node(w, "n", "o", 0);
    uint64_t had = usdc(w, "o");
    call_stake_deposit(w, &c, "o", "n", 70);
    call_must(w, &c);
    call_must(w, &c);
    assert_int_equal(world_node_read(w, "n")->stake_free, 140);
    assert_int_equal(usdc(w, "o"), had - 140);
    assert_int_equal(bank_token_amount(w->bank, w->vault), 140);
    world_person(w, "friend", 100); /* anybody may add to it */
    call_stake_deposit(w, &c, "friend", "n", 100);
    call_must(w, &c);
    call_stake_deposit(w, &c, "friend", "n", 1);
    EXPECT(w, &c, "custom");
    call_stake_deposit(w, &c, "friend", "n", 0);
    EXPECT(w, &c, "ZeroAmount");
    call_stake_deposit(w, &c, "friend", "n", SU_AMOUNT_MAX + 1);
    EXPECT(w, &c, "Overflow");
    call_stake_deposit(w, &c, "o", "n", UINT64_MAX - 100);
    EXPECT(w, &c, "Overflow");
    assert_int_equal(world_node_read(w, "n")->stake_free, 240);
    world_free(w);
}

static void withdrawal(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_node(w, "n", "o", 1000);
    uint64_t had = usdc(w, "o");
    call_stake_unlock(w, &c, "n", "o", 1001);
    EXPECT(w, &c, "InsufficientStake");
    call_stake_unlock(w, &c, "n", "o", 0);
    EXPECT(w, &c, "ZeroAmount");
    call_stake_unlock(w, &c, "n", "o", 10);
    call_set_name(&c, "owner", "n"); /* the hot key has no say over money */
    EXPECT(w, &c, "NotAuthorised");
    for (unsigned i = 0; i < SU_TICKETS_MAX; i++) {
        call_stake_unlock(w, &c, "n", "o", 10 + i);
        call_must(w, &c);
    }
    EXPECT(w, &c, "TooManyTickets");
    const struct su_acc_node *n = world_node_read(w, "n");
    assert_int_equal(n->stake_free, 1000 - 8 * 10 - 28);
    uint64_t unlock = bank_slot(w->bank) + w->params.cooldown_slots;
    assert_int_equal(n->tickets[3].amount, 13);
    assert_int_equal(n->tickets[3].unlock_slot, unlock);

    call_stake_withdraw(w, &c, "n", "o", 3);
    EXPECT(w, &c, "TooEarly");
    world_advance(w, w->params.cooldown_slots - 1);
    EXPECT(w, &c, "TooEarly");
    world_advance(w, 1);
    call_set_name(&c, "owner", "n");
    EXPECT(w, &c, "NotAuthorised");
    call_stake_withdraw(w, &c, "n", "o", 3);
    call_must(w, &c);
    EXPECT(w, &c, "NoSuchTicket"); /* spent */
    assert_int_equal(usdc(w, "o"), had + 13);
    call_stake_withdraw(w, &c, "n", "o", SU_TICKETS_MAX);
    EXPECT(w, &c, "NoSuchTicket");
    call_stake_withdraw(w, &c, "n", "o", UINT64_MAX);
    EXPECT(w, &c, "NoSuchTicket");
    call_stake_unlock(w, &c, "n", "o", 5); /* the entry is free again, with its own cooldown */
    call_must(w, &c);
    call_stake_withdraw(w, &c, "n", "o", 3);
    EXPECT(w, &c, "TooEarly");
    world_free(w);
}

/* While tasks are declared the base stake stays. */
static void base_stake_stays(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_model(w, "m", 1, true);
    world_node(w, "n", "o", 1500ull * SU_USDC);
    world_declare(w, "n", "o", 1);
    call_stake_unlock(w, &c, "n", "o", 100ull * SU_USDC + 1); /* 1400 for its 4 GiB */
    EXPECT(w, &c, "StakeTooSmall");
    call_stake_unlock(w, &c, "n", "o", 100ull * SU_USDC);
    call_must(w, &c);
    call_stake_unlock(w, &c, "n", "o", 1);
    EXPECT(w, &c, "StakeTooSmall");
    call_node_undeclare(w, &c, "n", "o", 0);
    call_must(w, &c);
    call_stake_unlock(w, &c, "n", "o", 1400ull * SU_USDC);
    call_must(w, &c);
    world_free(w);
}

static void earnings(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_node(w, "n", "o", 1000);
    call_earnings_claim(w, &c, "n", "o");
    EXPECT(w, &c, "ZeroAmount");
    struct su_acc_node n = node_copy(w, "n");
    n.earned = 77;
    node_put(w, "n", &n);
    uint64_t had = usdc(w, "o");
    call_set_name(&c, "owner", "n");
    EXPECT(w, &c, "NotAuthorised");
    call_earnings_claim(w, &c, "n", "o");
    call_must(w, &c);
    assert_int_equal(usdc(w, "o"), had + 77);
    EXPECT(w, &c, "ZeroAmount"); /* once */
    n = node_copy(w, "n");
    n.earned = 1000; /* more than the vault holds: the token program says no */
    node_put(w, "n", &n);
    EXPECT(w, &c, "custom");
    n.earned = UINT64_MAX; /* one transfer takes SU_AMOUNT_MAX at most */
    node_put(w, "n", &n);
    bank_token_set(w->bank, w->vault, w->mint, w->vault_authority, SU_AMOUNT_MAX);
    call_must(w, &c);
    assert_true(world_node_read(w, "n")->earned == UINT64_MAX - SU_AMOUNT_MAX);
    world_free(w);
}

static void close_node(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_node(w, "n", "o", 0);
    const struct su_acc_node clean = node_copy(w, "n");
    struct su_acc_node busy[6];
    for (unsigned i = 0; i < 6; i++)
        busy[i] = clean;
    busy[0].stake_free = 1;
    busy[1].stake_reserved = 1;
    busy[2].earned = 1;
    busy[3].declared_count = 1;
    busy[4].reserves_open = 1;
    busy[5].tickets[7].amount = 1;
    call_node_close(w, &c, "n", "o");
    for (unsigned i = 0; i < 6; i++) {
        node_put(w, "n", &busy[i]);
        EXPECT(w, &c, "NodeBusy");
    }
    node_put(w, "n", &clean);
    call_set_name(&c, "owner", "n");
    EXPECT(w, &c, "NotAuthorised");
    call_node_close(w, &c, "n", "o");
    call_set_name(&c, "rent_payer", "o");
    EXPECT(w, &c, "WrongRelation");
    call_node_close(w, &c, "n", "o");
    call_must(w, &c);
    EXPECT(w, &c, "WrongOwner");
    call_node_register(w, &c, "n", "o"); /* the identity may come back */
    call_must(w, &c);
    world_free(w);
}

/* Puts an account of ours where the program would have made it. */
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

static void refunds(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    uint8_t key[32];
    struct su_acc_requestor r = {.nonce = 3, .refund = 55};
    memcpy(r.key, w->requestor, 32);
    at_key(w, "requestor", w->requestor, key);
    plant(w, key, SU_TAG_REQUESTOR, &r, sizeof r);
    call_pool_deposit(w, &c, "requestor", 100);
    call_must(w, &c);
    uint64_t had = usdc(w, "requestor");
    call_refund_claim(w, &c, "requestor");
    world_person(w, "thief", 0);
    call_set_name(&c, "key", "thief");
    EXPECT(w, &c, "NotAuthorised");
    call_refund_claim(w, &c, "requestor");
    call_must(w, &c);
    assert_int_equal(usdc(w, "requestor"), had + 55);
    EXPECT(w, &c, "ZeroAmount");
    const struct su_acc_requestor *after = world_read(w, SU_TAG_REQUESTOR, key);
    assert_int_equal(after->nonce, 3);
    world_free(w);
}

static void plant_claim(struct world *w, uint64_t seq, const char *node, uint64_t amount)
{
    uint8_t key[32];
    struct su_acc_claim claim = {.seq = seq, .amount = amount};
    world_key(node, key);
    at_key(w, "node", key, claim.node);
    at_claim(w, seq, key);
    plant(w, key, SU_TAG_CLAIM, &claim, sizeof claim);
    struct su_acc_pool pool = *(const struct su_acc_pool *)world_read(w, SU_TAG_POOL, w->pool);
    pool.claims_next = seq + 1;
    world_write(w, w->pool, &pool, sizeof pool);
}

static void claims(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_node(w, "a", "ao", 0);
    world_node(w, "b", "bo", 0);
    world_node(w, "gone", "go", 0);
    plant_claim(w, 0, "a", 60);
    plant_claim(w, 1, "gone", 500);
    plant_claim(w, 2, "b", 40);
    call_node_close(w, &c, "gone", "go");
    call_must(w, &c);

    call_claim_pay(w, &c, 0, "a");
    EXPECT(w, &c, "PoolTooSmall");
    struct call deposit_call;
    call_pool_deposit(w, &deposit_call, "requestor", 100);
    call_must(w, &deposit_call);
    call_claim_pay(w, &c, 2, "b");
    EXPECT(w, &c, "WrongClaim"); /* not its turn */
    call_claim_pay(w, &c, 0, "b");
    EXPECT(w, &c, "WrongRelation");
    call_claim_pay(w, &c, 0, "a");
    call_set_name(&c, "rent_payer", "ao");
    EXPECT(w, &c, "WrongRelation");
    call_claim_pay(w, &c, 0, "a");
    call_must(w, &c);
    EXPECT(w, &c, "WrongOwner"); /* closed */
    assert_int_equal(world_node_read(w, "a")->earned, 60);
    call_claim_pay(w, &c, 1, "gone"); /* a closed node holds up nobody */
    call_must(w, &c);
    call_claim_pay(w, &c, 2, "b");
    call_must(w, &c);
    const struct su_acc_pool *pool = world_read(w, SU_TAG_POOL, w->pool);
    assert_int_equal(pool->balance, 0);
    assert_int_equal(pool->claims_head, 3);
    assert_int_equal(world_node_read(w, "b")->earned, 40);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deposit),          cmocka_unit_test(withdrawal),
        cmocka_unit_test(base_stake_stays), cmocka_unit_test(earnings),
        cmocka_unit_test(close_node),       cmocka_unit_test(refunds),
        cmocka_unit_test(claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
