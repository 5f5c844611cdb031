// SPDX-License-Identifier: MIT
/* Assignment: votes by round, reserves taken and given back, failed tasks and new nodes. */
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void vote(struct play *p, unsigned count)
{
    struct call c;
    for (unsigned i = 0; i < count; i++) {
        call_vote_assign(p, &c, i);
        call_must(p->w, &c);
    }
}

static void votes_count_within_one_round(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.oracles = 4}); /* three decide */
    setting_requested(&p, 1);
    call_vote_assign(&p, &c, 0);
    call_set_name(&c, "oracle", "node0");
    setting_expect(&p, &c, "NotAnOracle");
    call_vote_assign(&p, &c, 0);
    CALL_ARGS(&c, vote_assign)->round++;
    setting_expect(&p, &c, "WrongRound");
    call_vote_assign(&p, &c, 0);
    CALL_ARGS(&c, vote_assign)->table_total = 0;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, vote_assign)->table_total = (1ull << 60) + 1;
    setting_expect(&p, &c, "BadArgument");
    call_vote_assign(&p, &c, 0);
    CALL_ARGS(&c, vote_assign)->table_depth = SU_TABLE_DEPTH_MAX + 1;
    setting_expect(&p, &c, "BadArgument");
    call_vote_assign(&p, &c, 0);
    CALL_ARGS(&c, vote_assign)->owner_share_ppm = 900001;
    setting_expect(&p, &c, "BadArgument");
    call_vote_assign(&p, &c, 0);
    CALL_ARGS(&c, vote_assign)->pad[0] = 1;
    setting_expect(&p, &c, "BadArgument");

    vote(&p, 2);
    call_vote_assign(&p, &c, 1);
    setting_expect(&p, &c, "AlreadyVoted");
    CALL_ARGS(&c, vote_assign)->table_root[0] ^= 1; /* nor may it change its mind */
    setting_expect(&p, &c, "AlreadyVoted");
    call_vote_assign(&p, &c, 2);
    CALL_ARGS(&c, vote_assign)->table_root[0] ^= 1; /* another table */
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->state, SU_EXEC_REQUESTED);
    world_advance(w, w->params.round_slots); /* the old votes are void */
    call_vote_assign(&p, &c, 3);
    setting_expect(&p, &c, "ok");
    call_vote_assign(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->state, SU_EXEC_REQUESTED);
    call_vote_assign(&p, &c, 1);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->state, SU_EXEC_ASSIGNING);
    assert_int_equal(play_exec(&p)->oracles_voted, 1u << 0 | 1u << 1 | 1u << 3);
    call_vote_assign(&p, &c, 2);
    setting_expect(&p, &c, "WrongState"); /* while its round runs */
    world_advance(w, w->params.round_slots + 1);
    for (unsigned i = 1; i < 4; i++) {
        call_vote_assign(&p, &c, i);
        setting_expect(&p, &c, "ok");
    }
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->state, SU_EXEC_RUNNING);
    call_vote_assign(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void only_the_voted_assignment_is_taken(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 6});
    setting_requested(&p, 1);
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    vote(&p, 2);
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->node_of[0] = 1; /* other nodes than voted */
    setting_expect(&p, &c, "BadProof");
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->path[0][0] ^= 1;
    setting_expect(&p, &c, "BadProof");
    CALL_ARGS(&c, assign)->path_len = SU_ASSIGN_PATH_MAX + 1;
    setting_expect(&p, &c, "BadProof");
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->path_len = 0;
    setting_expect(&p, &c, "BadProof");
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->group = 2;
    setting_expect(&p, &c, "BadArgument");
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->count = 3;
    setting_expect(&p, &c, "BadArgument");
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->node_count = 0;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, assign)->node_count = 5;
    setting_expect(&p, &c, "BadArgument");
    call_assign(&p, &c, 0);
    CALL_ARGS(&c, assign)->node_of[2] = 3;
    setting_expect(&p, &c, "BadArgument");
    call_assign(&p, &c, 1);
    CALL_ARGS(&c, assign)->node_of[2] = 1; /* of a task that is not there */
    setting_expect(&p, &c, "BadArgument");
    call_assign(&p, &c, 0);
    c.count--;
    setting_expect(&p, &c, "NotEnoughAccounts");
    call_assign(&p, &c, 0);
    struct svm_meta swap = c.metas[4]; /* two assignments in each other's place */
    c.metas[4] = c.metas[5];
    c.metas[5] = swap;
    setting_expect(&p, &c, "WrongRelation");
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState"); /* not twice */
    world_advance(w, w->params.round_slots + 1);
    call_assign(&p, &c, 1);
    setting_expect(&p, &c, "TooLate");
    world_free(w);
}

static void set_node_field(struct play *p, unsigned number, uint32_t numerics, uint64_t free)
{
    struct su_acc_node node = *setting_node(p, number);
    uint8_t key[32];
    at_key(p->w, "node", node.identity, key);
    if (numerics != 0)
        node.numerics_version = numerics;
    node.stake_free = free;
    world_write(p->w, key, &node, sizeof node);
}

static void nodes_must_be_fit(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_requested(&p, 1);
    vote(&p, 2);
    const uint64_t had = setting_node(&p, 1)->stake_free;
    const uint32_t version = w->params.numerics_version;
    set_node_field(&p, 1, version + 1, had); /* since then on other numerics */
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "WrongNumerics");
    set_node_field(&p, 1, version, w->params.stake_floor - 1);
    setting_expect(&p, &c, "InsufficientStake");
    set_node_field(&p, 1, version, had);
    call_node_undeclare(w, &c, "node1", "owner1", 1);
    call_must(w, &c);
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "NotDeclared");
    call_node_declare(w, &c, "node1", "owner1", 1);
    call_must(w, &c);
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    assert_int_equal(setting_node(&p, 1)->stake_reserved, w->params.stake_floor);
    assert_int_equal(setting_node(&p, 1)->stake_free, had - w->params.stake_floor);
    world_free(w);
}

static void tight_stake(struct su_params *p)
{
    p->stake_floor = 1000;
    p->stake_max = 1000000; /* a share of 90 % asks for more */
}

static void a_large_owner_raises_the_stake(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tune = tight_stake});
    uint64_t stake = 0;
    setting_requested(&p, 1);
    p.owner_share_ppm = 900000;
    vote(&p, 2);
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "EconomicsUnsafe");
    world_advance(w, w->params.round_slots + 1);
    p.owner_share_ppm = 500000;
    vote(&p, 2);
    call_assign(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    assert_true(
        su_econ_stake(&w->params, w->params.sampling_min_ppm, 500000, setting_fee(&p), &stake));
    assert_int_equal(play_assignment(&p, 0)->stake, stake);
    assert_int_equal(setting_node(&p, 0)->stake_reserved, stake);
    world_free(w);
}

static void one_reserve_per_node_grows_with_its_tasks(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 5, .tune = tight_stake});
    setting_requested(&p, 1);
    for (unsigned t = 0; t < 5; t++)
        p.task[t].node = 0;
    play_plan(&p);
    vote(&p, 2);
    for (unsigned g = 0; g < 2; g++) {
        call_assign(&p, &c, g);
        call_must(w, &c);
    }
    assert_int_equal(play_exec(&p)->reserves_open, 1);
    assert_int_equal(setting_node(&p, 0)->stake_reserved, 5 * play_assignment(&p, 0)->stake);
    world_free(w);
}

static void a_partial_assignment_is_released(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 6});
    setting_requested(&p, 1);
    vote(&p, 2);
    call_assign(&p, &c, 0);
    call_must(w, &c);
    call_release(&p, &c, 0);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, w->params.round_slots + 1);
    call_vote_assign(&p, &c, 0);
    setting_expect(&p, &c, "WrongState"); /* not before all is given back */
    call_release(&p, &c, 4);
    setting_expect(&p, &c, "WrongState"); /* was never taken */
    call_release(&p, &c, 0);
    struct call other;
    call_release(&p, &other, 1);
    c.metas[call_find(&c, "node")] = other.metas[call_find(&other, "node")];
    setting_expect(&p, &c, "WrongRelation");
    for (unsigned t = 0; t < 4; t++) {
        call_release(&p, &c, t);
        setting_expect(&p, &c, "ok");
        if (t == 0) /* node 0 has task 3 too */
            assert_int_equal(setting_node(&p, 0)->reserves_open, 1);
    }
    assert_int_equal(play_exec(&p)->state, SU_EXEC_REQUESTED);
    assert_int_equal(play_exec(&p)->reserves_open, 0);
    call_release(&p, &c, 0);
    setting_expect(&p, &c, "WrongOwner");
    play_assign(&p); /* queued again, and now it works */
    assert_int_equal(play_exec(&p)->state, SU_EXEC_RUNNING);
    world_free(w);
}

static void questions_follow_the_rules(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_running(&p, 1);
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 0, 0);
    call_set_name(&c, "oracle", "node0");
    setting_expect(&p, &c, "NotAnOracle");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 1, 0);
    setting_expect(&p, &c, "BadArgument");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 0, 1);
    setting_expect(&p, &c, "BadArgument");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 0, 0);
    CALL_ARGS(&c, vote_task)->subject[5] = 1;
    setting_expect(&p, &c, "BadArgument");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 0, 0);
    CALL_ARGS(&c, vote_task)->pad = 1;
    setting_expect(&p, &c, "BadArgument");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_ASSIGN, 0, 0);
    setting_expect(&p, &c, "BadArgument");
    call_vote_task(&p, &c, 0, 1, 9, 0, 0);
    setting_expect(&p, &c, "BadArgument");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 0, 0);
    CALL_ARGS(&c, vote_task)->attempt = 1;
    setting_expect(&p, &c, "WrongAttempt");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 0, 0);
    CALL_ARGS(&c, vote_task)->round++;
    setting_expect(&p, &c, "WrongRound");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_REASSIGN, 2, 0);
    setting_expect(&p, &c, "WrongState"); /* it has a node */
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    setting_expect(&p, &c, "WrongState"); /* nothing is disputed */
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_FAILED, 0, 0);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "AlreadyVoted");
    world_advance(w, w->params.round_slots);
    call_vote_task(&p, &c, 1, 1, SU_QUESTION_FAILED, 0, 0);
    setting_expect(&p, &c, "ok"); /* the first vote was of another round */
    assert_int_equal(play_exec(&p)->tasks[1].state, SU_TASK_ASSIGNED);
    call_commit(&p, &c, 0);
    call_must(w, &c);
    call_vote_task(&p, &c, 0, 0, SU_QUESTION_FAILED, 0, 0);
    setting_expect(&p, &c, "WrongState"); /* it has delivered */
    world_free(w);
}

static void a_failed_task_goes_to_another_node(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_running(&p, 1);
    const uint64_t deadline = play_exec(&p)->deadline_slot;
    call_reassign(&p, &c, 1, 2);
    setting_expect(&p, &c, "NotApproved");
    setting_vote(&p, 1, SU_QUESTION_FAILED, 0, 0);
    assert_int_equal(play_exec(&p)->tasks[1].state, SU_TASK_UNASSIGNED);
    assert_int_equal(play_exec(&p)->tasks[1].attempt, 1);
    call_commit(&p, &c, 1);
    setting_expect(&p, &c, "WrongState"); /* the old node is out */
    call_reassign(&p, &c, 1, 2);
    setting_expect(&p, &c, "NotApproved");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_REASSIGN, 2, 0);
    memset(CALL_ARGS(&c, vote_task)->subject, 0, 32);
    setting_expect(&p, &c, "BadArgument");
    setting_vote(&p, 1, SU_QUESTION_REASSIGN, 2, 0);
    call_vote_task(&p, &c, 2, 1, SU_QUESTION_REASSIGN, 0, 0);
    setting_expect(&p, &c, "WrongState"); /* decided */
    call_reassign(&p, &c, 1, 0);
    setting_expect(&p, &c, "WrongRelation");
    world_advance(w, w->params.round_slots + 1);
    call_reassign(&p, &c, 1, 2);
    setting_expect(&p, &c, "TooLate");
    setting_vote(&p, 1, SU_QUESTION_REASSIGN, 2, 0); /* once more */
    call_reassign(&p, &c, 1, 2);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "NotApproved");
    assert_true(play_exec(&p)->deadline_slot > deadline); /* longer, and from now */
    assert_int_equal(setting_node(&p, 1)->reserves_open, 1); /* locked until the end */
    p.task[1].node = 2;
    play_commit(&p);
    play_draw_all(&p);
    play_check(&p, -1);
    play_reveal(&p);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    assert_int_equal(setting_node(&p, 1)->completed, 0);
    assert_int_equal(setting_node(&p, 2)->completed, 2);
    world_free(w);
}

static void the_same_node_may_try_again(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_running(&p, 1);
    setting_vote(&p, 1, SU_QUESTION_FAILED, 0, 0);
    setting_vote(&p, 1, SU_QUESTION_REASSIGN, 1, 0);
    call_reassign(&p, &c, 1, 1);
    call_must(w, &c);
    call_commit(&p, &c, 1);
    CALL_ARGS(&c, commit)->attempt = 0;
    setting_expect(&p, &c, "WrongAttempt");
    play_commit(&p);
    play_draw_all(&p);
    play_check(&p, -1);
    play_reveal(&p);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

static void three_attempts_end_it(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_running(&p, 1);
    const uint64_t escrow = play_exec(&p)->escrow;
    call_commit(&p, &c, 0);
    call_must(w, &c);
    call_commit_expire(&p, &c, 1);
    setting_expect(&p, &c, "TooEarly");
    call_commit_expire(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    for (unsigned attempt = 0; attempt < 3; attempt++) {
        world_advance(w, play_exec(&p)->deadline_slot - bank_slot(w->bank));
        call_commit_expire(&p, &c, 1);
        setting_expect(&p, &c, "TooEarly");
        world_advance(w, 1);
        call_commit(&p, &c, 2);
        setting_expect(&p, &c, "TooLate");
        call_commit_expire(&p, &c, 1);
        setting_expect(&p, &c, "ok");
        if (attempt == 2)
            break;
        setting_vote(&p, 1, SU_QUESTION_REASSIGN, 1, 0);
        call_reassign(&p, &c, 1, 1);
        call_must(w, &c);
    }
    const uint64_t stake = setting_node(&p, 1)->stake_reserved;
    assert_int_equal(stake, w->params.stake_floor);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_ATTEMPTS);
    assert_int_equal(setting_refund(&p), escrow);
    assert_int_equal(setting_node(&p, 0)->earned, 0); /* nobody is paid, nobody slashed */
    assert_int_equal(setting_node(&p, 1)->slashed, 0);
    world_free(w);
}

static void a_task_that_nobody_takes_ends_it(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_running(&p, 1);
    setting_vote(&p, 1, SU_QUESTION_FAILED, 0, 0);
    setting_vote(&p, 1, SU_QUESTION_REASSIGN, 2, 0); /* approved and never taken over */
    world_advance(w, w->params.request_expiry_slots);
    call_commit_expire(&p, &c, 1);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, 1);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_ATTEMPTS);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(votes_count_within_one_round),
        cmocka_unit_test(only_the_voted_assignment_is_taken),
        cmocka_unit_test(nodes_must_be_fit),
        cmocka_unit_test(a_large_owner_raises_the_stake),
        cmocka_unit_test(one_reserve_per_node_grows_with_its_tasks),
        cmocka_unit_test(a_partial_assignment_is_released),
        cmocka_unit_test(questions_follow_the_rules),
        cmocka_unit_test(a_failed_task_goes_to_another_node),
        cmocka_unit_test(the_same_node_may_try_again),
        cmocka_unit_test(three_attempts_end_it),
        cmocka_unit_test(a_task_that_nobody_takes_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
