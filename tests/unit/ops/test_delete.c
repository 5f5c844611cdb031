// SPDX-License-Identifier: MIT
/* Key files that are deleted: never the last one of a key that owns anything, and never by halves. */
#include "network.h"

#include "vrf/vrf.h"

#include <string.h>
#include <unistd.h>

static void refuse(struct network *n, const char *path, const char *copy, enum su_code want,
                   const char *text)
{
    const struct su_ops_delete f = {path, copy};
    struct su_ops_delete_plan p;
    struct su_err e = {0};

    refused(su_ops_delete_prepare(n->ops, &f, &p, &e), want, &e, text);
    if (path)
        assert_int_equal(access(path, F_OK) == 0, want != SU_ENOENT);
}

static const char *plan_text(const struct su_ops_delete_plan *p, const char *label)
{
    for (size_t i = 0; i < p->n_line; i++)
        if (strcmp(p->line[i].label, label) == 0)
            return p->line[i].text;
    return "";
}

/* An oracle of the wallet's. */
static void bond(struct network *n, const char *amount)
{
    const char *path = network_path(n, "oracle.json");
    const struct su_ops_options o = {.url = n->url, .identity = path};
    const uint8_t seed[32] = {5};
    uint8_t vrf[32];
    const struct su_ops_oracle f = {.vrf_key = vrf, .endpoint = "127.0.0.1:9001", .bond = amount};
    struct su_ops_proposal p;
    struct su_ops *ops;
    struct su_err e = {0};

    su_vrf_public(seed, vrf);
    ok(su_ops_open(&o, &ops, &e), &e);
    ok(su_ops_oracle_prepare(ops, &f, &p, &e), &e);
    (void)commit(ops, &p);
    su_ops_close(ops);
    assert_int_equal(unlink(path), 0);
}

static void test_what_owns_stays(void **state)
{
    struct network *n = *state;
    const char *wallet = network_path(n, "wallet.json"), *node = network_path(n, "node.json");
    const struct su_ops_node f = {
        .vram_bytes = 1 << 30, .numerics_version = 1, .conformance_root = {1}};
    const struct su_ops_stake stake = {.amount = "1500"}, part = {.amount = "500"};
    struct su_ops_proposal p;
    struct su_err e = {0};

    refuse(n, network_path(n, "none.json"), NULL, SU_ENOENT, "");
    refuse(n, wallet, NULL, SU_EBUSY, "owns 10 SOL, 5000 USDC: take that out");
    ok(su_ops_node_prepare(n->ops, &f, &p, &e), &e);
    (void)commit(n->ops, &p);
    ok(su_ops_deposit_prepare(n->ops, &stake, &p, &e), &e);
    (void)commit(n->ops, &p);
    refuse(n, wallet, NULL, SU_EBUSY, "3500 USDC, 1500 USDC at stake, 1 node");
    ok(su_ops_unlock_prepare(n->ops, &part, &p, &e), &e);
    (void)commit(n->ops, &p);
    refuse(n, wallet, NULL, SU_EBUSY, "3500 USDC, 1500 USDC at stake, 1 node"); /* unlocking too */
    bond(n, "400");
    refuse(n, wallet, NULL, SU_EBUSY, "3100 USDC, 1500 USDC at stake, 400 USDC in a bond, 1 node");
    refuse(n, node, NULL, SU_EBUSY, "this machine's node");
    refuse(n, wallet, wallet, SU_EINVAL, "not a copy");
    refuse(n, wallet, node, SU_EINVAL, "another key");
}

static void test_a_copy_lets_it_go(void **state)
{
    struct network *n = *state;
    const char *wallet = network_path(n, "wallet.json"), *copy = network_path(n, "other.json");
    const struct su_ops_delete f = {wallet, copy}, back = {copy, NULL};
    struct su_ops_delete_plan p;
    struct su_wallet *w;
    uint8_t key[32], again[32];
    struct su_err e = {0};

    ok(su_wallet_copy(wallet, NULL, copy, NULL, key, &e), &e);
    ok(su_ops_delete_prepare(n->ops, &f, &p, &e), &e);
    assert_true(p.in_use);
    assert_memory_equal(p.key, key, 32);
    assert_int_equal(strlen(p.confirm), 4);
    assert_non_null(strstr(plan_text(&p, "owns"), "USDC"));
    assert_non_null(strstr(plan_text(&p, "copy"), "other.json has the same key"));
    /* Neither file may be another one by then. */
    assert_int_equal(unlink(copy), 0);
    ok(su_wallet_create(copy, NULL, again, &e), &e);
    refused(su_ops_delete_commit(n->ops, &f, &p, &e), SU_EBUSY, &e, "has changed");
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(su_ops_delete_commit(n->ops, &f, &p, &e), SU_ENOENT);
    assert_int_equal(access(wallet, F_OK), 0);
    ok(su_wallet_copy(wallet, NULL, copy, NULL, key, &e), &e);
    ok(su_ops_delete_prepare(n->ops, &f, &p, &e), &e);
    ok(su_ops_delete_commit(n->ops, &f, &p, &e), &e);
    assert_int_not_equal(access(wallet, F_OK), 0);
    /* The context signs nothing with it any more. */
    assert_int_equal(su_ops_wallet(n->ops, &w, &e), SU_ENOENT);
    assert_null(w);
    /* The copy is the last one now, and so stays. */
    refused(su_ops_delete_prepare(n->ops, &back, &p, &e), SU_EBUSY, &e, "owns");
    ok(su_wallet_copy(copy, NULL, wallet, NULL, key, &e), &e);
    assert_int_equal(unlink(copy), 0);
}

static void test_an_empty_key_goes(void **state)
{
    struct network *n = *state;
    const char *path = network_path(n, "other.json");
    const struct su_ops_delete f = {path, NULL};
    const struct su_ops_options nowhere = {.url = "http://127.0.0.1:1"};
    struct su_ops_delete_plan p;
    struct su_ops *o;
    uint8_t key[32];
    struct su_err e = {0};

    ok(su_wallet_create(path, NULL, key, &e), &e);
    /* Unless nobody can say whether it is empty. */
    ok(su_ops_open(&nowhere, &o, &e), &e);
    refused(su_ops_delete_prepare(o, &f, &p, &e), SU_EBUSY, &e, "is not known");
    su_ops_close(o);
    ok(su_ops_delete_prepare(n->ops, &f, &p, &e), &e);
    assert_false(p.in_use);
    assert_string_equal(plan_text(&p, "owns"), "nothing");
    ok(su_ops_delete_commit(n->ops, &f, &p, &e), &e);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_owns_stays),
        cmocka_unit_test(test_a_copy_lets_it_go),
        cmocka_unit_test(test_an_empty_key_goes),
    };

    return cmocka_run_group_tests(tests, network_setup, network_teardown);
}
