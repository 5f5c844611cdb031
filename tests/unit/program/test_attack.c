// SPDX-License-Identifier: MIT
/* What somebody tries who wants others late, locked up or unpaid. */
#include "abi/abi.h"
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t now(const struct play *p)
{
    return bank_slot(p->w->bank);
}

/* Opens everything; submit is left to the caller. */
static void opened(struct play *p, struct call *c)
{
    call_request_open(p, c, 1);
    call_must(p->w, c);
    call_request_tasks(p, c, 0, p->tasks);
    call_must(p->w, c);
}

/* Three tasks whose judgement takes longest as it is with the defaults. */
static uint64_t longest(const struct su_params *params, uint32_t steps, uint64_t weight_bytes)
{
    const uint64_t macs = SU_MACS_PER_UNIT / 2;
    const uint64_t judge = su_econ_judge_slots(params, weight_bytes, macs, steps);
    return su_econ_longest_slots(params, steps, 3, 3 * macs, judge);
}

static void the_longest_wait_is_known_before_any_escrow(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint8_t key[32];
    at_task(w, 0, key);
    struct su_acc_task task = *(const struct su_acc_task *)world_read(w, SU_TAG_TASK, key);
    const uint64_t delay = w->params.config_delay_slots;
    uint32_t steps = 1;
    while (longest(&w->params, steps + 1, task.weight_bytes) <= delay)
        steps++;
    /* The commits alone would pass long after that. */
    assert_true(su_econ_run_slots(&w->params, steps + 1, 3, 3 * (SU_MACS_PER_UNIT / 2)) < delay);
    p.max_steps = p.steps = steps + 1;
    struct bank *kept = bank_copy(w->bank);
    opened(&p, &c);
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "BadArgument");
    bank_free(w->bank);
    w->bank = kept;
    p.max_steps = p.steps = steps;
    opened(&p, &c);
    assert_int_equal(play_exec(&p)->deadline_slot,
                     su_econ_judge_slots(&w->params, task.weight_bytes, task.macs_per_step, steps));
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->deadline_slot, 0);
    call_request_cancel(&p, &c);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_CANCELLED);
    world_free(w);
}

/* With a shorter notice every request would be refused. */
static void a_config_leaves_room_for_executions(void **unused)
{
    (void)unused;
    struct world *w = world_bare();
    struct call c;
    const uint64_t judge = su_econ_judge_slots(&w->params, 0, 0, 1);
    const uint64_t least = su_econ_longest_slots(&w->params, 1, 1, 0, judge);
    w->params.config_delay_slots = least - 1;
    call_init(w, &c);
    assert_string_equal(call_try(w, &c), "BadParameter");
    w->params.config_delay_slots = least;
    call_init(w, &c);
    assert_string_equal(call_try(w, &c), "ok");
    world_oracles(w, 3);
    w->params.silence_slots++;
    call_config_next(w, &c, 3, NULL);
    assert_string_equal(call_try(w, &c), "BadParameter");
    w->params.config_delay_slots++;
    call_config_next(w, &c, 3, NULL);
    assert_string_equal(call_try(w, &c), "ok");
    world_free(w);
}

/* A creator claims weights that nobody could ever load: their dispute would never end. */
static void weights_cannot_make_a_dispute_endless(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint8_t key[32];
    at_task(w, 1, key);
    struct su_acc_task task = *(const struct su_acc_task *)world_read(w, SU_TAG_TASK, key);
    task.weight_bytes = UINT64_MAX;
    world_write(w, key, &task, sizeof task);
    opened(&p, &c);
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "BadArgument");
    call_request_cancel(&p, &c);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_CANCELLED);
    world_free(w);
}

/* The node of the sampling task commits in the last slot: the others could not before. */
static void a_late_sampler_makes_nobody_else_late(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.sampling = true, .max_steps = 4});
    setting_running(&p, 1);
    const uint64_t deadline = play_exec(&p)->deadline_slot;
    world_advance(w, deadline - now(&p));
    call_commit(&p, &c, 0);
    setting_expect(&p, &c, "StepsUnknown");
    call_commit(&p, &c, 2);
    call_must(w, &c);
    const uint64_t grace = su_econ_slots(&w->params, w->params.commit_base_ms);
    assert_int_equal(play_exec(&p)->deadline_slot, deadline + grace);
    world_advance(w, 1);
    call_commit_expire(&p, &c, 0);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, grace - 1);
    for (unsigned t = 0; t < 2; t++) {
        call_commit(&p, &c, t);
        setting_expect(&p, &c, "ok");
    }
    world_free(w);
    w = setting_world(&p, &(struct setting){.sampling = true, .max_steps = 4});
    setting_running(&p, 1); /* early, it changes nothing */
    const uint64_t before = play_exec(&p)->deadline_slot;
    call_commit(&p, &c, 2);
    call_must(w, &c);
    assert_int_equal(play_exec(&p)->deadline_slot, before);
    world_free(w);
}

/* The task's node misses the deadline, and after a while the committee names another. */
static void fails(struct play *p, struct call *c, unsigned task, uint64_t wait)
{
    world_advance(p->w, play_exec(p)->deadline_slot - now(p) + 1);
    call_commit_expire(p, c, task);
    call_must(p->w, c);
    world_advance(p->w, wait);
    const unsigned next = (task + 1) % 3;
    setting_vote(p, task, SU_QUESTION_REASSIGN, (uint8_t)next, 0);
    call_reassign(p, c, task, next);
}

/* Tasks that fail in turn would each begin the wait again, and hold everybody's reserve. */
static void failures_in_turn_do_not_prolong_the_run(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 6});
    setting_running(&p, 1);
    const struct su_acc_execution *exec = play_exec(&p);
    const uint64_t end =
        exec->phase_slot + su_econ_run_slots(&w->params, exec->max_steps, 6, exec->macs_per_step);
    unsigned t = 0;
    for (; t < 5; t++) {
        fails(&p, &c, t, w->params.request_expiry_slots / 2);
        if (now(&p) > end)
            break;
        setting_expect(&p, &c, "ok");
        assert_true(play_exec(&p)->deadline_slot <= end);
    }
    assert_in_range(t, 2, 4); /* some are replaced, not all */
    setting_expect(&p, &c, "TooLate");
    world_advance(w, w->params.request_expiry_slots);
    call_commit_expire(&p, &c, t);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_ATTEMPTS);
    world_free(w);
}

/* The deadline is cut when little of the time is left. */
static void the_last_attempt_gets_what_is_left(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 6, .max_steps = 1000});
    setting_running(&p, 1);
    const struct su_acc_execution *exec = play_exec(&p);
    const uint64_t end =
        exec->phase_slot + su_econ_run_slots(&w->params, exec->max_steps, 6, exec->macs_per_step);
    for (unsigned t = 0; play_exec(&p)->deadline_slot != end; t++) {
        assert_in_range(t, 0, 5);
        fails(&p, &c, t, w->params.request_expiry_slots / 4);
        setting_expect(&p, &c, "ok");
        assert_true(play_exec(&p)->deadline_slot <= end);
    }
    world_free(w);
}

static void the_requestor_may_complain_after_a_dispute(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_revealing(&p, 1, 2);
    setting_reveal(&p, -1);
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "WrongState"); /* in dispute already */
    world_advance(w, w->params.missing_slots + 1);
    setting_vote(&p, 2, SU_QUESTION_VERDICT, SU_VERDICT_VALIDATOR, 0);
    call_conclude(&p, &c, false);
    setting_expect(&p, &c, "TooEarly"); /* not before the requestor had its time */
    world_advance(w, w->params.missing_slots);
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "ok");
    setting_vote(&p, 2, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
    world_advance(w, 1);
    call_conclude(&p, &c, false);
    setting_expect(&p, &c, "ok"); /* once is all there is */
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

/* A table with gaps: the draw falls on nobody, who could neither accept nor be passed over. */
static void a_draw_on_nobody_passes_in_time(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    p.table_total *= 1ull << 40; /* the three rows are the very beginning of it */
    setting_checking(&p, 1);
    for (unsigned n = 0; n < 3; n++) {
        call_check_skip(&p, &c, 0, n);
        setting_expect(&p, &c, "NotTheValidator");
        call_check_accept(&p, &c, 0, n);
        setting_expect(&p, &c, "NotTheValidator");
    }
    for (unsigned t = 0; t < 3; t++) {
        assert_int_equal(play_assignment(&p, t)->checks, 0);
        setting_committee(&p, t); /* in as many deadlines as validators may be silent */
        assert_int_equal(play_assignment(&p, t)->checks, w->params.validators_max);
    }
    setting_reveal(&p, -1);
    for (unsigned t = 0; t < 3; t++)
        setting_vote(&p, t, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

/* While others are slashed, who was right cannot be: neither validators nor asserters, in any
   account. */
static void nobody_innocent_is_slashed(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, 1);
    setting_reveal(&p, -1);
    call_slash(&p, &c, 1, 0, p.task[1].node);
    setting_expect(&p, &c, "WrongState"); /* not before the end */
    setting_vote(&p, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    call_slash(&p, &c, 1, 0, p.task[1].node);
    setting_expect(&p, &c, "WrongState");
    call_conclude(&p, &c, false);
    call_must(w, &c);
    for (unsigned t = 0; t < 3; t++) {
        for (unsigned who = 0; who < 2; who++) {
            if (t == 1 && who == 0)
                continue;
            for (unsigned n = 0; n < 6; n++) {
                if (setting_node(&p, n)->reserves_open == 0)
                    continue;
                call_slash(&p, &c, t, who, n);
                setting_expect(&p, &c, "WrongState");
            }
        }
    }
    for (unsigned n = 0; n < 6; n++) { /* the fault is there, but not theirs */
        if (n == p.task[1].node || setting_node(&p, n)->reserves_open == 0)
            continue;
        call_slash(&p, &c, 1, 0, n);
        setting_expect(&p, &c, "WrongRelation");
    }
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    for (unsigned n = 0; n < 6; n++)
        assert_int_equal(setting_node(&p, n)->slashed, n == p.task[1].node);
    world_free(w);
}

/* Two quick epochs in a row would free the bond of an oracle that an execution still counts on. */
static void a_bond_outlasts_every_execution_it_serves(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    const uint64_t delay = w->params.config_delay_slots;
    assert_int_equal(delay % 2, 0);
    w->params.config_delay_slots = delay / 2 - 1;
    call_config_next(w, &c, 3, NULL);
    setting_expect(&p, &c, "BadParameter");
    w->params.config_delay_slots = delay / 2;
    call_config_next(w, &c, 3, NULL);
    setting_expect(&p, &c, "ok");
    world_advance(w, delay - 1);
    setting_requested(&p, 1); /* the last moment of epoch 1; it may last one delay */
    const uint64_t end = play_exec(&p)->submit_slot + delay;
    world_advance(w, 1);
    w->epoch = 2;
    static const int leaving[] = {2, -1};
    call_config_next(w, &c, 2, leaving);
    setting_expect(&p, &c, "ok");
    assert_true(world_oracle_read(w, "oracle2")->serving_until_slot >= end);
    world_free(w);
}

static void the_refund_goes_to_who_paid(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint8_t victim[32], thief[32];
    memcpy(victim, w->requestor, 32);
    world_key("owner0", w->requestor); /* a requestor, too, once it has opened something */
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    at_key(w, "requestor", w->requestor, thief);
    memcpy(w->requestor, victim, 32);
    setting_requested(&p, 1);
    call_request_cancel(&p, &c);
    call_must(w, &c);
    for (unsigned t = 0; t < 3; t++) {
        call_pay_task(&p, &c, t, 0);
        call_must(w, &c);
    }
    call_finish(&p, &c);
    call_set(&c, "requestor", thief);
    setting_expect(&p, &c, "WrongRelation");
    call_finish(&p, &c);
    setting_expect(&p, &c, "ok");
    world_free(w);
}

/* Else anybody could use up another's numbers. */
static void nobody_counts_on_anothers_account(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint8_t victim[32], key[32];
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    memcpy(victim, w->requestor, 32);
    at_key(w, "requestor", victim, key);
    world_key("owner0", w->requestor);
    call_request_open(&p, &c, 2);
    call_set(&c, "requestor", key);
    setting_expect(&p, &c, "WrongRelation");
    world_free(w);
}

/* Not even for one's own money. */
static void nobody_submits_for_another(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint8_t key[32];
    opened(&p, &c);
    call_request_submit(&p, &c);
    call_set_name(&c, "key", "owner0");
    world_key_of("owner0", "usdc", key);
    call_set(&c, "from", key);
    setting_expect(&p, &c, "NotAuthorised");
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "ok");
    world_free(w);
}

/* A leaf that is the root already takes no path. */
static void one_group_takes_no_path(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_requested(&p, 1);
    for (unsigned i = 0; i < 2; i++) {
        call_vote_assign(&p, &c, i);
        call_must(w, &c);
    }
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->path_len = 1;
    setting_expect(&p, &c, "BadProof");
    CALL_ARGS(&c, assign)->path_len = 0;
    setting_expect(&p, &c, "ok");
    world_free(w);
}

/* Roots that are not open yet are zero, and would differ from everybody's. */
static void nothing_is_compared_before_its_reveal(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_revealing(&p, 1, -1);
    call_reveal(&p, &c, 0);
    call_must(w, &c);
    call_match(&p, &c, 1);
    setting_expect(&p, &c, "NotRevealed");
    call_reveal(&p, &c, 1);
    call_must(w, &c);
    call_match(&p, &c, 1);
    setting_expect(&p, &c, "ok");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_wait_is_known_before_any_escrow),
        cmocka_unit_test(a_config_leaves_room_for_executions),
        cmocka_unit_test(weights_cannot_make_a_dispute_endless),
        cmocka_unit_test(a_late_sampler_makes_nobody_else_late),
        cmocka_unit_test(failures_in_turn_do_not_prolong_the_run),
        cmocka_unit_test(the_last_attempt_gets_what_is_left),
        cmocka_unit_test(the_requestor_may_complain_after_a_dispute),
        cmocka_unit_test(a_draw_on_nobody_passes_in_time),
        cmocka_unit_test(nobody_innocent_is_slashed),
        cmocka_unit_test(a_bond_outlasts_every_execution_it_serves),
        cmocka_unit_test(the_refund_goes_to_who_paid),
        cmocka_unit_test(nobody_counts_on_anothers_account),
        cmocka_unit_test(nobody_submits_for_another),
        cmocka_unit_test(one_group_takes_no_path),
        cmocka_unit_test(nothing_is_compared_before_its_reveal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
