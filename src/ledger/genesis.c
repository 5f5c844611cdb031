// SPDX-License-Identifier: MIT
/* The first accounts of a ledger. Every key and the genesis hash follow from one secret seed. All
   lamports there will ever be belong to the faucet first; programs are paid for out of it. */
#include "bank.h"
#include "crypto/crypto.h"

#include <string.h>

enum { PROGRAM_BYTES = 36, PROGRAM_DATA_BYTES = 45 };

static void derive(const struct su_ledger *l, const char *what, uint8_t out[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    su_sha256_update(&h, "splitup/ledger/", 15);
    su_sha256_update(&h, what, strlen(what));
    su_sha256_update(&h, l->seed, sizeof l->seed);
    su_sha256_final(&h, out);
}

void su_ledger_genesis_keys(struct su_ledger *l)
{
    uint8_t seed[32], secret[64];

    derive(l, "faucet", seed);
    su_ed25519_from_seed(seed, l->faucet, l->faucet_secret);
    derive(l, "usdc", seed);
    su_ed25519_from_seed(seed, l->mint, secret);
    derive(l, "genesis", l->genesis);
    su_wipe(seed, sizeof seed);
    su_wipe(secret, sizeof secret);
}

/* Writes an account into file and state; its lamports come out of *faucet. */
static enum su_code put(struct su_ledger *l, const uint8_t key[32], const uint8_t owner[32],
                        uint64_t lamports, bool executable, const void *data, size_t n,
                        uint64_t *faucet, struct su_err *e)
{
    struct su_ledger_account *a = su_ledger_account_new(key, owner, lamports, executable, data, n);
    enum su_code c;

    if (*faucet < lamports) {
        su_ledger_account_release(a);
        return su_fail(e, SU_ENOSPC, "faucet", "is empty: a new program cannot be paid for");
    }
    if (a == NULL) {
        return su_fail(e, SU_ENOMEM, "ledger", "no memory for an account");
    }
    c = su_ledger_db_put_account(&l->db, a, e);
    if (c == SU_OK && !su_ledger_state_put(&l->state, a)) {
        c = su_fail(e, SU_ENOMEM, "ledger", "no memory for an account");
    }
    if (c != SU_OK) {
        su_ledger_account_release(a);
        return c;
    }
    *faucet -= lamports;
    return SU_OK;
}

static enum su_code put_program(struct su_ledger *l, const uint8_t id[32], const uint8_t owner[32],
                                const char *name, uint64_t *faucet, struct su_err *e)
{
    size_t n = strlen(name);

    return put(l, id, owner, su_ledger_rent_minimum(n), true, name, n, faucet, e);
}

static enum su_code put_mint(struct su_ledger *l, uint64_t *faucet, struct su_err *e)
{
    uint8_t d[SU_LEDGER_MINT_BYTES] = {1};

    memcpy(d + 4, l->faucet, 32);
    d[44] = SU_LEDGER_USDC_DECIMALS;
    d[45] = 1;
    return put(l, l->mint, su_ledger_token_id, su_ledger_rent_minimum(sizeof d), false, d, sizeof d,
               faucet, e);
}

static enum su_code put_faucet(struct su_ledger *l, uint64_t lamports, struct su_err *e)
{
    uint64_t unlimited = UINT64_MAX;

    return put(l, l->faucet, su_ledger_system_id, lamports, false, NULL, 0, &unlimited, e);
}

enum su_code su_ledger_genesis_make(struct su_ledger *l, struct su_err *e)
{
    static const struct {
        const uint8_t *id, *owner;
        const char *name;
    } programs[] = {
        {su_ledger_system_id, su_ledger_native_loader_id, "system_program"},
        {su_ledger_budget_id, su_ledger_native_loader_id, "compute_budget_program"},
        {su_ledger_ed25519_id, su_ledger_native_loader_id, "ed25519_program"},
        {su_ledger_loader_id, su_ledger_native_loader_id, "solana_bpf_loader_upgradeable_program"},
        {su_ledger_loader2_id, su_ledger_native_loader_id, "solana_bpf_loader_program"},
        {su_ledger_token_id, su_ledger_loader2_id, "spl_token"},
        {su_ledger_ata_id, su_ledger_loader2_id, "spl_associated_token_account"},
        {su_ledger_memo_id, su_ledger_loader2_id, "spl_memo"},
        {su_ledger_memo_v1_id, su_ledger_loader2_id, "spl_memo_1"},
    };
    uint64_t faucet = SU_LEDGER_TOTAL_LAMPORTS;
    enum su_code c = su_ledger_db_put_meta(&l->db, "seed", l->seed, sizeof l->seed, e);

    for (size_t i = 0; i < SU_ARRAY_LEN(programs) && c == SU_OK; i++) {
        c = put_program(l, programs[i].id, programs[i].owner, programs[i].name, &faucet, e);
    }
    if (c == SU_OK) {
        c = put_mint(l, &faucet, e);
    }
    return c == SU_OK ? put_faucet(l, faucet, e) : c;
}

/* As an upgradeable program that nobody may upgrade: the program account names its data account. */
static enum su_code put_native(struct su_ledger *l, const uint8_t id[32], uint64_t *faucet,
                               struct su_err *e)
{
    const struct su_ledger_seed seed = {id, 32};
    uint8_t program[PROGRAM_BYTES] = {2}, data[PROGRAM_DATA_BYTES] = {3}, bump;
    enum su_code c;

    if (!su_ledger_find_address(&seed, 1, su_ledger_loader_id, program + 4, &bump)) {
        return su_fail(e, SU_EINVAL, "program", "its id has no data address");
    }
    c = put(l, program + 4, su_ledger_loader_id, su_ledger_rent_minimum(sizeof data), false, data,
            sizeof data, faucet, e);
    return c != SU_OK ? c
                      : put(l, id, su_ledger_loader_id, su_ledger_rent_minimum(sizeof program),
                            true, program, sizeof program, faucet, e);
}

enum su_code su_ledger_genesis_natives(struct su_ledger *l, struct su_err *e)
{
    const struct su_ledger_account *a = su_ledger_state_get(&l->state, l->faucet);
    uint64_t faucet = a != NULL ? a->lamports : 0, before = faucet;
    enum su_code c = SU_OK;

    for (size_t i = 0; i < l->n_natives && c == SU_OK; i++) {
        const struct su_ledger_account *old = su_ledger_state_get(&l->state, l->natives[i].id);

        if (old != NULL && !old->executable) {
            c = su_fail(e, SU_EEXIST, l->natives[i].name,
                        "somebody holds an account at this program's id: use another ledger");
        } else if (old == NULL) {
            c = put_native(l, l->natives[i].id, &faucet, e);
        }
    }
    return c == SU_OK && faucet != before ? put_faucet(l, faucet, e) : c;
}
