// SPDX-License-Identifier: MIT
/* Taking a node off the network, step by step, until nothing is left. */
#include "network.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void nothing_to_withdraw(void **state)
{
    struct network *n = *state;
    struct su_ops_node f = {.endpoint = "127.0.0.1:9000",
                            .vram_bytes = (uint64_t)1 << 30,
                            .numerics_version = 1,
                            .conformance_root = {1}};
    struct su_ops_proposal p;
    struct su_wallet *w;
    struct su_err e = {0};

    refused(su_ops_withdraw_prepare(n->ops, &p, &e), SU_ENOENT, &e, "splitup-node register");
    su_ops_proposal_fini(&p);
    ok(su_ops_identity(n->ops, true, &w, &e), &e); /* a key alone is no node */
    refused(su_ops_withdraw_prepare(n->ops, &p, &e), SU_ENOENT, &e, "is not registered");
    su_ops_proposal_fini(&p);
    ok(su_ops_node_prepare(n->ops, &f, &p, &e), &e);
    (void)commit(n->ops, &p);
    refused(su_ops_withdraw_prepare(n->ops, &p, &e), SU_ENOENT, &e, "nothing is left");
    su_ops_proposal_fini(&p);
}

static void in_steps(void **state)
{
    struct network *n = *state;
    const struct su_ops_stake some = {.amount = "1500"}, part = {.amount = "500"};
    struct su_ops_proposal p;
    struct su_err e = {0};

    ok(su_ops_deposit_prepare(n->ops, &some, &p, &e), &e);
    (void)commit(n->ops, &p);
    ok(su_ops_unlock_prepare(n->ops, &part, &p, &e), &e);
    (void)commit(n->ops, &p);
    ok(su_ops_withdraw_prepare(n->ops, &p, &e), &e);
    assert_int_equal(p.tier, SU_OPS_TIER_TYPED);
    assert_int_equal(p.usdc_in, 0);
    assert_non_null(strstr(line_of(&p, "unlocking"), "1000 USDC"));
    assert_non_null(strstr(line_of(&p, "remains"), "500 USDC unlock already"));
    (void)commit(n->ops, &p);
    refused(su_ops_withdraw_prepare(n->ops, &p, &e), SU_EBUSY, &e, "unlocking");
    su_ops_proposal_fini(&p);
    network_cool(n);
    ok(su_ops_withdraw_prepare(n->ops, &p, &e), &e);
    assert_int_equal(p.usdc_in, 1500000000);
    assert_string_equal(line_of(&p, "taken out"), "1500 USDC");
    (void)commit(n->ops, &p);
    refused(su_ops_withdraw_prepare(n->ops, &p, &e), SU_ENOENT, &e, "nothing is left");
    su_ops_proposal_fini(&p);
}

static void of_somebody_else(void **state)
{
    struct network *n = *state;
    const struct su_ops_stake some = {.amount = "5"};
    const struct su_ops_airdrop sol = {.sol = "1"};
    struct su_ops_proposal p;
    struct su_err e = {0};
    uint8_t key[32];

    ok(su_ops_deposit_prepare(n->ops, &some, &p, &e), &e);
    (void)commit(n->ops, &p);
    ok(su_wallet_create(network_path(n, "other.json"), NULL, key, &e), &e);
    ok(su_ops_airdrop(n->ops, &sol, key, &e), &e);
    struct su_ops *other = network_ops(n, network_path(n, "other.json"));
    refused(su_ops_withdraw_prepare(other, &p, &e), SU_EACCES, &e, "does not own");
    su_ops_proposal_fini(&p);
    su_ops_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_withdraw),
        cmocka_unit_test(in_steps),
        cmocka_unit_test(of_somebody_else),
    };
    return cmocka_run_group_tests(tests, network_setup, network_teardown);
}
