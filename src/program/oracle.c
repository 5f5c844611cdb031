// SPDX-License-Identifier: MIT
/* Oracles: registration, bond, earnings. */
#include "program_priv.h"

uint64_t su_prog_oracle_register(struct su_sys *s)
{
    enum { KEY, OWNER, PAYER, ORACLE };
    const struct su_ix_oracle_register *ix = SU_PROG_ARGS(s, oracle_register);
    SU_DEMAND(ix->endpoint_len <= SU_ENDPOINT_MAX, UriTooLong);
    SU_DEMAND(su_free_is_zero(ix->endpoint + ix->endpoint_len, SU_ENDPOINT_MAX - ix->endpoint_len),
              BadArgument);
    _Static_assert(sizeof(struct su_ecvrf) <= SU_SYS_SCRATCH, "one computation fits");
    struct su_ecvrf *vrf = (struct su_ecvrf *)(void *)s->scratch;
    vrf->ops = &su_prog_curve;
    vrf->key = ix->vrf_key;
    SU_DEMAND(su_ecvrf_key_valid(vrf), BadVrfKey);

    struct su_seeds seeds;
    struct su_acc_oracle *oracle;
    su_seeds_key(&seeds, "oracle", su_prog_key(s, KEY));
    SU_TRY(su_prog_create(s, PAYER, ORACLE, SU_TAG_ORACLE, &seeds, &oracle));
    su_free_copy(oracle->key, su_prog_key(s, KEY), 32);
    su_free_copy(oracle->vrf_key, ix->vrf_key, 32);
    su_free_copy(oracle->owner, su_prog_key(s, OWNER), 32);
    oracle->endpoint_len = (uint8_t)ix->endpoint_len;
    su_free_copy(oracle->endpoint, ix->endpoint, SU_ENDPOINT_MAX);
    return 0;
}

uint64_t su_prog_oracle_bond(struct su_sys *s)
{
    enum { DEPOSITOR, FROM, MINT, VAULT, STATE, ORACLE };
    const struct su_ix_amount *ix = SU_PROG_ARGS(s, amount);
    struct su_acc_state *state;
    struct su_acc_oracle *oracle;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_load(s, ORACLE, SU_TAG_ORACLE, &oracle));
    SU_TRY(su_prog_add(&oracle->bond, ix->amount));
    return su_prog_vault_in(s, state, DEPOSITOR, FROM, MINT, VAULT, ix->amount);
}

static uint64_t served(struct su_sys *s, const struct su_acc_oracle *oracle)
{
    SU_DEMAND(oracle->listed == 0 || su_sys_slot(s) > oracle->serving_until_slot,
              OracleStillServing);
    return 0;
}

uint64_t su_prog_oracle_withdraw(struct su_sys *s)
{
    enum { OWNER, TO, MINT, VAULT, VAULT_AUTHORITY, STATE, ORACLE };
    const struct su_ix_oracle_withdraw *ix = SU_PROG_ARGS(s, oracle_withdraw);
    struct su_acc_state *state;
    struct su_acc_oracle *oracle;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_load(s, ORACLE, SU_TAG_ORACLE, &oracle));
    SU_DEMAND(su_free_key_equal(oracle->owner, su_prog_key(s, OWNER)), NotAuthorised);
    if (ix->bond != 0)
        SU_TRY(served(s, oracle));
    SU_TRY(su_prog_sub(&oracle->earned, ix->earned));
    SU_TRY(su_prog_sub(&oracle->bond, ix->bond));
    uint64_t amount = ix->earned;
    SU_TRY(su_prog_add(&amount, ix->bond));
    return su_prog_vault_out(s, state, TO, MINT, VAULT, VAULT_AUTHORITY, amount);
}

uint64_t su_prog_oracle_close(struct su_sys *s)
{
    enum { OWNER, ORACLE, RENT_PAYER };
    struct su_acc_oracle *oracle;
    SU_TRY(su_prog_load(s, ORACLE, SU_TAG_ORACLE, &oracle));
    SU_DEMAND(su_free_key_equal(oracle->owner, su_prog_key(s, OWNER)), NotAuthorised);
    SU_TRY(served(s, oracle));
    SU_DEMAND(oracle->bond == 0 && oracle->earned == 0, NotAllPaid);
    return su_prog_close(s, ORACLE, RENT_PAYER);
}
