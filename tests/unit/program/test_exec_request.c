// SPDX-License-Identifier: MIT
/* Requests: opening, escrow, and the ways out before anything runs. */
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t vault_amount(const struct play *p)
{
    return bank_token_amount(p->w->bank, p->w->vault);
}

static void openings_follow_the_rules(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint8_t model[32];
    call_request_open(&p, &c, 2);
    setting_expect(&p, &c, "NonceNotIncreasing");
    call_request_open(&p, &c, 1);
    CALL_ARGS(&c, request_open)->max_steps = 0;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, request_open)->max_steps = SU_STEPS_MAX + 1;
    setting_expect(&p, &c, "BadArgument");
    call_request_open(&p, &c, 1);
    CALL_ARGS(&c, request_open)->pad = 1;
    setting_expect(&p, &c, "BadArgument");
    w->epoch = 0;
    call_request_open(&p, &c, 1);
    setting_expect(&p, &c, "WrongEpoch");
    w->epoch = 1;
    memcpy(model, w->model, 32);
    world_model(w, "draft", 3, false);
    call_request_open(&p, &c, 1);
    setting_expect(&p, &c, "ModelNotFinalised");
    memcpy(w->model, model, 32);
    call_request_open(&p, &c, 1);
    setting_expect(&p, &c, "ok");
    call_request_open(&p, &c, 1);
    setting_expect(&p, &c, "NonceNotIncreasing"); /* nor is it opened twice */
    call_request_open(&p, &c, 2); /* one may stand beside the other */
    setting_expect(&p, &c, "ok");
    world_free(w);
}

static void without_oracles_there_is_no_request(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = world_new();
    world_model(w, "model", 2, true);
    play_init(&p, w, 1, 3, 2);
    call_request_open(&p, &c, 1);
    setting_expect(&p, &c, "WrongEpoch");
    world_free(w);
}

static void tasks_are_opened_once_each(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 6});
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 4);
    CALL_ARGS(&c, request_tasks)->count = 0;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, request_tasks)->count = 5;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, request_tasks)->count = 4;
    CALL_ARGS(&c, request_tasks)->first = 3;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, request_tasks)->first = 6;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, request_tasks)->first = UINT32_MAX;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, request_tasks)->first = 1;
    setting_expect(&p, &c, "WrongRelation");
    call_request_tasks(&p, &c, 0, 4);
    c.count -= 1;
    setting_expect(&p, &c, "NotEnoughAccounts");
    call_request_tasks(&p, &c, 0, 4);
    call_set_name(&c, "key", "owner0");
    setting_expect(&p, &c, "NotAuthorised");
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "TasksMissing");
    call_request_tasks(&p, &c, 0, 4);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "TaskAlreadyOpen");
    call_request_tasks(&p, &c, 3, 3);
    setting_expect(&p, &c, "TaskAlreadyOpen");
    call_request_tasks(&p, &c, 4, 2);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->opened, 6);
    assert_int_equal(play_exec(&p)->final_task, 5);
    call_request_submit(&p, &c);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 4);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void every_task_needs_three_owners(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_node_undeclare(w, &c, "node2", "owner2", 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    setting_expect(&p, &c, "TooFewOwners");
    world_node(w, "node9", "owner0", 5000ull * SU_USDC); /* no fourth owner */
    call_node_declare(w, &c, "node9", "owner0", 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    setting_expect(&p, &c, "TooFewOwners");
    call_node_declare(w, &c, "node2", "owner2", 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    setting_expect(&p, &c, "ok");
    world_free(w);
}

static void low_stake(struct su_params *p)
{
    p->stake_floor = 1000;
    p->stake_max = 200000; /* enough for one step: 26.8 x 5100 */
}

static void steps_can_make_a_task_unsafe(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.max_steps = 200, .tune = low_stake});
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    setting_expect(&p, &c, "EconomicsUnsafe");
    p.max_steps = 1;
    call_request_open(&p, &c, 2);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    setting_expect(&p, &c, "ok");
    world_free(w);
}

static void submit_takes_exactly_the_escrow(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    call_must(w, &c);
    const uint64_t fee = setting_fee(&p);
    uint64_t surcharge = 0;
    assert_true(su_econ_surcharge(&w->params, w->params.sampling_min_ppm, fee, &surcharge));
    const uint64_t escrow = 3 * (fee + surcharge) + w->params.oracle_fee;
    const uint64_t before = vault_amount(&p);
    call_request_submit(&p, &c);
    call_set_name(&c, "key", "owner0");
    setting_expect(&p, &c, "NotAuthorised");
    call_request_submit(&p, &c);
    CALL_ARGS(&c, request_submit)->max_escrow = escrow - 1;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, request_submit)->max_escrow = escrow;
    setting_expect(&p, &c, "ok");
    assert_int_equal(vault_amount(&p) - before, escrow);
    assert_int_equal(play_exec(&p)->escrow, escrow);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void a_run_longer_than_the_notice_of_a_config_is_refused(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.max_steps = 100000});
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    call_must(w, &c);
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "BadArgument");
    call_request_cancel(&p, &c);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_CANCELLED);
    world_free(w);
}

static void a_new_epoch_in_between_ends_the_opening(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 3);
    call_must(w, &c);
    call_config_next(w, &c, 3, NULL);
    call_must(w, &c);
    world_advance(w, w->params.config_delay_slots + 1);
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "WrongEpoch");
    w->epoch = 2;
    call_request_submit(&p, &c);
    setting_expect(&p, &c, "WrongEpoch");
    call_request_cancel(&p, &c);
    call_must(w, &c);
    w->epoch = 1; /* the execution stays with its epoch */
    setting_end(&p, SU_EXEC_VOID, SU_VOID_CANCELLED);
    world_free(w);
}

static void cancelling_gives_all_back(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_request_cancel(&p, &c);
    call_set_name(&c, "key", "owner0");
    setting_expect(&p, &c, "NotAuthorised");
    call_request_cancel(&p, &c);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_CANCELLED); /* OPENING, no task yet */
    call_request_open(&p, &c, 2);
    call_must(w, &c);
    call_request_tasks(&p, &c, 0, 1);
    call_must(w, &c);
    call_request_cancel(&p, &c);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_CANCELLED); /* some tasks */
    assert_int_equal(setting_refund(&p), 0);
    const uint64_t before = vault_amount(&p);
    setting_requested(&p, 3);
    const uint64_t escrow = play_exec(&p)->escrow;
    call_request_cancel(&p, &c);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_CANCELLED);
    assert_int_equal(setting_refund(&p), escrow);
    call_refund_claim(w, &c, "requestor");
    call_must(w, &c);
    assert_int_equal(vault_amount(&p), before);
    setting_requested(&p, 4);
    for (unsigned i = 0; i < 2; i++) {
        call_vote_assign(&p, &c, i);
        call_must(w, &c);
    }
    call_request_cancel(&p, &c);
    setting_expect(&p, &c, "WrongState"); /* the nodes count on it */
    world_free(w);
}

static void requests_expire_in_every_state_before_the_run(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 5});
    const uint64_t wait = w->params.request_expiry_slots;
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    world_advance(w, wait);
    call_request_expire(&p, &c);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, 1);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_EXPIRED);

    setting_requested(&p, 2);
    world_advance(w, wait + 1);
    call_vote_assign(&p, &c, 0);
    setting_expect(&p, &c, "TooLate");
    call_request_expire(&p, &c);
    setting_expect(&p, &c, "ok");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_EXPIRED);

    setting_requested(&p, 3);
    for (unsigned i = 0; i < 2; i++) {
        call_vote_assign(&p, &c, i);
        call_must(w, &c);
    }
    world_advance(w, wait + 1);
    call_request_expire(&p, &c); /* ASSIGNING, nothing taken */
    setting_expect(&p, &c, "ok");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_EXPIRED);

    setting_requested(&p, 4);
    for (unsigned i = 0; i < 2; i++) {
        call_vote_assign(&p, &c, i);
        call_must(w, &c);
    }
    call_assign(&p, &c, 0);
    call_must(w, &c);
    world_advance(w, wait + 1);
    call_request_expire(&p, &c); /* what is taken is given back first */
    setting_expect(&p, &c, "WrongState");
    for (unsigned t = 0; t < 4; t++) {
        call_release(&p, &c, t);
        call_must(w, &c);
    }
    call_request_expire(&p, &c);
    setting_expect(&p, &c, "ok");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_EXPIRED);
    call_request_expire(&p, &c);
    setting_expect(&p, &c, "WrongOwner"); /* nothing is left */

    setting_running(&p, 5);
    world_advance(w, wait + 1);
    call_request_expire(&p, &c);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openings_follow_the_rules),
        cmocka_unit_test(without_oracles_there_is_no_request),
        cmocka_unit_test(tasks_are_opened_once_each),
        cmocka_unit_test(every_task_needs_three_owners),
        cmocka_unit_test(steps_can_make_a_task_unsafe),
        cmocka_unit_test(submit_takes_exactly_the_escrow),
        cmocka_unit_test(a_run_longer_than_the_notice_of_a_config_is_refused),
        cmocka_unit_test(a_new_epoch_in_between_ends_the_opening),
        cmocka_unit_test(cancelling_gives_all_back),
        cmocka_unit_test(requests_expire_in_every_state_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
