// SPDX-License-Identifier: MIT
/* What an oracle concludes of one reading of an execution that runs: accounts of two moments, and times
   to commit. */
#include "oracle/oracle_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SLOT_MS = 50, BEGAN = 1000, STALL = 10000 / SLOT_MS };

/* Two tasks of a node each, the second fed by the first. */
struct scene {
    struct su_acc_execution x;
    struct su_acc_config config;
    struct su_acc_assignment a[2];
    struct su_chain_case c;
};

static void begin(struct scene *s)
{
    memset(s, 0, sizeof *s);
    su_params_private(&s->config.params, SLOT_MS);
    s->c.execution = &s->x;
    s->c.config = &s->config;
    s->x.state = SU_EXEC_RUNNING;
    s->x.task_count = 2;
    s->x.sample_task = SU_NO_TASK;
    s->x.max_steps = s->x.steps = 1;
    s->x.phase_slot = BEGAN;
    for (uint16_t i = 0; i < 2; i++) {
        s->x.tasks[i].state = SU_TASK_ASSIGNED;
        s->a[i].task = i;
        s->a[i].assign_slot = BEGAN;
        s->a[i].input_count = 1;
        memset(s->a[i].node, 7 + i, 32);
        s->c.assignments[i] = &s->a[i];
    }
    s->a[0].sources[0].external = 1;
    s->c.slot = BEGAN;
}

/* An execution of one moment and an assignment of a later one: its attempt is another, its node not
   chosen yet, or chosen and without reserve. None of it says that somebody failed. */
static void two_moments(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    assert_true(ora_agrees(&s.c, 0));
    s.a[0].attempt = 1;
    assert_false(ora_agrees(&s.c, 0));
    s.x.tasks[0].attempt = 1;
    assert_true(ora_agrees(&s.c, 0));
    s.a[0].approved = 1;
    assert_false(ora_agrees(&s.c, 0));
    s.x.tasks[0].state = SU_TASK_UNASSIGNED;
    assert_true(ora_agrees(&s.c, 0));
    s.a[0].approved = 0;
    memset(s.a[0].node, 0, 32);
    assert_true(ora_agrees(&s.c, 0));
    s.x.tasks[0].state = SU_TASK_ASSIGNED;
    assert_false(ora_agrees(&s.c, 0));
    s.c.assignments[0] = NULL;
    assert_false(ora_agrees(&s.c, 0));
}

static void has_its_time(void **state)
{
    const uint64_t work = su_econ_slots(&(struct su_params){.ms_per_slot = SLOT_MS}, 250);
    struct scene s;

    (void)state;
    begin(&s);
    s.c.slot = BEGAN + work + STALL;
    assert_false(ora_stalled(&s.c, &s.a[0]));
    s.c.slot++;
    assert_true(ora_stalled(&s.c, &s.a[0]));
    assert_false(ora_stalled(&s.c, &s.a[1])); /* waits for the first */
    s.x.tasks[0].flags = SU_TASKF_COMMITTED;
    s.a[0].commit_slot = s.c.slot - 1;
    assert_false(ora_stalled(&s.c, &s.a[1])); /* and has its own time from there */
    s.c.slot += work + STALL;
    assert_true(ora_stalled(&s.c, &s.a[1]));
}

/* A machine that has much to do must not use up all attempts in the time of the first. */
static void longer_each_time(void **state)
{
    struct scene s;
    uint64_t needed[3];

    (void)state;
    begin(&s);
    for (uint8_t attempt = 0; attempt < 3; attempt++) {
        s.a[0].attempt = attempt;
        for (s.c.slot = BEGAN; !ora_stalled(&s.c, &s.a[0]); s.c.slot++)
            assert_true(s.c.slot < BEGAN + 10 * STALL);
        needed[attempt] = s.c.slot - BEGAN;
    }
    assert_true(needed[1] >= needed[0] + STALL);
    assert_true(needed[2] >= needed[1] + 2 * STALL);
}

static void ends_are_awaited(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    s.x.sample_task = 1;
    s.x.steps = 0;
    s.c.slot = BEGAN + 100 * STALL;
    assert_false(ora_stalled(&s.c, &s.a[0])); /* it may go on for long */
    s.x.steps = 1;
    assert_true(ora_stalled(&s.c, &s.a[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_moments),
        cmocka_unit_test(has_its_time),
        cmocka_unit_test(longer_each_time),
        cmocka_unit_test(ends_are_awaited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
