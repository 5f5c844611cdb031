// SPDX-License-Identifier: MIT
/* When an oracle reads an execution, and when it lets it be. */
#include "oracle/oracle_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

struct scene {
    struct su_acc_execution x;
    struct su_acc_assignment a[2];
    struct su_chain_case c;
};

static void begin(struct scene *s, uint8_t state)
{
    memset(s, 0, sizeof *s);
    s->c.execution = &s->x;
    s->x.state = state;
    s->x.task_count = 2;
    for (uint16_t i = 0; i < 2; i++) {
        s->x.tasks[i].state = SU_TASK_ASSIGNED;
        s->a[i].task = i;
        memset(s->a[i].node, 7 + i, 32);
        s->c.assignments[i] = &s->a[i];
    }
}

/* Votes and turns are read in accounts that a glance does not see. */
static void states(void **state)
{
    static const bool calm[] = {
        [SU_EXEC_OPENING] = false,  [SU_EXEC_REQUESTED] = false, [SU_EXEC_ASSIGNING] = false,
        [SU_EXEC_RUNNING] = true,   [SU_EXEC_FROZEN] = false,    [SU_EXEC_CHECKING] = true,
        [SU_EXEC_REVEALING] = true, [SU_EXEC_SETTLED] = true,    [SU_EXEC_VOID] = true};
    struct scene s;

    (void)state;
    for (uint8_t i = SU_EXEC_OPENING; i < SU_ARRAY_LEN(calm); i++) {
        begin(&s, i);
        if (ora_is_calm(&s.c) != calm[i])
            fail_msg("state %u", i);
    }
    begin(&s, SU_EXEC_REVEALING);
    s.x.disputes_open = 1;
    assert_false(ora_is_calm(&s.c));
}

/* A generation runs: until all have committed, or another node is wanted for a task. */
static void running(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, SU_EXEC_RUNNING);
    s.x.committed = 1;
    assert_true(ora_is_calm(&s.c));
    s.x.committed = 2; /* to be frozen */
    assert_false(ora_is_calm(&s.c));
    begin(&s, SU_EXEC_RUNNING);
    s.x.tasks[1].state = SU_TASK_UNASSIGNED;
    assert_false(ora_is_calm(&s.c));
    begin(&s, SU_EXEC_RUNNING);
    s.x.tasks[1].attempt = 1; /* its assignment was read before */
    assert_false(ora_is_calm(&s.c));
    begin(&s, SU_EXEC_RUNNING);
    s.c.assignments[0] = NULL;
    assert_false(ora_is_calm(&s.c));
}

static void pace(void **state)
{
    const struct ora_pace resting = {.calm = true,
                                     .now_ns = 100000 * MS,
                                     .looked_ns = 98000 * MS,
                                     .glanced_ns = 99800 * MS,
                                     .tick_ms = 250,
                                     .round_ms = 1000};
    struct ora_pace p = resting;

    (void)state;
    assert_true(ora_may_rest(&p));
    p.news = true;
    assert_false(ora_may_rest(&p));
    p = resting;
    p.acted = true; /* what came of it is looked at */
    assert_false(ora_may_rest(&p));
    p = resting;
    p.calm = false;
    assert_false(ora_may_rest(&p));
    p = resting;
    p.glanced_ns = 99249 * MS; /* the chain does not answer */
    assert_false(ora_may_rest(&p));
    p.looked_ns = 99250 * MS; /* just read: as good as a glance */
    assert_true(ora_may_rest(&p));
    p = resting;
    p.looked_ns = 95999 * MS; /* more than four rounds */
    assert_false(ora_may_rest(&p));
    p.round_ms = 5200;
    p.tick_ms = 1300;
    assert_true(ora_may_rest(&p));
    p.looked_ns = 89999 * MS; /* and never more than ten seconds */
    assert_false(ora_may_rest(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),
        cmocka_unit_test(running),
        cmocka_unit_test(pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
