// SPDX-License-Identifier: MIT
/* Real oracles and scripted nodes on a ledger: executions from the request to their last account. */
#include "town.h"

#include <stdio.h>
#include <stdlib.h>

static void settles(void **state)
{
    struct town *t = town_new(&(struct town_setting){.nodes = 3, .oracles = 3});
    uint8_t x[32];

    (void)state;
    town_request(t, 0, x);
    assert_int_equal(town_wait_gone(t, x, 60000), SU_EXEC_SETTLED);
    town_free(t);
}

static void samples_everything(void **state)
{
    struct town *t =
        town_new(&(struct town_setting){.nodes = 3, .oracles = 3, .sampling_ppm = SU_PPM});
    uint8_t x[32];
    unsigned checks = 0;

    (void)state;
    town_request(t, 1, x);
    assert_int_equal(town_wait_gone(t, x, 60000), SU_EXEC_SETTLED);
    for (unsigned i = 0; i < 3; i++)
        checks += t->node[i].checks;
    assert_true(checks >= TOWN_TASKS);
    town_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settles),
        cmocka_unit_test(samples_everything),
    };

    if (getenv("TOWN_VERBOSE"))
        su_log_stderr(SU_LOG_DEBUG);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
