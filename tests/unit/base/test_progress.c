// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

#define SECOND_NS ((uint64_t)1000000000)

static void bytes_with_a_total(void **state)
{
    struct su_progress p;
    char out[96];

    (void)state;
    su_progress_init(&p, (uint64_t)1 << 30, "B", 5 * SECOND_NS);
    assert_string_equal(su_progress_line(&p, out, sizeof out), "0 B of 1 GB");
    su_progress_set(&p, 100 << 20, 15 * SECOND_NS); /* 10 MB/s, 924 MB left */
    assert_string_equal(su_progress_line(&p, out, sizeof out),
                        "100 MB of 1 GB, 10 MB/s, 1:32 left");
    su_progress_set(&p, (uint64_t)1 << 30, 16 * SECOND_NS);
    assert_true(su_str_starts(su_progress_line(&p, out, sizeof out), "1 GB of 1 GB, "));
    assert_null(strstr(out, "left"));
}

static void counts_without_a_total(void **state)
{
    struct su_progress p;
    char out[96];

    (void)state;
    su_progress_init(&p, 0, "digits", 0);
    assert_string_equal(su_progress_line(&p, out, sizeof out), "0 digits");
    su_progress_set(&p, 5, 2 * SECOND_NS);
    assert_string_equal(su_progress_line(&p, out, sizeof out), "5 digits, 2.5 digits/s");
    su_progress_init(&p, 10000, "digits", 0);
    su_progress_set(&p, 2000, SECOND_NS);
    assert_string_equal(su_progress_line(&p, out, sizeof out),
                        "2000 of 10000 digits, 2000 digits/s, 0:04 left");
    assert_string_equal(su_progress_line(&p, out, 5), "2000");
}

static void long_times(void **state)
{
    struct su_progress p;
    char out[96];

    (void)state;
    su_progress_init(&p, 10000, "x", 0);
    su_progress_set(&p, 1, SECOND_NS);
    assert_non_null(strstr(su_progress_line(&p, out, sizeof out), "2:46:39 left"));
    su_progress_init(&p, UINT64_MAX, "x", 0);
    su_progress_set(&p, 1, SECOND_NS);
    assert_non_null(strstr(su_progress_line(&p, out, sizeof out), "over 99 h left"));
    su_progress_init(&p, UINT64_MAX, "B", 0);
    su_progress_set(&p, UINT64_MAX, SECOND_NS / 10);
    assert_true(su_str_starts(su_progress_line(&p, out, sizeof out), "16 EB of 16 EB"));
}

static void rate_is_smoothed(void **state)
{
    struct su_progress p;
    uint64_t done = 0;

    (void)state;
    su_progress_init(&p, 1000000, "x", 0);
    for (uint64_t t = 1; t <= 50; t++)
        su_progress_set(&p, done += 100, t * SECOND_NS);
    assert_true(p.rate > 99 && p.rate < 101);
    su_progress_set(&p, done += 1000, 51 * SECOND_NS);
    assert_true(p.rate > 200 && p.rate < 500); /* moves, but not all the way at once */
    for (uint64_t t = 52; t <= 80; t++)
        su_progress_set(&p, done += 1000, t * SECOND_NS);
    assert_true(p.rate > 990 && p.rate <= 1000);
    for (uint64_t t = 81; t <= 120; t++)
        su_progress_set(&p, done, t * SECOND_NS); /* stalled */
    assert_true(p.rate < 1);
}

static void odd_times_are_harmless(void **state)
{
    struct su_progress p;

    (void)state;
    su_progress_init(&p, 100, "x", SECOND_NS);
    su_progress_set(&p, 10, SECOND_NS); /* no time has passed */
    assert_true(p.rate == 0);
    assert_int_equal(p.done, 10);
    su_progress_set(&p, 20, 0); /* the clock went back */
    assert_true(p.rate == 0);
    su_progress_set(&p, 30, 2 * SECOND_NS);
    assert_true(p.rate > 29 && p.rate < 31); /* nothing done so far is forgotten */
    su_progress_set(&p, 5, 3 * SECOND_NS); /* done went back */
    assert_true(p.rate >= 0 && p.rate < 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_with_a_total),
        cmocka_unit_test(counts_without_a_total),
        cmocka_unit_test(long_times),
        cmocka_unit_test(rate_is_smoothed),
        cmocka_unit_test(odd_times_are_harmless),
    };

    return cmocka_run_group_tests_name("base progress", tests, NULL, NULL);
}
