// SPDX-License-Identifier: MIT
/* Whole executions, from request to the last closed account. */
#include "support/execution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ORACLES = 3, TASKS = 3, NODES = 3 };

static struct world *scene(struct play *p, unsigned tasks)
{
    struct world *w = world_full(ORACLES, tasks);
    play_init(p, w, ORACLES, NODES, tasks);
    return w;
}

/* What the nodes may claim. */
static uint64_t earned(struct world *w)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < NODES; i++) {
        char name[32];
        snprintf(name, sizeof name, "node%u", i);
        sum += world_node_read(w, name)->earned;
    }
    return sum;
}

static void unsampled_execution_pays_its_asserters(void **state)
{
    (void)state;
    struct play p;
    struct call c;
    struct world *w = scene(&p, TASKS);
    for (uint64_t nonce = 1;; nonce++) { /* until a draw samples nothing */
        play_request(&p, nonce);
        uint64_t escrow = play_exec(&p)->escrow, before = earned(w);
        play_assign(&p);
        assert_int_equal(play_exec(&p)->state, SU_EXEC_RUNNING);
        play_commit(&p);
        play_draw(&p);
        bool sampled = play_exec(&p)->sampled > 0;
        play_check(&p, -1);
        assert_int_equal(play_exec(&p)->state, SU_EXEC_REVEALING);
        play_reveal(&p);
        assert_int_equal(play_exec(&p)->done, TASKS);
        call_conclude(&p, &c, false);
        assert_string_equal(call_try(w, &c), "TooEarly");
        call_conclude(&p, &c, true);
        call_must(w, &c);
        assert_int_equal(play_exec(&p)->state, SU_EXEC_SETTLED);
        assert_true(play_clear(&p));
        uint64_t fee;
        const struct su_acc_task *t;
        uint8_t key[32];
        at_task(w, 0, key);
        t = world_read(w, SU_TAG_TASK, key);
        assert_true(su_econ_fee(&w->params, t->fee_unit, t->macs_per_step, 1, &fee));
        assert_int_equal(earned(w) - before, TASKS * fee);
        assert_true(escrow > TASKS * fee);
        if (!sampled)
            break;
    }
    world_free(w);
}

static void sampled_execution_pays_its_validators_by_claims(void **state)
{
    (void)state;
    struct play p;
    struct call c;
    struct world *w = scene(&p, TASKS);
    play_request(&p, 1);
    play_assign(&p);
    play_commit(&p);
    play_draw_all(&p);
    assert_int_equal(play_exec(&p)->sampled, TASKS);
    assert_int_equal(play_exec(&p)->state, SU_EXEC_CHECKING);
    play_check(&p, -1);
    play_reveal(&p);
    call_conclude(&p, &c, true);
    call_must(w, &c);
    assert_true(play_clear(&p));
    const struct su_acc_pool *pool = world_read(w, SU_TAG_POOL, w->pool);
    assert_int_equal(pool->claims_next - pool->claims_head, TASKS);
    world_free(w);
}

static void votes_verdict(struct play *p, unsigned task, uint8_t verdict, uint16_t other)
{
    struct call c;
    for (unsigned i = 0; i < 2; i++) {
        call_vote_task(p, &c, i, task, SU_QUESTION_VERDICT, verdict, other);
        call_must(p->w, &c);
    }
}

static void a_lying_asserter_is_slashed_and_pays_the_others(void **state)
{
    (void)state;
    struct play p;
    struct call c;
    struct world *w = scene(&p, TASKS);
    play_request(&p, 1);
    play_assign(&p);
    p.task[1].output_roots[0][0] ^= 1; /* node1 computes something else */
    memcpy(p.task[2].input_roots[0], p.task[1].output_roots[0], 32);
    play_commit(&p);
    play_draw_all(&p);
    for (unsigned t = 0; t < TASKS; t++) {
        uint64_t refused = 0;
        for (;;) {
            unsigned node = play_drawn_node(&p, t);
            call_check_skip(&p, &c, t, node);
            if (call_run(w, &c) != 0)
                break;
            refused++;
        }
        assert_true(refused < SU_CHECK_DRAWS_MAX);
        unsigned node = play_drawn_node(&p, t);
        call_check_accept(&p, &c, t, node);
        call_must(w, &c);
        call_check_post(&p, &c, t, node, false);
        call_must(w, &c);
    }
    play_reveal(&p);
    const struct su_acc_execution *exec = play_exec(&p);
    assert_true(exec->tasks[1].flags & SU_TASKF_DISPUTED);
    votes_verdict(&p, 1, SU_VERDICT_ASSERTER, 0);
    assert_int_equal(play_exec(&p)->tasks[1].state, SU_TASK_VERIFICATION_FAILED);
    /* Task 2's validator had other inputs than its asserter: the producer signed both. */
    votes_verdict(&p, 2, SU_VERDICT_PRODUCER, 1);
    assert_int_equal(play_exec(&p)->tasks[2].state, SU_TASK_VERIFIED);
    assert_int_equal(play_exec(&p)->faults, 1);
    call_conclude(&p, &c, false);
    call_must(w, &c);
    exec = play_exec(&p);
    assert_int_equal(exec->state, SU_EXEC_VOID);
    assert_int_equal(exec->void_cause, SU_VOID_FAULT);
    uint64_t escrow = exec->escrow, before = earned(w);
    uint64_t stake = world_node_read(w, "node1")->stake_free;
    assert_true(play_clear(&p));
    const struct su_acc_node *liar = world_node_read(w, "node1");
    assert_int_equal(liar->slashed, 1);
    assert_int_equal(liar->stake_reserved, 0);
    assert_int_equal(liar->stake_free, stake);
    assert_true(earned(w) > before);
    uint8_t key[32];
    at_key(w, "requestor", w->requestor, key);
    const struct su_acc_requestor *r = world_read(w, SU_TAG_REQUESTOR, key);
    assert_int_equal(r->refund, escrow);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsampled_execution_pays_its_asserters),
        cmocka_unit_test(sampled_execution_pays_its_validators_by_claims),
        cmocka_unit_test(a_lying_asserter_is_slashed_and_pays_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
