// SPDX-License-Identifier: MIT
/* Config epochs, the admin, the pool's deposits and the oracles: every rule and its error. */
#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define EXPECT(w, c, outcome) assert_string_equal(call_try((w), (c)), (outcome))

static const struct su_acc_state *state_of(const struct world *w)
{
    return world_read(w, SU_TAG_STATE, w->state);
}

static const struct su_acc_config *config_of(const struct world *w, uint64_t epoch)
{
    uint8_t key[32];
    at_config(w, epoch, key);
    return world_read(w, SU_TAG_CONFIG, key);
}

static void init(void **unused)
{
    (void)unused;
    struct world *w = world_bare();
    struct call c;
    call_init(w, &c);
    call_must(w, &c);
    const struct su_acc_state *s = state_of(w);
    assert_non_null(s);
    assert_memory_equal(s->admin, w->admin, 32);
    assert_memory_equal(s->mint, w->mint, 32);
    assert_memory_equal(s->vault, w->vault, 32);
    assert_memory_equal(s->genesis, w->genesis, 32);
    assert_memory_equal(s->head.rent_payer, w->payer, 32);
    assert_int_equal(s->latest_epoch, 0);
    const struct su_acc_config *config = config_of(w, 0);
    assert_int_equal(config->start_slot, bank_slot(w->bank));
    assert_int_equal(config->oracle_count, 0);
    assert_memory_equal(&config->params, &w->params, sizeof w->params);
    assert_non_null(world_read(w, SU_TAG_POOL, w->pool));
    EXPECT(w, &c, "AlreadyExists");
    world_free(w);
}

/* Runs init in a world that `spoil` has changed. */
static void init_fails(void (*spoil)(struct world *w, struct call *c), const char *outcome)
{
    struct world *w = world_bare();
    struct call c;
    call_init(w, &c);
    spoil(w, &c);
    EXPECT(w, &c, outcome);
    world_free(w);
}

static void other_program(struct world *w, struct call *c)
{
    (void)w;
    call_set_name(c, "program", "somebody");
}
static void no_genesis(struct world *w, struct call *c)
{
    (void)w;
    memset(CALL_ARGS(c, init)->genesis, 0, 32);
}
static void bad_parameter(struct world *w, struct call *c)
{
    (void)w;
    CALL_ARGS(c, init)->params.ms_per_slot = 0;
}
static void mint_of_9(struct world *w, struct call *c)
{
    (void)c;
    bank_mint_set(w->bank, w->mint, 9);
}
static void change_vault(struct world *w, size_t at, uint8_t value)
{
    struct svm_account a;
    uint8_t data[165];
    bank_account_get(w->bank, w->vault, &a);
    memcpy(data, a.data, sizeof data);
    data[at] = value;
    world_write(w, w->vault, data, sizeof data);
}
static void vault_with_delegate(struct world *w, struct call *c)
{
    (void)c;
    change_vault(w, 72, 1);
}
static void vault_with_close_authority(struct world *w, struct call *c)
{
    (void)c;
    change_vault(w, 129, 1);
}
static void vault_frozen(struct world *w, struct call *c)
{
    (void)c;
    change_vault(w, 108, 2);
}
static void vault_of_somebody(struct world *w, struct call *c)
{
    (void)c;
    change_vault(w, 32, 0x55);
}
static void vault_of_other_mint(struct world *w, struct call *c)
{
    (void)c;
    change_vault(w, 0, 0x55);
}
static void other_authority(struct world *w, struct call *c)
{
    (void)w;
    call_set_name(c, "vault_authority", "somebody");
}

static void init_refuses(void **unused)
{
    (void)unused;
    init_fails(other_program, "NotAuthorised");
    init_fails(no_genesis, "BadArgument");
    init_fails(bad_parameter, "BadParameter");
    init_fails(mint_of_9, "BadMint");
    init_fails(vault_with_delegate, "BadTokenAccount");
    init_fails(vault_with_close_authority, "BadTokenAccount");
    init_fails(vault_frozen, "BadTokenAccount");
    init_fails(vault_of_somebody, "BadTokenAccount");
    init_fails(vault_of_other_mint, "WrongMint");
    init_fails(other_authority, "WrongAddress");
}

/* Lamports sent ahead to an address of ours do not keep it from being created. */
static void prefunded_addresses(void **unused)
{
    (void)unused;
    struct world *w = world_bare();
    struct call c;
    world_fund(w, w->state, bank_rent_minimum(0));
    world_fund(w, w->pool, bank_rent_minimum(0));
    call_init(w, &c);
    call_must(w, &c);
    assert_non_null(state_of(w));
    world_free(w);
}

static void shape(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_person(w, "heir", 0);
    call_admin_set(w, &c, "heir");
    c.data.ix.number = 9; /* no such instruction */
    EXPECT(w, &c, "BadInstruction");
    call_admin_set(w, &c, "heir");
    c.bytes = 7;
    EXPECT(w, &c, "BadInstruction");
    call_admin_set(w, &c, "heir");
    c.count = 2;
    EXPECT(w, &c, "NotEnoughAccounts");
    call_admin_set(w, &c, "heir");
    c.metas[0].signer = false;
    EXPECT(w, &c, "MissingSignature");
    call_admin_set(w, &c, "heir");
    c.metas[2].writable = false;
    EXPECT(w, &c, "NotWritable");
    call_admin_set(w, &c, "heir");
    call_set(&c, "state", w->pool);
    EXPECT(w, &c, "WrongType");
    call_set(&c, "state", w->vault);
    EXPECT(w, &c, "WrongOwner");
    world_free(w);
}

static void admin(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_person(w, "heir", 0);
    call_admin_set(w, &c, "heir");
    call_set_name(&c, "admin", "heir");
    EXPECT(w, &c, "NotAuthorised");
    call_admin_set(w, &c, "heir");
    call_must(w, &c);
    EXPECT(w, &c, "NotAuthorised"); /* the old one is out */
    uint8_t heir[32];
    world_key("heir", heir);
    assert_memory_equal(state_of(w)->admin, heir, 32);
    world_free(w);
}

static void epochs(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_oracles(w, 4);
    const struct su_acc_config *one = config_of(w, 1);
    assert_int_equal(one->oracle_count, 4);
    assert_int_equal(one->quorum, 3);
    assert_int_equal(one->start_slot, bank_slot(w->bank)); /* the first has nobody to wait for */
    assert_true(world_oracle_read(w, "oracle3")->serving_until_slot == UINT64_MAX);

    const int leaving[] = {2, 3, -1};
    call_config_next(w, &c, 2, NULL);
    EXPECT(w, &c, "NotEnoughAccounts"); /* those that leave are missing */
    call_config_next(w, &c, 2, leaving);
    call_must(w, &c);
    uint64_t start = bank_slot(w->bank) + w->params.config_delay_slots;
    assert_int_equal(config_of(w, 2)->start_slot, start);
    assert_int_equal(config_of(w, 2)->quorum, 2);
    assert_int_equal(world_oracle_read(w, "oracle2")->serving_until_slot,
                     start + w->params.config_delay_slots);
    assert_true(world_oracle_read(w, "oracle0")->serving_until_slot == UINT64_MAX);
    assert_int_equal(world_oracle_read(w, "oracle0")->last_epoch, 2);
    assert_int_equal(state_of(w)->latest_epoch, 2);

    call_config_next(w, &c, 2, NULL);
    EXPECT(w, &c, "EpochPending");
    world_advance(w, w->params.config_delay_slots);
    call_must(w, &c);
    world_free(w);
}

static void epochs_refuse(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_oracles(w, 3);
    call_config_next(w, &c, 3, NULL);
    call_set_name(&c, "admin", "oracle0");
    EXPECT(w, &c, "NotAuthorised");
    call_config_next(w, &c, 0, NULL);
    EXPECT(w, &c, "TooManyOracles");
    CALL_ARGS(&c, config_next)->oracle_count = 9;
    EXPECT(w, &c, "TooManyOracles");
    CALL_ARGS(&c, config_next)->oracle_count = 3;
    EXPECT(w, &c, "NotEnoughAccounts");
    call_config_next(w, &c, 3, NULL);
    uint8_t key[32];
    at_config(w, 0, key);
    call_set(&c, "latest", key);
    EXPECT(w, &c, "WrongEpoch");
    call_config_next(w, &c, 3, NULL);
    CALL_ARGS(&c, config_next)->params.silence_slots = w->params.reveal_slots;
    EXPECT(w, &c, "BadParameter");
    call_config_next(w, &c, 3, NULL);
    CALL_ARGS(&c, config_next)->params.oracle_bond++;
    EXPECT(w, &c, "OracleBondTooSmall");
    call_config_next(w, &c, 3, NULL);
    call_more(&c, c.metas[c.count - 1].key);
    EXPECT(w, &c, "DuplicateAccount");
    world_person(w, "stranger", 0);
    world_person(w, "stranger.owner", 0);
    call_oracle_register(w, &c, "stranger");
    call_must(w, &c);
    world_key("stranger", key);
    at_key(w, "oracle", key, key);
    call_config_next(w, &c, 3, NULL);
    call_more(&c, key); /* leaves what it was no member of */
    EXPECT(w, &c, "WrongRelation");
    /* Another's VRF key: two turns for one proof. */
    world_person(w, "oracle3", 0);
    world_person(w, "oracle3.owner", 10000ull * SU_USDC);
    call_oracle_register(w, &c, "oracle3");
    world_vrf_key("oracle0", CALL_ARGS(&c, oracle_register)->vrf_key);
    call_must(w, &c);
    call_oracle_bond(w, &c, "oracle3", w->params.oracle_bond);
    call_must(w, &c);
    call_config_next(w, &c, 4, NULL);
    EXPECT(w, &c, "BadVrfKey");
    world_free(w);
}

static void pool_deposits(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    call_pool_deposit(w, &c, "requestor", 5 * SU_USDC);
    call_must(w, &c);
    call_must(w, &c);
    const struct su_acc_pool *pool = world_read(w, SU_TAG_POOL, w->pool);
    assert_int_equal(pool->balance, 10 * SU_USDC);
    assert_int_equal(bank_token_amount(w->bank, w->vault), 10 * SU_USDC);
    call_pool_deposit(w, &c, "requestor", 0);
    EXPECT(w, &c, "ZeroAmount");
    call_pool_deposit(w, &c, "requestor", SU_AMOUNT_MAX + 1);
    EXPECT(w, &c, "Overflow");
    call_pool_deposit(w, &c, "requestor", UINT64_MAX);
    EXPECT(w, &c, "Overflow");
    call_pool_deposit(w, &c, "requestor", SU_AMOUNT_MAX); /* more than there is */
    EXPECT(w, &c, "custom");
    call_pool_deposit(w, &c, "requestor", 1);
    call_set(&c, "from", w->vault);
    EXPECT(w, &c, "DuplicateAccount");
    world_person(w, "thief", 0);
    call_pool_deposit(w, &c, "requestor", 1);
    call_set_name(&c, "depositor", "thief");
    EXPECT(w, &c, "NotAuthorised");
    call_pool_deposit(w, &c, "requestor", 1);
    call_set_name(&c, "mint", "thief");
    EXPECT(w, &c, "WrongMint");
    call_pool_deposit(w, &c, "requestor", 1);
    call_set_name(&c, "vault", "thief.usdc");
    EXPECT(w, &c, "WrongRelation");
    uint8_t other[32], thief[32], token[32];
    world_key("other", other);
    world_key("thief", thief);
    world_key("thief.other", token);
    bank_mint_set(w->bank, other, 6);
    bank_token_set(w->bank, token, other, thief, 100);
    call_pool_deposit(w, &c, "thief", 1);
    call_set(&c, "from", token);
    EXPECT(w, &c, "WrongMint");
    call_set(&c, "from", thief);
    EXPECT(w, &c, "BadTokenAccount");
    call_pool_deposit(w, &c, "requestor", 1);
    call_set(&c, "token", thief);
    EXPECT(w, &c, "WrongAddress");
    world_free(w);
}

static void oracles(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_person(w, "oracle0", 0);
    world_person(w, "oracle0.owner", 5000ull * SU_USDC);
    call_oracle_register(w, &c, "oracle0");
    CALL_ARGS(&c, oracle_register)->endpoint_len = SU_ENDPOINT_MAX + 1;
    EXPECT(w, &c, "UriTooLong");
    call_oracle_register(w, &c, "oracle0");
    CALL_ARGS(&c, oracle_register)->endpoint[SU_ENDPOINT_MAX - 1] = 'x';
    EXPECT(w, &c, "BadArgument");
    call_oracle_register(w, &c, "oracle0");
    memset(CALL_ARGS(&c, oracle_register)->vrf_key, 0, 32); /* of small order */
    EXPECT(w, &c, "BadVrfKey");
    call_oracle_register(w, &c, "oracle0");
    call_must(w, &c);
    EXPECT(w, &c, "AlreadyExists");
    call_oracle_bond(w, &c, "oracle0", 2000ull * SU_USDC);
    call_must(w, &c);
    assert_int_equal(world_oracle_read(w, "oracle0")->bond, 2000ull * SU_USDC);

    call_oracle_withdraw(w, &c, "oracle0", 0, 500ull * SU_USDC); /* never listed: at once */
    call_must(w, &c);
    call_oracle_withdraw(w, &c, "oracle0", 0, 1501ull * SU_USDC);
    EXPECT(w, &c, "Overflow");
    call_oracle_withdraw(w, &c, "oracle0", 1, 0);
    EXPECT(w, &c, "Overflow");
    call_oracle_withdraw(w, &c, "oracle0", 0, 0);
    EXPECT(w, &c, "ZeroAmount");
    call_oracle_withdraw(w, &c, "oracle0", 0, UINT64_MAX);
    EXPECT(w, &c, "Overflow");
    call_oracle_withdraw(w, &c, "oracle0", 0, 1);
    call_set_name(&c, "owner", "oracle0");
    EXPECT(w, &c, "NotAuthorised");
    call_oracle_withdraw(w, &c, "oracle0", 0, 1);
    call_set_name(&c, "vault_authority", "oracle0");
    EXPECT(w, &c, "WrongAddress");
    call_oracle_close(w, &c, "oracle0");
    EXPECT(w, &c, "NotAllPaid");
    call_set_name(&c, "owner", "oracle0");
    EXPECT(w, &c, "NotAuthorised");
    world_free(w);
}

static void bonds_stay_while_serving(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_oracles(w, 2);
    call_oracle_withdraw(w, &c, "oracle1", 0, 1);
    EXPECT(w, &c, "OracleStillServing");
    const int leaving[] = {1, -1};
    call_config_next(w, &c, 1, leaving);
    call_must(w, &c);
    world_advance(w, 2 * w->params.config_delay_slots);
    call_oracle_withdraw(w, &c, "oracle1", 0, w->params.oracle_bond);
    EXPECT(w, &c, "OracleStillServing");
    call_oracle_close(w, &c, "oracle1");
    EXPECT(w, &c, "OracleStillServing");
    world_advance(w, 1);
    call_oracle_withdraw(w, &c, "oracle1", 0, w->params.oracle_bond);
    call_must(w, &c);
    uint64_t paid = bank_lamports(w->bank);
    call_oracle_close(w, &c, "oracle1");
    call_set_name(&c, "rent_payer", "oracle1.owner");
    EXPECT(w, &c, "WrongRelation");
    call_oracle_close(w, &c, "oracle1");
    call_must(w, &c);
    assert_int_equal(bank_lamports(w->bank), paid);
    assert_null(world_oracle_read(w, "oracle1"));
    EXPECT(w, &c, "WrongOwner"); /* closed */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init),
        cmocka_unit_test(init_refuses),
        cmocka_unit_test(prefunded_addresses),
        cmocka_unit_test(shape),
        cmocka_unit_test(admin),
        cmocka_unit_test(epochs),
        cmocka_unit_test(epochs_refuse),
        cmocka_unit_test(pool_deposits),
        cmocka_unit_test(oracles),
        cmocka_unit_test(bonds_stay_while_serving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
