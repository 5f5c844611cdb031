// SPDX-License-Identifier: MIT
/* The pieces of the VRF's freestanding core; whole proofs are tested with module vrf. */
#include "abi/abi.h"
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct su_ecvrf_ops ops = {.add = su_point_add, .mul2 = su_point_mul2};

/* Against libsodium's, over all lengths around two blocks and any split of the message. */
static void sha512(void **state)
{
    uint8_t text[600], want[64], have[64];
    struct su_ecvrf_sha512 s;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t n = 0; n <= sizeof text; n++) {
        su_sha512(text, n, want);
        for (size_t step = 1; step <= 257; step += 64) {
            memset(&s, 0xaa, sizeof s);
            su_ecvrf_sha512_init(&s);
            for (size_t at = 0; at < n; at += step)
                su_ecvrf_sha512_update(&s, text + at, SU_MIN(step, n - at));
            su_ecvrf_sha512_final(&s, have);
            assert_memory_equal(have, want, sizeof want);
        }
    }
}

static void key_set(uint8_t key[32], uint8_t low, uint8_t middle, uint8_t top)
{
    memset(key, middle, 32);
    key[0] = low;
    key[31] = top;
}

/* Every encoding of a y below 19 and above p - 19: a key is one if it is the canonical encoding
   of a point whose order is not small. */
static void keys_at_the_edges(void **state)
{
    uint8_t key[32], same[32];
    static const uint8_t identity[32] = {1};
    struct su_ecvrf v = {.ops = &ops, .key = key};
    size_t valid = 0, other_forms = 0;

    (void)state;
    for (unsigned sign = 0; sign < 2; sign++) {
        for (unsigned low = 0; low < 0x113; low++) {
            bool high = low >= 19; /* 2^255 - 19 - 19 and on */
            if (high)
                key_set(key, (uint8_t)(low - 19), 0xff, (uint8_t)(0x7f | sign << 7));
            else
                key_set(key, (uint8_t)low, 0, (uint8_t)(sign << 7));
            bool point = su_point_add(key, identity, same);
            bool small = point;
            if (point) {
                uint8_t eight[32];
                assert_true(su_point_add(same, same, eight) && su_point_add(eight, eight, eight) &&
                            su_point_add(eight, eight, eight));
                small = memcmp(eight, identity, sizeof eight) == 0;
            }
            bool canonical = point && memcmp(key, same, sizeof same) == 0;
            assert_int_equal(su_ecvrf_key_valid(&v), canonical && !small);
            valid += canonical && !small;
            other_forms += point && !canonical;
        }
    }
    /* Twelve y below 19 have a point. So have p + y; y = 1 has two forms more with a sign, and
       y = p - 1 one. */
    assert_int_equal(other_forms, 2 * 12 + 2);
    assert_true(valid > 100);
}

static void beta_of_edges(void **state)
{
    static const char order_hex[] =
        "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    uint8_t proof[SU_ECVRF_PROOF_BYTES] = {0};
    struct su_ecvrf v = {.ops = &ops, .proof = proof};
    size_t n = 0;

    (void)state;
    memcpy(proof, su_point_base, 32);
    assert_true(su_ecvrf_beta(&v));
    assert_true(su_hex_decode(order_hex, proof + 48, 32, &n));
    assert_false(su_ecvrf_beta(&v)); /* s = L */
    proof[48]--;
    assert_true(su_ecvrf_beta(&v));
    proof[79] = 0x11;
    assert_false(su_ecvrf_beta(&v));
    proof[79] = 0;
    key_set(proof, 2, 0, 0);
    assert_false(su_ecvrf_beta(&v)); /* no point */
    key_set(proof, 1, 0, 0x80);
    assert_false(su_ecvrf_beta(&v)); /* the identity with a sign */
    key_set(proof, 0xec, 0xff, 0xff);
    assert_false(su_ecvrf_beta(&v)); /* the point of order 2 with a sign */
    key_set(proof, 0xec, 0xff, 0x7f);
    assert_true(su_ecvrf_beta(&v));
    key_set(proof, 0xed, 0xff, 0x7f);
    assert_false(su_ecvrf_beta(&v)); /* y = p */
}

static bool never(const uint8_t p[32], const uint8_t q[32], uint8_t out[32])
{
    (void)p, (void)q, (void)out;
    return false;
}

static void no_point_in_256_tries(void **state)
{
    static const struct su_ecvrf_ops none = {.add = never, .mul2 = never};
    static const uint8_t key[32] = {9};
    struct su_ecvrf v = {.ops = &none, .key = key, .alpha = key, .alpha_bytes = 1};

    (void)state;
    assert_false(su_ecvrf_h(&v));
    v.ops = &ops;
    assert_true(su_ecvrf_h(&v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha512),
        cmocka_unit_test(keys_at_the_edges),
        cmocka_unit_test(beta_of_edges),
        cmocka_unit_test(no_point_in_256_tries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
