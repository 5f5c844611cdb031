// SPDX-License-Identifier: MIT
#include "abi/abi.h"
#include "crypto/crypto.h"
#include "vrf/vrf.h"

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t from_hex(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = 0;

    assert_true(su_hex_decode(hex, out, cap, &n));
    return n;
}

static void assert_hex(const uint8_t *data, size_t n, const char *hex)
{
    char text[2 * SU_VRF_PROOF_BYTES + 1];

    assert_true(su_hex_encode(data, n, text, sizeof text) > 0);
    assert_string_equal(text, hex);
}

static void rfc_examples(void **state)
{
    static const struct su_ecvrf_ops ops = {.add = su_point_add, .mul2 = su_point_mul2};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rfc); i++) {
        uint8_t seed[SU_VRF_SEED_BYTES], key[SU_VRF_PUBLIC_BYTES], alpha[8],
            proof[SU_VRF_PROOF_BYTES], beta[SU_VRF_BETA_BYTES];
        struct su_err e;
        from_hex(rfc[i].seed, seed, sizeof seed);
        size_t n = from_hex(rfc[i].alpha, alpha, sizeof alpha);
        su_vrf_public(seed, key);
        assert_hex(key, sizeof key, rfc[i].key);
        assert_true(su_vrf_key_validate(key));
        assert_int_equal(su_vrf_prove(seed, alpha, n, proof, &e), SU_OK);
        assert_hex(proof, sizeof proof, rfc[i].proof);
        assert_true(su_vrf_verify(key, alpha, n, proof, beta));
        assert_hex(beta, sizeof beta, rfc[i].beta);
        memset(beta, 0, sizeof beta);
        assert_true(su_vrf_proof_to_hash(proof, beta));
        assert_hex(beta, sizeof beta, rfc[i].beta);

        struct su_ecvrf v = {
            .ops = &ops, .key = key, .alpha = alpha, .alpha_bytes = n, .proof = proof};
        assert_true(su_ecvrf_verify(&v));
        assert_hex(v.h, sizeof v.h, rfc[i].h);
        assert_hex(v.u, sizeof v.u, rfc[i].u);
        assert_hex(v.v, sizeof v.v, rfc[i].v);
        assert_memory_equal(v.c, proof + 32, sizeof v.c);
    }
}

static void round_trips(void **state)
{
    static uint8_t alpha[2000];
    uint8_t seed[SU_VRF_SEED_BYTES], key[SU_VRF_PUBLIC_BYTES], proof[SU_VRF_PROOF_BYTES],
        other[SU_VRF_PROOF_BYTES], beta[SU_VRF_BETA_BYTES], hash[SU_VRF_BETA_BYTES];
    const char *full = getenv("SU_TEST_FULL");
    unsigned rounds = full && strcmp(full, "1") == 0 ? 2000 : 60;
    struct su_err e;

    (void)state;
    for (unsigned i = 0; i < rounds; i++) {
        size_t n = i % 5 == 4 ? (i * 37) % sizeof alpha : i % 100;
        su_sha256(&i, sizeof i, seed);
        memset(alpha, (int)i, n);
        su_vrf_public(seed, key);
        assert_int_equal(su_vrf_prove(seed, alpha, n, proof, &e), SU_OK);
        assert_true(su_vrf_verify(key, alpha, n, proof, beta));
        assert_true(su_vrf_proof_to_hash(proof, hash));
        assert_memory_equal(beta, hash, sizeof beta);
        assert_int_equal(su_vrf_prove(seed, alpha, n, other, &e), SU_OK);
        assert_memory_equal(proof, other, sizeof proof);

        assert_false(su_vrf_verify(key, alpha, n + 1, proof, beta)); /* another alpha */
        for (size_t k = 0; k < sizeof beta; k++)
            assert_int_equal(beta[k], 0);
        seed[0] ^= 1;
        su_vrf_public(seed, key); /* another key */
        assert_false(su_vrf_verify(key, alpha, n, proof, beta));
    }
}

static void every_bit_counts(void **state)
{
    static const uint8_t seed[SU_VRF_SEED_BYTES] = {11};
    uint8_t key[SU_VRF_PUBLIC_BYTES], proof[SU_VRF_PROOF_BYTES], beta[SU_VRF_BETA_BYTES],
        alpha[4] = "draw";
    struct su_err e;

    (void)state;
    su_vrf_public(seed, key);
    assert_int_equal(su_vrf_prove(seed, alpha, sizeof alpha, proof, &e), SU_OK);
    uint8_t *const part[] = {proof, key, alpha};
    const size_t bytes[] = {sizeof proof, sizeof key, sizeof alpha};
    for (size_t i = 0; i < SU_ARRAY_LEN(part); i++) {
        for (size_t bit = 0; bit < 8 * bytes[i]; bit++) {
            part[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(su_vrf_verify(key, alpha, sizeof alpha, proof, beta));
            part[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(su_vrf_verify(key, alpha, sizeof alpha, proof, beta));
}

/* s + L, s + 2L, ... have the same effect in the equations. */
static void s_has_one_form(void **state)
{
    static const uint8_t seed[SU_VRF_SEED_BYTES] = {12};
    uint8_t key[SU_VRF_PUBLIC_BYTES], proof[SU_VRF_PROOF_BYTES], beta[SU_VRF_BETA_BYTES], order[32];
    struct su_err e;

    (void)state;
    from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, 32);
    su_vrf_public(seed, key);
    assert_int_equal(su_vrf_prove(seed, "a", 1, proof, &e), SU_OK);
    assert_true(su_vrf_verify(key, "a", 1, proof, beta));
    for (unsigned times = 1; times < 15; times++) {
        unsigned carry = 0;
        for (size_t i = 0; i < 32; i++) {
            carry += (unsigned)proof[48 + i] + order[i];
            proof[48 + i] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(carry, 0);
        assert_false(su_vrf_verify(key, "a", 1, proof, beta));
        assert_false(su_vrf_proof_to_hash(proof, beta));
    }
}

enum { SMALL_CANONICAL = 8 };

static void small_order_keys_and_gammas(void **state)
{
    static const uint8_t seed[SU_VRF_SEED_BYTES] = {13};
    uint8_t key[SU_VRF_PUBLIC_BYTES], small[SU_VRF_PUBLIC_BYTES], proof[SU_VRF_PROOF_BYTES],
        beta[SU_VRF_BETA_BYTES];
    struct su_err e;

    (void)state;
    su_vrf_public(seed, key);
    assert_int_equal(su_vrf_prove(seed, "a", 1, proof, &e), SU_OK);
    for (size_t i = 0; i < SU_ARRAY_LEN(small_order); i++) {
        from_hex(small_order[i], small, sizeof small);
        assert_true(su_point_valid(small));
        assert_false(su_vrf_key_validate(small));
        assert_false(su_vrf_verify(small, "a", 1, proof, beta));
        memcpy(proof, small, sizeof small);
        assert_false(su_vrf_verify(key, "a", 1, proof, beta));
        assert_int_equal(su_vrf_proof_to_hash(proof, beta), i < SMALL_CANONICAL);
    }
}

static void crafted_proofs(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(crafted); i++) {
        uint8_t key[SU_VRF_PUBLIC_BYTES], alpha[8], proof[SU_VRF_PROOF_BYTES],
            beta[SU_VRF_BETA_BYTES];
        from_hex(crafted[i].key, key, sizeof key);
        size_t n = from_hex(crafted[i].alpha, alpha, sizeof alpha);
        from_hex(crafted[i].proof, proof, sizeof proof);
        if (su_vrf_verify(key, alpha, n, proof, beta) != crafted[i].ok)
            fail_msg("%s: %s expected", crafted[i].name, crafted[i].ok ? "valid" : "invalid");
        if (crafted[i].ok && strncmp(crafted[i].name, "key", 3) != 0) /* however it is proved */
            assert_hex(beta, sizeof beta,
                       "491d0609917f7f4ae38f85d1717324b4183cdc8ed253595964197b484c749d6b"
                       "440acf680890c7c6a012ebfe59ce7ce8cc0cddc5912a0052adbde7252572ac8e");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_examples),     cmocka_unit_test(round_trips),
        cmocka_unit_test(every_bit_counts), cmocka_unit_test(s_has_one_form),
        cmocka_unit_test(crafted_proofs),   cmocka_unit_test(small_order_keys_and_gammas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
