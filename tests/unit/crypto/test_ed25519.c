// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include "ed25519_edges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGE_MAX = 64 };

static size_t from_hex(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = 0;

    assert_true(su_hex_decode(hex, out, cap, &n));
    return n;
}

/* RFC 8032 §7.1: tests 1, 2, 3 and SHA(abc). */
static const struct {
    const char *seed, *public_key, *message, *sig;
} signatures[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void rfc_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(signatures); i++) {
        uint8_t seed[SU_ED25519_SEED_BYTES], key[SU_ED25519_PUBLIC_BYTES],
            want_key[SU_ED25519_PUBLIC_BYTES], secret[SU_ED25519_SECRET_BYTES],
            message[MESSAGE_MAX], sig[SU_ED25519_SIG_BYTES], want[SU_ED25519_SIG_BYTES];
        from_hex(signatures[i].seed, seed, sizeof seed);
        from_hex(signatures[i].public_key, want_key, sizeof want_key);
        from_hex(signatures[i].sig, want, sizeof want);
        size_t n = from_hex(signatures[i].message, message, sizeof message);
        su_ed25519_from_seed(seed, key, secret);
        assert_memory_equal(key, want_key, sizeof key);
        assert_memory_equal(secret, seed, sizeof seed);
        assert_memory_equal(secret + sizeof seed, key, sizeof key);
        assert_true(su_ed25519_secret_check(secret));
        su_ed25519_sign(secret, message, n, sig);
        assert_memory_equal(sig, want, sizeof sig);
        assert_true(su_ed25519_verify(key, message, n, sig));
    }
}

static void halves_must_belong_together(void **state)
{
    uint8_t seed[SU_ED25519_SEED_BYTES] = {7}, key[SU_ED25519_PUBLIC_BYTES],
            secret[SU_ED25519_SECRET_BYTES];

    (void)state;
    su_ed25519_from_seed(seed, key, secret);
    for (size_t bit = 0; bit < 8 * sizeof secret; bit++) {
        secret[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(su_ed25519_secret_check(secret));
        secret[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(su_ed25519_secret_check(secret));
}

static void every_bit_counts(void **state)
{
    uint8_t seed[SU_ED25519_SEED_BYTES] = {9}, key[SU_ED25519_PUBLIC_BYTES],
            secret[SU_ED25519_SECRET_BYTES], sig[SU_ED25519_SIG_BYTES], message[4] = "abcd";

    (void)state;
    su_ed25519_from_seed(seed, key, secret);
    su_ed25519_sign(secret, message, sizeof message, sig);
    uint8_t *const part[] = {sig, key, message};
    const size_t bytes[] = {sizeof sig, sizeof key, sizeof message};
    for (size_t i = 0; i < SU_ARRAY_LEN(part); i++) {
        for (size_t bit = 0; bit < 8 * bytes[i]; bit++) {
            part[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(su_ed25519_verify(key, message, sizeof message, sig));
            part[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(su_ed25519_verify(key, message, sizeof message, sig));
    assert_false(su_ed25519_verify(key, message, sizeof message - 1, sig));
}

static void rules_of_strict_verification(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(ed25519_edges); i++) {
        uint8_t key[SU_ED25519_PUBLIC_BYTES], message[MESSAGE_MAX], sig[SU_ED25519_SIG_BYTES];
        from_hex(ed25519_edges[i].public_key, key, sizeof key);
        size_t n = from_hex(ed25519_edges[i].message, message, sizeof message);
        from_hex(ed25519_edges[i].sig, sig, sizeof sig);
        if (su_ed25519_verify(key, message, n, sig) != ed25519_edges[i].ok)
            fail_msg("%s: %s expected", ed25519_edges[i].name,
                     ed25519_edges[i].ok ? "valid" : "invalid");
    }
}

static void many_at_once(void **state)
{
    enum { ITEMS = 100 };
    uint8_t seed[SU_ED25519_SEED_BYTES] = {3}, key[SU_ED25519_PUBLIC_BYTES],
            secret[SU_ED25519_SECRET_BYTES], sig[ITEMS][SU_ED25519_SIG_BYTES], message[ITEMS];
    struct su_ed25519_item items[ITEMS];
    struct su_jobs *jobs = su_jobs_new(3);

    (void)state;
    su_ed25519_from_seed(seed, key, secret);
    for (size_t i = 0; i < ITEMS; i++) {
        message[i] = (uint8_t)i;
        su_ed25519_sign(secret, &message[i], 1, sig[i]);
        if (i % 10 == 3)
            message[i]++;
        items[i] = (struct su_ed25519_item){key, &message[i], sig[i], 1, i % 10 == 3};
    }
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(su_ed25519_verify_all(round ? jobs : NULL, items, ITEMS), ITEMS * 9 / 10);
        for (size_t i = 0; i < ITEMS; i++) {
            assert_int_equal(items[i].ok, i % 10 != 3);
            items[i].ok = !items[i].ok;
        }
    }
    assert_int_equal(su_ed25519_verify_all(jobs, items, 0), 0);
    su_jobs_free(jobs);
}

static enum su_code refuse(void *ctx, const void *message, size_t n, uint8_t *sig, struct su_err *e)
{
    (void)ctx, (void)message, (void)n, (void)sig;
    return su_fail(e, SU_ECANCELLED, "signer", "no");
}

static void signers(void **state)
{
    uint8_t seed[SU_ED25519_SEED_BYTES] = {5}, key[SU_ED25519_PUBLIC_BYTES],
            secret[SU_ED25519_SECRET_BYTES], sig[SU_ED25519_SIG_BYTES];
    struct su_signer s;
    struct su_err e;

    (void)state;
    su_ed25519_from_seed(seed, key, secret);
    assert_int_equal(su_signer_init_memory(&s, secret, &e), SU_OK);
    assert_memory_equal(s.public_key, key, sizeof key);
    secret[0] ^= 1; /* the signer has its own copy */
    assert_int_equal(su_signer_sign(&s, "hello", 5, sig, &e), SU_OK);
    assert_true(su_ed25519_verify(key, "hello", 5, sig));

    s.public_key[3] ^= 1;
    assert_int_equal(su_signer_sign(&s, "hello", 5, sig, &e), SU_EINTERNAL);
    su_signer_fini(&s);

    assert_int_equal(su_signer_init_memory(&s, secret, &e), SU_EFORMAT);
    assert_null(s.ctx);
    su_signer_fini(&s);

    s = (struct su_signer){.sign = refuse};
    assert_int_equal(su_signer_sign(&s, "hello", 5, sig, &e), SU_ECANCELLED);
    su_signer_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_signatures),   cmocka_unit_test(halves_must_belong_together),
        cmocka_unit_test(every_bit_counts), cmocka_unit_test(rules_of_strict_verification),
        cmocka_unit_test(many_at_once),     cmocka_unit_test(signers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
