// SPDX-License-Identifier: MIT
/* Amounts, and what forms may hold: nothing here asks the chain. */
#include "network.h"

#include <stdlib.h>
#include <string.h>

static void test_amounts(void **state)
{
    static const struct {
        const char *text;
        enum su_ops_unit unit;
        uint64_t want;
        const char *back;
    } good[] = {
        {"1000.5", SU_OPS_USDC, 1000500000, "1000.5 USDC"},
        {"0.000001", SU_OPS_USDC, 1, "0.000001 USDC"},
        {"007", SU_OPS_USDC, 7000000, "7 USDC"},
        {"1.10", SU_OPS_USDC, 1100000, "1.1 USDC"},
        {"9007199254.740992", SU_OPS_USDC, (uint64_t)1 << 53, "9007199254.740992 USDC"},
        {"0.000000001", SU_OPS_SOL, 1, "0.000000001 SOL"},
        {"2", SU_OPS_SOL, 2000000000, "2 SOL"},
        {"9223372036.854775808", SU_OPS_SOL, (uint64_t)1 << 63, "9223372036.854775808 SOL"},
    };
    char text[SU_OPS_AMOUNT_TEXT];
    struct su_err e = {0};
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(good); i++) {
        ok(su_ops_amount_parse(good[i].text, "amount", good[i].unit, &v, &e), &e);
        assert_int_equal(v, good[i].want);
        assert_string_equal(su_ops_amount_text(v, good[i].unit, text), good[i].back);
        (void)su_ops_amount_number(v, good[i].unit, text);
        assert_false(strchr(text, ' '));
        ok(su_ops_amount_parse(text, "amount", good[i].unit, &v, &e), &e);
        assert_int_equal(v, good[i].want);
    }
    assert_string_equal(su_ops_amount_text(UINT64_MAX, SU_OPS_USDC, text),
                        "18446744073709.551615 USDC");
    assert_string_equal(su_ops_amount_text(0, SU_OPS_SOL, text), "0 SOL");
}

static void test_no_amounts(void **state)
{
    static const char *const bad[] = {"",   "-1", "+1",  "1e3",       "1,5", "1.",  ".5", "1.2.3",
                                      " 1", "1 ", "0x1", "1.0000001", "all", "1_0", "nan"};
    struct su_err e = {0};
    uint64_t v = 7;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        refused(su_ops_amount_parse(bad[i], "amount", SU_OPS_USDC, &v, &e), SU_EINVAL, &e,
                "no amount");
    refused(su_ops_amount_parse("0.0", "amount", SU_OPS_USDC, &v, &e), SU_EINVAL, &e, "0 USDC");
    refused(su_ops_amount_parse("9007199254.740993", "amount", SU_OPS_USDC, &v, &e), SU_EOVERFLOW,
            &e, "more than 9007199254 USDC");
    refused(su_ops_amount_parse("99999999999999999999999", "amount", SU_OPS_SOL, &v, &e),
            SU_EOVERFLOW, &e, "SOL");
    assert_int_equal(v, 7);
}

static void test_times(void **state)
{
    static const struct {
        uint64_t slots;
        uint32_t ms;
        const char *want;
    } row[] = {
        {0, 400, "0 s"},
        {1, 400, "1 s"},
        {150, 400, "1 min 0 s"},
        {1512000, 400, "7 d 0 h"},
        {9001, 1000, "2 h 30 min"},
        {6001, 10, "1 min 1 s"},
    };
    char text[SU_OPS_AMOUNT_TEXT];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        assert_string_equal(su_ops_slots_text(row[i].slots, row[i].ms, text), row[i].want);
    (void)su_ops_slots_text(UINT64_MAX, UINT32_MAX, text); /* saturates */
}

#define KEY "So11111111111111111111111111111111111111112"

static void test_checks(void **state)
{
    struct su_err e = {0};
    struct su_ops_stake s = {.amount = "1"};
    struct su_ops_node n = {.endpoint = "node.example:9000", .vram_bytes = 1};
    struct su_ops_declare d = {.model = KEY};
    struct su_ops_airdrop a = {.sol = NULL};
    char longer[SU_ENDPOINT_MAX + 2];

    (void)state;
    ok(su_ops_deposit_check(&s, &e), &e);
    s.node = KEY;
    ok(su_ops_deposit_check(&s, &e), &e);
    s.node = "nobody";
    refused(su_ops_deposit_check(&s, &e), SU_EINVAL, &e, "nobody");
    s = (struct su_ops_stake){.node = "own", .amount = "all"};
    ok(su_ops_unlock_check(&s, &e), &e);
    refused(su_ops_deposit_check(&s, &e), SU_EINVAL, &e, "all");
    s.amount = NULL;
    refused(su_ops_unlock_check(&s, &e), SU_EINVAL, &e, "missing");

    ok(su_ops_node_check(&n, &e), &e);
    n.endpoint = "[::1]:80";
    ok(su_ops_node_check(&n, &e), &e);
    static const char *const bad[] = {"host", ":80", "::1:80", "a b:80", "http://h:80", "h\n:80"};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        n.endpoint = bad[i];
        refused(su_ops_node_check(&n, &e), SU_EINVAL, &e, "HOST:PORT");
    }
    n.endpoint = "h:0";
    assert_int_not_equal(su_ops_node_check(&n, &e), SU_OK);
    memset(longer, 'a', sizeof longer);
    memcpy(longer + sizeof longer - 4, ":80", 4);
    n.endpoint = longer;
    refused(su_ops_node_check(&n, &e), SU_ELIMIT, &e, "64");
    n = (struct su_ops_node){.vram_bytes = 0};
    refused(su_ops_node_check(&n, &e), SU_EINVAL, &e, "--vram");

    ok(su_ops_declare_check(&d, &e), &e);
    static const char *const lists[] = {"0", "0,2-5", "127", "3-3,1"};
    static const char *const no_lists[] = {"", ",", "1,", "128", "5-2", "1-", "a", "1;2", "-1"};
    for (size_t i = 0; i < SU_ARRAY_LEN(lists); i++) {
        d.tasks = lists[i];
        ok(su_ops_declare_check(&d, &e), &e);
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(no_lists); i++) {
        d.tasks = no_lists[i];
        refused(su_ops_declare_check(&d, &e), SU_EINVAL, &e, "--tasks");
    }
    d.model = "mnist";
    refused(su_ops_declare_check(&d, &e), SU_EINVAL, &e, "mnist");

    refused(su_ops_airdrop_check(&a, &e), SU_EINVAL, &e, "nothing");
    a.usdc = "x";
    refused(su_ops_airdrop_check(&a, &e), SU_EINVAL, &e, "--usdc");
    a = (struct su_ops_airdrop){.sol = "1"};
    ok(su_ops_airdrop_check(&a, &e), &e);
}

static void test_context(void **state)
{
    char home[] = "/tmp/su-test-ops-XXXXXX", path[64];
    struct su_ops_options o = {.url = "d,http://127.0.0.1:1", .keypair = "/nowhere/key.json"};
    struct su_err e = {0};
    struct su_ops *ops;
    struct su_wallet *w;

    (void)state;
    assert_non_null(mkdtemp(home));
    assert_int_equal(setenv("HOME", home, 1), 0);
    assert_int_equal(setenv("SPLITUP_HOME", home, 1), 0);
    ok(su_ops_open(&o, &ops, &e), &e);
    assert_string_equal(su_ops_url(ops), "https://api.devnet.solana.com");
    assert_string_equal(su_ops_wallet_path(ops), "/nowhere/key.json");
    (void)snprintf(path, sizeof path, "%s/node.json", home);
    assert_string_equal(su_ops_identity_path(ops), path);
    refused(su_ops_wallet(ops, &w, &e), SU_ENOENT, &e, "splitup wallet new");
    refused(su_ops_identity(ops, false, &w, &e), SU_ENOENT, &e, "register");
    su_ops_close(ops);
    o = (struct su_ops_options){.url = NULL};
    ok(su_ops_open(&o, &ops, &e), &e);
    assert_string_equal(su_ops_url(ops), "http://127.0.0.1:8899");
    su_ops_close(ops);
    o.url = "nonsense";
    refused(su_ops_open(&o, &ops, &e), SU_EINVAL, &e, "nonsense");
    assert_null(ops);
    o.url = "l,l,l,l,l,l,l,l,l";
    refused(su_ops_open(&o, &ops, &e), SU_EINVAL, &e, "8");
    su_ops_close(NULL);
    assert_int_equal(remove(home), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts), cmocka_unit_test(test_no_amounts),
        cmocka_unit_test(test_times),   cmocka_unit_test(test_checks),
        cmocka_unit_test(test_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
