// SPDX-License-Identifier: MIT
/* SPL Token: layouts, each instruction, each error number. a[0] pays and is mint authority, a[1]
   and a[2] hold tokens, a[3] is a delegate, a[4] freezes. */
#include "bank_world.h"

#include <string.h>

enum { MINT = 82, ACCOUNT = 165 };
enum {
    E_RENT,
    E_FUNDS,
    E_MINT,
    E_MISMATCH,
    E_OWNER,
    E_FIXED,
    E_USED,
    E_BALANCE = 11,
    E_INSTR,
    E_STATE,
    E_OVERFLOW,
    E_TYPE,
    E_NO_FREEZE,
    E_FROZEN,
    E_DECIMALS,
    E_NATIVE
};

struct tokens {
    struct world *w;
    uint8_t mint[32], other_mint[32], x[32], y[32]; /* x of a[1], y of a[2] */
    uint8_t rent[32];
    struct su_actor mint_pair, other_pair, x_pair, y_pair;
};
static struct tokens t;

static struct su_draft_meta meta(const uint8_t *key, bool signer, bool writable)
{
    return (struct su_draft_meta){key, signer, writable};
}

static void create(const struct su_actor *a, uint64_t bytes)
{
    const struct su_draft_meta metas[2] = {{t.w->a[0].key, true, true}, {a->key, true, true}};
    uint8_t d[52] = {0};

    su_put_le64(d + 4, su_ledger_rent_minimum(bytes));
    su_put_le64(d + 12, bytes);
    memcpy(d + 20, su_ledger_token_id, 32);
    add(t.w, su_ledger_system_id, metas, 2, d, sizeof d);
}

static void token(const struct su_draft_meta *metas, size_t n, const uint8_t *d, size_t bytes)
{
    add(t.w, su_ledger_token_id, metas, n, d, bytes);
}

static size_t mint_data(uint8_t *d, uint8_t tag, const uint8_t *freeze)
{
    d[0] = tag;
    d[1] = 6;
    memcpy(d + 2, t.w->a[0].key, 32);
    d[34] = freeze != NULL;
    if (freeze != NULL) {
        memcpy(d + 35, freeze, 32);
    }
    return freeze != NULL ? 67 : 35;
}

/* The actors of the world are its signers: new accounts borrow the places of a[4] and a[5]. */
static void make(const struct su_actor *a, uint64_t bytes, const struct su_draft_meta *metas,
                 size_t n, const uint8_t *d, size_t d_bytes)
{
    struct su_actor old = t.w->a[5];

    t.w->a[5] = *a;
    begin(t.w);
    create(a, bytes);
    token(metas, n, d, d_bytes);
    landed(t.w);
    t.w->a[5] = old;
}

static void amount_instr(uint8_t tag, uint64_t amount, int decimals, const struct su_draft_meta *m,
                         size_t n)
{
    uint8_t d[10] = {tag};

    su_put_le64(d + 1, amount);
    d[9] = (uint8_t)decimals;
    begin(t.w);
    token(m, n, d, decimals >= 0 ? 10 : 9);
}

static int setup(void **state)
{
    uint8_t d[80];

    size_t n;

    t.w = world_open(NULL, 0);
    assert_true(su_base58_decode("SysvarRent111111111111111111111111111111111", t.rent, 32, &n));
    *state = t.w;
    t.mint_pair = su_actor_of(101);
    t.other_pair = su_actor_of(102);
    t.x_pair = su_actor_of(103);
    t.y_pair = su_actor_of(104);
    memcpy(t.mint, t.mint_pair.key, 32);
    memcpy(t.other_mint, t.other_pair.key, 32);
    memcpy(t.x, t.x_pair.key, 32);
    memcpy(t.y, t.y_pair.key, 32);
    const struct su_draft_meta mint[1] = {meta(t.mint, false, true)};
    const struct su_draft_meta other[2] = {meta(t.other_mint, false, true),
                                           meta(t.rent, false, false)};
    const struct su_draft_meta x[2] = {meta(t.x, false, true), meta(t.mint, false, false)};
    const struct su_draft_meta y[4] = {meta(t.y, false, true), meta(t.mint, false, false),
                                       meta(t.w->a[2].key, false, false),
                                       meta(t.rent, false, false)};
    const struct su_draft_meta to_x[3] = {meta(t.mint, false, true), meta(t.x, false, true),
                                          meta(t.w->a[0].key, true, false)};

    make(&t.mint_pair, MINT, mint, 1, d, mint_data(d, 20, t.w->a[4].key));
    make(&t.other_pair, MINT, other, 2, d, mint_data(d, 0, NULL));
    d[0] = 18;
    memcpy(d + 1, t.w->a[1].key, 32);
    make(&t.x_pair, ACCOUNT, x, 2, d, 33);
    d[0] = 1;
    make(&t.y_pair, ACCOUNT, y, 4, d, 1);
    amount_instr(7, 1000, -1, to_x, 3);
    landed(t.w);
    return 0;
}

static uint64_t balance(const uint8_t *key)
{
    size_t n;
    const uint8_t *d = data_of(t.w, key, &n);

    assert_int_equal(n, ACCOUNT);
    return su_le64(d + 64);
}

static uint64_t supply(void)
{
    size_t n;
    const uint8_t *d = data_of(t.w, t.mint, &n);

    assert_int_equal(n, MINT);
    return su_le64(d + 36);
}

static void custom(uint32_t number)
{
    fails(t.w, 0, SU_LEDGER_IE_Custom, number);
    assert_true(logged(t.w, "Program log: Error: "));
}

static void layouts(void **state)
{
    size_t n;
    const uint8_t *d = data_of(t.w, t.mint, &n);

    (void)state;
    assert_int_equal(n, MINT);
    assert_int_equal(su_le32(d), 1);
    assert_memory_equal(d + 4, t.w->a[0].key, 32);
    assert_int_equal(su_le64(d + 36), 1000);
    assert_int_equal(d[44], 6);
    assert_int_equal(d[45], 1);
    assert_int_equal(su_le32(d + 46), 1);
    assert_memory_equal(d + 50, t.w->a[4].key, 32);
    d = data_of(t.w, t.x, &n);
    assert_int_equal(n, ACCOUNT);
    assert_memory_equal(d, t.mint, 32);
    assert_memory_equal(d + 32, t.w->a[1].key, 32);
    assert_int_equal(su_le64(d + 64), 1000);
    assert_int_equal(su_le32(d + 72), 0);
    assert_int_equal(d[108], 1);
    assert_true(logged(t.w, "Program log: Instruction: MintTo"));
    assert_true(logged(t.w, "consumed 4538 of"));
    assert_int_equal(t.w->r.n_post_tokens, 1);
    assert_int_equal(t.w->r.post_tokens[0].amount, 1000);
    assert_int_equal(t.w->r.pre_tokens[0].amount, 0);
    assert_int_equal(t.w->r.post_tokens[0].decimals, 6);
    assert_memory_equal(t.w->r.post_tokens[0].owner, t.w->a[1].key, 32);
}

static void initialize_errors(void **state)
{
    struct world *w = t.w;
    const struct su_draft_meta mint[1] = {meta(t.mint, false, true)};
    const struct su_draft_meta x[2] = {meta(t.x, false, true), meta(t.mint, false, false)};
    struct su_draft_meta fresh[2] = {meta(w->a[5].key, false, true), meta(t.mint, false, false)};
    uint8_t d[80];
    size_t n = mint_data(d, 20, NULL);

    (void)state;
    begin(w);
    token(mint, 1, d, n);
    custom(E_USED);
    begin(w);
    token(x, 1, d, n);
    fails(w, 0, SU_LEDGER_IE_InvalidAccountData, 0);
    begin(w);
    token(mint, 0, d, n);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    begin(w);
    token(mint, 1, d, n - 1);
    custom(E_INSTR);
    d[34] = 2;
    begin(w);
    token(mint, 1, d, n);
    custom(E_INSTR);
    d[0] = 18;
    begin(w);
    token(x, 2, d, 33);
    custom(E_USED);
    begin(w);
    token(mint, 1, d, 33);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    begin(w);
    token(mint, 0, d, 0);
    custom(E_INSTR);
    /* A fresh account whose mint is none. */
    fresh[1].key = t.x;
    begin(w);
    create(&w->a[5], ACCOUNT);
    token(fresh, 2, d, 33);
    fails(w, 1, SU_LEDGER_IE_Custom, E_MINT);
    /* One that cannot stay. */
    fresh[1].key = t.mint;
    begin(w);
    const struct su_draft_meta both[2] = {meta(w->a[0].key, true, true),
                                          meta(w->a[5].key, true, true)};
    uint8_t poor[52] = {0};
    su_put_le64(poor + 4, 1000);
    su_put_le64(poor + 12, ACCOUNT);
    memcpy(poor + 20, su_ledger_token_id, 32);
    add(w, su_ledger_system_id, both, 2, poor, sizeof poor);
    token(fresh, 2, d, 33);
    fails(w, 1, SU_LEDGER_IE_Custom, E_RENT);
    d[0] = 16;
    fresh[1].key = t.mint;
    const struct su_draft_meta three[3] = {fresh[0], fresh[1], meta(t.rent, false, false)};
    begin(w);
    create(&w->a[5], ACCOUNT);
    token(three, 3, d, 33);
    landed(w);
}

static void transfers(void **state)
{
    struct world *w = t.w;
    struct su_draft_meta m[3] = {meta(t.x, false, true), meta(t.y, false, true),
                                 meta(w->a[1].key, true, false)};
    struct su_draft_meta checked[4] = {meta(t.x, false, true), meta(t.mint, false, false),
                                       meta(t.y, false, true), meta(w->a[1].key, true, false)};

    (void)state;
    amount_instr(3, 10, -1, m, 3);
    landed(w);
    amount_instr(12, 20, 6, checked, 4);
    landed(w);
    assert_int_equal(balance(t.x), 970);
    assert_int_equal(balance(t.y), 30);
    amount_instr(12, 20, 5, checked, 4);
    custom(E_DECIMALS);
    amount_instr(3, 971, -1, m, 3);
    custom(E_FUNDS);
    amount_instr(3, 10, -1, m, 2);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    m[2].key = w->a[2].key;
    amount_instr(3, 10, -1, m, 3);
    custom(E_OWNER);
    m[2] = meta(w->a[1].key, false, false);
    amount_instr(3, 10, -1, m, 3);
    fails(w, 0, SU_LEDGER_IE_MissingRequiredSignature, 0);
    m[2].signer = true;
    m[1].writable = false;
    amount_instr(3, 10, -1, m, 3);
    fails(w, 0, SU_LEDGER_IE_ReadonlyDataModified, 0);
    m[1] = m[0];
    amount_instr(3, 10, -1, m, 3); /* to itself */
    landed(w);
    assert_int_equal(balance(t.x), 970);
    m[1] = meta(t.mint, false, true);
    amount_instr(3, 10, -1, m, 3);
    fails(w, 0, SU_LEDGER_IE_InvalidAccountData, 0);
    m[1] = meta(w->a[2].key, false, true);
    amount_instr(3, 10, -1, m, 3);
    fails(w, 0, SU_LEDGER_IE_InvalidAccountData, 0);
    checked[1].key = t.other_mint;
    amount_instr(12, 20, 6, checked, 4);
    custom(E_MISMATCH);
}

static void delegates(void **state)
{
    struct world *w = t.w;
    struct su_draft_meta approve[3] = {meta(t.x, false, true), meta(w->a[3].key, false, false),
                                       meta(w->a[1].key, true, false)};
    struct su_draft_meta checked[4] = {meta(t.x, false, true), meta(t.mint, false, false),
                                       meta(w->a[3].key, false, false),
                                       meta(w->a[1].key, true, false)};
    struct su_draft_meta move[3] = {meta(t.x, false, true), meta(t.y, false, true),
                                    meta(w->a[3].key, true, false)};
    struct su_draft_meta burn[3] = {meta(t.x, false, true), meta(t.mint, false, true),
                                    meta(w->a[3].key, true, false)};
    struct su_draft_meta revoke[2] = {meta(t.x, false, true), meta(w->a[1].key, true, false)};
    uint8_t tag = 5;

    (void)state;
    amount_instr(4, 100, -1, approve, 3);
    landed(w);
    amount_instr(3, 101, -1, move, 3);
    custom(E_FUNDS);
    amount_instr(3, 60, -1, move, 3);
    landed(w);
    amount_instr(8, 40, -1, burn, 3); /* uses the rest: the delegate is gone */
    landed(w);
    assert_int_equal(supply(), 960);
    amount_instr(3, 1, -1, move, 3);
    custom(E_OWNER);
    amount_instr(13, 5, 6, checked, 4);
    landed(w);
    amount_instr(13, 5, 7, checked, 4);
    custom(E_DECIMALS);
    begin(w);
    token(revoke, 2, &tag, 1);
    landed(w);
    amount_instr(3, 1, -1, move, 3);
    custom(E_OWNER);
    revoke[1].key = w->a[2].key;
    begin(w);
    token(revoke, 2, &tag, 1);
    custom(E_OWNER);
    begin(w);
    token(revoke, 1, &tag, 1);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    amount_instr(4, 100, -1, approve, 2);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
}

static void mint_and_burn(void **state)
{
    struct world *w = t.w;
    struct su_draft_meta m[3] = {meta(t.mint, false, true), meta(t.y, false, true),
                                 meta(w->a[0].key, true, false)};
    struct su_draft_meta b[3] = {meta(t.x, false, true), meta(t.mint, false, true),
                                 meta(w->a[1].key, true, false)};

    (void)state;
    amount_instr(14, 5, 6, m, 3);
    landed(w);
    amount_instr(14, 5, 0, m, 3);
    custom(E_DECIMALS);
    amount_instr(7, UINT64_MAX, -1, m, 3);
    custom(E_OVERFLOW);
    amount_instr(7, 5, -1, m, 2);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    m[2].key = w->a[1].key;
    amount_instr(7, 5, -1, m, 3);
    custom(E_OWNER);
    m[0].key = t.other_mint;
    amount_instr(7, 5, -1, m, 3);
    custom(E_MISMATCH);
    amount_instr(15, 5, 6, b, 3);
    landed(w);
    assert_int_equal(supply(), 1000);
    assert_int_equal(balance(t.x), 995);
    amount_instr(15, 5, 2, b, 3);
    custom(E_DECIMALS);
    amount_instr(8, 996, -1, b, 3);
    custom(E_FUNDS);
    amount_instr(8, 1, -1, b, 2);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    b[1].key = t.other_mint;
    amount_instr(8, 1, -1, b, 3);
    custom(E_MISMATCH);
}

static void authority(const uint8_t *account, const uint8_t *signer, uint8_t type,
                      const uint8_t *next)
{
    const struct su_draft_meta m[2] = {meta(account, false, true), meta(signer, true, false)};
    uint8_t d[35] = {6, type, next != NULL};

    if (next != NULL) {
        memcpy(d + 3, next, 32);
    }
    begin(t.w);
    token(m, 2, d, next != NULL ? 35 : 3);
}

static void authorities(void **state)
{
    struct world *w = t.w;
    struct su_draft_meta m[3] = {meta(t.mint, false, true), meta(t.y, false, true),
                                 meta(w->a[0].key, true, false)};
    uint8_t d[3] = {6, 4, 0};

    (void)state;
    authority(t.x, w->a[1].key, 0, w->a[2].key);
    custom(E_TYPE);
    authority(t.mint, w->a[0].key, 2, w->a[2].key);
    custom(E_TYPE);
    authority(t.x, w->a[1].key, 2, NULL);
    custom(E_INSTR);
    authority(t.x, w->a[2].key, 2, w->a[2].key);
    custom(E_OWNER);
    authority(t.x, w->a[1].key, 2, w->a[2].key);
    landed(w);
    authority(t.x, w->a[1].key, 2, w->a[1].key);
    custom(E_OWNER);
    authority(t.x, w->a[2].key, 3, w->a[3].key);
    landed(w);
    authority(t.x, w->a[2].key, 3, NULL); /* now the close authority decides */
    custom(E_OWNER);
    authority(t.x, w->a[3].key, 3, NULL);
    landed(w);
    authority(t.other_mint, w->a[0].key, 1, NULL);
    custom(E_NO_FREEZE);
    authority(t.mint, w->a[1].key, 0, NULL);
    custom(E_OWNER);
    authority(t.mint, w->a[0].key, 0, NULL);
    landed(w);
    authority(t.mint, w->a[0].key, 0, w->a[0].key);
    custom(E_FIXED);
    amount_instr(7, 5, -1, m, 3);
    custom(E_FIXED);
    authority(w->a[1].key, w->a[0].key, 0, NULL);
    fails(w, 0, SU_LEDGER_IE_InvalidArgument, 0);
    begin(w);
    token(m, 2, d, 3);
    custom(E_INSTR);
    d[1] = 1;
    begin(w);
    token(m, 1, d, 3);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
}

static void freezing(void **state)
{
    struct world *w = t.w;
    struct su_draft_meta f[3] = {meta(t.x, false, true), meta(t.mint, false, false),
                                 meta(w->a[4].key, true, false)};
    struct su_draft_meta m[3] = {meta(t.x, false, true), meta(t.y, false, true),
                                 meta(w->a[1].key, true, false)};
    struct su_draft_meta mint[3] = {meta(t.mint, false, true), meta(t.x, false, true),
                                    meta(w->a[0].key, true, false)};
    struct su_draft_meta burn[3] = {meta(t.x, false, true), meta(t.mint, false, true),
                                    meta(w->a[1].key, true, false)};
    struct su_draft_meta revoke[2] = {meta(t.x, false, true), meta(w->a[1].key, true, false)};
    uint8_t freeze = 10, thaw = 11, rev = 5;

    (void)state;
    begin(w);
    token(f, 3, &thaw, 1);
    custom(E_STATE);
    begin(w);
    token(f, 3, &freeze, 1);
    landed(w);
    begin(w);
    token(f, 3, &freeze, 1);
    custom(E_STATE);
    amount_instr(3, 1, -1, m, 3);
    custom(E_FROZEN);
    amount_instr(7, 1, -1, mint, 3);
    custom(E_FROZEN);
    amount_instr(8, 1, -1, burn, 3);
    custom(E_FROZEN);
    amount_instr(4, 1, -1, m, 3);
    custom(E_FROZEN);
    begin(w);
    token(revoke, 2, &rev, 1);
    custom(E_FROZEN);
    authority(t.x, w->a[1].key, 2, w->a[2].key);
    custom(E_FROZEN);
    begin(w);
    token(f, 3, &thaw, 1);
    landed(w);
    amount_instr(3, 1, -1, m, 3);
    landed(w);
    f[2].key = w->a[3].key;
    begin(w);
    token(f, 3, &freeze, 1);
    custom(E_OWNER);
    begin(w);
    token(f, 2, &freeze, 1);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    f[1].key = t.other_mint;
    begin(w);
    token(f, 3, &freeze, 1);
    custom(E_MISMATCH);
}

static void closing(void **state)
{
    struct world *w = t.w;
    struct su_draft_meta m[3] = {meta(t.x, false, true), meta(w->a[3].key, false, true),
                                 meta(w->a[1].key, true, false)};
    uint64_t before = lamports(w, w->a[3].key);
    uint8_t tag = 9;
    size_t n;

    (void)state;
    begin(w);
    token(m, 3, &tag, 1);
    custom(E_BALANCE);
    m[0].key = t.y;
    begin(w);
    token(m, 3, &tag, 1);
    custom(E_OWNER);
    m[2].key = w->a[2].key;
    begin(w);
    token(m, 2, &tag, 1);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    begin(w);
    token(m, 3, &tag, 1);
    landed(w);
    assert_null(data_of(w, t.y, &n));
    assert_int_equal(lamports(w, w->a[3].key), before + su_ledger_rent_minimum(ACCOUNT));
    m[0].key = t.x;
    m[1].key = t.x;
    begin(w);
    token(m, 3, &tag, 1);
    fails(w, 0, SU_LEDGER_IE_InvalidAccountData, 0);
    m[1].key = t.y; /* uninitialised: gone */
    amount_instr(3, 1, -1, m, 3);
    fails(w, 0, SU_LEDGER_IE_InvalidAccountData, 0);
}

static void the_rest(void **state)
{
    struct world *w = t.w;
    struct su_draft_meta mint[1] = {meta(t.mint, false, false)}, x[1] = {meta(t.x, false, true)};
    uint8_t size = 21, sync = 17, owner = 22, multi[2] = {2, 1}, multi2[2] = {19, 1}, ui[9] = {23},
            no = 200;

    (void)state;
    begin(w);
    token(mint, 1, &size, 1);
    landed(w);
    assert_true(w->r.has_return);
    assert_int_equal(w->r.return_bytes, 8);
    assert_int_equal(su_le64(w->r.return_data), ACCOUNT);
    assert_memory_equal(w->r.return_program, su_ledger_token_id, 32);
    assert_true(
        logged(w, "Program return: TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA pQAAAAAAAAA="));
    begin(w);
    token(x, 1, &size, 1);
    custom(E_MINT);
    begin(w);
    token(x, 0, &size, 1);
    fails(w, 0, SU_LEDGER_IE_NotEnoughAccountKeys, 0);
    begin(w);
    token(x, 1, &sync, 1);
    custom(E_NATIVE);
    begin(w);
    token(x, 1, &owner, 1);
    custom(E_USED);
    begin(w);
    token(x, 1, multi, 2);
    custom(E_INSTR);
    assert_true(logged(w, "Instruction: InitializeMultisig"));
    begin(w);
    token(x, 1, multi2, 2);
    custom(E_INSTR);
    begin(w);
    token(x, 1, ui, 9);
    custom(E_INSTR);
    begin(w);
    token(x, 1, &no, 1);
    custom(E_INSTR);
    const struct su_draft_meta foreign[1] = {meta(w->a[1].key, false, true)};
    begin(w);
    token(foreign, 1, &size, 1);
    fails(w, 0, SU_LEDGER_IE_IncorrectProgramId, 0);
    begin(w);
    token(foreign, 1, &sync, 1);
    fails(w, 0, SU_LEDGER_IE_IncorrectProgramId, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(layouts, setup, world_teardown),
        cmocka_unit_test_setup_teardown(initialize_errors, setup, world_teardown),
        cmocka_unit_test_setup_teardown(transfers, setup, world_teardown),
        cmocka_unit_test_setup_teardown(delegates, setup, world_teardown),
        cmocka_unit_test_setup_teardown(mint_and_burn, setup, world_teardown),
        cmocka_unit_test_setup_teardown(authorities, setup, world_teardown),
        cmocka_unit_test_setup_teardown(freezing, setup, world_teardown),
        cmocka_unit_test_setup_teardown(closing, setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_rest, setup, world_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
