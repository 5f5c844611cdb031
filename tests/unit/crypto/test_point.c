// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t identity[SU_POINT_BYTES] = {1};

/* The least value, little-endian, that the scalar or the y of the name may not have. */
static const char order_hex[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
static const char prime_hex[] = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
static const char order_8_hex[] =
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";

static void from_hex(const char *hex, uint8_t out[32])
{
    size_t n = 0;

    assert_true(su_hex_decode(hex, out, 32, &n));
    assert_int_equal(n, 32);
}

/* Which y from 0 to 18 belong to a point; computed with big integers, apart from this code. */
static bool small_y_valid(unsigned y)
{
    return (0x5c67bu >> y & 1) != 0;
}

static void which_bytes_are_points(void **state)
{
    uint8_t p[SU_POINT_BYTES];

    (void)state;
    for (unsigned y = 0; y < 19; y++) {
        for (unsigned form = 0; form < 4; form++) { /* y or p + y; each sign */
            if (form & 1) {
                from_hex(prime_hex, p);
                p[0] = (uint8_t)(p[0] + y);
            } else {
                memset(p, 0, sizeof p);
                p[0] = (uint8_t)y;
            }
            p[31] = (uint8_t)(p[31] | (form & 2 ? 0x80 : 0));
            assert_int_equal(su_point_valid(p), small_y_valid(y));
            if (small_y_valid(y)) { /* the canonical form comes out of an addition */
                uint8_t sum[SU_POINT_BYTES], plain[SU_POINT_BYTES] = {(uint8_t)y};
                plain[31] = form & 2 && y != 1 ? 0x80 : 0;
                assert_true(su_point_add(p, identity, sum));
                assert_memory_equal(sum, plain, sizeof sum);
            } else {
                uint8_t out[SU_POINT_BYTES] = {77}, scalar[32] = {3};
                assert_false(su_point_add(p, identity, out));
                assert_false(su_point_add(identity, p, out));
                assert_false(su_point_sub(p, identity, out));
                assert_false(su_point_sub(identity, p, out));
                assert_false(su_point_mul(scalar, p, out));
                scalar[0] = 0;
                assert_false(su_point_mul(scalar, p, out));
                assert_int_equal(out[0], 77);
            }
        }
    }
}

/* The addresses of program BPFLoaderUpgradeab1e11111111111111111111111 in the documentation of
   Solana's create_program_address; a key pair's public key is on the curve. */
static void program_addresses(void **state)
{
    static const struct {
        const char *seeds, *address;
        size_t n;
    } known[] = {
        {"\x01", "BwqrghZA2htAcqq8dzP1WDAhTXYTYWj7CHxF5j7TDBAe", 1},
        {"\xe2\x98\x89\x00", "13yWmRpaTR4r5nAktwLqMpRNr28tnVUZw26rTvPSSB19", 4},
        {"TalkingSquirrels", "2fnQrngrQT4SeLcdToJAD96phoEjNL2man2kfRLCASVk", 16},
    };
    static const char marker[] = "ProgramDerivedAddress";
    uint8_t program[32], address[32], want[32], seed[SU_ED25519_SEED_BYTES],
        secret[SU_ED25519_SECRET_BYTES];
    size_t n = 0;
    unsigned on_curve = 0;

    (void)state;
    assert_true(su_base58_decode("BPFLoaderUpgradeab1e11111111111111111111111", program, 32, &n));
    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++) {
        struct su_sha256 s;
        su_sha256_init(&s);
        su_sha256_update(&s, known[i].seeds, known[i].n);
        su_sha256_update(&s, program, sizeof program);
        su_sha256_update(&s, marker, sizeof marker - 1);
        su_sha256_final(&s, address);
        assert_true(su_base58_decode(known[i].address, want, sizeof want, &n));
        assert_memory_equal(address, want, sizeof want);
        assert_false(su_point_valid(address));
    }
    for (uint32_t i = 0; i < 1000; i++) { /* half of all bytes are points */
        su_sha256(&i, sizeof i, seed);
        on_curve += su_point_valid(seed);
        su_ed25519_from_seed(seed, address, secret);
        assert_true(su_point_valid(address));
    }
    assert_in_range(on_curve, 430, 570);
}

static void mul_by_adding(const uint8_t scalar[32], const uint8_t p[SU_POINT_BYTES],
                          uint8_t out[SU_POINT_BYTES])
{
    uint8_t r[SU_POINT_BYTES];

    memcpy(r, identity, sizeof r);
    for (size_t bit = 256; bit-- > 0;) {
        assert_true(su_point_add(r, r, r));
        if (scalar[bit / 8] >> bit % 8 & 1)
            assert_true(su_point_add(r, p, r));
    }
    memcpy(out, r, sizeof r);
}

/* Points of every order, canonical and not, against repeated addition. */
static void products(void **state)
{
    uint8_t torsion[SU_POINT_BYTES], p[28][SU_POINT_BYTES], scalar[7][32] = {{0}, {1}, {2}, {8}};
    uint8_t last[SU_POINT_BYTES] = {1}, prime[32], want[SU_POINT_BYTES], have[SU_POINT_BYTES];
    size_t n = 0;

    (void)state;
    from_hex(order_8_hex, torsion);
    from_hex(prime_hex, prime);
    from_hex(order_hex, scalar[4]); /* L - 1: -p in the subgroup */
    scalar[4][0]--;
    su_sha256("scalar", 6, scalar[5]);
    scalar[5][31] &= 0x0f;
    memcpy(scalar[6], scalar[5], 32);
    scalar[6][0] ^= 5;
    for (unsigned i = 0; i < 8; i++) { /* the eight of small order, and sums with another point */
        memcpy(p[n++], last, sizeof last);
        assert_true(su_point_add(last, su_point_base, p[n]));
        n++;
        assert_true(su_point_add(last, torsion, last));
    }
    assert_memory_equal(last, identity, sizeof last);
    for (unsigned y = 0; y < 19 && n < SU_ARRAY_LEN(p); y++) {
        if (small_y_valid(y)) {
            memcpy(p[n], prime, sizeof prime);
            p[n][0] = (uint8_t)(p[n][0] + y);
            p[n][31] = (uint8_t)(p[n][31] | (y % 2 ? 0x80 : 0));
            n++;
        }
    }
    assert_int_equal(n, 28);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < SU_ARRAY_LEN(scalar); k++) {
            if (k > 4 && i % 3 != k % 3)
                continue;
            mul_by_adding(scalar[k], p[i], want);
            assert_true(su_point_mul(scalar[k], p[i], have));
            assert_memory_equal(have, want, sizeof want);
        }
    }
}

static void scalars_below_the_order(void **state)
{
    uint8_t scalar[32], out[SU_POINT_BYTES], minus[SU_POINT_BYTES];

    (void)state;
    from_hex(order_hex, scalar);
    assert_false(su_point_mul(scalar, su_point_base, out));
    scalar[0]++;
    assert_false(su_point_mul(scalar, su_point_base, out));
    memset(scalar, 0xff, sizeof scalar);
    assert_false(su_point_mul(scalar, su_point_base, out));
    from_hex(order_hex, scalar);
    scalar[0]--;
    assert_true(su_point_mul(scalar, su_point_base, out));
    memcpy(minus, su_point_base, sizeof minus);
    minus[31] ^= 0x80;
    assert_memory_equal(out, minus, sizeof out);
}

static void sums_and_differences(void **state)
{
    uint8_t seed[SU_ED25519_SEED_BYTES], a[32], b[32], secret[SU_ED25519_SECRET_BYTES], sum[32];

    (void)state;
    for (uint8_t i = 0; i < 50; i++) {
        memset(seed, i, sizeof seed);
        su_ed25519_from_seed(seed, a, secret);
        memset(seed, i + 1, sizeof seed);
        su_ed25519_from_seed(seed, b, secret);
        assert_true(su_point_add(a, b, sum));
        assert_true(su_point_sub(sum, b, sum));
        assert_memory_equal(sum, a, sizeof sum);
        assert_true(su_point_sub(a, a, a));
        assert_memory_equal(a, identity, sizeof identity);
    }
}

static void sum_of_two_products(void **state)
{
    uint8_t scalars[64] = {3}, points[64], want[SU_POINT_BYTES], out[SU_POINT_BYTES];

    (void)state;
    scalars[32] = 5;
    memcpy(points, su_point_base, 32);
    from_hex(order_8_hex, points + 32);
    memcpy(want, identity, sizeof want);
    for (unsigned i = 0; i < 8; i++)
        assert_true(su_point_add(want, points + (i < 3 ? 0 : 32), want));
    assert_true(su_point_mul2(scalars, points, out));
    assert_memory_equal(out, want, sizeof out);
    scalars[63] = 0x20; /* above L */
    assert_false(su_point_mul2(scalars, points, out));
    scalars[63] = 0;
    memset(points, 0, 32);
    points[0] = 2; /* no point */
    assert_false(su_point_mul2(scalars, points, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_bytes_are_points),
        cmocka_unit_test(program_addresses),
        cmocka_unit_test(products),
        cmocka_unit_test(scalars_below_the_order),
        cmocka_unit_test(sums_and_differences),
        cmocka_unit_test(sum_of_two_products),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
