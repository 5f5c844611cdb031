// SPDX-License-Identifier: MIT
/* Arithmetic of the freestanding header against the compiler's 128 bits. */
#include "base/free.h"
#include "support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

__extension__ typedef unsigned __int128 wide;

/* Any magnitude equally likely. */
static uint64_t number(struct su_random *r)
{
    return su_random_u64(r) >> su_random_below(r, 64);
}

static void mul_div_is_exact(void **unused)
{
    (void)unused;
    struct su_random r = su_random_of(7, 1);
    unsigned small = 0, large = 0, over = 0;
    for (unsigned i = 0; i < 200000; i++) {
        const uint64_t a = number(&r), b = number(&r), c = number(&r);
        uint64_t got = 42;
        const bool ok = su_free_mul_div(a, b, c, &got);
        const wide product = (wide)a * b;
        if (c == 0 || product / c > UINT64_MAX) {
            assert_false(ok);
            assert_true(got == 42);
            over++;
            continue;
        }
        assert_true(ok);
        assert_true(got == (uint64_t)(product / c));
        if (product >> 64 == 0)
            small++;
        else
            large++;
    }
    assert_true(small > 1000 && large > 1000 && over > 1000);
}

static void mul_div_at_the_edges(void **unused)
{
    (void)unused;
    static const uint64_t edges[] = {
        0, 1, 2, UINT32_MAX, 1ull << 32, 1ull << 53, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
    enum { N = sizeof edges / sizeof *edges };
    for (unsigned i = 0; i < N * N * N; i++) {
        const uint64_t a = edges[i % N], b = edges[i / N % N], c = edges[i / N / N];
        uint64_t got = 42;
        const bool ok = su_free_mul_div(a, b, c, &got);
        const bool should = c != 0 && (wide)a * b / c <= UINT64_MAX;
        assert_int_equal(ok, should);
        assert_true(got == (should ? (uint64_t)((wide)a * b / c) : 42));
    }
}

static void bytes(void **unused)
{
    (void)unused;
    uint8_t a[40], b[40];
    for (unsigned i = 0; i < sizeof a; i++)
        a[i] = (uint8_t)(i * 7 + 1);
    su_free_copy(b, a, sizeof a);
    assert_true(su_free_equal(a, b, sizeof a));
    assert_true(su_free_key_equal(a, b));
    b[31] ^= 1;
    assert_false(su_free_key_equal(a, b));
    assert_true(su_free_equal(a, b, 31));
    assert_true(su_free_equal(a, b, 0));
    su_free_zero(b, 39);
    assert_true(su_free_is_zero(b, 39));
    assert_false(su_free_is_zero(b, 40));
    su_free_store16(b, 0x1234);
    assert_true(b[0] == 0x34 && b[1] == 0x12 && b[2] == 0);
    su_free_store32(b, 0x89abcdefu);
    assert_true(su_free_load32(b) == 0x89abcdefu && b[0] == 0xef);
    su_free_store64(b + 1, 0x0123456789abcdefull); /* no alignment needed */
    assert_true(su_free_load64(b + 1) == 0x0123456789abcdefull && b[1] == 0xef);
}

static void checked_sums(void **unused)
{
    (void)unused;
    uint64_t out = 42;
    assert_true(su_free_add(UINT64_MAX - 1, 1, &out) && out == UINT64_MAX);
    out = 42;
    assert_false(su_free_add(UINT64_MAX, 1, &out));
    assert_false(su_free_sub(1, 2, &out));
    assert_false(su_free_mul(1ull << 32, 1ull << 32, &out));
    assert_true(out == 42);
    assert_true(su_free_sub(2, 2, &out) && out == 0);
    assert_true(su_free_mul(UINT32_MAX, UINT32_MAX, &out));
    assert_true(out == (uint64_t)UINT32_MAX * UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mul_div_is_exact),
        cmocka_unit_test(bytes),
        cmocka_unit_test(checked_sums),
        cmocka_unit_test(mul_div_at_the_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
