// SPDX-License-Identifier: MIT
/* How often whoever follows a generation looks at the chain while its steps come. */
#include "ops/follow_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static void steps_come(void **state)
{
    const uint64_t pause = 250 * MS, looked = 10000 * MS;

    (void)state;
    /* Nothing has come yet. */
    assert_true(follow_put_off(0, looked, pause, looked + pause) == 0);
    /* One came just now: the next may end them, and is waited for as long as between two looks. */
    assert_true(follow_put_off(10200 * MS, looked, pause, 10250 * MS) == 10450 * MS);
    assert_true(follow_put_off(10200 * MS, looked, pause, 10449 * MS) == 10450 * MS);
    assert_true(follow_put_off(10200 * MS, looked, pause, 10450 * MS) == 0);
    /* They go on to come: a look after so many pauses all the same. */
    assert_true(follow_put_off(10950 * MS, looked, pause, 10960 * MS) == 11000 * MS);
    assert_true(follow_put_off(10990 * MS, looked, pause, 11000 * MS) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_come)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
