// SPDX-License-Identifier: MIT
/* Associated Token Account, Memo and the ed25519 precompile; addresses against solders' answers. */
#include "bank_world.h"

#include "crypto/crypto.h"
#include "ledger/bank.h"

#include <string.h>

static struct su_draft_meta meta(const uint8_t *key, bool signer, bool writable)
{
    return (struct su_draft_meta){key, signer, writable};
}

static void key_of(const char *text, uint8_t key[32])
{
    size_t n;

    assert_true(su_base58_decode(text, key, 32, &n));
    assert_int_equal(n, 32);
}

/* Expected values: solders 0.29 (Pubkey.find_program_address). */
static void addresses(void **state)
{
    uint8_t wallet[32], mint[32], key[32], want[32], bump, i = 30, long_seed[33] = {0};
    struct su_ledger_seed seeds[16] = {{"state", 5}};

    (void)state;
    key_of("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo", wallet);
    key_of("SysvarC1ock11111111111111111111111111111111", mint);
    key_of("CFQpnimGj8TXtt9PZPmP4z7DN6DLU9VWG7iTdUHL7jnJ", want);
    su_ledger_ata(wallet, mint, key);
    assert_memory_equal(key, want, 32);
    key_of("73dz8uzyyEMs16MoTzM9RATzMmAZxzJ1KWM9jBuSUMmP", want);
    assert_true(su_ledger_find_address(seeds, 1, su_ledger_splitup_id, key, &bump));
    assert_memory_equal(key, want, 32);
    assert_int_equal(bump, 255);
    seeds[0] = (struct su_ledger_seed){"x", 1};
    seeds[1] = (struct su_ledger_seed){&i, 1};
    key_of("2mFB6FFjP4WxRNWWPB3bDvq8egkKGE9ng1MxuKsJXBLd", want);
    assert_true(su_ledger_find_address(seeds, 2, su_ledger_splitup_id, key, &bump));
    assert_memory_equal(key, want, 32);
    assert_int_equal(bump, 249);
    for (size_t k = 0; k < 16; k++) {
        seeds[k] = (struct su_ledger_seed){&i, 1};
    }
    assert_true(su_ledger_find_address(seeds, 15, su_ledger_splitup_id, key, &bump));
    assert_false(su_ledger_find_address(seeds, 16, su_ledger_splitup_id, key, &bump));
    seeds[0] = (struct su_ledger_seed){long_seed, 33};
    assert_false(su_ledger_find_address(seeds, 1, su_ledger_splitup_id, key, &bump));
}

static void ata(struct world *w, struct su_draft_meta m[6], uint8_t address[32],
                const uint8_t *owner)
{
    const uint8_t *mint = su_ledger_usdc_mint(w->l);

    su_ledger_ata(owner, mint, address);
    m[0] = meta(w->a[0].key, true, true);
    m[1] = meta(address, false, true);
    m[2] = meta(owner, false, false);
    m[3] = meta(mint, false, false);
    m[4] = meta(su_ledger_system_id, false, false);
    m[5] = meta(su_ledger_token_id, false, false);
}

static void associated(void **state)
{
    struct world *w = *state;
    struct su_draft_meta m[6];
    uint8_t address[32] = {0}, wrong[32] = {0}, create = 0, idempotent = 1, recover = 2;
    size_t n;

    ata(w, m, address, w->a[1].key);
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    landed(w);
    assert_true(logged(w, "Program log: Create"));
    assert_true(logged(w, "Program log: Initialize the associated token account"));
    assert_true(logged(w, "Program TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA invoke [2]"));
    assert_memory_equal(data_of(w, address, &n) + 32, w->a[1].key, 32);
    assert_int_equal(n, 165);
    assert_int_equal(lamports(w, address), 2039280);
    assert_int_equal(w->r.n_inner, 4);
    assert_int_equal(w->r.inner[1].height, 2);
    assert_int_equal(w->r.inner[1].outer, 0);
    assert_int_equal(w->r.inner[1].n_accounts, 2);
    assert_int_equal(w->r.inner[3].data[0], 18);
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    fails(w, 0, SU_LEDGER_IE_IllegalOwner, 0);
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &idempotent, 1);
    landed(w);
    begin(w); /* without data: Create */
    add(w, su_ledger_ata_id, m, 6, NULL, 0);
    fails(w, 0, SU_LEDGER_IE_IllegalOwner, 0);
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &recover, 1);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
    begin(w);
    add(w, su_ledger_ata_id, m, 5, &create, 1);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    fresh_key(wrong, 1);
    m[1].key = wrong;
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    fails(w, 0, SU_LEDGER_IE_InvalidSeeds, 0);
    m[5].key = su_ledger_memo_id;
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    fails(w, 0, SU_LEDGER_IE_IncorrectProgramId, 0);
    ata(w, m, address, w->a[2].key); /* no token mint */
    m[3].key = w->a[1].key;
    const struct su_ledger_seed seeds[3] = {
        {w->a[2].key, 32}, {su_ledger_token_id, 32}, {w->a[1].key, 32}};
    assert_true(su_ledger_find_address(seeds, 3, su_ledger_ata_id, address, wrong));
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    fails(w, 0, SU_LEDGER_IE_IncorrectProgramId, 0);
}

static void same_result(const struct su_ledger_result *a, const struct su_ledger_result *b)
{
    assert_memory_equal(&a->failure, &b->failure, sizeof a->failure);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->block_time, b->block_time);
    assert_int_equal(a->fee_lamports, b->fee_lamports);
    assert_int_equal(a->units, b->units);
    assert_int_equal(a->loaded_bytes, b->loaded_bytes);
    assert_int_equal(a->n_keys, b->n_keys);
    assert_memory_equal(a->pre_lamports, b->pre_lamports, sizeof a->pre_lamports);
    assert_memory_equal(a->post_lamports, b->post_lamports, sizeof a->post_lamports);
    assert_int_equal(a->n_logs, b->n_logs);
    for (uint32_t i = 0; i < a->n_logs; i++) {
        assert_string_equal(a->logs[i], b->logs[i]);
    }
    assert_int_equal(a->n_inner, b->n_inner);
    for (uint32_t i = 0; i < a->n_inner; i++) {
        assert_int_equal(a->inner[i].program, b->inner[i].program);
        assert_int_equal(a->inner[i].height, b->inner[i].height);
        assert_int_equal(a->inner[i].n_accounts, b->inner[i].n_accounts);
        assert_int_equal(a->inner[i].data_bytes, b->inner[i].data_bytes);
        assert_memory_equal(a->inner[i].data, b->inner[i].data, a->inner[i].data_bytes);
        assert_memory_equal(a->inner[i].accounts, b->inner[i].accounts, a->inner[i].n_accounts);
    }
    assert_int_equal(a->n_post_tokens, b->n_post_tokens);
    for (uint32_t i = 0; i < a->n_post_tokens; i++) {
        assert_int_equal(a->post_tokens[i].amount, b->post_tokens[i].amount);
        assert_memory_equal(a->post_tokens[i].mint, b->post_tokens[i].mint, 32);
        assert_memory_equal(a->post_tokens[i].owner, b->post_tokens[i].owner, 32);
    }
    assert_int_equal(a->has_return, b->has_return);
    assert_int_equal(a->return_bytes, b->return_bytes);
    if (a->has_return) {
        assert_memory_equal(a->return_data, b->return_data, a->return_bytes);
    }
}

/* All parts of a result go through the history unchanged; cut off anywhere, it is refused. */
static void kept_results(void **state)
{
    struct world *w = *state;
    struct su_draft_meta m[6];
    struct su_ledger_tx tx;
    struct su_ledger_result r;
    struct su_buf b;
    uint8_t address[32] = {0}, create = 0, size = 21;

    ata(w, m, address, w->a[1].key);
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    add(w, su_ledger_token_id, m + 3, 1, &size, 1);
    landed(w);
    assert_true(w->r.has_return && w->r.n_inner == 4 && w->r.n_post_tokens == 1);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    assert_int_equal(su_ledger_transaction_get(w->l, su_ledger_tx_sig(&tx, 0), &tx, &r, NULL),
                     SU_OK);
    same_result(&w->r, &r);
    su_buf_init(&b, 0);
    su_ledger_result_encode(&r, &b);
    su_ledger_result_fini(&r);
    for (size_t n = 0; n < b.len; n++) {
        assert_int_equal(su_ledger_result_decode(b.data, n, &r, NULL), SU_EFORMAT);
        su_ledger_result_fini(&r);
    }
    su_buf_u8(&b, 0);
    assert_int_equal(su_ledger_result_decode(b.data, b.len, &r, NULL), SU_EFORMAT);
    su_ledger_result_fini(&r);
    su_buf_fini(&b);
}

/* Whoever sends lamports to an address first hinders nobody. */
static void associated_prefunded(void **state)
{
    struct world *w = *state;
    struct su_draft_meta m[6];
    uint8_t address[32] = {0}, create = 1;

    ata(w, m, address, w->a[2].key);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, address, 1000000);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    landed(w);
    assert_int_equal(lamports(w, address), 2039280);
    assert_int_equal(w->r.n_inner, 6);
    /* Somebody moved the account to another owner: CreateIdempotent says so. */
    const struct su_draft_meta set[2] = {meta(address, false, true),
                                         meta(w->a[2].key, true, false)};
    uint8_t d[35] = {6, 2, 1};
    memcpy(d + 3, w->a[3].key, 32);
    begin(w);
    add(w, su_ledger_token_id, set, 2, d, sizeof d);
    landed(w);
    begin(w);
    add(w, su_ledger_ata_id, m, 6, &create, 1);
    fails(w, 0, SU_LEDGER_IE_Custom, 0);
}

static void memos(void **state)
{
    struct world *w = *state;
    const struct su_draft_meta signed_[1] = {meta(w->a[1].key, true, false)};
    const struct su_draft_meta unsigned_[1] = {meta(w->a[1].key, false, false)};
    uint8_t v1[32];

    key_of("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo", v1);
    begin(w);
    add(w, su_ledger_memo_id, signed_, 1, "say \"hi\"", 8);
    landed(w);
    assert_true(logged(w, "Program log: Memo (len 8): \"say \\\"hi\\\"\""));
    assert_true(logged(w, "Program log: Signed by "));
    begin(w);
    add(w, v1, NULL, 0, "x", 1);
    landed(w);
    begin(w);
    add(w, su_ledger_memo_id, unsigned_, 1, "x", 1);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    begin(w);
    add(w, su_ledger_memo_id, NULL, 0, "\xff", 1);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
}

/* One signature whose parts lie in the same instruction. */
static size_t ed25519_data(const struct su_actor *a, const char *text, uint8_t *d)
{
    size_t n = strlen(text);
    const uint16_t fields[7] = {48, UINT16_MAX, 16, UINT16_MAX, 112, (uint16_t)n, UINT16_MAX};

    d[0] = 1;
    d[1] = 0;
    for (size_t i = 0; i < 7; i++) {
        su_put_le16(d + 2 + 2 * i, fields[i]);
    }
    memcpy(d + 16, a->key, 32);
    su_ed25519_sign(a->secret, text, n, d + 48);
    memcpy(d + 112, text, n);
    return 112 + n;
}

static void precompile(void **state)
{
    struct world *w = *state;
    uint8_t d[200], key[32];
    size_t n = ed25519_data(&w->a[1], "hello", d);

    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, n);
    landed(w);
    assert_int_equal(w->r.n_logs, 0);
    assert_int_equal(w->r.fee_lamports, 10000); /* its signature is paid like the transaction's */
    d[112] ^= 1;
    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, n);
    fails(w, 0, SU_LEDGER_IE_Custom, 2);
    d[112] ^= 1;
    memcpy(key, d + 16, 32);
    memset(d + 16, 2, 32); /* no point of the curve */
    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, n);
    fails(w, 0, SU_LEDGER_IE_Custom, 0);
    memcpy(d + 16, key, 32);
    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, n - 1);
    fails(w, 0, SU_LEDGER_IE_Custom, 3);
    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, 15);
    fails(w, 0, SU_LEDGER_IE_Custom, 4);
    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, 1);
    fails(w, 0, SU_LEDGER_IE_Custom, 4);
    su_put_le16(d + 14, 1); /* the message lies in instruction 1 */
    su_put_le16(d + 10, 0);
    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, n);
    add(w, su_ledger_memo_id, NULL, 0, "hello", 5);
    landed(w);
    begin(w);
    add(w, su_ledger_ed25519_id, NULL, 0, d, n);
    fails(w, 0, SU_LEDGER_IE_Custom, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test_setup_teardown(associated, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(kept_results, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(associated_prefunded, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(memos, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(precompile, world_setup, world_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
