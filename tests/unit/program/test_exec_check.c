// SPDX-License-Identifier: MIT
/* Checks: who may be passed over and why, roots, silence, and the committee. */
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Like setting_checking, with eight nodes of different owners. */
static struct world *wide(struct play *p)
{
    struct world *w = setting_world(p, &(struct setting){.nodes = 8});
    setting_checking(p, 1);
    return w;
}

/* A task whose present draw falls on `node`; others are moved on by hand. */
static unsigned task_on(struct play *p, unsigned node)
{
    for (unsigned t = 0; t < p->tasks; t++) {
        uint8_t key[32];
        struct su_acc_assignment a = *play_assignment(p, t);
        at_assignment(p->w, (uint16_t)t, key);
        for (a.cursor = 0; a.cursor < SU_CHECK_CONSUMERS_FROM; a.cursor++) {
            world_write(p->w, key, &a, sizeof a);
            if (play_drawn_node(p, t) == node)
                return t;
        }
    }
    fail_msg("no draw falls on that node");
    return 0;
}

/* The draw may be passed over, and not be accepted. */
static void must_skip(struct play *p, unsigned task, unsigned node)
{
    struct call c;
    const uint32_t cursor = play_assignment(p, task)->cursor;
    call_check_accept(p, &c, task, node);
    setting_expect(p, &c, "NotEligible");
    call_check_skip(p, &c, task, node);
    assert_true(setting_works(p, &c));
    setting_expect(p, &c, "ok");
    assert_int_equal(play_assignment(p, task)->cursor, cursor + 1);
}

static void node_write(struct play *p, const struct su_acc_node *node)
{
    uint8_t key[32];
    at_key(p->w, "node", node->identity, key);
    world_write(p->w, key, node, sizeof *node);
}

static void the_fit_may_not_be_passed_over(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = wide(&p);
    const unsigned t = task_on(&p, 6); /* neither asserter nor consumer */
    call_check_skip(&p, &c, t, 6);
    setting_expect(&p, &c, "StillEligible");
    call_check_skip(&p, &c, t, 5);
    setting_expect(&p, &c, "NotTheValidator");
    call_check_accept(&p, &c, t, 5);
    setting_expect(&p, &c, "NotTheValidator");
    call_check_accept(&p, &c, t, 6);
    call_set_name(&c, "identity", "node5");
    setting_expect(&p, &c, "NotTheValidator");
    call_check_skip(&p, &c, t, 6);
    CALL_ARGS(&c, check_row)->high += 100; /* a row of its own making */
    setting_expect(&p, &c, "BadProof");
    call_check_skip(&p, &c, t, 6);
    CALL_ARGS(&c, check_row)->tasks[0] = 0;
    setting_expect(&p, &c, "BadProof");
    call_check_skip(&p, &c, t, 6);
    CALL_ARGS(&c, check_row)->path_len = 2;
    setting_expect(&p, &c, "BadProof");
    CALL_ARGS(&c, check_row)->path_len = SU_TABLE_DEPTH_MAX + 1;
    setting_expect(&p, &c, "BadProof");
    call_check_skip(&p, &c, t, 6);
    CALL_ARGS(&c, check_row)->row = 8;
    setting_expect(&p, &c, "BadProof");
    call_check_skip(&p, &c, t, 6);
    struct call five;
    call_check_skip(&p, &five, t, 5);
    c.metas[call_find(&c, "node")] = five.metas[call_find(&five, "node")];
    setting_expect(&p, &c, "WrongAddress");
    call_check_accept(&p, &c, t, 6);
    setting_expect(&p, &c, "ok");
    assert_int_equal(setting_node(&p, 6)->stake_reserved, w->params.stake_floor);
    setting_expect(&p, &c, "WrongState");
    call_check_skip(&p, &c, t, 6);
    setting_expect(&p, &c, "WrongState"); /* accepted */
    world_free(w);
}

static void reasons_to_pass_over(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = wide(&p);
    struct su_acc_node node;
    must_skip(&p, task_on(&p, 0), 0); /* node 0: asserter of task 0, or another's consumer */
    unsigned t = task_on(&p, 5);
    node = *setting_node(&p, 5); /* other numerics */
    node.numerics_version++;
    node_write(&p, &node);
    must_skip(&p, t, 5);
    t = task_on(&p, 6);
    node = *setting_node(&p, 6); /* too little free stake */
    node.stake_free = w->params.stake_floor - 1;
    node_write(&p, &node);
    must_skip(&p, t, 6);
    t = task_on(&p, 7);
    call_check_skip(&p, &c, t, 7); /* no node any more */
    struct svm_account gone = {.lamports = 0};
    memcpy(gone.key, c.metas[call_find(&c, "node")].key, 32);
    bank_account_set(w->bank, &gone);
    setting_expect(&p, &c, "ok");
    t = task_on(&p, 4);
    node = *setting_node(&p, 4); /* another owner than in the table */
    memset(node.owner, 0x31, 32);
    node_write(&p, &node);
    must_skip(&p, t, 4);
    world_free(w);
}

static void the_asserters_owner_never_checks(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 8});
    setting_requested(&p, 1);
    for (unsigned t = 0; t < 3; t++)
        p.task[t].node = 0;
    play_plan(&p);
    play_assign(&p);
    play_commit(&p);
    play_draw_all(&p);
    const unsigned t = task_on(&p, 0);
    must_skip(&p, t, 0);
    (void)c;
    world_free(w);
}

static void consumers_come_last(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 2});
    /* With three owners asked for and two nodes, the third is someone who only declares. */
    world_node(w, "node2", "owner2", 10000ull * SU_USDC);
    world_declare(w, "node2", "owner2", 3);
    setting_checking(&p, 1); /* node 0: tasks 0 and 2; node 1: task 1 */
    unsigned cursor = 0;
    for (; cursor < SU_CHECK_CONSUMERS_FROM; cursor++) {
        const unsigned drawn = play_drawn_node(&p, 0);
        call_check_accept(&p, &c, 0, drawn);
        setting_expect(&p, &c, "NotEligible"); /* the asserter, or its consumer */
        call_check_skip(&p, &c, 0, drawn);
        setting_expect(&p, &c, "ok");
    }
    for (; play_drawn_node(&p, 0) != 1; cursor++) {
        call_check_skip(&p, &c, 0, 0);
        setting_expect(&p, &c, "ok");
    }
    call_check_skip(&p, &c, 0, 1);
    setting_expect(&p, &c, "StillEligible"); /* better than nobody */
    call_check_accept(&p, &c, 0, 1);
    setting_expect(&p, &c, "ok");
    world_free(w);
}

static void used_up_draws_lead_to_the_committee(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_requested(&p, 1);
    for (unsigned t = 0; t < 3; t++)
        p.task[t].node = 0;
    for (unsigned i = 1; i < 3; i++) { /* all the weight is one owner's */
        p.low[i] = p.high[i] = p.table_total = p.high[0];
    }
    play_plan(&p);
    play_assign(&p);
    play_commit(&p);
    play_draw_all(&p);
    for (unsigned i = 0; i < SU_CHECK_DRAWS_MAX; i++) {
        assert_int_equal(play_exec(&p)->checked, 0);
        call_check_skip(&p, &c, 1, 0);
        setting_expect(&p, &c, "ok");
    }
    call_check_skip(&p, &c, 1, 0);
    setting_expect(&p, &c, "WrongState");
    assert_int_equal(play_exec(&p)->checked, 1);
    assert_int_equal(play_assignment(&p, 1)->dispute, SU_DISPUTE_COMMITTEE);
    world_free(w);
}

static void a_tried_validator_is_not_tried_again(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = wide(&p);
    const unsigned t = task_on(&p, 6);
    call_check_accept(&p, &c, t, 6);
    call_must(w, &c);
    const uint64_t deadline = play_assignment(&p, t)->deadline_slot;
    call_check_expire(&p, &c, t);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, deadline - bank_slot(w->bank) + 1);
    call_check_post(&p, &c, t, 6, false);
    setting_expect(&p, &c, "TooLate");
    struct call expire;
    call_check_expire(&p, &expire, t);
    setting_expect(&p, &expire, "ok");
    setting_expect(&p, &c, "WrongState");
    assert_true(play_assignment(&p, t)->deadline_slot > deadline);
    assert_int_equal(task_on(&p, 6), t); /* drawn again */
    must_skip(&p, t, 6);
    world_free(w);
}

static void posts_follow_the_rules(void **unused)
{
    (void)unused;
    struct play p;
    struct call c, other;
    struct world *w = wide(&p);
    unsigned node[3];
    for (unsigned t = 0; t < 3; t++) {
        node[t] = setting_drawn(&p, t);
        call_check_accept(&p, &c, t, node[t]);
        call_must(w, &c);
    }
    call_check_post(&p, &c, 0, (node[0] + 1) % 8, false);
    setting_expect(&p, &c, "NotTheValidator");
    call_check_post(&p, &c, 0, node[0], false);
    call_check_post(&p, &other, 1, node[1], false);
    c.metas[call_find(&c, "check")] = other.metas[call_find(&other, "check")];
    setting_expect(&p, &c, "WrongRelation");
    for (unsigned t = 0; t < 3; t++) {
        assert_int_equal(play_exec(&p)->state, SU_EXEC_CHECKING);
        call_check_post(&p, &c, t, node[t], false);
        setting_expect(&p, &c, "ok");
        setting_expect(&p, &c, "WrongState");
        call_check_expire(&p, &c, t);
        setting_expect(&p, &c, "WrongState");
    }
    assert_int_equal(play_exec(&p)->state, SU_EXEC_REVEALING);
    world_free(w);
}

static void only_sampled_tasks_are_checked(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 16});
    for (uint64_t nonce = 1;; nonce++) {
        assert_true(nonce < 20);
        setting_committed(&p, nonce);
        play_draw(&p);
        if (play_exec(&p)->state == SU_EXEC_CHECKING)
            break;
    }
    unsigned t = 0;
    while (play_exec(&p)->tasks[t].flags & SU_TASKF_SAMPLED)
        t++;
    call_check_skip(&p, &c, t, play_drawn_node(&p, t));
    setting_expect(&p, &c, "WrongState");
    call_check_accept(&p, &c, t, play_drawn_node(&p, t));
    setting_expect(&p, &c, "WrongState");
    world_advance(w, 100000);
    call_check_expire(&p, &c, t);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void silent_validators_lead_to_the_committee(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = wide(&p);
    const unsigned t = task_on(&p, 6);
    call_check_accept(&p, &c, t, 6); /* one that accepts and stays silent, then two that never do */
    call_must(w, &c);
    setting_committee(&p, t);
    const struct su_acc_assignment *a = play_assignment(&p, t);
    assert_int_equal(a->checks, w->params.validators_max);
    assert_int_equal(a->dispute, SU_DISPUTE_COMMITTEE);
    assert_true(play_exec(&p)->tasks[t].flags & SU_TASKF_DISPUTED);
    call_check_accept(&p, &c, t, play_drawn_node(&p, t));
    setting_expect(&p, &c, "WrongState");
    for (unsigned i = 0; i < 3; i++)
        if (i != t)
            setting_committee(&p, i);
    assert_int_equal(play_exec(&p)->state, SU_EXEC_REVEALING);
    for (unsigned i = 0; i < 3; i++) {
        call_vote_task(&p, &c, 0, i, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
        setting_expect(&p, &c, "NotRevealed");
    }
    setting_reveal(&p, -1);
    for (unsigned i = 0; i < 3; i++)
        setting_vote(&p, i, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
    const uint64_t pool = setting_pool(&p);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    assert_true(setting_pool(&p) > pool); /* surcharges; the silent one has no claim */
    const struct su_acc_pool *now = world_read(w, SU_TAG_POOL, w->pool);
    assert_int_equal(now->claims_next, 0);
    assert_int_equal(setting_node(&p, 6)->checks, 0);
    assert_int_equal(setting_node(&p, 6)->slashed, 0);
    world_free(w);
}

static void late_acceptance_is_refused(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = wide(&p);
    const unsigned t = task_on(&p, 6);
    world_advance(w, 100000);
    call_check_accept(&p, &c, t, 6);
    setting_expect(&p, &c, "TooLate");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fit_may_not_be_passed_over),
        cmocka_unit_test(reasons_to_pass_over),
        cmocka_unit_test(the_asserters_owner_never_checks),
        cmocka_unit_test(consumers_come_last),
        cmocka_unit_test(used_up_draws_lead_to_the_committee),
        cmocka_unit_test(a_tried_validator_is_not_tried_again),
        cmocka_unit_test(posts_follow_the_rules),
        cmocka_unit_test(only_sampled_tasks_are_checked),
        cmocka_unit_test(silent_validators_lead_to_the_committee),
        cmocka_unit_test(late_acceptance_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
