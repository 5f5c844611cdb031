// SPDX-License-Identifier: MIT
/* The cluster's configuration, its oracle set and the pool's deposits. */
#include "program_priv.h"

enum { /* SPL Token layouts: spl_token::state::{Mint, Account} */
       MINT_BYTES = 82,
       MINT_DECIMALS = 44,
       MINT_INITIALIZED = 45,
       TOKEN_BYTES = 165,
       TOKEN_MINT = 0,
       TOKEN_OWNER = 32,
       TOKEN_DELEGATE = 72,
       TOKEN_STATE = 108,
       TOKEN_CLOSE_AUTHORITY = 129,
       USDC_DECIMALS = 6,
};

static uint64_t mint_check(const struct su_sys_account *mint)
{
    SU_DEMAND(su_free_key_equal(mint->owner, su_sys_token_id) && *mint->data_len == MINT_BYTES &&
                  mint->data[MINT_INITIALIZED] == 1 && mint->data[MINT_DECIMALS] == USDC_DECIMALS,
              BadMint);
    return 0;
}

static uint64_t vault_check(const struct su_sys_account *vault, const uint8_t mint[32],
                            const uint8_t authority[32])
{
    const uint8_t *d = vault->data;
    SU_DEMAND(su_free_key_equal(vault->owner, su_sys_token_id) && *vault->data_len == TOKEN_BYTES &&
                  d[TOKEN_STATE] == 1,
              BadTokenAccount);
    SU_DEMAND(su_free_key_equal(d + TOKEN_MINT, mint), WrongMint);
    SU_DEMAND(su_free_key_equal(d + TOKEN_OWNER, authority) &&
                  su_free_load32(d + TOKEN_DELEGATE) == 0 &&
                  su_free_load32(d + TOKEN_CLOSE_AUTHORITY) == 0,
              BadTokenAccount);
    return 0;
}

static uint64_t config_create(struct su_sys *s, uint64_t payer, uint64_t at, uint64_t epoch,
                              struct su_acc_config **out)
{
    struct su_seeds seeds;
    su_seeds_number(&seeds, "config", epoch);
    SU_TRY(su_prog_create(s, payer, at, SU_TAG_CONFIG, &seeds, out));
    (*out)->epoch = epoch;
    return 0;
}

/* In range, and with room for the shortest execution there is. */
static uint64_t params_check(const struct su_params *p)
{
    SU_DEMAND(su_params_check(p), BadParameter);
    uint64_t judge = su_econ_judge_slots(p, 0, 0, 1);
    SU_DEMAND(su_econ_longest_slots(p, 1, 1, 0, judge) <= p->config_delay_slots, BadParameter);
    return 0;
}

uint64_t su_prog_init(struct su_sys *s)
{
    enum { PROGRAM, ADMIN, PAYER, STATE, CONFIG, POOL, MINT, VAULT, VAULT_AUTHORITY };
    const struct su_ix_init *ix = SU_PROG_ARGS(s, init);
    SU_DEMAND(su_free_key_equal(su_prog_key(s, PROGRAM), s->program_id), NotAuthorised);
    SU_TRY(params_check(&ix->params));
    SU_DEMAND(!su_free_is_zero(ix->genesis, 32), BadArgument);
    SU_TRY(mint_check(&s->accounts[MINT]));

    struct su_seeds seeds;
    su_seeds_single(&seeds, "vault");
    struct su_sys_bytes part = {seeds.part[0].p, seeds.part[0].n};
    uint8_t authority[32], bump = 0;
    SU_DEMAND(su_sys_find_address(s, &part, 1, authority, &bump) &&
                  su_free_key_equal(authority, su_prog_key(s, VAULT_AUTHORITY)),
              WrongAddress);
    SU_TRY(vault_check(&s->accounts[VAULT], su_prog_key(s, MINT), authority));

    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_pool *pool;
    su_seeds_single(&seeds, "state");
    SU_TRY(su_prog_create(s, PAYER, STATE, SU_TAG_STATE, &seeds, &state));
    SU_TRY(config_create(s, PAYER, CONFIG, 0, &config));
    su_seeds_single(&seeds, "pool");
    SU_TRY(su_prog_create(s, PAYER, POOL, SU_TAG_POOL, &seeds, &pool));
    su_free_copy(state->admin, su_prog_key(s, ADMIN), 32);
    su_free_copy(state->mint, su_prog_key(s, MINT), 32);
    su_free_copy(state->vault, su_prog_key(s, VAULT), 32);
    su_free_copy(state->vault_authority, authority, 32);
    su_free_copy(state->genesis, ix->genesis, 32);
    state->vault_bump = bump;
    state->latest_start_slot = su_sys_slot(s);
    config->start_slot = state->latest_start_slot;
    su_free_copy(config->genesis, ix->genesis, 32);
    su_free_copy(&config->params, &ix->params, sizeof ix->params);
    return 0;
}

enum { NEXT_ADMIN, NEXT_PAYER, NEXT_STATE, NEXT_LATEST, NEXT_NEXT, NEXT_SYSTEM, NEXT_ORACLES };

/* Lists the members and locks their bonds. */
static uint64_t members_enter(struct su_sys *s, struct su_acc_config *next, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct su_acc_oracle *oracle;
        SU_TRY(su_prog_load(s, NEXT_ORACLES + i, SU_TAG_ORACLE, &oracle));
        SU_DEMAND(oracle->bond >= next->params.oracle_bond, OracleBondTooSmall);
        /* Who copies another's VRF key would hold two turns with one proof. */
        for (uint64_t j = 0; j < i; j++)
            SU_DEMAND(!su_free_key_equal(next->oracles[j].vrf_key, oracle->vrf_key), BadVrfKey);
        su_free_copy(next->oracles[i].key, oracle->key, 32);
        su_free_copy(next->oracles[i].vrf_key, oracle->vrf_key, 32);
        oracle->listed = 1;
        oracle->last_epoch = next->epoch;
        oracle->serving_until_slot = UINT64_MAX;
    }
    next->oracle_count = (uint8_t)count;
    next->quorum = (uint8_t)((2 * count + 2) / 3);
    return 0;
}

/* Every member of the latest epoch that the next one lacks must be here, so that its bond is freed
   once nothing pinned to its epoch can still run. */
static uint64_t members_leave(struct su_sys *s, const struct su_acc_config *latest,
                              const struct su_acc_config *next, uint64_t until_slot)
{
    uint64_t leaving = 0;
    for (uint64_t i = 0; i < latest->oracle_count; i++) {
        uint8_t number;
        leaving += su_prog_oracle_number(next, latest->oracles[i].key, &number) != 0;
    }
    uint64_t first = NEXT_ORACLES + next->oracle_count;
    SU_DEMAND(s->count - first >= leaving, NotEnoughAccounts);
    for (uint64_t i = first; i < s->count; i++) {
        struct su_acc_oracle *oracle;
        uint8_t number;
        SU_TRY(su_prog_load(s, i, SU_TAG_ORACLE, &oracle));
        /* One more than those that leave is a stranger: nobody stands here twice. */
        SU_DEMAND(su_prog_oracle_number(latest, oracle->key, &number) == 0 &&
                      su_prog_oracle_number(next, oracle->key, &number) != 0,
                  WrongRelation);
        oracle->serving_until_slot = until_slot;
    }
    return 0;
}

uint64_t su_prog_config_next(struct su_sys *s)
{
    const struct su_ix_config_next *ix = SU_PROG_ARGS(s, config_next);
    struct su_acc_state *state;
    struct su_acc_config *latest, *next;
    SU_TRY(su_prog_load(s, NEXT_STATE, SU_TAG_STATE, &state));
    SU_DEMAND(su_free_key_equal(state->admin, su_prog_key(s, NEXT_ADMIN)), NotAuthorised);
    SU_TRY(su_prog_load(s, NEXT_LATEST, SU_TAG_CONFIG, &latest));
    SU_DEMAND(latest->epoch == state->latest_epoch, WrongEpoch);
    uint64_t slot = su_sys_slot(s);
    SU_DEMAND(slot >= latest->start_slot, EpochPending);
    SU_DEMAND(ix->oracle_count >= 1 && ix->oracle_count <= SU_ORACLES_MAX, TooManyOracles);
    SU_DEMAND(s->count - NEXT_ORACLES >= ix->oracle_count, NotEnoughAccounts);
    SU_TRY(params_check(&ix->params));
    uint64_t start = slot, until, delay = latest->params.config_delay_slots;
    if (latest->oracle_count != 0) {
        SU_TRY(su_prog_add(&start, delay));
        /* An oracle leaves two of the next delays after the next start at the earliest: executions
           of the latest epoch, which may last one of its delays, must have ended by then. */
        SU_DEMAND(ix->params.config_delay_slots >= delay - delay / 2, BadParameter);
    }
    until = start;
    SU_TRY(su_prog_add(&until, delay));

    SU_TRY(config_create(s, NEXT_PAYER, NEXT_NEXT, latest->epoch + 1, &next));
    next->start_slot = start;
    su_free_copy(next->genesis, state->genesis, 32);
    su_free_copy(&next->params, &ix->params, sizeof ix->params);
    SU_TRY(members_enter(s, next, ix->oracle_count));
    SU_TRY(members_leave(s, latest, next, until));
    state->latest_epoch = next->epoch;
    state->latest_start_slot = start;
    return 0;
}

uint64_t su_prog_admin_set(struct su_sys *s)
{
    enum { ADMIN, NEW_ADMIN, STATE };
    struct su_acc_state *state;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_DEMAND(su_free_key_equal(state->admin, su_prog_key(s, ADMIN)), NotAuthorised);
    su_free_copy(state->admin, su_prog_key(s, NEW_ADMIN), 32);
    return 0;
}

uint64_t su_prog_pool_deposit(struct su_sys *s)
{
    enum { DEPOSITOR, FROM, MINT, VAULT, STATE, POOL };
    const struct su_ix_amount *ix = SU_PROG_ARGS(s, amount);
    struct su_acc_state *state;
    struct su_acc_pool *pool;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_load(s, POOL, SU_TAG_POOL, &pool));
    SU_TRY(su_prog_add(&pool->balance, ix->amount));
    return su_prog_vault_in(s, state, DEPOSITOR, FROM, MINT, VAULT, ix->amount);
}
