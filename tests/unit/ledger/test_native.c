// SPDX-License-Identifier: MIT
/* What program/sys.h promises a native program, and what the runtime forbids it. The program below
   does what the first byte of its instruction says. */
#include "bank_world.h"

#include "crypto/crypto.h"
#include "program/program.h"

#include <pthread.h>
#include <string.h>

enum {
    DO_CREATE,
    DO_CLOSE,
    DO_TOKEN,
    DO_RETURN,
    DO_WRITE,
    DO_STEAL,
    DO_PRINT,
    DO_OWN,
    DO_LOG,
    DO_FACTS,
    DO_IGNORE,
    DO_TIRE,
    DO_CURVE,
    DO_ALIAS,
    DO_GROW,
    DO_ORPHAN,
    DO_LOGS,
    DO_MANY,
    DO_STOP
};

static struct {
    uint64_t slot, first_slot, rent, count;
    uint8_t first_hash[32], digest[32], sum[32], key[32], bump;
    bool beyond, alias, sum_ok, not_a_point;
} seen;

static const uint8_t seed_text[] = "native";
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static uint64_t facts(struct su_sys *s)
{
    const struct su_sys_bytes parts[2] = {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"c", 1}};
    const struct su_sys_bytes seed = {seed_text, 6};
    uint64_t slot;
    uint8_t hash[32];

    seen.slot = su_sys_slot(s);
    seen.rent = su_sys_rent_minimum(s, 100);
    if (!su_sys_slot_hash(s, 0, &seen.first_slot, seen.first_hash) ||
        !su_sys_find_address(s, &seed, 1, seen.key, &seen.bump)) {
        return 77;
    }
    seen.beyond = su_sys_slot_hash(s, 512, &slot, hash);
    su_sys_sha256(parts, 2, seen.digest);
    return 0;
}

static uint64_t curve(struct su_sys *s)
{
    uint8_t scalars[64] = {2}, points[64], twice[32];

    (void)s;
    scalars[32] = 3;
    memcpy(points, su_point_base, 32);
    memcpy(points + 32, su_point_base, 32);
    seen.sum_ok = su_sys_point_add(su_point_base, su_point_base, twice) &&
                  su_sys_point_mul2(scalars, points, seen.sum);
    memset(points, 2, 32);
    seen.not_a_point = su_sys_point_add(points, points, twice);
    return 0;
}

static uint64_t create(struct su_sys *s, uint64_t bytes)
{
    const struct su_sys_bytes seed = {seed_text, 6};
    struct su_sys_creation c = {.payer = &s->accounts[0],
                                .account = &s->accounts[1],
                                .bytes = bytes,
                                .seeds = &seed,
                                .nseeds = 1};
    uint8_t key[32];

    return su_sys_find_address(s, &seed, 1, key, &c.bump) ? su_sys_create_account(s, &c) : 78;
}

static uint64_t token(struct su_sys *s, uint64_t amount)
{
    const struct su_sys_bytes seed = {seed_text, 6};
    struct su_sys_transfer t = {.from = &s->accounts[0],
                                .mint = &s->accounts[1],
                                .to = &s->accounts[2],
                                .authority = &s->accounts[3],
                                .amount = amount,
                                .decimals = SU_LEDGER_USDC_DECIMALS,
                                .seeds = &seed,
                                .nseeds = s->data[1]};
    uint8_t key[32];

    return su_sys_find_address(s, &seed, 1, key, &t.bump) ? su_sys_token_transfer(s, &t) : 78;
}

static uint64_t misbehave(struct su_sys *s, uint64_t v)
{
    struct su_sys_account *a = s->accounts;

    switch (s->data[0]) {
    case DO_WRITE:
        a[0].data[0] = (uint8_t)v;
        return 0;
    case DO_STEAL:
        *a[0].lamports -= v;
        *a[1].lamports += v;
        return 0;
    case DO_PRINT:
        *a[0].lamports += v;
        return 0;
    case DO_OWN:
        memcpy(a[0].owner, s->program_id, 32);
        return 0;
    case DO_IGNORE: /* a failed call ends the transaction whatever the caller thinks of it */
        (void)token(s, v);
        return 0;
    case DO_TIRE:
        for (uint64_t i = 0; i < v; i++) {
            uint64_t slot = su_sys_slot(s);

            (void)slot;
        }
        return 0;
    case DO_ALIAS:
        seen.alias = a[0].data == a[1].data && a[0].lamports == a[1].lamports && a[1].index == 0 &&
                     a[0].index == 0;
        return 0;
    case DO_GROW:
        *a[0].data_len += v;
        return 0;
    case DO_ORPHAN:
        return su_sys_token_transfer(
            s, &(struct su_sys_transfer){&a[0], &a[1], &a[2], &a[3], v, NULL, 0, 0, 6});
    case DO_LOGS:
        for (uint64_t i = 0; i < v; i++) {
            su_sys_log(s, (const char *)s->scratch, 300);
        }
        return 0;
    case DO_STOP: /* until the test lets it go on */
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
        return 0;
    case DO_MANY:
        for (uint64_t i = 0; i < v; i++) {
            (void)token(s, 1);
        }
        return 0;
    default:
        return 6000;
    }
}

static uint64_t process(struct su_sys *s)
{
    uint64_t v = s->data_len >= 16 ? su_le64(s->data + 8) : 0;

    seen.count = s->count;
    switch (s->data[0]) {
    case DO_CREATE:
        return create(s, v);
    case DO_CLOSE:
        su_sys_close(s, &s->accounts[0], &s->accounts[1]);
        return 0;
    case DO_TOKEN:
        return token(s, v);
    case DO_RETURN:
        return v;
    case DO_LOG:
        su_sys_log(s, "line \x01 of text", 14);
        return 0;
    case DO_FACTS:
        return facts(s);
    case DO_CURVE:
        return curve(s);
    default:
        return misbehave(s, v);
    }
}

static const struct su_ledger_native natives[] = {
    {.id = {1, 2, 3, 4}, .name = "one", .process = process, .units = 1000},
    {.id = {5, 6, 7, 8}, .name = "two", .process = process, .units = 1000}};
static const uint8_t *const id = natives[0].id;

static int setup(void **state)
{
    memset(&seen, 0, sizeof seen);
    *state = world_open(natives, SU_ARRAY_LEN(natives));
    return 0;
}

static struct su_draft_meta meta(const uint8_t *key, bool signer, bool writable)
{
    return (struct su_draft_meta){key, signer, writable};
}

static void call(struct world *w, uint8_t what, uint64_t v, const struct su_draft_meta *m, size_t n)
{
    uint8_t d[16] = {what, 1};

    su_put_le64(d + 8, v);
    begin(w);
    add(w, id, m, n, d, sizeof d);
}

static void limit(struct world *w, uint32_t units)
{
    uint8_t d[5] = {2};

    su_put_le32(d + 1, units);
    add(w, su_ledger_budget_id, NULL, 0, d, sizeof d);
}

static void pda(uint8_t key[32])
{
    const struct su_ledger_seed seed = {seed_text, 6};
    uint8_t bump;

    assert_true(su_ledger_find_address(&seed, 1, id, key, &bump));
}

static void the_program_account(void **state)
{
    struct world *w = *state;
    const struct su_ledger_account *a = su_ledger_account_get(w->l, id), *d;

    assert_true(a->executable);
    assert_memory_equal(a->owner, su_ledger_loader_id, 32);
    assert_int_equal(a->data_bytes, 36);
    assert_int_equal(su_le32(a->data), 2);
    d = su_ledger_account_get(w->l, a->data + 4);
    assert_non_null(d);
    assert_int_equal(su_le32(d->data), 3);
    su_ledger_account_release(a);
    su_ledger_account_release(d);
}

static void facts_and_logs(void **state)
{
    struct world *w = *state;
    struct su_ledger_now now;
    uint8_t digest[32], key[32], want[32], five[32] = {5};

    call(w, DO_FACTS, 0, NULL, 0);
    landed(w);
    su_ledger_now(w->l, &now);
    assert_int_equal(seen.slot, now.slot);
    assert_int_equal(seen.first_slot, now.slot - 1);
    assert_memory_equal(seen.first_hash, now.blockhash, 32);
    assert_int_equal(seen.rent, su_ledger_rent_minimum(100));
    assert_false(seen.beyond);
    su_sha256("abc", 3, digest);
    assert_memory_equal(seen.digest, digest, 32);
    pda(key);
    assert_memory_equal(seen.key, key, 32);
    assert_true(logged(w, " consumed "));
    call(w, DO_LOG, 0, NULL, 0);
    landed(w);
    assert_true(logged(w, "Program log: line ? of text"));
    call(w, DO_CURVE, 0, NULL, 0);
    landed(w);
    assert_true(seen.sum_ok);
    assert_false(seen.not_a_point);
    assert_true(su_point_mul(five, su_point_base, want));
    assert_memory_equal(seen.sum, want, 32);
}

static void long_logs(void **state)
{
    struct world *w = *state;

    call(w, DO_LOGS, 1, NULL, 0);
    landed(w);
    assert_true(strlen(w->r.logs[1]) <= strlen("Program log: ") + 200);
    call(w, DO_LOGS, 60, NULL, 0);
    landed(w);
    assert_string_equal(w->r.logs[w->r.n_logs - 1], "Log truncated");
    assert_true(w->r.n_logs > 40 && w->r.n_logs < 60);
}

/* A ledger that cannot keep up says so, and then works off what it has accepted. */
static void full_queue(void **state)
{
    struct world *w = *state;
    struct su_ledger_now before, after;
    struct su_ledger_tx tx;
    enum su_code c = SU_OK;
    size_t n = 0;

    su_ledger_now(w->l, &before);
    call(w, DO_STOP, 0, NULL, 0);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    pthread_mutex_lock(&gate);
    while (c == SU_OK && n < 100000) {
        c = su_ledger_submit(w->l, &tx, SU_LEDGER_SKIP_PREFLIGHT, NULL, NULL);
        n++;
    }
    pthread_mutex_unlock(&gate);
    assert_int_equal(c, SU_EBUSY);
    assert_true(n > 10000);
    su_ledger_advance(w->l, 1);
    su_ledger_now(w->l, &after);
    assert_int_equal(after.transactions, before.transactions + 1); /* all the same one */
}

/* SplitUp itself, and what it says to nonsense. */
static void the_real_program(void **state)
{
    struct world *w = world_open(NULL, 0);

    (void)state;
    begin(w);
    add(w, su_ledger_splitup_id, NULL, 0, "\xff", 1);
    fails(w, 0, SU_LEDGER_IE_Custom, 6000);
    assert_true(logged(w, "Program SpLitUp111111111111111111111111111111111111 failed: custom "
                          "program error: 0x1770"));
    world_close(w);
}

static void return_codes(void **state)
{
    static const struct {
        uint64_t code;
        enum su_ledger_instr_error ie;
        uint32_t custom;
    } codes[] = {{1, SU_LEDGER_IE_Custom, 1},
                 {6001, SU_LEDGER_IE_Custom, 6001},
                 {UINT32_MAX, SU_LEDGER_IE_Custom, UINT32_MAX},
                 {UINT64_C(1) << 32, SU_LEDGER_IE_Custom, 0},
                 {UINT64_C(2) << 32, SU_LEDGER_IE_InvalidArgument, 0},
                 {UINT64_C(11) << 32, SU_LEDGER_IE_NotEnoughAccountKeys, 0},
                 {UINT64_C(26) << 32, SU_LEDGER_IE_IncorrectAuthority, 0},
                 {UINT64_C(99) << 32, SU_LEDGER_IE_InvalidError, 0},
                 {UINT64_MAX, SU_LEDGER_IE_InvalidError, 0}};
    struct world *w = *state;

    for (size_t i = 0; i < SU_ARRAY_LEN(codes); i++) {
        call(w, DO_RETURN, codes[i].code, NULL, 0);
        fails(w, 0, codes[i].ie, codes[i].custom);
    }
    assert_true(logged(w, "failed: program returned invalid error code"));
    call(w, DO_RETURN, 0, NULL, 0);
    landed(w);
}

static void creation(void **state)
{
    struct world *w = *state;
    uint8_t key[32] = {0}, sys[32] = {0};
    struct su_draft_meta m[3] = {meta(w->a[0].key, true, true), meta(key, false, true),
                                 meta(sys, false, false)};
    size_t n;

    pda(key);
    call(w, DO_CREATE, 10241, m, 3);
    fails(w, 0, SU_LEDGER_IE_InvalidRealloc, 0);
    call(w, DO_CREATE, 200, m, 2); /* the System program is not there to be called */
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);
    call(w, DO_CREATE, 10240, m, 3);
    landed(w);
    assert_int_equal(w->r.n_inner, 1);
    assert_non_null(data_of(w, key, &n));
    assert_int_equal(n, 10240);
    assert_int_equal(lamports(w, key), su_ledger_rent_minimum(10240));
    call(w, DO_CREATE, 200, m, 3);
    fails(w, 0, SU_LEDGER_IE_Custom, 0);

    call(w, DO_WRITE, 5, m + 1, 1); /* now it is ours to write, while we say that it is written */
    landed(w);
    assert_int_equal(data_of(w, key, &n)[0], 5);
    m[1].writable = false;
    call(w, DO_WRITE, 6, m + 1, 1);
    fails(w, 0, SU_LEDGER_IE_ReadonlyDataModified, 0);
    m[1].writable = true;
    call(w, DO_GROW, 100, m + 1, 1);
    fails_whole(w, SU_LEDGER_TX_InsufficientFundsForRent, 1);
    call(w, DO_GROW, 10241, m + 1, 1);
    fails(w, 0, SU_LEDGER_IE_InvalidRealloc, 0);
}

static void creation_prefunded(void **state)
{
    struct world *w = *state;
    uint8_t key[32] = {0}, sys[32] = {0};
    struct su_draft_meta m[3] = {meta(w->a[0].key, true, true), meta(key, false, true),
                                 meta(sys, false, false)};
    uint8_t d[16] = {DO_CREATE};
    size_t n;

    pda(key);
    su_put_le64(d + 8, 50);
    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, key, 900000);
    add(w, id, m, 3, d, sizeof d);
    landed(w);
    assert_int_equal(w->r.n_inner, 3); /* transfer, allocate, assign */
    assert_int_equal(lamports(w, key), su_ledger_rent_minimum(50));
    assert_non_null(data_of(w, key, &n));
    assert_int_equal(n, 50);
    const struct su_draft_meta close[2] = {meta(key, false, true), meta(w->a[4].key, false, true)};
    call(w, DO_CLOSE, 0, close, 2);
    landed(w);
    assert_null(data_of(w, key, &n));
    assert_int_equal(lamports(w, w->a[4].key), su_ledger_rent_minimum(50));
    begin(w); /* more than it needs: nothing is added */
    su_draft_transfer(&w->d, w->a[0].key, key, 5 * SOL);
    add(w, id, m, 3, d, sizeof d);
    landed(w);
    assert_int_equal(w->r.n_inner, 2);
    assert_int_equal(lamports(w, key), 5 * SOL);
}

static void token_calls(void **state)
{
    struct world *w = *state;
    uint8_t key[32] = {0}, from[32] = {0}, to[32] = {0};
    struct su_draft_meta m[5] = {
        meta(from, false, true), meta(su_ledger_usdc_mint(w->l), false, false),
        meta(to, false, true), meta(key, false, false), meta(su_ledger_token_id, false, false)};
    size_t n;

    pda(key);
    assert_int_equal(su_ledger_airdrop_usdc(w->l, key, 1000, NULL, NULL), SU_OK);
    assert_int_equal(su_ledger_airdrop_usdc(w->l, w->a[1].key, 1, NULL, NULL), SU_OK);
    su_ledger_ata(key, su_ledger_usdc_mint(w->l), from);
    su_ledger_ata(w->a[1].key, su_ledger_usdc_mint(w->l), to);
    call(w, DO_TOKEN, 300, m, 5);
    landed(w);
    assert_int_equal(su_le64(data_of(w, to, &n) + 64), 301);
    call(w, DO_TOKEN, 701, m, 5);
    fails(w, 0, SU_LEDGER_IE_Custom, 1);
    call(w, DO_IGNORE, 701, m, 5);
    fails(w, 0, SU_LEDGER_IE_Custom, 1);
    m[3].key = w->a[2].key; /* signs for another address than the authority */
    call(w, DO_TOKEN, 1, m, 5);
    fails(w, 0, SU_LEDGER_IE_PrivilegeEscalation, 0);
    assert_true(logged(w, "'s signer privilege escalated"));
    m[3].key = key;
    m[2].writable = false;
    call(w, DO_TOKEN, 1, m, 5);
    fails(w, 0, SU_LEDGER_IE_PrivilegeEscalation, 0);
    assert_true(logged(w, "'s writable privilege escalated"));
    m[2].writable = true;
    call(w, DO_TOKEN, 1, m, 4);
    fails(w, 0, SU_LEDGER_IE_MissingAccount, 0);
    call(w, DO_ORPHAN, 1, m, 5);
    fails(w, 0, SU_LEDGER_IE_PrivilegeEscalation, 0);
    call(w, DO_MANY, 64, m, 5); /* with itself, 65 instructions */
    limit(w, 1400000);
    fails(w, 0, SU_LEDGER_IE_MaxInstructionTraceLengthExceeded, 0);
    call(w, DO_MANY, 60, m, 5);
    limit(w, 1400000);
    landed(w);
    assert_int_equal(w->r.n_inner, 60);
}

static void forbidden(void **state)
{
    struct world *w = *state;
    struct su_draft_meta m[2] = {meta(w->a[1].key, true, true), meta(w->a[2].key, false, true)};
    struct su_draft_meta usdc[1] = {meta(su_ledger_usdc_mint(w->l), false, true)};
    struct su_draft_meta many[49];

    call(w, DO_STEAL, 5, m, 2);
    fails(w, 0, SU_LEDGER_IE_ExternalAccountLamportSpend, 0);
    call(w, DO_PRINT, 5, m, 1);
    fails(w, 0, SU_LEDGER_IE_UnbalancedInstruction, 0);
    call(w, DO_PRINT, UINT64_MAX, m + 1, 1); /* wraps around to one less */
    fails(w, 0, SU_LEDGER_IE_ExternalAccountLamportSpend, 0);
    call(w, DO_WRITE, 0xee, usdc, 1);
    fails(w, 0, SU_LEDGER_IE_ExternalAccountDataModified, 0);
    call(w, DO_OWN, 0, m, 1);
    fails(w, 0, SU_LEDGER_IE_ModifiedProgramId, 0);
    call(w, DO_GROW, 5, m, 1);
    fails(w, 0, SU_LEDGER_IE_AccountDataSizeChanged, 0);
    m[1] = m[0];
    call(w, DO_ALIAS, 0, m, 2);
    landed(w);
    assert_true(seen.alias);
    assert_int_equal(seen.count, 2);
    for (size_t i = 0; i < SU_ARRAY_LEN(many); i++) {
        many[i] = m[0];
    }
    call(w, DO_RETURN, 0, many, 48);
    landed(w);
    call(w, DO_RETURN, 0, many, 49);
    fails(w, 0, SU_LEDGER_IE_InvalidArgument, 0);
}

static void units(void **state)
{
    struct world *w = *state;

    call(w, DO_TIRE, 10, NULL, 0);
    landed(w);
    assert_int_equal(w->r.units, 1000 + 10 * 120);
    call(w, DO_TIRE, 2000, NULL, 0);
    fails(w, 0, SU_LEDGER_IE_ComputationalBudgetExceeded, 0);
    assert_int_equal(w->r.units, 200000);
    call(w, DO_TIRE, 2000, NULL, 0);
    limit(w, 500000);
    landed(w);
    begin(w);
    limit(w, 1149);
    add(w, id, NULL, 0, "\x03", 1);
    fails(w, 1, SU_LEDGER_IE_ComputationalBudgetExceeded, 0);
    begin(w);
    limit(w, 1150);
    add(w, id, NULL, 0, "\x09", 1);
    fails(w, 1, SU_LEDGER_IE_ComputationalBudgetExceeded, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_program_account, setup, world_teardown),
        cmocka_unit_test_setup_teardown(facts_and_logs, setup, world_teardown),
        cmocka_unit_test_setup_teardown(long_logs, setup, world_teardown),
        cmocka_unit_test_setup_teardown(full_queue, setup, world_teardown),
        cmocka_unit_test(the_real_program),
        cmocka_unit_test_setup_teardown(return_codes, setup, world_teardown),
        cmocka_unit_test_setup_teardown(creation, setup, world_teardown),
        cmocka_unit_test_setup_teardown(creation_prefunded, setup, world_teardown),
        cmocka_unit_test_setup_teardown(token_calls, setup, world_teardown),
        cmocka_unit_test_setup_teardown(forbidden, setup, world_teardown),
        cmocka_unit_test_setup_teardown(units, setup, world_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
