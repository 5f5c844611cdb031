// SPDX-License-Identifier: MIT
/* Proposals against a private network: what they show, what they cost, what they change. */
#include "network.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct su_acc_node *node_now(struct network *n, struct su_chain_accounts *list)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    const struct su_acc_node *node;
    struct su_wallet *w;
    struct su_err e = {0};

    ok(su_ops_env(n->ops, &env, &params, &e), &e);
    assert_int_equal(params->cooldown_slots, NETWORK_COOLDOWN);
    ok(su_ops_identity(n->ops, false, &w, &e), &e);
    ok(su_chain_node_of(su_ops_chain(n->ops), env, su_wallet_public_key(w), list, &node, &e), &e);
    return node;
}

static void test_register(void **state)
{
    struct network *n = *state;
    struct su_ops_node f = {.endpoint = "127.0.0.1:9000",
                            .vram_bytes = (uint64_t)2 << 30,
                            .numerics_version = 1,
                            .conformance_root = {1}};
    const struct su_ops_stake own = {.amount = "1"};
    struct su_chain_accounts list;
    struct su_ops_proposal p;
    struct su_err e = {0};

    refused(su_ops_deposit_prepare(n->ops, &own, &p, &e), SU_ENOENT, &e, "splitup-node register");
    su_ops_proposal_fini(&p);
    ok(su_ops_node_prepare(n->ops, &f, &p, &e), &e);
    assert_string_equal(p.title, "register node");
    assert_int_equal(p.tier, SU_OPS_TIER_PREVIEW);
    assert_int_equal(p.n_tx, 1);
    assert_int_equal(p.fee_lamports, 10000);
    assert_true(p.rent_lamports > 0);
    assert_string_equal(line_of(&p, "memory"), "2 GB");
    assert_string_equal(line_of(&p, "stake needed"), "1200 USDC before it can declare tasks");
    (void)commit(n->ops, &p);
    const struct su_acc_node *node = node_now(n, &list);
    assert_int_equal(node->vram_bytes, f.vram_bytes);
    assert_memory_equal(node->endpoint, f.endpoint, node->endpoint_len);
    su_chain_accounts_fini(&list);

    /* Again: the entry is updated, and the endpoint stays when none is given. */
    f.endpoint = NULL;
    f.vram_bytes = (uint64_t)1 << 30;
    ok(su_ops_node_prepare(n->ops, &f, &p, &e), &e);
    assert_int_equal(p.rent_lamports, 0);
    assert_string_equal(line_of(&p, "endpoint"), "127.0.0.1:9000");
    (void)commit(n->ops, &p);
    node = node_now(n, &list);
    assert_int_equal(node->vram_bytes, f.vram_bytes);
    assert_int_equal(node->endpoint_len, strlen("127.0.0.1:9000"));
    su_chain_accounts_fini(&list);

    /* What the chain would refuse is found before anything is signed. */
    f.numerics_version = 2;
    assert_int_not_equal(su_ops_node_prepare(n->ops, &f, &p, &e), SU_OK);
    assert_true(strstr(e.msg, "WrongNumerics") != NULL);
    su_ops_proposal_fini(&p);
}

static void test_deposit(void **state)
{
    struct network *n = *state;
    struct su_ops_stake f = {.node = "own", .amount = "1000.5"};
    struct su_chain_accounts list;
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    struct su_err e = {0};

    ok(su_ops_deposit_prepare(n->ops, &f, &p, &e), &e);
    assert_int_equal(p.usdc_out, 1000500000);
    assert_string_equal(line_of(&p, "stake"), "0 USDC -> 1000.5 USDC");
    assert_string_equal(line_of(&p, "wallet"), "5000 USDC -> 3999.5 USDC");
    assert_string_equal(line_of(&p, "note"), "tasks can be declared from 1100 USDC on");
    assert_string_equal(line_of(&p, "fee"), "0.000005 SOL");
    ok(su_ops_commit(n->ops, &p, NULL, NULL, &r, &e), &e);
    assert_true(r.sent && r.landed == 1 && r.units > 0 && r.slot > 0);
    refused(su_ops_commit(n->ops, &p, NULL, NULL, &r, &e), SU_EACCES, &e, "signed already");
    su_ops_proposal_fini(&p);
    assert_int_equal(node_now(n, &list)->stake_free, 1000500000);
    su_chain_accounts_fini(&list);

    f.amount = "3999.500001";
    refused(su_ops_deposit_prepare(n->ops, &f, &p, &e), SU_ELIMIT, &e, "airdrop");
    su_ops_proposal_fini(&p);
    f.amount = "1.";
    refused(su_ops_deposit_prepare(n->ops, &f, &p, &e), SU_EINVAL, &e, "amount");
    su_ops_proposal_fini(&p);
}

struct heard {
    size_t calls;
    enum su_chain_stage last;
};

static void on_progress(void *ctx, const struct su_ops_progress *p)
{
    struct heard *h = ctx;

    assert_true(p->tx < p->n_tx);
    h->calls++;
    h->last = p->chain->stage;
}

static void test_withdraw(void **state)
{
    struct network *n = *state;
    struct su_ops_stake f = {.amount = "0.5"};
    struct su_chain_accounts list;
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    struct heard h = {0};
    struct su_err e = {0};

    refused(su_ops_take_out_prepare(n->ops, &f, &p, &e), SU_ENOENT, &e, "nothing is unlocking");
    su_ops_proposal_fini(&p);
    ok(su_ops_unlock_prepare(n->ops, &f, &p, &e), &e);
    assert_int_equal(p.tier, SU_OPS_TIER_TYPED);
    assert_string_equal(line_of(&p, "free stake"), "1000.5 USDC -> 1000 USDC");
    assert_string_equal(line_of(&p, "unlocking"), "0.5 USDC, to be taken out in 3 s");
    ok(su_ops_commit(n->ops, &p, on_progress, &h, &r, &e), &e);
    su_ops_proposal_fini(&p);
    assert_true(h.calls >= 4);
    assert_int_equal(h.last, SU_CHAIN_DONE);
    refused(su_ops_take_out_prepare(n->ops, &f, &p, &e), SU_EBUSY, &e, "0.5 USDC unlock at slot");
    su_ops_proposal_fini(&p);
    f.amount = "all";
    ok(su_ops_unlock_prepare(n->ops, &f, &p, &e), &e);
    (void)commit(n->ops, &p);
    refused(su_ops_unlock_prepare(n->ops, &f, &p, &e), SU_ELIMIT, &e, "0 USDC are free");
    su_ops_proposal_fini(&p);
    network_cool(n);
    ok(su_ops_take_out_prepare(n->ops, &f, &p, &e), &e);
    assert_int_equal(p.usdc_in, 1000500000);
    assert_string_equal(line_of(&p, "wallet"), "3999.5 USDC -> 5000 USDC");
    (void)commit(n->ops, &p);
    assert_int_equal(node_now(n, &list)->stake_free, 0);
    su_chain_accounts_fini(&list);
    refused(su_ops_claim_prepare(n->ops, &f, &p, &e), SU_ENOENT, &e, "none");
    su_ops_proposal_fini(&p);
}

static void test_other_wallet(void **state)
{
    struct network *n = *state;
    const struct su_ops_airdrop money = {.sol = "0.001", .usdc = "20"}, more = {.sol = "1"};
    struct su_ops *o = network_ops(n, network_path(n, "other.json"));
    const struct su_ops_node again = {
        .vram_bytes = 1, .numerics_version = 1, .conformance_root = {1}};
    struct su_ops_stake f = {.amount = "20"};
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    struct su_err e = {0};
    uint8_t key[32];

    ok(su_wallet_create(network_path(n, "other.json"), NULL, key, &e), &e);
    ok(su_ops_airdrop(o, &money, key, &e), &e);
    ok(su_ops_deposit_prepare(o, &f, &p, &e), &e);
    assert_non_null(strstr(line_of(&p, "owner"), "NOT this wallet"));
    refused(su_ops_commit(n->ops, &p, NULL, NULL, &r, &e), SU_EACCES, &e, "another wallet");
    (void)commit(o, &p);
    refused(su_ops_unlock_prepare(o, &f, &p, &e), SU_EACCES, &e, "does not own");
    su_ops_proposal_fini(&p);
    refused(su_ops_take_out_prepare(o, &f, &p, &e), SU_EACCES, &e, "--keypair");
    su_ops_proposal_fini(&p);
    refused(su_ops_node_prepare(o, &again, &p, &e), SU_EACCES, &e, "registered already");
    su_ops_proposal_fini(&p);
    su_ops_close(o);

    /* A node of its own: too little SOL for the rent is said before it is tried. */
    assert_int_equal(rename(network_path(n, "node.json"), network_path(n, "kept")), 0);
    o = network_ops(n, network_path(n, "other.json"));
    refused(su_ops_node_prepare(o, &again, &p, &e), SU_ELIMIT, &e, "fees and rent");
    su_ops_proposal_fini(&p);
    ok(su_ops_airdrop(o, &more, key, &e), &e);
    ok(su_ops_node_prepare(o, &again, &p, &e), &e);
    (void)commit(o, &p);
    su_ops_close(o);
    assert_int_equal(rename(network_path(n, "kept"), network_path(n, "node.json")), 0);
}

static void test_tickets(void **state)
{
    struct network *n = *state;
    struct su_ops_stake f = {.amount = "10"};
    struct su_ops_proposal p;
    struct su_err e = {0};

    ok(su_ops_deposit_prepare(n->ops, &f, &p, &e), &e);
    (void)commit(n->ops, &p);
    f.amount = "1";
    for (unsigned i = 0; i < SU_TICKETS_MAX; i++) {
        ok(su_ops_unlock_prepare(n->ops, &f, &p, &e), &e);
        (void)commit(n->ops, &p);
    }
    refused(su_ops_unlock_prepare(n->ops, &f, &p, &e), SU_ELIMIT, &e, "all 8 are taken");
    su_ops_proposal_fini(&p);
    network_cool(n);
    ok(su_ops_take_out_prepare(n->ops, &f, &p, &e), &e);
    assert_int_equal(p.usdc_in, 8 * SU_USDC);
    assert_int_equal(p.n_tx, 2); /* eight instructions */
    (void)commit(n->ops, &p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register), cmocka_unit_test(test_deposit),
        cmocka_unit_test(test_withdraw), cmocka_unit_test(test_other_wallet),
        cmocka_unit_test(test_tickets),
    };
    return cmocka_run_group_tests(tests, network_setup, network_teardown);
}
