// SPDX-License-Identifier: MIT
/* Commands about the chain against a private network in this process: short options, what a failed
   transaction says of itself, numbers of econ. */
#include "unit.h"

#include "chain/chain.h"
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct network {
    struct su_ledger *ledger;
    struct su_ledger_rpc *rpc;
    char url[64];
};
static struct network net;

static void ok(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s", e->at, e->msg);
}

static int setup(void **state)
{
    const struct su_ledger_options lo = {.ms_per_slot = 10};
    const struct su_ledger_rpc_options ro = {.threads = 2};
    struct su_params params;
    struct su_err e = {0};

    if (scratch_setup(state) != 0)
        return -1;
    ok(su_ledger_open(&lo, &net.ledger, &e), &e);
    su_params_private(&params, lo.ms_per_slot);
    ok(su_ledger_setup(net.ledger, &params, &e), &e);
    ok(su_ledger_rpc_start(net.ledger, &ro, &net.rpc, &e), &e);
    (void)snprintf(net.url, sizeof net.url, "http://127.0.0.1:%u", su_ledger_rpc_port(net.rpc));
    return 0;
}

static int teardown(void **state)
{
    su_ledger_rpc_stop(net.rpc);
    su_ledger_close(net.ledger);
    return scratch_teardown(state);
}

/* Lands an instruction of ours that fails: earnings of a node that is not there. */
static void fail_on_chain(char sig[SU_CHAIN_SIG_TEXT])
{
    const char *urls[] = {net.url};
    const struct su_chain_opts o = {.urls = urls, .n_urls = 1};
    const struct su_chain_send_opts so = {.no_simulation = true};
    static const uint8_t nobody[32] = {1};
    uint8_t public_key[32], secret[64], seed[32] = {5}, drop[64];
    struct su_chain_result r;
    struct su_chain_env env;
    struct su_chain_batch b;
    struct su_signer signer;
    struct su_chain *c;
    struct su_err e = {0};

    su_ed25519_from_seed(seed, public_key, secret);
    ok(su_signer_init_memory(&signer, secret, &e), &e);
    ok(su_ledger_airdrop(net.ledger, public_key, 1000000000, drop, &e), &e);
    ok(su_chain_open(&o, &c, &e), &e);
    ok(su_chain_env_get(c, &env, &e), &e);
    su_chain_batch_init(&b, &env, public_key);
    su_chain_make_stake_unlock(&b, public_key, nobody, 5);
    const struct su_signer *signers[] = {&signer};
    enum su_code rc = su_chain_send(c, public_key, b.instrs, b.n, signers, 1, &so, &r, &e);
    assert_int_not_equal(rc, SU_OK);
    assert_true(r.sent);
    (void)su_chain_sig_text(r.sig, sig);
    su_chain_result_fini(&r);
    su_chain_batch_fini(&b);
    su_chain_close(c);
    su_signer_fini(&signer);
}

static void test_failed(void **state)
{
    char sig[SU_CHAIN_SIG_TEXT];

    (void)state;
    fail_on_chain(sig);
    assert_int_equal(run_cli("tx", sig, "-u", net.url, NULL), 0);
    assert_non_null(strstr(caught.out, "SplitUp: stake_unlock"));
    assert_non_null(strstr(caught.out, "result     stake_unlock: "));
    assert_non_null(strstr(caught.out, "owner "));
    assert_int_equal(run_cli("tx", sig, "--url", net.url, "--json", NULL), 0);
    assert_non_null(strstr(caught.out, "\"success\":false,\"error\":\"stake_unlock: "));
    assert_non_null(strstr(caught.out, "\"role\":\"owner\""));
}

static void test_words(void **state)
{
    (void)state;
    assert_int_equal(run_cli("stake", "deposi", "5", NULL), 2);
    says("deposi|deposit, withdraw, show or claim");
    assert_int_equal(run_cli("stake", "deposit", NULL), 2);
    says("a word is missing");
    assert_int_equal(run_cli("stake", "show", "5", NULL), 2);
    says("one word too many");
    assert_int_equal(run_cli("stake", "show", "-u", NULL), 2);
    says("needs a value");
    assert_int_equal(run_cli("stake", "show", "-u", net.url, "--url", net.url, NULL), 2);
    says("given twice");
    assert_int_equal(run_cli("plan", "-u", net.url, NULL), 2);
    says("no such option");
    assert_int_equal(run_cli("wallet", "new", "--seal", "--plain", NULL), 2);
    says("--plain");
    assert_int_equal(run_cli("wallet", "address", "--seal", NULL), 2);
    says("--seal");
    assert_int_equal(run_cli("wallet", "balance", "--usdc", "1", NULL), 2);
    says("--usdc");
}

static void test_econ(void **state)
{
    static const struct {
        const char *option, *value, *want;
    } bad[] = {{"--p", "", "percentage"},         {"--p", "0", "percentage"},
               {"--p", "100.0001", "percentage"}, {"--p", "8.00001", "percentage"},
               {"--r", "90.1", "percentage"},     {"--r", "x", "percentage"},
               {"--fee", "0", "0 USDC"},          {"--steps", "0", "--steps"}};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        assert_int_not_equal(run_cli("econ", bad[i].option, bad[i].value, NULL), 0);
        says(bad[i].want);
    }
    assert_int_equal(run_cli("econ", "--fee", "1", "--macs", "5", NULL), 2);
    says("--fee");
    /* p = 8 %, r = 10 %: 27 C; 1/3: 37 C; 1/2: 49 C, rounded; margin 2. */
    assert_int_equal(run_cli("econ", "--fee", "1", "--json", NULL), 0);
    assert_non_null(strstr(caught.out, "\"stake\":\"26.777778\""));
    assert_non_null(strstr(caught.out, "\"stake\":\"49\""));
    assert_non_null(strstr(caught.out, "\"founding_needs_sampling_ppm\":99207"));
    assert_null(strstr(caught.out, "\"founding_holds\":true"));
    assert_int_equal(run_cli("econ", "--fee", "1", "--p", "10%", "--r", "0", "--json", NULL), 0);
    assert_non_null(strstr(caught.out, "\"founding_holds\":true"));
    assert_int_equal(run_cli("econ", "--fee", "1000000", "--r", "50", NULL), 0);
    assert_non_null(strstr(caught.out, "refused"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_econ),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
