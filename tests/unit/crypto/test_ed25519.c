// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

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

/* Made with big integers, apart from this code. All but no_point and all_zero satisfy
   [S]B = R + [k]A, those named cofactor only eightfold. */
static const struct {
    const char *name, *public_key, *message, *sig;
    bool ok;
} edges[] = {
    {"honest", "88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488", "6d",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "4f256bf350c2b491d3a19ff5dcab87df1dd10d8e4e697e8fa82072dd4a5b7e08",
     true},
    {"s_plus_l", "88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488", "6d",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "3cf960506b25c7e9a93e9798bba566f41dd10d8e4e697e8fa82072dd4a5b7e18",
     false},
    {"mixed_key_cofactor", "ef2a32ce8d9c67056724a53f63c0c182a6e021dc6e708741f63a7d50c730982c",
     "6d697865642031",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "5c354763ea5cf0ca1726c48106eb005aae99d820fa6f84d04d701080a55bd00f",
     false},
    {"mixed_key_exact", "ef2a32ce8d9c67056724a53f63c0c182a6e021dc6e708741f63a7d50c730982c",
     "6d697865642032",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "b647f4c012ac71f44f94620a372ca3aaf546f2b5a3a7fda1c0e18a360ec9ed05",
     true},
    {"mixed_both_exact", "ef2a32ce8d9c67056724a53f63c0c182a6e021dc6e708741f63a7d50c730982c",
     "626f74682030",
     "929e3d1c46c193f9baf0cd8158d320147321955fdf2d227d854c07918f737c6c"
     "5dd27e2044a46015b804cae30331ac5855152f3ca08b121729f1eeeb5b5ebd00",
     true},
    {"mixed_r_cofactor", "88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488", "6d",
     "607055ca3d4aa8af26961afb12b1e60a75fac88f9c260ff25806631dbb269159"
     "33c2624df897182c2e443981a98d56c43c39fd5eed3f3b5cb62f7440d5886908",
     false},
    {"key_identity", "0100000000000000000000000000000000000000000000000000000000000000", "6d",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "2e77a7db3b2f65a47efd3cf9bbe5f05486e88756c8cc06c7691f6d5679727502",
     false},
    {"key_order_8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
     "736d616c6c2035",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "2e77a7db3b2f65a47efd3cf9bbe5f05486e88756c8cc06c7691f6d5679727502",
     false},
    {"key_order_2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
     "736d616c6c2030",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "2e77a7db3b2f65a47efd3cf9bbe5f05486e88756c8cc06c7691f6d5679727502",
     false},
    {"key_identity_plus_p", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
     "6d",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "2e77a7db3b2f65a47efd3cf9bbe5f05486e88756c8cc06c7691f6d5679727502",
     false},
    {"key_identity_signed", "0100000000000000000000000000000000000000000000000000000000000080",
     "6d",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "2e77a7db3b2f65a47efd3cf9bbe5f05486e88756c8cc06c7691f6d5679727502",
     false},
    {"key_order_4_plus_p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
     "736d616c6c2030",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "2e77a7db3b2f65a47efd3cf9bbe5f05486e88756c8cc06c7691f6d5679727502",
     false},
    {"r_identity", "88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488", "6d",
     "0100000000000000000000000000000000000000000000000000000000000000"
     "f1afcd08cd54bdc068cf77bbd9bd4edc90850954ac6ea4173405e3da2b39de0c",
     false},
    {"r_identity_plus_p", "88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488", "6d",
     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
     "2b31edfec784ad95b76a0f32bcbdffdc17841230aeedc63cc9f9bd3c73470b00",
     false},
    {"all_zero", "0000000000000000000000000000000000000000000000000000000000000000", "6d",
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     false},
    {"r_order_8", "ef2a32ce8d9c67056724a53f63c0c182a6e021dc6e708741f63a7d50c730982c", "7238203331",
     "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
     "a36cc9bc58cce826cee3e96c879d7ca9a3c5dc3aeed2a97747de4b281d2dfd04",
     false},
    {"key_no_point", "0200000000000000000000000000000000000000000000000000000000000000", "6d",
     "3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a"
     "2e77a7db3b2f65a47efd3cf9bbe5f05486e88756c8cc06c7691f6d5679727502",
     false},
    {"r_no_point", "88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488", "6d",
     "0200000000000000000000000000000000000000000000000000000000000000"
     "b647f4c012ac71f44f94620a372ca3aaf546f2b5a3a7fda1c0e18a360ec9ed05",
     false},
};

static void rules_of_strict_verification(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(edges); i++) {
        uint8_t key[SU_ED25519_PUBLIC_BYTES], message[MESSAGE_MAX], sig[SU_ED25519_SIG_BYTES];
        from_hex(edges[i].public_key, key, sizeof key);
        size_t n = from_hex(edges[i].message, message, sizeof message);
        from_hex(edges[i].sig, sig, sizeof sig);
        if (su_ed25519_verify(key, message, n, sig) != edges[i].ok)
            fail_msg("%s: %s expected", edges[i].name, edges[i].ok ? "valid" : "invalid");
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
