// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static void alloc_is_zeroed(void **state)
{
    (void)state;
    unsigned char *p = su_alloc(1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    memset(p, 7, 1000);
    p = su_realloc(p, 2000);
    assert_int_equal(p[999], 7);
    p = su_realloc(p, 0);
    assert_non_null(p);
    free(p);
    p = su_alloc(0);
    assert_non_null(p);
    free(p);
    char *s = su_strdup("text");
    assert_string_equal(s, "text");
    free(s);
}

static void try_alloc_refuses_overflow(void **state)
{
    (void)state;
    assert_null(su_try_alloc(SIZE_MAX, 2));
    assert_null(su_try_alloc(SIZE_MAX / 2 + 2, 2));
    assert_null(su_try_alloc(SIZE_MAX, 1));
    assert_null(su_try_alloc_aligned(SIZE_MAX / 4, 8));
    assert_null(su_try_alloc_aligned((size_t)PTRDIFF_MAX, 1));
    unsigned char *p = su_try_alloc(10, 10);
    assert_non_null(p);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    free(p);
    p = su_try_alloc(0, 8);
    assert_non_null(p);
    free(p);
}

static void aligned_is_aligned_and_zeroed(void **state)
{
    (void)state;
    for (size_t n = 0; n < 300; n += 37) {
        unsigned char *p = su_try_alloc_aligned(n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        free(p);
    }
}

static void checked_arithmetic(void **state)
{
    uint64_t v = 0;

    (void)state;
    assert_true(su_add_u64(UINT64_MAX - 1, 1, &v) && v == UINT64_MAX);
    assert_false(su_add_u64(UINT64_MAX, 1, &v));
    assert_true(su_mul_u64(UINT32_MAX, UINT32_MAX, &v) && v == 0xFFFFFFFE00000001u);
    assert_false(su_mul_u64((uint64_t)1 << 32, (uint64_t)1 << 32, &v));
    assert_true(su_align_up(0, 64) == 0);
    assert_true(su_align_up(1, 64) == 64);
    assert_true(su_align_up(64, 64) == 64);
    assert_true(su_align_up(65, 32) == 96);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    struct su_arena a;
    unsigned char *all[500];

    (void)state;
    su_arena_init(&a, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(all); i++) {
        all[i] = su_arena_alloc(&a, i * 7);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % 16, 0);
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(all[i][k], 0);
        memset(all[i], (int)(i % 251), i * 7);
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(all); i++) {
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(all[i][k], i % 251);
    }
    unsigned char *big = su_arena_alloc(&a, (size_t)3 << 20);
    assert_non_null(big);
    big[((size_t)3 << 20) - 1] = 1;
    assert_null(su_arena_alloc(&a, SIZE_MAX));
    su_arena_fini(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(su_arena_alloc(&a, 1)); /* usable again */
    su_arena_fini(&a);
}

static void arena_keeps_its_limit(void **state)
{
    struct su_arena a;

    (void)state;
    su_arena_init(&a, 100);
    assert_non_null(su_arena_alloc(&a, 60)); /* 64 after rounding */
    assert_null(su_arena_alloc(&a, 37)); /* 48 */
    assert_non_null(su_arena_alloc(&a, 32));
    assert_null(su_arena_alloc(&a, 1));
    su_arena_fini(&a);
    assert_int_equal(a.limit, 100);
    su_arena_fini(&a);
}

static void arena_copies_text(void **state)
{
    struct su_arena a;

    (void)state;
    su_arena_init(&a, 64);
    assert_string_equal(su_arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(su_arena_strndup(&a, "ab", 100), "ab");
    assert_null(su_arena_strndup(&a, "a text that is longer than what the limit leaves", 60));
    su_arena_fini(&a);
}

static jmp_buf back;

static void leave_by_jump(void)
{
    longjmp(back, 1);
}

static void misuse_is_caught(void **state)
{
    volatile bool caught = false;

    (void)state;
    su_assert_handler(leave_by_jump);
    if (setjmp(back) == 0)
        (void)su_align_up(5, 48);
    else
        caught = true;
    su_assert_handler(NULL);
    assert_true(caught);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_is_zeroed),
        cmocka_unit_test(try_alloc_refuses_overflow),
        cmocka_unit_test(aligned_is_aligned_and_zeroed),
        cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_keeps_its_limit),
        cmocka_unit_test(arena_copies_text),
        cmocka_unit_test(misuse_is_caught),
    };

    return cmocka_run_group_tests_name("base mem", tests, NULL, NULL);
}
