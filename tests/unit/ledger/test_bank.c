// SPDX-License-Identifier: MIT
/* The bank: fees, budgets, blockhashes, duplicates, simulation, history. */
#include "bank_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct su_ledger_tx tx;

static void pay(struct world *w, uint64_t amount)
{
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, w->a[1].key, amount);
}

static enum su_code submit(struct world *w, unsigned flags)
{
    su_ledger_result_fini(&w->r);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    return su_ledger_submit(w->l, &tx, flags, &w->r, NULL);
}

static void budget(struct world *w, uint8_t tag, uint64_t v)
{
    uint8_t d[9] = {tag};

    su_put_le64(d + 1, v);
    add(w, su_ledger_budget_id, NULL, 0, d, tag == 3 ? 9 : 5);
}

/* ---- before anything runs -------------------------------------------------------------------- */

static void admission(void **state)
{
    struct world *w = *state;
    uint8_t nobody[32] = {3};

    pay(w, 5); /* a payer without an account */
    w->d.keys[0] = (struct su_draft_key){{0}, true, true};
    memcpy(w->d.keys[0].key, w->a[4].key, 32);
    w->d.instrs[0].n_keys = 0;
    refuses(w, SU_LEDGER_TX_AccountNotFound);
    begin(w); /* an unknown blockhash */
    memcpy(w->d.blockhash, nobody, 32);
    su_draft_transfer(&w->d, w->a[0].key, w->a[1].key, 5);
    refuses(w, SU_LEDGER_TX_BlockhashNotFound);
    pay(w, 5);
    w->d.unsigned_ = true;
    refuses(w, SU_LEDGER_TX_SignatureFailure);
    pay(w, 5);
    budget(w, 2, 100);
    budget(w, 2, 100);
    run(w);
    assert_int_equal(w->code, SU_EINVAL);
    assert_int_equal(w->r.failure.tx, SU_LEDGER_TX_DuplicateInstruction);
    assert_int_equal(w->r.failure.index, 2);
    pay(w, 5);
    budget(w, 9, 0);
    run(w);
    assert_int_equal(w->code, SU_EINVAL);
    assert_int_equal(w->r.failure.instr, SU_LEDGER_IE_InvalidInstructionData);
    pay(w, 5);
    budget(w, 4, 0);
    refuses(w, SU_LEDGER_TX_InvalidLoadedAccountsDataSizeLimit);
    pay(w, 5);
    budget(w, 1, 1000); /* a heap that is too small */
    run(w);
    assert_int_equal(w->r.failure.tx, SU_LEDGER_TX_InstructionError);
    pay(w, 5);
    budget(w, 3, UINT64_MAX);
    refuses(w, SU_LEDGER_TX_InsufficientFundsForFee);
}

static void payers(void **state)
{
    struct world *w = *state;
    const struct su_draft_meta created[2] = {{w->a[0].key, true, true}, {w->a[4].key, true, true}};
    uint8_t d[52] = {0};
    struct su_ledger_now now;

    su_put_le64(d + 4, SOL);
    d[20] = 1;
    begin(w);
    add(w, su_ledger_system_id, created, 2, d, sizeof d);
    landed(w);
    su_ledger_now(w->l, &now);
    su_draft_init(&w->d, w->a[4].key, now.blockhash); /* a program's account pays nothing */
    add(w, su_ledger_memo_id, NULL, 0, "x", 1);
    refuses(w, SU_LEDGER_TX_InvalidAccountForFee);
    pay(w, 100 * SOL - SOL - 10000 - 5000 - 890880); /* what it just needs to stay */
    landed(w);
    pay(w, 1); /* the fee would eat into that */
    refuses(w, SU_LEDGER_TX_InsufficientFundsForRent);
}

static void programs(void **state)
{
    struct world *w = *state;
    uint8_t nothing[32] = {8};
    uint64_t before = lamports(w, w->a[0].key);

    begin(w);
    add(w, nothing, NULL, 0, "x", 1);
    fails_whole(w, SU_LEDGER_TX_ProgramAccountNotFound, 0);
    begin(w);
    add(w, w->a[1].key, NULL, 0, "x", 1);
    fails_whole(w, SU_LEDGER_TX_InvalidProgramForExecution, 0);
    assert_int_equal(lamports(w, w->a[0].key), before - 10000); /* both paid the fee */
    begin(w);
    add(w, su_ledger_loader_id, NULL, 0, "x", 1);
    fails(w, 0, SU_LEDGER_IE_UnsupportedProgramId, 0);
    pay(w, 5);
    budget(w, 4, 10);
    fails_whole(w, SU_LEDGER_TX_MaxLoadedAccountsDataSizeExceeded, 0);
}

static void write_locks(void **state)
{
    struct world *w = *state;
    uint8_t clock[32];
    size_t n;

    assert_true(su_base58_decode("SysvarC1ock11111111111111111111111111111111", clock, 32, &n));
    begin(w); /* sysvars and programs are read-only whatever the message says */
    su_draft_transfer(&w->d, w->a[0].key, clock, SOL);
    fails(w, 0, SU_LEDGER_IE_ReadonlyLamportChange, 0);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, su_ledger_memo_id, SOL);
    add(w, su_ledger_memo_id, NULL, 0, "x", 1);
    fails(w, 0, SU_LEDGER_IE_ReadonlyLamportChange, 0);
    begin(w); /* the same key twice in the list */
    su_draft_transfer(&w->d, w->a[0].key, w->a[1].key, 5);
    memcpy(w->d.keys[1].key, w->a[0].key, 32);
    w->d.instrs[0].n_keys = 0;
    refuses(w, SU_LEDGER_TX_AccountLoadedTwice);
}

static void fees(void **state)
{
    struct world *w = *state;
    struct su_ledger_now a, b;
    uint64_t fee;

    su_ledger_now(w->l, &a);
    pay(w, 5);
    budget(w, 2, 10000);
    budget(w, 3, 1000001); /* 10 000 units at 1.000001 lamports, rounded up */
    landed(w);
    assert_int_equal(w->r.fee_lamports, 5000 + 10001);
    su_ledger_now(w->l, &b);
    assert_int_equal(b.burned_lamports - a.burned_lamports, 15001);
    assert_int_equal(b.capital_lamports + b.burned_lamports,
                     a.capital_lamports + a.burned_lamports);
    assert_int_equal(b.transactions, a.transactions + 1);
    pay(w, 5);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    assert_true(su_ledger_fee(w->l, &tx, &fee));
    assert_int_equal(fee, 5000);
    su_ledger_advance(w->l, 200);
    assert_false(su_ledger_fee(w->l, &tx, &fee));
    pay(w, 5);
    budget(w, 9, 0);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    assert_false(su_ledger_fee(w->l, &tx, &fee));
}

static void prices(void **state)
{
    struct world *w = *state;
    struct su_ledger_price p[200];
    uint8_t keys[2][32];
    size_t n;

    memcpy(keys[0], w->a[0].key, 32);
    memcpy(keys[1], w->a[1].key, 32);
    pay(w, 5);
    budget(w, 3, 70);
    landed(w);
    n = su_ledger_prices(w->l, (const uint8_t(*)[32])keys, 2, p, SU_ARRAY_LEN(p));
    assert_int_equal(n, 1);
    assert_int_equal(p[0].price, 70);
    assert_int_equal(p[0].slot, w->r.slot);
    memcpy(keys[1], w->a[5].key, 32);
    assert_int_equal(su_ledger_prices(w->l, (const uint8_t(*)[32])keys, 2, p, SU_ARRAY_LEN(p)), 0);
    assert_true(su_ledger_prices(w->l, NULL, 0, p, SU_ARRAY_LEN(p)) >= 1);
    su_ledger_advance(w->l, 151);
    assert_int_equal(su_ledger_prices(w->l, NULL, 0, p, SU_ARRAY_LEN(p)), 0);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void blockhashes(void **state)
{
    struct world *w = *state;
    struct su_ledger_now now, later;

    su_ledger_now(w->l, &now);
    assert_int_equal(now.last_valid_block_height, now.block_height + 150);
    su_ledger_advance(w->l, 150);
    su_ledger_now(w->l, &later);
    assert_int_equal(later.block_height, now.last_valid_block_height);
    assert_true(su_ledger_blockhash_valid(w->l, now.blockhash));
    su_draft_init(&w->d, w->a[0].key, now.blockhash);
    su_draft_transfer(&w->d, w->a[0].key, w->a[1].key, 5);
    landed(w);
    su_ledger_advance(w->l, 1);
    assert_false(su_ledger_blockhash_valid(w->l, now.blockhash));
    su_draft_transfer(&w->d, w->a[0].key, w->a[1].key, 6);
    refuses(w, SU_LEDGER_TX_BlockhashNotFound);
    assert_memory_not_equal(now.blockhash, later.blockhash, 32);
    su_ledger_advance(w->l, 1000000); /* slots skip, hashes do not repeat */
    su_ledger_now(w->l, &later);
    assert_int_equal(later.slot, now.slot + 1000151);
    assert_int_equal(later.epoch, later.slot / 432000);
    assert_int_equal(later.slot_index, later.slot % 432000);
    assert_int_equal(now.ms_per_slot, 400);
}

static void sysvars(void **state)
{
    static const struct {
        const char *id;
        size_t bytes;
    } list[] = {{"SysvarC1ock11111111111111111111111111111111", 40},
                {"SysvarRent111111111111111111111111111111111", 17},
                {"SysvarEpochSchedu1e111111111111111111111111", 33},
                {"SysvarS1otHashes111111111111111111111111111", 20488}};
    struct world *w = *state;
    struct su_ledger_now now;
    const struct su_ledger_account *a[4];
    uint8_t key[32];
    size_t n;
    double years;

    su_ledger_advance(w->l, 600);
    su_ledger_now(w->l, &now);
    for (size_t i = 0; i < 4; i++) {
        assert_true(su_base58_decode(list[i].id, key, 32, &n));
        a[i] = su_ledger_account_get(w->l, key);
        assert_non_null(a[i]);
        assert_int_equal(a[i]->data_bytes, list[i].bytes);
    }
    assert_int_equal(su_le64(a[0]->data), now.slot);
    assert_int_equal((int64_t)su_le64(a[0]->data + 32), now.unix_time);
    assert_int_equal(su_le64(a[1]->data), 3480);
    memcpy(&years, a[1]->data + 8, 8);
    assert_true(years > 1.99 && years < 2.01);
    assert_int_equal(su_le64(a[2]->data), 432000);
    assert_int_equal(su_le64(a[3]->data), 512);
    assert_int_equal(su_le64(a[3]->data + 8), now.slot - 1);
    assert_memory_equal(a[3]->data + 16, now.blockhash, 32);
    assert_int_equal(su_le64(a[3]->data + 8 + 511 * 40), now.slot - 512);
    for (size_t i = 0; i < 4; i++) {
        su_ledger_account_release(a[i]);
    }
    assert_int_equal(su_ledger_rent_minimum(0), 890880);
    assert_int_equal(su_ledger_rent_minimum(165), 2039280);
    assert_int_equal(su_ledger_rent_minimum(UINT64_MAX), UINT64_MAX);
}

/* ---- submitting ------------------------------------------------------------------------------ */

static void duplicates(void **state)
{
    struct world *w = *state;

    pay(w, 5);
    landed(w);
    assert_int_equal(submit(w, SU_LEDGER_WAIT), SU_EINVAL); /* preflight */
    assert_int_equal(w->r.failure.tx, SU_LEDGER_TX_AlreadyProcessed);
    refuses(w, SU_LEDGER_TX_AlreadyProcessed);
    pay(w, 200 * SOL); /* failed ones are processed too */
    fails(w, 0, SU_LEDGER_IE_Custom, 1);
    refuses(w, SU_LEDGER_TX_AlreadyProcessed);
    pay(w, 7); /* twice in one batch */
    assert_int_equal(submit(w, SU_LEDGER_SKIP_PREFLIGHT), SU_OK);
    run(w);
    assert_int_equal(w->code, SU_EINVAL);
    assert_int_equal(w->r.failure.tx, SU_LEDGER_TX_AlreadyProcessed);
    assert_int_equal(lamports(w, w->a[1].key), 100 * SOL + 12);
}

static void preflights(void **state)
{
    struct world *w = *state;
    uint64_t before = lamports(w, w->a[0].key);

    pay(w, 200 * SOL);
    assert_int_equal(submit(w, 0), SU_EINVAL);
    assert_int_equal(w->r.failure.instr, SU_LEDGER_IE_Custom);
    assert_true(logged(w, "insufficient lamports"));
    assert_int_equal(lamports(w, w->a[0].key), before);
    pay(w, 5);
    assert_int_equal(submit(w, 0), SU_OK);
    su_ledger_advance(w->l, 1); /* goes behind it */
    assert_int_equal(lamports(w, w->a[0].key), before - 5005);
    pay(w, 5);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    assert_int_equal(su_ledger_submit(w->l, &tx, SU_LEDGER_WAIT, NULL, NULL), SU_OK);
}

static void simulations(void **state)
{
    struct world *w = *state;
    struct su_ledger_simulation o = {.verify = true};
    struct su_ledger_result r;
    uint64_t before = lamports(w, w->a[0].key);

    pay(w, 5);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    assert_int_equal(su_ledger_simulate(w->l, &tx, &o, &r, NULL), SU_OK);
    assert_int_equal(r.failure.tx, SU_LEDGER_TX_OK);
    assert_int_equal(r.n_keys, 3);
    assert_int_equal(r.units, 150);
    assert_int_equal(r.accounts[0]->lamports, before - 5005);
    assert_int_equal(r.accounts[1]->lamports, 100 * SOL + 5);
    assert_true(r.accounts[2]->executable);
    assert_true(r.loaded_bytes > 0);
    su_ledger_result_fini(&r);
    assert_int_equal(lamports(w, w->a[0].key), before);
    w->d.unsigned_ = true;
    memset(w->d.blockhash, 1, 32);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    assert_int_equal(su_ledger_simulate(w->l, &tx, &o, &r, NULL), SU_OK);
    assert_int_equal(r.failure.tx, SU_LEDGER_TX_SignatureFailure);
    su_ledger_result_fini(&r);
    o.verify = false;
    assert_int_equal(su_ledger_simulate(w->l, &tx, &o, &r, NULL), SU_OK);
    assert_int_equal(r.failure.tx, SU_LEDGER_TX_BlockhashNotFound);
    su_ledger_result_fini(&r);
    o.replace_blockhash = true;
    assert_int_equal(su_ledger_simulate(w->l, &tx, &o, &r, NULL), SU_OK);
    assert_int_equal(r.failure.tx, SU_LEDGER_TX_OK);
    su_ledger_result_fini(&r);
}

static void faucets(void **state)
{
    struct world *w = *state;
    struct su_ledger_tx got;
    struct su_ledger_result r;
    uint8_t sig[64], sig2[64], ata[32];
    size_t n;

    assert_int_equal(su_ledger_airdrop(w->l, w->a[4].key, SOL, sig, NULL), SU_OK);
    assert_int_equal(su_ledger_airdrop(w->l, w->a[4].key, SOL, sig2, NULL), SU_OK);
    assert_memory_not_equal(sig, sig2, 64);
    assert_int_equal(lamports(w, w->a[4].key), 2 * SOL);
    assert_int_equal(su_ledger_transaction_get(w->l, sig, &got, &r, NULL), SU_OK);
    assert_memory_equal(su_ledger_tx_key(&got, 0), su_ledger_faucet_key(w->l), 32);
    su_ledger_result_fini(&r);
    assert_int_equal(su_ledger_airdrop(w->l, w->a[4].key, 0, NULL, NULL), SU_EINVAL);
    assert_int_equal(su_ledger_airdrop(w->l, w->a[4].key, 100001 * SOL, NULL, NULL), SU_EINVAL);
    assert_int_equal(su_ledger_airdrop(w->l, w->a[5].key, 1, NULL, NULL), SU_EINVAL); /* rent */
    assert_int_equal(su_ledger_airdrop(w->l, su_ledger_faucet_key(w->l), SOL, NULL, NULL),
                     SU_EINVAL);
    assert_int_equal(su_ledger_airdrop_usdc(w->l, w->a[4].key, 1500000, NULL, NULL), SU_OK);
    assert_int_equal(su_ledger_airdrop_usdc(w->l, w->a[4].key, 500000, NULL, NULL), SU_OK);
    assert_int_equal(su_ledger_airdrop_usdc(w->l, w->a[4].key, 0, NULL, NULL), SU_EINVAL);
    su_ledger_ata(w->a[4].key, su_ledger_usdc_mint(w->l), ata);
    assert_int_equal(su_le64(data_of(w, ata, &n) + 64), 2000000);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void lists(void **state)
{
    struct world *w = *state;
    struct su_ledger_accounts list;
    const uint8_t *mint = su_ledger_usdc_mint(w->l);
    uint8_t ata[32];
    struct su_ledger_memcmp f[2] = {{32, w->a[1].key, 32}, {0, mint, 32}};

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(su_ledger_airdrop_usdc(w->l, w->a[i].key, 5, NULL, NULL), SU_OK);
    }
    assert_int_equal(su_ledger_accounts_of(w->l, su_ledger_token_id, 165, NULL, 0, &list, NULL),
                     SU_OK);
    assert_int_equal(list.n, 3);
    assert_true(memcmp(list.items[0]->key, list.items[1]->key, 32) < 0);
    su_ledger_accounts_fini(&list);
    assert_int_equal(
        su_ledger_accounts_of(w->l, su_ledger_token_id, SU_LEDGER_ANY_SIZE, NULL, 0, &list, NULL),
        SU_OK);
    assert_int_equal(list.n, 4); /* the mint too */
    su_ledger_accounts_fini(&list);
    assert_int_equal(su_ledger_accounts_of(w->l, su_ledger_token_id, 165, f, 2, &list, NULL),
                     SU_OK);
    assert_int_equal(list.n, 1);
    su_ledger_ata(w->a[1].key, mint, ata);
    assert_memory_equal(list.items[0]->key, ata, 32);
    su_ledger_accounts_fini(&list);
    f[0].offset = 150; /* beyond the data */
    assert_int_equal(su_ledger_accounts_of(w->l, su_ledger_token_id, 165, f, 1, &list, NULL),
                     SU_OK);
    assert_int_equal(list.n, 0);
    assert_int_equal(su_ledger_tokens_of(w->l, w->a[1].key, NULL, &list, NULL), SU_OK);
    assert_int_equal(list.n, 1);
    su_ledger_accounts_fini(&list);
    assert_int_equal(su_ledger_tokens_of(w->l, w->a[1].key, w->a[1].key, &list, NULL), SU_OK);
    assert_int_equal(list.n, 0);
    su_ledger_accounts_fini(&list);
    /* The owner changes, and with it the list. */
    const struct su_draft_meta set[2] = {{ata, false, true}, {w->a[1].key, true, false}};
    uint8_t d[35] = {6, 2, 1};
    memcpy(d + 3, w->a[4].key, 32);
    begin(w);
    add(w, su_ledger_token_id, set, 2, d, sizeof d);
    landed(w);
    assert_int_equal(su_ledger_tokens_of(w->l, w->a[1].key, NULL, &list, NULL), SU_OK);
    assert_int_equal(list.n, 0);
    su_ledger_accounts_fini(&list);
    assert_int_equal(su_ledger_tokens_of(w->l, w->a[4].key, mint, &list, NULL), SU_OK);
    assert_int_equal(list.n, 1);
    su_ledger_accounts_fini(&list);
}

static void history(void **state)
{
    struct world *w = *state;
    struct su_ledger_signature s[10];
    struct su_ledger_status status;
    struct su_ledger_block block;
    struct su_ledger_tx got;
    struct su_ledger_result r;
    uint8_t sigs[5][64], to[32], unknown[64] = {1};
    size_t n;

    fresh_key(to, 9);
    for (uint64_t i = 0; i < 5; i++) {
        begin(w);
        su_draft_transfer(&w->d, w->a[0].key, to, SOL + i);
        if (i == 3) {
            su_draft_transfer(&w->d, w->a[0].key, to, 1000 * SOL);
            fails(w, 1, SU_LEDGER_IE_Custom, 1);
        } else {
            landed(w);
        }
        su_draft_tx(&w->d, w->a, ACTORS, &tx);
        memcpy(sigs[i], su_ledger_tx_sig(&tx, 0), 64);
    }
    assert_int_equal(su_ledger_signatures_of(w->l, to, NULL, NULL, s, 10, &n, NULL), SU_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(s[0].sig, sigs[4], 64);
    assert_memory_equal(s[4].sig, sigs[0], 64);
    assert_int_equal(s[1].failure.index, 1);
    assert_true(s[0].slot > s[1].slot && s[0].block_time > 0);
    assert_int_equal(su_ledger_signatures_of(w->l, to, NULL, NULL, s, 2, &n, NULL), SU_OK);
    assert_int_equal(n, 2);
    assert_int_equal(su_ledger_signatures_of(w->l, to, sigs[3], sigs[0], s, 10, &n, NULL), SU_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(s[0].sig, sigs[2], 64);
    assert_memory_equal(s[1].sig, sigs[1], 64);
    assert_int_equal(su_ledger_signatures_of(w->l, to, unknown, NULL, s, 10, &n, NULL), SU_OK);
    assert_int_equal(n, 0);
    assert_int_equal(su_ledger_signatures_of(w->l, to, NULL, unknown, s, 10, &n, NULL), SU_OK);
    assert_int_equal(n, 5);
    assert_true(su_ledger_status_get(w->l, sigs[3], false, &status));
    assert_int_equal(status.failure.custom, 1);
    assert_false(su_ledger_status_get(w->l, unknown, true, &status));
    assert_int_equal(su_ledger_block_get(w->l, s[0].slot, &block, NULL), SU_ENOENT); /* open */
    su_ledger_advance(w->l, 500);
    assert_false(su_ledger_status_get(w->l, sigs[3], false, &status));
    assert_true(su_ledger_status_get(w->l, sigs[3], true, &status));
    assert_int_equal(su_ledger_transaction_get(w->l, sigs[3], &got, &r, NULL), SU_OK);
    assert_int_equal(r.failure.tx, SU_LEDGER_TX_InstructionError);
    assert_int_equal(r.n_logs, 5);
    assert_string_equal(r.logs[0], "Program 11111111111111111111111111111111 invoke [1]");
    assert_int_equal(r.fee_lamports, 5000);
    assert_int_equal(r.slot, status.slot);
    su_ledger_result_fini(&r);
    assert_int_equal(su_ledger_transaction_get(w->l, unknown, &got, &r, NULL), SU_ENOENT);
    su_ledger_result_fini(&r);
    assert_int_equal(su_ledger_block_get(w->l, status.slot, &block, NULL), SU_OK);
    assert_int_equal(block.transactions, 1);
    assert_int_equal(block.slot, status.slot);
}

struct reading {
    struct su_ledger *l;
    const uint8_t *key;
    atomic_bool stop;
    atomic_uint rounds;
};

static void *keep_reading(void *arg)
{
    struct reading *g = arg;
    const struct su_ledger_simulation o = {.replace_blockhash = true};

    while (!atomic_load(&g->stop)) {
        struct su_ledger_accounts list;
        struct su_ledger_signature s[5];
        struct su_ledger_now now;
        struct su_ledger_result res;
        size_t n;

        su_ledger_now(g->l, &now);
        su_ledger_account_release(su_ledger_account_get(g->l, g->key));
        if (su_ledger_accounts_of(g->l, su_ledger_system_id, 0, NULL, 0, &list, NULL) == SU_OK) {
            su_ledger_accounts_fini(&list);
        }
        if (su_ledger_simulate(g->l, &tx, &o, &res, NULL) == SU_OK) {
            su_ledger_result_fini(&res);
        }
        if (su_ledger_signatures_of(g->l, g->key, NULL, NULL, s, 5, &n, NULL) == SU_OK) {
            atomic_fetch_add(&g->rounds, 1);
        }
    }
    return NULL;
}

/* Readers on other threads while every table grows; the thread sanitizer looks on. */
static void readers_beside(void **state)
{
    struct world *w = *state;
    struct reading g = {.l = w->l, .key = w->a[0].key};
    pthread_t t[2];
    uint8_t key[32];

    pay(w, 5);
    su_draft_tx(&w->d, w->a, ACTORS, &tx); /* what they simulate */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, keep_reading, &g), 0);
    }
    for (uint64_t i = 0; i < 400 || atomic_load(&g.rounds) < 20; i++) {
        struct su_ledger_tx one;

        fresh_key(key, 1000 + i);
        begin(w);
        su_draft_transfer(&w->d, w->a[0].key, key, 1000000);
        su_draft_tx(&w->d, w->a, ACTORS, &one);
        assert_int_equal(su_ledger_submit(w->l, &one, SU_LEDGER_WAIT, NULL, NULL), SU_OK);
        assert_true(i < 50000);
    }
    atomic_store(&g.stop, true);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(admission, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(payers, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(programs, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(write_locks, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(fees, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(prices, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(blockhashes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(sysvars, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(duplicates, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(preflights, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(simulations, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(faucets, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(lists, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(history, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(readers_beside, world_setup, world_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
