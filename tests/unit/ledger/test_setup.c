// SPDX-License-Identifier: MIT
/* Setting the program up on a new ledger. */
#include "abi/abi.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct su_ledger *ledger(void)
{
    static const uint8_t seed[32] = {7};
    const struct su_ledger_options o = {.manual_slots = true, .seed = seed};
    struct su_ledger *l;
    struct su_err e;
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_OK);
    return l;
}

static const struct su_ledger_account *single(struct su_ledger *l, const char *name)
{
    const struct su_ledger_seed seed = {name, strlen(name)};
    uint8_t key[32], bump;
    assert_true(su_ledger_find_address(&seed, 1, su_ledger_splitup_id, key, &bump));
    return su_ledger_account_get(l, key);
}

static void makes_state_pool_and_vault(void **unused)
{
    (void)unused;
    struct su_ledger *l = ledger();
    struct su_params params;
    struct su_err e;
    uint8_t secret[64];
    su_params_private(&params, 400);
    assert_true(su_params_check(&params));
    assert_null(single(l, "state"));
    assert_int_equal(su_ledger_setup(l, &params, &e), SU_OK);
    const struct su_ledger_account *a = single(l, "state"), *pool = single(l, "pool");
    assert_non_null(a);
    assert_non_null(pool);
    assert_true(su_acc_valid(SU_TAG_STATE, a->data, a->data_bytes));
    assert_true(su_acc_valid(SU_TAG_POOL, pool->data, pool->data_bytes));
    const struct su_acc_state *state = (const void *)a->data;
    su_ledger_admin_secret(l, secret);
    assert_true(su_ed25519_secret_check(secret));
    assert_memory_equal(state->admin, secret + 32, 32);
    assert_memory_equal(state->mint, su_ledger_usdc_mint(l), 32);
    assert_memory_equal(state->genesis, su_ledger_genesis_hash(l), 32);
    const struct su_ledger_account *vault = su_ledger_account_get(l, state->vault);
    assert_non_null(vault);
    assert_memory_equal(vault->data + 32, state->vault_authority, 32);
    su_ledger_account_release(vault);
    su_ledger_account_release(pool);
    su_ledger_account_release(a);
    su_ledger_close(l);
}

static void happens_once(void **unused)
{
    (void)unused;
    struct su_ledger *l = ledger();
    struct su_params params;
    struct su_ledger_now before, after;
    struct su_err e;
    su_params_private(&params, 400);
    assert_int_equal(su_ledger_setup(l, &params, &e), SU_OK);
    su_ledger_now(l, &before);
    assert_int_equal(su_ledger_setup(l, &params, &e), SU_OK);
    su_ledger_now(l, &after);
    assert_int_equal(before.transactions, after.transactions);
    su_ledger_close(l);
}

static void refuses_parameters_the_program_refuses(void **unused)
{
    (void)unused;
    struct su_ledger *l = ledger();
    struct su_params params;
    struct su_err e;
    su_params_private(&params, 400);
    params.margin_ppm = 1;
    assert_int_equal(su_ledger_setup(l, &params, &e), SU_EINVAL);
    assert_non_null(strstr(e.msg, "custom program error"));
    assert_null(single(l, "state"));
    su_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_state_pool_and_vault),
        cmocka_unit_test(happens_once),
        cmocka_unit_test(refuses_parameters_the_program_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
