// SPDX-License-Identifier: MIT
/* Oracles from the command's side: their entry and bond, and the epochs that admit them. */
#include "network.h"

#include "vrf/vrf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A context in which the key file of that name signs beside the wallet. */
static struct su_ops *ops_as(const struct network *n, const char *identity, const char *keypair)
{
    const struct su_ops_options o = {.url = n->url,
                                     .keypair = keypair ? network_path(n, keypair) : NULL,
                                     .identity = network_path(n, identity)};
    struct su_err e = {0};
    struct su_ops *ops;

    ok(su_ops_open(&o, &ops, &e), &e);
    assert_string_equal(su_ops_identity_path(ops), network_path(n, identity));
    return ops;
}

static void vrf_of(uint8_t name, uint8_t key[32])
{
    uint8_t seed[32];

    memset(seed, name, 32);
    su_vrf_public(seed, key);
}

static void fields(void **state)
{
    struct su_ops_oracle f = {.endpoint = "127.0.0.1:1", .bond = "1000"};
    struct su_err e = {0};

    (void)state;
    ok(su_ops_oracle_check(&f, &e), &e);
    f.endpoint = "nowhere";
    refused(su_ops_oracle_check(&f, &e), SU_EINVAL, &e, "HOST:PORT");
    f.endpoint = "0123456789012345678901234567890123456789012345678901234567890:12345";
    refused(su_ops_oracle_check(&f, &e), SU_ELIMIT, &e, "64");
    f.endpoint = NULL;
    f.bond = "much";
    refused(su_ops_oracle_check(&f, &e), SU_EINVAL, &e, "--bond");
}

static void registered_once(void **state)
{
    const struct network *n = *state;
    struct su_ops *o = ops_as(n, "oracle.json", NULL);
    uint8_t vrf[32], other[32], key[32];
    struct su_ops_oracle f = {.vrf_key = vrf, .endpoint = "127.0.0.1:9001", .bond = "400"};
    struct su_ops_proposal p;
    struct su_wallet *w;
    struct su_err e = {0};

    vrf_of(1, vrf);
    vrf_of(2, other);
    ok(su_ops_oracle_prepare(o, &f, &p, &e), &e);
    assert_string_equal(line_of(&p, "bond"), "0 USDC -> 400 USDC");
    assert_string_equal(line_of(&p, "endpoint"), "127.0.0.1:9001");
    assert_int_equal(p.usdc_out, 400u * SU_USDC);
    ok(su_ops_identity(o, false, &w, &e), &e);
    assert_string_equal(line_of(&p, "and"), su_wallet_address(w));
    (void)commit(o, &p);
    f.bond = NULL; /* the rest of what is demanded */
    ok(su_ops_oracle_prepare(o, &f, &p, &e), &e);
    assert_string_equal(line_of(&p, "bond"), "400 USDC -> 1000 USDC");
    assert_int_equal(p.usdc_out, 600u * SU_USDC);
    (void)commit(o, &p);
    ok(su_ops_oracle_prepare(o, &f, &p, &e), &e);
    assert_int_equal(p.n_tx, 0);
    su_ops_proposal_fini(&p);

    f.vrf_key = other;
    refused(su_ops_oracle_prepare(o, &f, &p, &e), SU_EACCES, &e, "VRF");
    su_ops_proposal_fini(&p);
    f.vrf_key = vrf;
    f.endpoint = "127.0.0.1:9002";
    refused(su_ops_oracle_prepare(o, &f, &p, &e), SU_EACCES, &e, "endpoint");
    su_ops_proposal_fini(&p);
    f.endpoint = NULL;
    f.bond = "100000";
    refused(su_ops_oracle_prepare(o, &f, &p, &e), SU_ELIMIT, &e, "bond");
    su_ops_proposal_fini(&p);
    su_ops_close(o);

    ok(su_wallet_create(network_path(n, "other.json"), NULL, key, &e), &e);
    o = ops_as(n, "oracle.json", "other.json");
    f.bond = NULL;
    refused(su_ops_oracle_prepare(o, &f, &p, &e), SU_EACCES, &e, "by ");
    su_ops_proposal_fini(&p);
    su_ops_close(o);
}

/* A second oracle, registered and bonded, but for `less` of it. */
static void second(const struct network *n, const char *bond, uint8_t key[32])
{
    struct su_ops *o = ops_as(n, "oracle2.json", NULL);
    uint8_t vrf[32];
    const struct su_ops_oracle f = {.vrf_key = vrf, .bond = bond};
    struct su_ops_proposal p;
    struct su_wallet *w;
    struct su_err e = {0};

    vrf_of(3, vrf);
    ok(su_ops_oracle_prepare(o, &f, &p, &e), &e);
    ok(su_ops_identity(o, false, &w, &e), &e);
    memcpy(key, su_wallet_public_key(w), 32);
    (void)commit(o, &p);
    su_ops_close(o);
}

static void write_admin(const struct network *n)
{
    uint8_t secret[64];
    char text[400];
    size_t at = 0;

    su_ledger_admin_secret(n->ledger, secret);
    for (size_t i = 0; i < 64; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%u", i ? "," : "[", secret[i]);
    at += (size_t)snprintf(text + at, sizeof text - at, "]");
    assert_int_equal(su_file_write(network_path(n, "admin.json"), text, at, 0600, NULL), SU_OK);
}

static void admitted(void **state)
{
    const struct network *n = *state;
    struct su_ops *o = ops_as(n, "oracle.json", NULL);
    uint8_t keys[9][32] = {{0}};
    struct su_ops_admit f = {.keys = (const uint8_t(*)[32])keys, .n = 1};
    struct su_ops_proposal p;
    struct su_wallet *w;
    struct su_err e = {0};

    ok(su_ops_identity(o, false, &w, &e), &e);
    memcpy(keys[0], su_wallet_public_key(w), 32);
    refused(su_ops_admit_prepare(o, &f, &p, &e), SU_EACCES, &e, "administrator");
    su_ops_proposal_fini(&p);
    su_ops_close(o);

    write_admin(n);
    o = ops_as(n, "admin.json", NULL);
    f.n = 0;
    refused(su_ops_admit_prepare(o, &f, &p, &e), SU_ELIMIT, &e, "1 to 8");
    su_ops_proposal_fini(&p);
    f.n = 2; /* the second is nobody */
    memset(keys[1], 9, 32);
    refused(su_ops_admit_prepare(o, &f, &p, &e), SU_ENOENT, &e, "registered");
    su_ops_proposal_fini(&p);
    second(n, "999", keys[1]);
    refused(su_ops_admit_prepare(o, &f, &p, &e), SU_ELIMIT, &e, "bonded less");
    su_ops_proposal_fini(&p);
    f.n = 1;
    ok(su_ops_admit_prepare(o, &f, &p, &e), &e);
    assert_string_equal(line_of(&p, "epoch"), "0, then the next");
    assert_int_equal(p.tier, SU_OPS_TIER_TYPED);
    (void)commit(o, &p);
    ok(su_ops_admit_prepare(o, &f, &p, &e), &e);
    assert_int_equal(p.n_tx, 0);
    assert_non_null(strstr(line_of(&p, "epoch"), "already"));
    su_ops_proposal_fini(&p);

    second(n, NULL, keys[1]); /* the rest of its bond */
    memcpy(keys[0], keys[1], 32); /* alone: the first one leaves */
    f.alone = true;
    ok(su_ops_admit_prepare(o, &f, &p, &e), &e);
    (void)line_of(&p, "leaves");
    su_ops_proposal_fini(&p);
    f.alone = false;
    ok(su_ops_admit_prepare(o, &f, &p, &e), &e);
    (void)commit(o, &p); /* epoch 2 has both; it starts later */
    f.n = 8;
    for (uint8_t i = 0; i < 8; i++)
        memset(keys[i], 50 + i, 32);
    refused(su_ops_admit_prepare(o, &f, &p, &e), SU_ELIMIT, &e, "at most 8");
    su_ops_proposal_fini(&p);
    su_ops_close(o);
}

static void no_key(void **state)
{
    const struct network *n = *state;
    struct su_ops *o = ops_as(n, "nobody.json", NULL);
    uint8_t key[1][32] = {{0}};
    const struct su_ops_admit f = {.keys = (const uint8_t(*)[32])key, .n = 1};
    struct su_ops_proposal p;
    struct su_err e = {0};

    refused(su_ops_admit_prepare(o, &f, &p, &e), SU_ENOENT, &e, "no such key");
    su_ops_proposal_fini(&p);
    su_ops_close(o);
}

static int teardown(void **state)
{
    static const char *const names[] = {"oracle.json", "oracle2.json", "admin.json"};

    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++)
        (void)unlink(network_path(*state, names[i]));
    return network_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(registered_once),
        cmocka_unit_test(admitted),
        cmocka_unit_test(no_key),
    };

    return cmocka_run_group_tests(tests, network_setup, teardown);
}
