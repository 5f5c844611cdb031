// SPDX-License-Identifier: MIT
/* The System program: each instruction, each error. */
#include "bank_world.h"

#include "crypto/crypto.h"

#include <string.h>

static const uint8_t owner[32] = {9, 9, 9};

static size_t put_seed(uint8_t *d, const char *seed)
{
    su_put_le64(d, strlen(seed));
    memcpy(d + 8, seed, strlen(seed));
    return 8 + strlen(seed);
}

static void create(struct world *w, const uint8_t *from, const struct su_draft_meta *to,
                   uint64_t amount, uint64_t bytes)
{
    const struct su_draft_meta metas[2] = {{from, true, true}, *to};
    uint8_t d[52] = {0};

    su_put_le64(d + 4, amount);
    su_put_le64(d + 12, bytes);
    memcpy(d + 20, owner, 32);
    add(w, su_ledger_system_id, metas, 2, d, sizeof d);
}

static void transfers(void **state)
{
    struct world *w = *state;
    uint8_t key[32];

    fresh_key(key, 1);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, key, SOL);
    landed(w);
    assert_int_equal(lamports(w, key), SOL);
    assert_int_equal(lamports(w, w->a[0].key), 99 * SOL - 5000);
    assert_int_equal(w->r.fee_lamports, 5000);
    assert_int_equal(w->r.units, 150);
    assert_string_equal(w->r.logs[0], "Program 11111111111111111111111111111111 invoke [1]");
    assert_string_equal(w->r.logs[1], "Program 11111111111111111111111111111111 success");
    assert_int_equal(w->r.pre_lamports[0], 100 * SOL);
    assert_int_equal(w->r.post_lamports[0], 99 * SOL - 5000);
    assert_int_equal(w->r.post_lamports[1], SOL);

    begin(w); /* to oneself */
    su_draft_transfer(&w->d, w->a[0].key, w->a[0].key, SOL);
    landed(w);

    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, key, 200 * SOL);
    fails(w, 0, SU_LEDGER_IE_Custom, 1);
    assert_true(logged(w, "Transfer: insufficient lamports 98999985000, need 200000000000"));
    assert_true(logged(w, "Program 11111111111111111111111111111111 failed: custom program error: "
                          "0x1"));
    assert_int_equal(lamports(w, w->a[0].key), 99 * SOL - 15000);
}

static void transfer_rules(void **state)
{
    struct world *w = *state;
    const struct su_draft_meta unsigned_[2] = {{w->a[1].key, false, true},
                                               {w->a[2].key, false, true}};
    const struct su_draft_meta readonly[2] = {{w->a[0].key, true, true},
                                              {w->a[2].key, false, false}};
    uint8_t d[12] = {2}, key[32];

    su_put_le64(d + 4, 5);
    begin(w);
    add(w, su_ledger_system_id, unsigned_, 2, d, sizeof d);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    assert_true(logged(w, "must sign"));
    begin(w);
    add(w, su_ledger_system_id, readonly, 2, d, sizeof d);
    fails(w, 0, SU_LEDGER_IE_ReadonlyLamportChange, 0);
    begin(w);
    add(w, su_ledger_system_id, readonly, 1, d, sizeof d);
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);
    begin(w);
    add(w, su_ledger_system_id, readonly, 2, d, 11);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
    begin(w); /* an account with data cannot send */
    create(w, w->a[0].key, &(struct su_draft_meta){w->a[5].key, true, true}, SOL, 0);
    landed(w);
    begin(w);
    su_draft_transfer(&w->d, w->a[5].key, w->a[0].key, 1);
    fails(w, 0, SU_LEDGER_IE_ExternalAccountLamportSpend, 0);
    fresh_key(key, 2); /* too little to stay */
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, key, 890879);
    fails_whole(w, SU_LEDGER_TX_InsufficientFundsForRent, 1);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, key, 890880);
    landed(w);
    begin(w); /* an account may not be left with a rest, only with nothing */
    su_draft_transfer(&w->d, w->a[3].key, key, 100 * SOL - 5);
    fails_whole(w, SU_LEDGER_TX_InsufficientFundsForRent, 1);
    begin(w);
    su_draft_transfer(&w->d, w->a[3].key, key, 100 * SOL);
    landed(w);
    assert_int_equal(lamports(w, w->a[3].key), 0);
}

static void creations(void **state)
{
    struct world *w = *state;
    const struct su_draft_meta to = {w->a[4].key, true, true};
    const struct su_ledger_account *a;

    begin(w);
    create(w, w->a[0].key, &to, su_ledger_rent_minimum(100), 100);
    landed(w);
    a = su_ledger_account_get(w->l, w->a[4].key);
    assert_int_equal(a->data_bytes, 100);
    assert_int_equal(a->lamports, su_ledger_rent_minimum(100));
    assert_memory_equal(a->owner, owner, 32);
    su_ledger_account_release(a);

    begin(w);
    create(w, w->a[0].key, &to, SOL, 100);
    fails(w, 0, SU_LEDGER_IE_Custom, 0);
    assert_true(logged(w, "already in use"));
    begin(w);
    create(w, w->a[0].key, &(struct su_draft_meta){w->a[5].key, false, true}, SOL, 100);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    begin(w);
    create(w, w->a[0].key, &(struct su_draft_meta){w->a[5].key, true, true}, SOL, (10 << 20) + 1);
    fails(w, 0, SU_LEDGER_IE_Custom, 3);
    begin(w);
    create(w, w->a[0].key, &(struct su_draft_meta){w->a[5].key, true, true}, SOL, 1 << 20);
    fails_whole(w, SU_LEDGER_TX_InsufficientFundsForRent, 1);
    begin(w);
    create(w, w->a[0].key, &(struct su_draft_meta){w->a[5].key, true, true}, 75 * SOL, 10 << 20);
    landed(w);
}

static void allocate_assign(void **state)
{
    struct world *w = *state;
    const struct su_draft_meta me = {w->a[1].key, true, true}, not_me = {w->a[2].key, false, true};
    uint8_t alloc[12] = {8}, assign[36] = {1};

    su_put_le64(alloc + 4, 10);
    memcpy(assign + 4, owner, 32);
    begin(w);
    add(w, su_ledger_system_id, &not_me, 1, alloc, sizeof alloc);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    begin(w);
    add(w, su_ledger_system_id, &not_me, 1, assign, sizeof assign);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    begin(w);
    add(w, su_ledger_system_id, NULL, 0, assign, sizeof assign);
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);
    begin(w);
    add(w, su_ledger_system_id, NULL, 0, alloc, sizeof alloc);
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);
    begin(w);
    add(w, su_ledger_system_id, &me, 1, alloc, 7);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
    begin(w);
    add(w, su_ledger_system_id, &me, 1, assign, 7);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
    begin(w);
    add(w, su_ledger_system_id, &me, 1, alloc, sizeof alloc);
    add(w, su_ledger_system_id, &me, 1, assign, sizeof assign);
    add(w, su_ledger_system_id, &me, 1, assign, sizeof assign); /* twice is nothing new */
    landed(w);
    begin(w);
    add(w, su_ledger_system_id, &me, 1, alloc, sizeof alloc);
    fails(w, 0, SU_LEDGER_IE_Custom, 0);
    memset(assign + 4, 5, 32);
    begin(w); /* it belongs to another program now */
    add(w, su_ledger_system_id, &me, 1, assign, sizeof assign);
    fails(w, 0, SU_LEDGER_IE_ModifiedProgramId, 0);
}

static void seeded(const uint8_t base[32], const char *seed, uint8_t key[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    su_sha256_update(&h, base, 32);
    su_sha256_update(&h, seed, strlen(seed));
    su_sha256_update(&h, owner, 32);
    su_sha256_final(&h, key);
}

static size_t create_seeded(uint8_t *d, const uint8_t *base, const char *seed)
{
    size_t n = 36;

    su_put_le32(d, 3);
    memcpy(d + 4, base, 32);
    n += put_seed(d + n, seed);
    su_put_le64(d + n, SOL);
    su_put_le64(d + n + 8, 10);
    memcpy(d + n + 16, owner, 32);
    return n + 48;
}

static void with_seed(void **state)
{
    struct world *w = *state;
    uint8_t key[32], d[200];
    const struct su_draft_meta metas[3] = {
        {w->a[0].key, true, true}, {key, false, true}, {w->a[1].key, true, false}};
    const struct su_draft_meta no_base[3] = {metas[0], metas[1], {w->a[1].key, false, false}};
    size_t n;

    seeded(w->a[1].key, "abc", key);
    n = create_seeded(d, w->a[1].key, "abd");
    begin(w);
    add(w, su_ledger_system_id, metas, 3, d, n);
    fails(w, 0, SU_LEDGER_IE_Custom, 5);
    assert_true(logged(w, "does not match derived address"));
    n = create_seeded(d, w->a[1].key, "a seed that is longer than 32 byte");
    begin(w);
    add(w, su_ledger_system_id, metas, 3, d, n);
    fails(w, 0, SU_LEDGER_IE_MaxSeedLengthExceeded, 0);
    n = create_seeded(d, w->a[1].key, "abc");
    begin(w);
    add(w, su_ledger_system_id, no_base, 3, d, n);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    begin(w);
    add(w, su_ledger_system_id, metas, 1, d, n);
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);
    su_put_le64(d + 36, UINT64_MAX);
    begin(w);
    add(w, su_ledger_system_id, metas, 3, d, n);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
    n = create_seeded(d, w->a[1].key, "abc");
    memcpy(d + n - 21, "ProgramDerivedAddress", 21);
    begin(w);
    add(w, su_ledger_system_id, metas, 3, d, n);
    fails(w, 0, SU_LEDGER_IE_IllegalOwner, 0);
    n = create_seeded(d, w->a[1].key, "abc");
    begin(w);
    add(w, su_ledger_system_id, metas, 3, d, n);
    landed(w);
    assert_int_equal(lamports(w, key), SOL);
}

/* AllocateWithSeed (9), AssignWithSeed (10) and TransferWithSeed (11), whose owner is System. */
static void more_with_seed(void **state)
{
    struct world *w = *state;
    uint8_t key[32], sys_key[32], to[32], d[200] = {9};
    struct su_draft_meta metas[3] = {
        {key, false, true}, {w->a[1].key, true, false}, {to, false, true}};
    struct su_sha256 h;
    size_t n = 36;

    fresh_key(to, 3);
    seeded(w->a[1].key, "x", key);
    memcpy(d + 4, w->a[1].key, 32);
    n += put_seed(d + n, "x");
    su_put_le64(d + n, 20);
    memcpy(d + n + 8, owner, 32);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, key, SOL);
    add(w, su_ledger_system_id, metas, 2, d, n + 40);
    landed(w);
    begin(w);
    add(w, su_ledger_system_id, metas, 2, d, n + 39);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);

    seeded(w->a[1].key, "y", key);
    d[0] = 10;
    d[44] = 'y';
    memcpy(d + n, owner, 32);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, key, SOL);
    add(w, su_ledger_system_id, metas, 2, d, n + 32);
    landed(w);
    begin(w);
    add(w, su_ledger_system_id, metas, 0, d, n + 32);
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);

    su_sha256_init(&h);
    su_sha256_update(&h, w->a[1].key, 32);
    su_sha256_update(&h, "z", 1);
    su_sha256_update(&h, su_ledger_system_id, 32);
    su_sha256_final(&h, sys_key);
    metas[0].key = sys_key;
    su_put_le32(d, 11);
    su_put_le64(d + 4, SOL);
    n = 12 + put_seed(d + 12, "z");
    memset(d + n, 0, 32);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, sys_key, 2 * SOL);
    add(w, su_ledger_system_id, metas, 3, d, n + 32);
    landed(w);
    assert_int_equal(lamports(w, to), SOL);
    metas[1].signer = false;
    begin(w);
    add(w, su_ledger_system_id, metas, 3, d, n + 32);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    begin(w);
    add(w, su_ledger_system_id, metas, 2, d, n + 32);
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);
    begin(w);
    add(w, su_ledger_system_id, metas, 3, d, n + 31);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
}

static void refused_by_name(void **state)
{
    static const struct {
        uint8_t tag;
        const char *name;
    } nonces[] = {{4, "AdvanceNonceAccount"},
                  {5, "WithdrawNonceAccount"},
                  {6, "InitializeNonceAccount"},
                  {7, "AuthorizeNonceAccount"},
                  {12, "UpgradeNonceAccount"}};
    struct world *w = *state;
    uint8_t d[4] = {0};

    for (size_t i = 0; i < SU_ARRAY_LEN(nonces); i++) {
        d[0] = nonces[i].tag;
        begin(w);
        add(w, su_ledger_system_id, NULL, 0, d, 4);
        fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
        assert_true(logged(w, nonces[i].name));
    }
    d[0] = 99;
    begin(w);
    add(w, su_ledger_system_id, NULL, 0, d, 4);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
    begin(w);
    add(w, su_ledger_system_id, NULL, 0, d, 3);
    fails(w, 0, SU_LEDGER_IE_InvalidInstructionData, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transfers, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(transfer_rules, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(creations, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(allocate_assign, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(with_seed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(more_with_seed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(refused_by_name, world_setup, world_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
