// SPDX-License-Identifier: MIT
#include "program_priv.h"

enum {
    TOKEN_BYTES = 165, /* SPL Token: layout of spl_token::state::Account */
    TOKEN_MINT = 0,
    TOKEN_OWNER = 32,
    TOKEN_STATE = 108,
    TOKEN_INITIALIZED = 1,
    USDC_DECIMALS = 6,
    PARTS_MAX = 12,
};

const struct su_ecvrf_ops su_prog_curve = {su_sys_point_add, su_sys_point_mul2};

uint64_t su_prog_load(struct su_sys *s, uint64_t i, uint8_t tag, void *out_pointer)
{
    SU_DEMAND(i < s->count, NotEnoughAccounts);
    const struct su_sys_account *a = &s->accounts[i];
    SU_DEMAND(su_free_key_equal(a->owner, s->program_id), WrongOwner);
    SU_DEMAND(su_acc_valid(tag, a->data, *a->data_len), WrongType);
    void *data = a->data;
    su_free_copy(out_pointer, (const void *)&data, sizeof data);
    return 0;
}

bool su_prog_absent(const struct su_sys *s, uint64_t i)
{
    if (i >= s->count)
        return false;
    const struct su_sys_account *a = &s->accounts[i];
    return *a->data_len == 0 && su_free_key_equal(a->owner, su_sys_system_id);
}

static uint64_t parts_of(const struct su_seeds *seeds, struct su_sys_bytes parts[SU_SEEDS_MAX])
{
    for (uint64_t i = 0; i < seeds->count; i++) {
        parts[i].p = seeds->part[i].p;
        parts[i].n = seeds->part[i].n;
    }
    return seeds->count;
}

static uint64_t address_check(struct su_sys *s, uint64_t i, const struct su_sys_bytes *parts,
                              uint64_t nparts, uint8_t *bump)
{
    SU_DEMAND(i < s->count, NotEnoughAccounts);
    uint8_t key[32];
    SU_DEMAND(su_sys_find_address(s, parts, nparts, key, bump) &&
                  su_free_key_equal(key, su_prog_key(s, i)),
              WrongAddress);
    return 0;
}

uint64_t su_prog_at(struct su_sys *s, uint64_t i, const struct su_seeds *seeds)
{
    struct su_sys_bytes parts[SU_SEEDS_MAX];
    uint8_t bump;
    return address_check(s, i, parts, parts_of(seeds, parts), &bump);
}

uint64_t su_prog_create_as(struct su_sys *s, const struct su_prog_creation *c, void *out_pointer)
{
    struct su_sys_bytes parts[SU_SEEDS_MAX];
    struct su_sys_creation sys = {.bytes = su_acc_bytes(c->tag), .seeds = parts};
    sys.nseeds = parts_of(c->seeds, parts);
    SU_TRY(address_check(s, c->i, parts, sys.nseeds, &sys.bump));
    SU_DEMAND(su_prog_absent(s, c->i), AlreadyExists);
    struct su_sys_account *a = &s->accounts[c->i];
    sys.payer = &s->accounts[c->payer];
    sys.account = a;
    SU_TRY(su_sys_create_account(s, &sys));
    struct su_acc_head *head = (struct su_acc_head *)(void *)a->data;
    head->tag = c->tag;
    head->version = SU_ABI_VERSION;
    head->bump = sys.bump;
    su_free_copy(head->rent_payer, su_prog_key(s, c->payer), 32);
    void *data = a->data;
    su_free_copy(out_pointer, (const void *)&data, sizeof data);
    return 0;
}

uint64_t su_prog_close(struct su_sys *s, uint64_t i, uint64_t to)
{
    SU_DEMAND(i < s->count && to < s->count, NotEnoughAccounts);
    struct su_sys_account *a = &s->accounts[i];
    SU_DEMAND(su_free_key_equal(a->owner, s->program_id), WrongOwner);
    SU_DEMAND(*a->data_len >= sizeof(struct su_acc_head), WrongType);
    const struct su_acc_head *head = (const struct su_acc_head *)(const void *)a->data;
    SU_DEMAND(su_free_key_equal(head->rent_payer, su_prog_key(s, to)), WrongRelation);
    su_sys_close(s, a, &s->accounts[to]);
    return 0;
}

uint64_t su_prog_config_now(struct su_sys *s, const struct su_acc_state *state, uint64_t i,
                            struct su_acc_config **config)
{
    SU_TRY(su_prog_load(s, i, SU_TAG_CONFIG, config));
    /* A next epoch is announced only when the latest runs: what is in force is one of the two. */
    uint64_t epoch = state->latest_epoch;
    if (su_sys_slot(s) < state->latest_start_slot && epoch != 0)
        epoch--;
    SU_DEMAND((*config)->epoch == epoch, WrongEpoch);
    return 0;
}

uint64_t su_prog_config_of(struct su_sys *s, const struct su_acc_execution *exec, uint64_t i,
                           struct su_acc_config **config)
{
    SU_TRY(su_prog_load(s, i, SU_TAG_CONFIG, config));
    SU_DEMAND((*config)->epoch == exec->epoch, WrongEpoch);
    return 0;
}

uint64_t su_prog_oracle_number(const struct su_acc_config *config, const uint8_t key[32],
                               uint8_t *number)
{
    for (uint8_t i = 0; i < config->oracle_count; i++)
        if (su_free_key_equal(config->oracles[i].key, key)) {
            *number = i;
            return 0;
        }
    return SU_PROG_NotAnOracle;
}

static uint64_t token_check(const struct su_sys *s, const struct su_acc_state *state, uint64_t i)
{
    const struct su_sys_account *a = &s->accounts[i];
    SU_DEMAND(su_free_key_equal(a->owner, su_sys_token_id) && *a->data_len == TOKEN_BYTES &&
                  a->data[TOKEN_STATE] == TOKEN_INITIALIZED,
              BadTokenAccount);
    SU_DEMAND(su_free_key_equal(a->data + TOKEN_MINT, state->mint), WrongMint);
    return 0;
}

/* What both directions demand of the vault, the mint and the amount. */
static uint64_t transfer_check(const struct su_sys *s, const struct su_prog_transfer *t)
{
    SU_DEMAND(t->amount != 0, ZeroAmount);
    SU_DEMAND(t->amount <= SU_AMOUNT_MAX, Overflow);
    SU_DEMAND(t->other < s->count && t->mint < s->count && t->vault < s->count &&
                  t->authority < s->count,
              NotEnoughAccounts);
    SU_DEMAND(su_free_key_equal(su_prog_key(s, t->mint), t->state->mint), WrongMint);
    SU_DEMAND(su_free_key_equal(su_prog_key(s, t->vault), t->state->vault), WrongRelation);
    /* From the vault to itself would count money that never came or never left. */
    SU_DEMAND(s->accounts[t->other].index != s->accounts[t->vault].index, DuplicateAccount);
    return token_check(s, t->state, t->other);
}

uint64_t su_prog_vault_take(struct su_sys *s, const struct su_prog_transfer *t)
{
    SU_TRY(transfer_check(s, t));
    struct su_sys_transfer sys = {&s->accounts[t->other],
                                  &s->accounts[t->mint],
                                  &s->accounts[t->vault],
                                  &s->accounts[t->authority],
                                  t->amount,
                                  NULL,
                                  0,
                                  0,
                                  USDC_DECIMALS};
    SU_DEMAND(sys.authority->is_signer, MissingSignature);
    SU_DEMAND(su_free_key_equal(sys.from->data + TOKEN_OWNER, sys.authority->key), NotAuthorised);
    return su_sys_token_transfer(s, &sys);
}

uint64_t su_prog_vault_give(struct su_sys *s, const struct su_prog_transfer *t)
{
    SU_TRY(transfer_check(s, t));
    struct su_seeds seeds;
    su_seeds_single(&seeds, "vault");
    struct su_sys_bytes parts[SU_SEEDS_MAX];
    struct su_sys_transfer sys = {&s->accounts[t->vault],
                                  &s->accounts[t->mint],
                                  &s->accounts[t->other],
                                  &s->accounts[t->authority],
                                  t->amount,
                                  parts,
                                  parts_of(&seeds, parts),
                                  t->state->vault_bump,
                                  USDC_DECIMALS};
    SU_DEMAND(su_free_key_equal(sys.authority->key, t->state->vault_authority), WrongAddress);
    return su_sys_token_transfer(s, &sys);
}

void su_prog_hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sys_bytes bytes[PARTS_MAX];
    if (n > PARTS_MAX)
        n = PARTS_MAX;
    for (uint64_t i = 0; i < n; i++) {
        bytes[i].p = (const uint8_t *)parts[i].p;
        bytes[i].n = parts[i].n;
    }
    su_sys_sha256(bytes, n, out);
}

uint64_t su_prog_add(uint64_t *field, uint64_t n)
{
    SU_DEMAND(su_free_add(*field, n, field), Overflow);
    return 0;
}

uint64_t su_prog_sub(uint64_t *field, uint64_t n)
{
    SU_DEMAND(su_free_sub(*field, n, field), Overflow);
    return 0;
}
