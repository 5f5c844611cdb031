// SPDX-License-Identifier: MIT
/* Sets SplitUp up on a new ledger: vault, state, pool and the first configuration, by the same
   instruction as on any cluster. That one must be signed by the program's own key; the id of the
   program that is built in has none, so the ledger vouches for it, this once. */
#include "bank.h"
#include "crypto/crypto.h"

#include "abi/abi.h"

#include <string.h>

enum { ADMIN_LAMPORTS = 2000000000 };

void su_ledger_admin_secret(const struct su_ledger *l, uint8_t secret[64])
{
    uint8_t seed[32], key[32];
    struct su_sha256 h;

    su_sha256_init(&h);
    su_sha256_update(&h, "splitup/ledger/admin", 20);
    su_sha256_update(&h, l->seed, sizeof l->seed);
    su_sha256_final(&h, seed);
    su_ed25519_from_seed(seed, key, secret);
    su_wipe(seed, sizeof seed);
}

static bool address(const struct su_seeds *seeds, uint8_t key[32])
{
    struct su_ledger_seed parts[SU_SEEDS_MAX];
    uint8_t bump;

    for (uint64_t i = 0; i < seeds->count; i++) {
        parts[i] = (struct su_ledger_seed){seeds->part[i].p, (size_t)seeds->part[i].n};
    }
    return su_ledger_find_address(parts, (size_t)seeds->count, su_ledger_splitup_id, key, &bump);
}

/* The accounts of the instruction, in the order of its row. */
enum { PROGRAM, ADMIN, PAYER, STATE, CONFIG, POOL, MINT, VAULT, AUTHORITY, SYSTEM, ROLES };

static bool accounts(const struct su_ledger *l, const uint8_t admin[32],
                     struct su_meta metas[ROLES])
{
    struct su_seeds seeds;
    bool ok;

    memset(metas, 0, ROLES * sizeof *metas);
    memcpy(metas[PROGRAM].key, su_ledger_splitup_id, 32);
    memcpy(metas[ADMIN].key, admin, 32);
    memcpy(metas[PAYER].key, admin, 32);
    memcpy(metas[MINT].key, l->mint, 32);
    memcpy(metas[SYSTEM].key, su_ledger_system_id, 32);
    su_seeds_single(&seeds, "state");
    ok = address(&seeds, metas[STATE].key);
    su_seeds_number(&seeds, "config", 0);
    ok = address(&seeds, metas[CONFIG].key) && ok;
    su_seeds_single(&seeds, "pool");
    ok = address(&seeds, metas[POOL].key) && ok;
    su_seeds_single(&seeds, "vault");
    ok = address(&seeds, metas[AUTHORITY].key) && ok;
    su_ledger_ata(metas[AUTHORITY].key, l->mint, metas[VAULT].key);
    metas[PROGRAM].signer = metas[ADMIN].signer = metas[PAYER].signer = true;
    metas[PAYER].writable = metas[STATE].writable = true;
    metas[CONFIG].writable = metas[POOL].writable = true;
    return ok;
}

static enum su_code run(struct su_ledger *l, const uint8_t admin[32], const struct su_instr *instrs,
                        size_t n, struct su_err *e)
{
    struct su_ledger_now now;
    struct su_ledger_result r = {0};
    struct su_ledger_tx tx;
    struct su_tx t;
    char text[200];

    su_ledger_now(l, &now);
    if (su_tx_compile(admin, now.blockhash, instrs, n, &t) != SU_TX_OK) {
        return su_fail(e, SU_EINTERNAL, "setup", "the transaction cannot be made");
    }
    su_sha256(su_tx_message(&t), su_tx_message_bytes(&t), su_tx_signature(&t, 0));
    enum su_code c = su_ledger_tx_parse(t.wire, t.wire_bytes, &tx, e);
    if (c == SU_OK) {
        c = su_ledger_run_trusted(l, &tx, &r, e);
    }
    if (c == SU_OK && r.failure.tx != SU_LEDGER_TX_OK) {
        c = su_fail(e, SU_EINVAL, "setup", "%s",
                    su_ledger_failure_text(&r.failure, text, sizeof text));
    }
    su_ledger_result_fini(&r);
    return c;
}

enum su_code su_ledger_setup(struct su_ledger *l, const struct su_params *params, struct su_err *e)
{
    uint8_t secret[64], admin[32];
    struct su_meta metas[ROLES];
    struct su_small_instr vault;
    struct su_ix_init ix;
    const struct su_ledger_account *there;

    su_ledger_admin_secret(l, secret);
    memcpy(admin, secret + 32, 32);
    su_wipe(secret, sizeof secret);
    if (!accounts(l, admin, metas)) {
        return su_fail(e, SU_EINTERNAL, "setup", "an address has no bump");
    }
    there = su_ledger_account_get(l, metas[STATE].key);
    if (there != NULL) {
        su_ledger_account_release(there);
        return SU_OK;
    }
    memset(&ix, 0, sizeof ix);
    ix.ix.number = SU_IX_INIT;
    memcpy(ix.genesis, l->genesis, 32);
    ix.params = *params;
    su_instr_ata_create(&vault, admin, metas[VAULT].key, metas[AUTHORITY].key, l->mint);
    struct su_instr instrs[2] = {
        vault.instr,
        {.metas = metas, .data = (const uint8_t *)&ix, .n_metas = ROLES, .data_bytes = sizeof ix}};
    memcpy(instrs[1].program, su_ledger_splitup_id, 32);
    enum su_code c = su_ledger_airdrop(l, admin, ADMIN_LAMPORTS, NULL, e);
    return c == SU_OK ? run(l, admin, instrs, 2, e) : c;
}
