// SPDX-License-Identifier: MIT
/* Random transactions, good and bad: lamports are neither made nor lost, fees are all that goes, a
   token's supply is what its accounts hold, and what a simulation says is what then happens.
   SU_TEST_FULL=1: ten times as many. */
#include "bank_world.h"

#include "support/random.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS = 3000, TOKENS = 6 };

static uint8_t spare[4][32];

static const uint8_t *any_key(struct world *w, struct su_random *r)
{
    uint32_t i = su_random_below(r, ACTORS + 4);

    return i < ACTORS ? w->a[i].key : spare[i - ACTORS];
}

static uint64_t any_amount(struct su_random *r)
{
    static const uint64_t edges[] = {0, 1, 890879, 890880, 2039280, SOL, UINT64_MAX};

    return su_random_chance(r, 40) ? edges[su_random_below(r, SU_ARRAY_LEN(edges))]
                                   : su_random_u64(r) % (2 * SOL);
}

static void system_instr(struct world *w, struct su_random *r)
{
    const struct su_draft_meta m[3] = {
        {any_key(w, r), su_random_chance(r, 90), su_random_chance(r, 95)},
        {any_key(w, r), su_random_chance(r, 40), su_random_chance(r, 95)},
        {any_key(w, r), false, true}};
    uint8_t d[80];

    for (size_t i = 0; i < sizeof d; i++) {
        d[i] = (uint8_t)(su_random_chance(r, 97) ? 0 : su_random_u64(r));
    }
    su_put_le32(d, su_random_chance(r, 70) ? 2 : su_random_below(r, 13));
    su_put_le64(d + 4, any_amount(r));
    if (d[0] == 0) {
        su_put_le64(d + 12, su_random_below(r, 300));
    } else if (d[0] == 8) {
        su_put_le64(d + 4, su_random_below(r, 300));
    }
    add(w, su_ledger_system_id, m, su_random_range(r, 1, 3), d, su_random_range(r, 4, 80));
}

static void token_instr(struct world *w, struct su_random *r)
{
    static const uint8_t tags[] = {3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15};
    uint8_t a[32], b[32], d[40] = {tags[su_random_below(r, sizeof tags)]};
    uint32_t x = su_random_below(r, TOKENS), y = su_random_below(r, TOKENS);
    const uint8_t *mint = su_ledger_usdc_mint(w->l);

    su_ledger_ata(w->a[x].key, mint, a);
    su_ledger_ata(w->a[y].key, mint, b);
    const struct su_draft_meta transfer[3] = {
        {a, false, true}, {b, false, true}, {w->a[x].key, true, false}};
    const struct su_draft_meta checked[4] = {
        {a, false, true}, {mint, false, true}, {b, false, true}, {w->a[x].key, true, false}};
    const struct su_draft_meta burn[3] = {{a, false, true},
                                          {mint, false, true},
                                          {w->a[su_random_below(r, 2) ? x : y].key, true, false}};

    su_put_le64(d + 1, su_random_below(r, 2000));
    d[9] = SU_LEDGER_USDC_DECIMALS;
    if (d[0] == 6) {
        d[1] = (uint8_t)su_random_below(r, 4);
        d[2] = (uint8_t)su_random_below(r, 2);
        memcpy(d + 3, w->a[y].key, 32);
    }
    if (d[0] == 12) {
        add(w, su_ledger_token_id, checked, 4, d, 10);
    } else if (d[0] == 8 || d[0] == 15 || d[0] == 10 || d[0] == 11) {
        add(w, su_ledger_token_id, burn, 3, d, 10);
    } else {
        add(w, su_ledger_token_id, transfer, 3, d, sizeof d);
    }
}

static void ata_instr(struct world *w, struct su_random *r)
{
    uint8_t ata[32], tag = (uint8_t)su_random_below(r, 2);
    const uint8_t *mint = su_ledger_usdc_mint(w->l), *owner = w->a[su_random_below(r, ACTORS)].key;
    const struct su_draft_meta m[6] = {{w->a[0].key, true, true},
                                       {ata, false, true},
                                       {owner, false, false},
                                       {mint, false, false},
                                       {su_ledger_system_id, false, false},
                                       {su_ledger_token_id, false, false}};

    su_ledger_ata(owner, mint, ata);
    add(w, su_ledger_ata_id, m, 6, &tag, 1);
}

static void check_tokens(struct world *w)
{
    struct su_ledger_accounts list;
    uint64_t sum = 0;
    size_t n;

    assert_int_equal(su_ledger_accounts_of(w->l, su_ledger_token_id, 165, NULL, 0, &list, NULL),
                     SU_OK);
    for (size_t i = 0; i < list.n; i++) {
        sum += su_le64(list.items[i]->data + 64);
    }
    su_ledger_accounts_fini(&list);
    assert_int_equal(su_le64(data_of(w, su_ledger_usdc_mint(w->l), &n) + 36), sum);
}

static void one(struct world *w, struct su_random *r, uint64_t *good)
{
    const struct su_ledger_simulation o = {.verify = true};
    struct su_ledger_now before, after;
    struct su_ledger_result said;
    struct su_ledger_tx tx;
    uint64_t pre = 0, post = 0;

    begin(w);
    for (uint32_t n = su_random_range(r, 1, 2); n > 0; n--) {
        uint32_t kind = su_random_below(r, 10);

        if (kind < 5) {
            system_instr(w, r);
        } else if (kind < 8) {
            token_instr(w, r);
        } else {
            ata_instr(w, r);
        }
    }
    su_ledger_now(w->l, &before);
    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    assert_int_equal(su_ledger_simulate(w->l, &tx, &o, &said, NULL), SU_OK);
    run(w);
    su_ledger_now(w->l, &after);
    assert_memory_equal(&said.failure, &w->r.failure, sizeof said.failure);
    assert_int_equal(said.n_logs, w->r.n_logs);
    assert_int_equal(said.units, w->r.units);
    assert_true(w->code == SU_OK || w->code == SU_EINVAL);
    uint64_t fee = w->code == SU_OK ? w->r.fee_lamports : 0;
    assert_int_equal(after.capital_lamports, before.capital_lamports - fee);
    assert_int_equal(after.burned_lamports, before.burned_lamports + fee);
    for (uint32_t i = 0; i < w->r.n_keys && w->code == SU_OK; i++) {
        uint64_t want = said.accounts[i] != NULL ? said.accounts[i]->lamports : 0;

        assert_int_equal(w->r.post_lamports[i], want);
        pre += w->r.pre_lamports[i];
        post += w->r.post_lamports[i];
    }
    assert_int_equal(pre, post + fee);
    *good += w->code == SU_OK && w->r.failure.tx == SU_LEDGER_TX_OK;
    su_ledger_result_fini(&said);
}

static void conserves(void **state)
{
    struct world *w = *state;
    struct su_random r = su_random_of(4, 5);
    uint64_t runs = getenv("SU_TEST_FULL") != NULL ? RUNS * 10 : RUNS, good = 0;
    struct su_ledger_now now;

    for (size_t i = 0; i < 4; i++) {
        fresh_key(spare[i], i);
        assert_int_equal(su_ledger_airdrop_usdc(w->l, w->a[i].key, 100000, NULL, NULL), SU_OK);
    }
    for (uint64_t i = 0; i < runs; i++) {
        one(w, &r, &good);
        if (i % 25 == 0) {
            check_tokens(w);
            /* Whoever went bankrupt or belongs to another program by now is replaced. */
            for (size_t k = 0; k + 2 < ACTORS; k++) {
                w->a[k] = su_actor_of(1000 + i * ACTORS + k);
                assert_int_equal(su_ledger_airdrop(w->l, w->a[k].key, 10 * SOL, NULL, NULL), SU_OK);
                assert_int_equal(su_ledger_airdrop_usdc(w->l, w->a[k].key, 100000, NULL, NULL),
                                 SU_OK);
            }
        }
    }
    check_tokens(w);
    su_ledger_now(w->l, &now);
    assert_int_equal(now.capital_lamports + now.burned_lamports, 500000000 * SOL);
    print_message("%llu of %llu transactions succeeded\n", (unsigned long long)good,
                  (unsigned long long)runs);
    assert_true(good > runs / 10 && good < runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conserves, world_setup, world_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
