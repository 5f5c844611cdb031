// SPDX-License-Identifier: MIT
#include "abi/abi.h"
#include "crypto/crypto.h"
#include "vrf/vrf.h"

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

/* RFC 9381, appendix B.3: examples 16 (ctr 0), 17 (ctr 1) and 18 (ctr 0). */
static const struct {
    const char *seed, *key, *alpha, *h, *u, *v, *proof, *beta;
} rfc[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "91bbed02a99461df1ad4c6564a5f5d829d0b90cfc7903e7a5797bd658abf3318",
     "aef27c725be964c6a9bf4c45ca8e35df258c1878b838f37d9975523f09034071",
     "5016572f71466c646c119443455d6cb9b952f07d060ec8286d678615d55f954f",
     "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f"
     "26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab12"
     "68a1b0db10836d9826a528ca76567805",
     "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff"
     "66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "5b659fc3d4e9263fd9a4ed1d022d75eaacc20df5e09f9ea937502396598dc551",
     "1dcb0a4821a2c48bf53548228b7f170962988f6d12f5439f31987ef41f034ab3",
     "fd03c0bf498c752161bae4719105a074630a2aa5f200ff7b3995f7bfb1513423",
     "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed593"
     "3bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926d"
     "a3ef39226bbc355bdc9850112c8f4b02",
     "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb"
     "5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "bf4339376f5542811de615e3313d2b36f6f53c0acfebb482159711201192576a",
     "2bae73e15a64042fcebf062abe7e432b2eca6744f3e8265bc38e009cd577ecd5",
     "88cba1cb0d4f9b649d9a86026b69de076724a93a65c349c988954f0961c5d506",
     "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf80"
     "96bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a"
     "2d41b00b05081ed0f58ee5e31b3a970e",
     "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c45"
     "2118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f"},
};

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

/* All encodings of points of small order that a decoder might take: the eight, and those of y = 0
   and 1 as p and p + 1, and x = 0 with a sign. */
static const char *const small_order[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
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

/* Proofs made with big integers, apart from this code, by somebody who knows the secret. Those
   refused differ from the equations by a point of small order alone, or meet them under a key of
   small order; those with such a part in Gamma or in the key that cancels are right by RFC 9381.
   The same bytes were put to curve25519-dalek's arithmetic in the Solana VM: same answers. */
static const struct {
    const char *name, *key, *alpha, *proof;
    bool ok;
} crafted[] = {
    {"honest", "f5b7a93679c9d23e4f5802639ed16bf5692d5e1ca450a396f43f9d633e5c30a9", "010203",
     "d2f8e497cbee9840874c23292ed63d8e02b08ae7327627d26ae3bc4e7a973993"
     "0757e6eb9e1fab53c609eb81e7b379d2d4d73c07f4d75402ea5ed8f3b02f87ba"
     "16ad197747500ce35bd1ab6338ba460a",
     true},
    {"gamma_mixed_exact", "f5b7a93679c9d23e4f5802639ed16bf5692d5e1ca450a396f43f9d633e5c30a9",
     "010203",
     "f4ed117f46692404517ae55dee95c9a9e552acc38c2acb27ac884fdd7710d066"
     "b846f37abf253badd30854efb77b5169ebc3532a6b4c73ecd6060ea5a17f5638"
     "a4069faf298b9b4c024aec72bb95510d",
     true},
    {"gamma_mixed_cofactor", "f5b7a93679c9d23e4f5802639ed16bf5692d5e1ca450a396f43f9d633e5c30a9",
     "010203",
     "f4ed117f46692404517ae55dee95c9a9e552acc38c2acb27ac884fdd7710d066"
     "b9f79354cdd60bbe8540f93cf050b36b1dccb25af411a4520015793818e1dbc4"
     "f78d0ec7ce8d729c79ddae9a6ee2bb0c",
     false},
    {"gamma_mixed_4", "f5b7a93679c9d23e4f5802639ed16bf5692d5e1ca450a396f43f9d633e5c30a9", "010203",
     "f4ed117f46692404517ae55dee95c9a9e552acc38c2acb27ac884fdd7710d066"
     "6ca4b2e0d62dee514a61c09dbb4e47593f7f73d7c3adab718dc31d5e113168ae"
     "3aff01b22cd78ebbb9bfaf11d95f3308",
     false},
    {"gamma_mixed_order_2", "f5b7a93679c9d23e4f5802639ed16bf5692d5e1ca450a396f43f9d633e5c30a9",
     "010203",
     "1b071b68341167bf78b3dcd6d129c271fd4f7518cd89d82d951c43b18568c66c"
     "5447eaa4befbd9898df9b517ca0c5763f863150703639acbf785177e4bbc53f1"
     "75d9e879856ffe00f0a2d648e5200901",
     true},
    {"key_mixed_exact", "f8a1f2afdc2c7e92c8a4b2fa272fa489a2fde37e1401ce013520b9b9f3d046cd",
     "010203",
     "25fa0581aa9ce4250acb9a6b749725a5740eaccbfe58886a50df456bd0c996b5"
     "50ac817be960d84cae9b06eba5edbbfa6abe238a635c9aec64246dad729fc682"
     "1121b5100fd7b94144b2bdd450ecb00b",
     true},
    {"key_identity", "0100000000000000000000000000000000000000000000000000000000000000", "010203",
     "0100000000000000000000000000000000000000000000000000000000000000"
     "f9ac1a7bd7361345b047b83090bb211139300000000000000000000000000000"
     "00000000000000000000000000000000",
     false},
    {"key_order_8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "010203",
     "0100000000000000000000000000000000000000000000000000000000000000"
     "28baa75c9926f7c35c2b49131aa220e4e9030000000000000000000000000000"
     "00000000000000000000000000000000",
     false},
    {"key_order_4", "0000000000000000000000000000000000000000000000000000000000000000", "010203",
     "0100000000000000000000000000000000000000000000000000000000000000"
     "e0cb4bbbd9c1d9d122507d2781d96750ee030000000000000000000000000000"
     "00000000000000000000000000000000",
     false},
    {"key_order_2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "010203",
     "0100000000000000000000000000000000000000000000000000000000000000"
     "7822c011fa367a42c7eab55110e1f163f5030000000000000000000000000000"
     "00000000000000000000000000000000",
     false},
};

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
