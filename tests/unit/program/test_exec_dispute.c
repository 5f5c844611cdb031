// SPDX-License-Identifier: MIT
/* Reveals, comparisons, disputes of every kind with every verdict, silence and missing outputs. */
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reveals_open_commitments(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_checking(&p, 1);
    call_reveal(&p, &c, 0);
    setting_expect(&p, &c, "WrongState"); /* not while anyone may still check */
    play_check(&p, -1);
    call_reveal(&p, &c, 0);
    call_set_name(&c, "identity", "node1");
    setting_expect(&p, &c, "NotTheAsserter");
    call_reveal(&p, &c, 0);
    CALL_ARGS(&c, reveal)->salt[0] ^= 1;
    setting_expect(&p, &c, "RevealMismatch");
    call_reveal(&p, &c, 0);
    CALL_ARGS(&c, reveal)->witness_root[31] ^= 1;
    setting_expect(&p, &c, "RevealMismatch");
    for (unsigned i = 0; i < 2; i++) {
        call_reveal(&p, &c, 0);
        CALL_ARGS(&c, reveal)->roots[i][7] ^= 1;
        setting_expect(&p, &c, "RevealMismatch");
    }
    call_reveal(&p, &c, 0);
    CALL_ARGS(&c, reveal)->roots[2][0] = 1; /* more than the task has */
    setting_expect(&p, &c, "BadArgument");
    call_match(&p, &c, 1);
    setting_expect(&p, &c, "NotRevealed");
    call_reveal(&p, &c, 1);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    call_match(&p, &c, 1);
    setting_expect(&p, &c, "NotRevealed"); /* its producer */
    CALL_ARGS(&c, match)->mask = 0;
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, match)->mask = 2;
    setting_expect(&p, &c, "BadArgument");
    call_reveal(&p, &c, 2);
    setting_expect(&p, &c, "ok");
    call_match(&p, &c, 1);
    uint8_t key[32];
    at_assignment(w, 2, key); /* not where the input comes from */
    memcpy(c.metas[3].key, key, 32);
    setting_expect(&p, &c, "WrongRelation");
    c.count--;
    setting_expect(&p, &c, "NotEnoughAccounts");
    call_conclude(&p, &c, true);
    setting_expect(&p, &c, "WrongState"); /* not everything is done */
    call_reveal(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->tasks[0].state, SU_TASK_VERIFIED);
    call_match(&p, &c, 1);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    call_match(&p, &c, 2);
    setting_expect(&p, &c, "ok");
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

/* Votes, and what then holds: slashes of asserters by number, the cause. */
static void verdict(struct play *p, unsigned task, uint8_t what, uint16_t other)
{
    setting_vote(p, task, SU_QUESTION_VERDICT, what, other);
    assert_int_equal(play_assignment(p, task)->verdict, what);
    assert_int_equal(play_exec(p)->tasks[task].flags & SU_TASKF_DISPUTED, 0);
}

static void verdicts_follow_the_rules(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_revealing(&p, 1, 1);
    setting_reveal(&p, -1);
    assert_int_equal(play_assignment(&p, 1)->dispute, SU_DISPUTE_ROOTS);
    assert_int_equal(play_exec(&p)->disputes_open, 1);
    static const uint8_t bad[] = {
        SU_VERDICT_NONE, SU_VERDICT_RIGHT, SU_VERDICT_UNDECIDED, 31, 32, 255};
    for (size_t i = 0; i < sizeof bad; i++) {
        call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, bad[i], 0);
        setting_expect(&p, &c, "BadVerdict");
    }
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 1);
    setting_expect(&p, &c, "BadVerdict"); /* nobody else is meant */
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_PRODUCER, 2);
    setting_expect(&p, &c, "BadVerdict"); /* not its producer */
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    CALL_ARGS(&c, vote_task)->subject[0] = 1;
    setting_expect(&p, &c, "BadArgument");
    call_vote_task(&p, &c, 0, 0, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    setting_expect(&p, &c, "WrongState"); /* not disputed */
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    setting_expect(&p, &c, "ok");
    call_vote_task(&p, &c, 1, 1, SU_QUESTION_VERDICT, SU_VERDICT_VALIDATOR, 0);
    setting_expect(&p, &c, "ok"); /* they disagree */
    assert_int_equal(play_exec(&p)->disputes_open, 1);
    call_vote_task(&p, &c, 2, 1, SU_QUESTION_VERDICT, SU_VERDICT_VALIDATOR, 0);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->disputes_open, 0);
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    setting_expect(&p, &c, "WrongState");
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

/* The number of the node that checked a task. */
static unsigned checker(const struct play *p, unsigned task)
{
    const struct su_acc_assignment *a = play_assignment(p, task);
    for (unsigned i = 0; i < p->nodes; i++)
        if (memcmp(a->validators[a->checks - 1], setting_node(p, i)->identity, 32) == 0)
            return i;
    fail_msg("nobody checked it");
    return 0;
}

static void a_wrong_validator_is_slashed(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, 1);
    setting_reveal(&p, -1);
    verdict(&p, 1, SU_VERDICT_VALIDATOR, 0);
    assert_int_equal(play_exec(&p)->tasks[1].state, SU_TASK_VERIFIED);
    const unsigned liar = checker(&p, 1);
    const uint64_t reserved = setting_node(&p, liar)->stake_reserved;
    const uint64_t pool = setting_pool(&p);
    call_conclude(&p, &c, true);
    call_must(w, &c);
    assert_int_equal(play_exec(&p)->state, SU_EXEC_SETTLED);
    call_pay_task(&p, &c, 0, p.task[0].node);
    setting_expect(&p, &c, "NotAllPaid"); /* slashes first */
    call_free_reserve(&p, &c, liar);
    setting_expect(&p, &c, "NotAllPaid");
    call_slash(&p, &c, 1, 0, p.task[1].node);
    setting_expect(&p, &c, "WrongState"); /* the asserter was right */
    call_slash(&p, &c, 1, 2, liar);
    setting_expect(&p, &c, "BadArgument");
    call_slash(&p, &c, 1, 1, (liar + 1) % 6);
    assert_false(setting_works(&p, &c));
    call_slash(&p, &c, 1, 1, liar);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "AlreadyPaid");
    assert_int_equal(setting_pool(&p) - pool, reserved); /* all of it, no bounty */
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    assert_int_equal(setting_node(&p, liar)->slashed, 1);
    const struct su_acc_pool *now = world_read(w, SU_TAG_POOL, w->pool);
    assert_int_equal(now->claims_next, 2); /* the two others; the liar has none */
    world_free(w);
}

static void both_sides_are_slashed(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    struct call c;
    setting_revealing(&p, 1, 1);
    setting_reveal(&p, -1);
    verdict(&p, 1, SU_VERDICT_BOTH, 0);
    assert_int_equal(play_exec(&p)->faults, 2);
    const unsigned liar = checker(&p, 1);
    const uint64_t escrow = play_exec(&p)->escrow, pool = setting_pool(&p);
    uint64_t pot = w->params.stake_floor;
    call_conclude(&p, &c, false); /* no waiting where somebody is at fault */
    call_must(w, &c);
    call_slash(&p, &c, 1, 0, p.task[1].node);
    call_must(w, &c);
    call_pay_check(&p, &c, 0, 0);
    setting_expect(&p, &c, "NotAllPaid");
    if (setting_node(&p, liar)->stake_reserved != 0 && liar != p.task[1].node)
        pot += setting_node(&p, liar)->stake_reserved;
    call_slash(&p, &c, 1, 1, liar);
    call_must(w, &c);
    assert_int_equal(play_exec(&p)->pot, pot);
    const uint64_t due = play_exec(&p)->pot_claims;
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_refund(&p), escrow);
    assert_int_equal(setting_pool(&p) - pool, pot - due); /* no bounty: both were wrong */
    world_free(w);
}

static void the_liar_pays_the_bounty_and_the_others(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, 1); /* seen from the asserter: its roots are the wrong ones */
    setting_reveal(&p, -1);
    verdict(&p, 1, SU_VERDICT_ASSERTER, 0);
    const unsigned right = checker(&p, 1);
    uint64_t fee = setting_fee(&p), check = 0, earned[6], reserved;
    assert_true(su_econ_check_fee(&w->params, fee, &check));
    reserved = setting_node(&p, 1)->stake_reserved;
    for (unsigned i = 0; i < 6; i++)
        earned[i] = setting_node(&p, i)->earned;
    call_conclude(&p, &c, false);
    call_must(w, &c);
    assert_int_equal(play_exec(&p)->pot_claims, 2 * fee + 3 * check);
    const uint64_t bounty = reserved / 10;
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 0)->earned - earned[0] >= fee, 1);
    assert_int_equal(setting_node(&p, 1)->failed, 1);
    assert_int_equal(setting_node(&p, 1)->slashed, 1);
    const struct su_acc_pool *pool = world_read(w, SU_TAG_POOL, w->pool);
    assert_int_equal(pool->claims_next, 1);
    assert_int_equal(pool->balance, reserved - 2 * fee - 3 * check);
    const uint64_t had = setting_node(&p, right)->earned;
    char name[32];
    snprintf(name, sizeof name, "node%u", right);
    call_claim_pay(w, &c, 0, name);
    call_must(w, &c);
    assert_int_equal(setting_node(&p, right)->earned - had, bounty);
    world_free(w);
}

static void small_pot(struct su_params *p)
{
    p->stake_floor = 1; /* a reserve is 10 fees, of which eight tasks' fees want more */
    p->margin_ppm = SU_PPM;
    p->sampling_min_ppm = SU_PPM;
    p->owner_share_min_ppm = 0;
    p->bounty_ppm = 0;
    p->fee_base = 5003;
}

static void a_small_pot_is_shared_pro_rata(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w =
        setting_world(&p, &(struct setting){.nodes = 8, .tasks = 8, .tune = small_pot});
    p.owner_share_ppm = 0;
    setting_revealing(&p, 1, 1);
    setting_reveal(&p, -1);
    verdict(&p, 1, SU_VERDICT_ASSERTER, 0);
    call_conclude(&p, &c, false);
    call_must(w, &c);
    call_slash(&p, &c, 1, 0, 1);
    call_must(w, &c);
    const struct su_acc_execution *exec = play_exec(&p);
    const uint64_t pot = exec->pot, claims = exec->pot_claims, fee = setting_fee(&p);
    assert_true(pot < claims);
    uint64_t part, before = setting_node(&p, 0)->earned, sum = 0;
    assert_true(su_free_mul_div(fee, pot, claims, &part));
    call_pay_task(&p, &c, 0, 0);
    call_must(w, &c);
    assert_int_equal(setting_node(&p, 0)->earned - before, part);
    call_pay_task(&p, &c, 0, 0);
    setting_expect(&p, &c, "AlreadyPaid");
    call_pay_task(&p, &c, 1, 2);
    setting_expect(&p, &c, "WrongRelation");
    const uint64_t pool = setting_pool(&p);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    for (unsigned i = 0; i < 8; i++)
        sum += setting_node(&p, i)->earned;
    assert_int_equal(sum + setting_pool(&p) - pool, pot); /* what is rounded off goes to the pool */
    assert_true(setting_pool(&p) - pool < 16);
    world_free(w);
}

static void roots_with_a_dishonest_producer(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, 2);
    setting_reveal(&p, -1);
    verdict(&p, 2, SU_VERDICT_PRODUCER, 1);
    const struct su_acc_execution *exec = play_exec(&p);
    assert_int_equal(exec->tasks[1].state, SU_TASK_VERIFICATION_FAILED);
    assert_int_equal(exec->tasks[2].state, SU_TASK_VERIFIED);
    assert_int_equal(exec->faults, 1);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 1)->slashed, 1);
    assert_int_equal(setting_node(&p, 2)->slashed, 0);
    world_free(w);
}

/* The last task first, where it draws tokens. */
static void commits(struct play *p)
{
    struct call c;
    for (unsigned t = p->tasks; t-- > 0;) {
        call_commit(p, &c, t);
        call_must(p->w, &c);
    }
}

/* The task's asserter claims other inputs than its producer gave; nothing is sampled wrongly. */
static struct world *inputs_of_differ(struct play *p, const struct setting *s, unsigned task)
{
    struct world *w = setting_world(p, s);
    struct call c;
    setting_requested(p, 1);
    play_assign(p);
    p->task[task].input_roots[0][3] ^= 1;
    commits(p);
    play_draw_all(p);
    for (unsigned t = 0; t < 3; t++) { /* its validator posts what it was given: the same */
        unsigned node = setting_drawn(p, t);
        call_check_accept(p, &c, t, node);
        call_must(w, &c);
        call_check_post(p, &c, t, node, false);
        if (t == task)
            su_msg_input_root(play_hash, (const uint8_t(*)[32])p->task[t].input_roots, 1,
                              CALL_ARGS(&c, check_post)->input_root);
        call_must(w, &c);
    }
    setting_reveal(p, -1);
    assert_int_equal(play_assignment(p, task)->dispute, SU_DISPUTE_INPUTS);
    return w;
}

static struct world *inputs_differ(struct play *p)
{
    return inputs_of_differ(p, &(struct setting){.nodes = 6}, 2);
}

/* Task 0 was fed other tokens than task 2 says it has drawn: the chain sees it without any check. */
static void other_tokens_than_drawn(void **unused)
{
    (void)unused;
    const struct setting s = {.nodes = 6, .sampling = true, .max_steps = 4};
    struct play p;
    struct call c;
    struct world *w = inputs_of_differ(&p, &s, 0);
    assert_int_equal(play_assignment(&p, 0)->sources[0].external, SU_SOURCE_FED);
    assert_int_equal(play_assignment(&p, 0)->sources[0].task, 2);
    call_vote_task(&p, &c, 0, 0, SU_QUESTION_VERDICT, SU_VERDICT_PRODUCER, 1);
    setting_expect(&p, &c, "BadVerdict"); /* not its producer */
    verdict(&p, 0, SU_VERDICT_PRODUCER, 2);
    assert_int_equal(play_exec(&p)->tasks[0].state, SU_TASK_VERIFIED);
    assert_int_equal(play_exec(&p)->tasks[2].state, SU_TASK_VERIFICATION_FAILED);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 2)->slashed, 1);
    assert_int_equal(setting_node(&p, 0)->slashed, 0);
    world_free(w);
    w = inputs_of_differ(&p, &s, 0); /* or it made them up itself */
    verdict(&p, 0, SU_VERDICT_ASSERTER, 0);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 0)->slashed, 1);
    assert_int_equal(setting_node(&p, 2)->slashed, 0);
    world_free(w);
}

/* Asserter and validator of task 0 were given different tokens. */
static void two_tokens_for_one_step(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w =
        setting_world(&p, &(struct setting){.nodes = 6, .sampling = true, .max_steps = 4});
    setting_running(&p, 1);
    commits(&p);
    play_draw_all(&p);
    play_check(&p, 0);
    setting_reveal(&p, -1);
    assert_int_equal(play_assignment(&p, 0)->dispute, SU_DISPUTE_ROOTS);
    verdict(&p, 0, SU_VERDICT_PRODUCER, 2);
    assert_int_equal(play_exec(&p)->faults, 1);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 2)->slashed, 1);
    assert_int_equal(setting_node(&p, 0)->slashed, 0);
    world_free(w);
}

/* One task that takes what it draws: it cannot open a commitment to two things. */
static void a_task_that_feeds_itself(void **unused)
{
    (void)unused;
    const struct setting s = {.nodes = 4, .tasks = 1, .sampling = true, .max_steps = 4};
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &s);
    setting_revealing(&p, 1, -1);
    call_reveal(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
    w = setting_world(&p, &s);
    setting_running(&p, 1);
    p.task[0].input_roots[0][3] ^= 1;
    play_commit(&p);
    play_draw_all(&p);
    setting_committee(&p, 0);
    call_reveal(&p, &c, 0);
    setting_expect(&p, &c, "RevealMismatch");
    world_advance(w, w->params.silence_slots + 1);
    call_reveal_expire(&p, &c, 0);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 0)->slashed, 1);
    world_free(w);
}

static void other_inputs_than_given(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = inputs_differ(&p);
    static const uint8_t bad[] = {SU_VERDICT_VALIDATOR, SU_VERDICT_BOTH, SU_VERDICT_RIGHT};
    for (size_t i = 0; i < sizeof bad; i++) {
        call_vote_task(&p, &c, 0, 2, SU_QUESTION_VERDICT, bad[i], 0);
        setting_expect(&p, &c, "BadVerdict");
    }
    verdict(&p, 2, SU_VERDICT_ASSERTER, 0);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 2)->slashed, 1);
    world_free(w);
    w = inputs_differ(&p);
    verdict(&p, 2, SU_VERDICT_PRODUCER, 1);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 1)->slashed, 1);
    assert_int_equal(setting_node(&p, 2)->slashed, 0);
    world_free(w);
}

static void a_second_dispute_waits_for_the_first(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_requested(&p, 1);
    play_assign(&p);
    p.task[2].input_roots[0][3] ^= 1;
    play_commit(&p);
    play_draw_all(&p);
    play_check(&p, -1); /* honest roots: not those of task 2's asserter */
    for (unsigned t = 0; t < 3; t++) {
        call_reveal(&p, &c, t);
        call_must(w, &c);
    }
    call_match(&p, &c, 1);
    call_must(w, &c);
    assert_int_equal(play_assignment(&p, 2)->dispute, SU_DISPUTE_ROOTS);
    call_match(&p, &c, 2);
    setting_expect(&p, &c, "WrongState");
    verdict(&p, 2, SU_VERDICT_VALIDATOR, 0);
    assert_int_equal(play_exec(&p)->tasks[2].state, SU_TASK_PENDING_VERIFICATION);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_assignment(&p, 2)->dispute, SU_DISPUTE_INPUTS);
    call_match(&p, &c, 2);
    setting_expect(&p, &c, "AlreadyMatched");
    call_vote_task(&p, &c, 2, 2, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->disputes_open, 1); /* one vote is not two */
    call_vote_task(&p, &c, 1, 2, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->faults, 2); /* the validator's, and then the asserter's */
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    world_free(w);
}

static void the_committee_judges_alone(void **unused)
{
    (void)unused;
    static const struct {
        uint8_t verdict;
        uint16_t task;
        unsigned slashed;
        uint8_t state, cause;
    } cases[] = {{SU_VERDICT_ASSERTER, 0, 1, SU_EXEC_VOID, SU_VOID_FAULT},
                 {SU_VERDICT_PRODUCER, 0, 0, SU_EXEC_VOID, SU_VOID_FAULT},
                 {SU_VERDICT_RIGHT, 0, 9, SU_EXEC_SETTLED, SU_VOID_NONE}};
    for (unsigned i = 0; i < 3; i++) {
        struct play p;
        struct call c;
        struct world *w = setting_world(&p, &(struct setting){0});
        setting_checking(&p, 1);
        for (unsigned t = 0; t < 3; t++)
            setting_committee(&p, t);
        setting_reveal(&p, -1);
        call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_VALIDATOR, 0);
        setting_expect(&p, &c, "BadVerdict");
        call_vote_task(&p, &c, 0, 0, SU_QUESTION_VERDICT, SU_VERDICT_PRODUCER, 0);
        setting_expect(&p, &c, "BadVerdict"); /* its input is the request's */
        verdict(&p, 1, cases[i].verdict, cases[i].task);
        for (unsigned t = 0; t < 3; t++)
            if (play_exec(&p)->tasks[t].flags & SU_TASKF_DISPUTED)
                verdict(&p, t, SU_VERDICT_RIGHT, 0);
        setting_end(&p, cases[i].state, cases[i].cause);
        for (unsigned n = 0; n < 3; n++)
            assert_int_equal(setting_node(&p, n)->slashed, n == cases[i].slashed);
        world_free(w);
    }
}

static void a_silent_asserter_is_slashed(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, -1);
    setting_reveal(&p, 1);
    call_reveal_expire(&p, &c, 0);
    setting_expect(&p, &c, "WrongState"); /* has spoken */
    call_reveal_expire(&p, &c, 1);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, w->params.silence_slots);
    setting_expect(&p, &c, "TooEarly");
    assert_true(play_exec(&p)->phase_slot + w->params.silence_slots == bank_slot(w->bank));
    world_advance(w, 1);
    struct call late;
    call_reveal(&p, &late, 1);
    setting_expect(&p, &late, "TooLate");
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    call_match(&p, &c, 2); /* its consumer is not kept waiting */
    setting_expect(&p, &c, "ok");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    assert_int_equal(setting_node(&p, 1)->slashed, 1);
    world_free(w);
}

static void a_late_reveal_costs_the_fee(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_revealing(&p, 1, -1);
    const uint64_t escrow = play_exec(&p)->escrow;
    for (unsigned t = 0; t < 2; t++) {
        call_reveal(&p, &c, t);
        call_must(w, &c);
    }
    world_advance(w, w->params.reveal_slots + 1);
    call_reveal(&p, &c, 2);
    setting_expect(&p, &c, "ok");
    assert_true(play_exec(&p)->tasks[2].flags & SU_TASKF_LATE);
    for (unsigned t = 1; t < 3; t++) {
        call_match(&p, &c, t);
        call_must(w, &c);
    }
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    uint64_t surcharge = 0, fee = setting_fee(&p);
    assert_true(su_econ_surcharge(&w->params, w->params.sampling_min_ppm, fee, &surcharge));
    assert_int_equal(setting_node(&p, 0)->earned, fee);
    assert_int_equal(setting_node(&p, 2)->earned, 0);
    assert_int_equal(setting_node(&p, 2)->slashed, 0);
    assert_int_equal(setting_refund(&p),
                     escrow - 2 * fee - 3 * surcharge - w->params.oracle_fee / 2 * 2);
    world_free(w);
}

static void a_silent_one_before_the_committee(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_checking(&p, 1);
    for (unsigned t = 0; t < 3; t++)
        setting_committee(&p, t);
    call_dispute_expire(&p, &c, 1);
    setting_expect(&p, &c, "NotRevealed"); /* first its own silence is judged */
    world_advance(w, w->params.silence_slots + 1);
    for (unsigned t = 0; t < 3; t++) {
        call_reveal_expire(&p, &c, t);
        setting_expect(&p, &c, "ok");
    }
    assert_int_equal(play_exec(&p)->disputes_open, 0);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT); /* nobody is left to be paid */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(setting_node(&p, i)->slashed, 1);
    world_free(w);
}

static void an_undecided_dispute_ends_without_fault(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, 1);
    setting_reveal(&p, -1);
    const uint64_t escrow = play_exec(&p)->escrow;
    call_dispute_expire(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    call_dispute_expire(&p, &c, 1);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, play_assignment(&p, 1)->deadline_slot - bank_slot(w->bank));
    setting_expect(&p, &c, "TooEarly");
    call_vote_task(&p, &c, 0, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    setting_expect(&p, &c, "ok"); /* one is not enough */
    world_advance(w, 1);
    call_dispute_expire(&p, &c, 1);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    setting_end(&p, SU_EXEC_VOID, SU_VOID_UNDECIDED);
    assert_int_equal(setting_refund(&p), escrow);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(setting_node(&p, i)->slashed, 0);
        assert_int_equal(setting_node(&p, i)->earned, 0);
    }
    world_free(w);
}

/* A missing output, judged so; UNDECIDED: nobody votes. */
static void missing(uint8_t what, uint8_t state, uint8_t cause)
{
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, -1);
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "NotRevealed");
    setting_reveal(&p, -1);
    call_declare_missing(&p, &c);
    call_set_name(&c, "key", "owner0");
    setting_expect(&p, &c, "NotAuthorised");
    call_declare_missing(&p, &c);
    uint8_t key[32];
    at_assignment(w, 1, key);
    call_set(&c, "assignment", key);
    setting_expect(&p, &c, "WrongRelation"); /* gives no result */
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "MissingAlreadyDeclared");
    call_conclude(&p, &c, true);
    setting_expect(&p, &c, "WrongState");
    if (what == SU_VERDICT_UNDECIDED) {
        world_advance(w, play_assignment(&p, 2)->deadline_slot - bank_slot(w->bank) + 1);
        call_dispute_expire(&p, &c, 2);
        call_must(w, &c);
    } else {
        call_vote_task(&p, &c, 0, 2, SU_QUESTION_VERDICT, SU_VERDICT_VALIDATOR, 0);
        setting_expect(&p, &c, "BadVerdict");
        verdict(&p, 2, what, 0);
    }
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "MissingAlreadyDeclared"); /* once */
    setting_end(&p, state, cause);
    assert_int_equal(setting_node(&p, 2)->slashed, what == SU_VERDICT_ASSERTER);
    world_free(w);
}

static void a_missing_output_is_judged_once(void **unused)
{
    (void)unused;
    missing(SU_VERDICT_RIGHT, SU_EXEC_SETTLED, SU_VOID_NONE);
    missing(SU_VERDICT_ASSERTER, SU_EXEC_VOID, SU_VOID_FAULT);
    missing(SU_VERDICT_UNDECIDED, SU_EXEC_VOID, SU_VOID_UNDECIDED);
}

static void complaints_have_their_time(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 6});
    setting_revealing(&p, 1, 2);
    setting_reveal(&p, -1);
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "WrongState"); /* in dispute already */
    verdict(&p, 2, SU_VERDICT_VALIDATOR, 0);
    world_advance(w, w->params.missing_slots);
    call_conclude(&p, &c, false);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, 1);
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "TooLate");
    call_conclude(&p, &c, false); /* by anyone now */
    setting_expect(&p, &c, "ok");
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "WrongState");
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

/* Votes on the committee's check say nothing about a complaint that follows in the same round. */
static void votes_count_for_one_dispute(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.oracles = 4}); /* three decide */
    setting_checking(&p, 1);
    for (unsigned t = 0; t < 3; t++)
        setting_committee(&p, t);
    setting_reveal(&p, -1);
    verdict(&p, 2, SU_VERDICT_RIGHT, 0);
    call_declare_missing(&p, &c);
    setting_expect(&p, &c, "ok");
    call_vote_task(&p, &c, 3, 2, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
    setting_expect(&p, &c, "ok");
    assert_true(play_exec(&p)->tasks[2].flags & SU_TASKF_DISPUTED); /* one vote decides nothing */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reveals_open_commitments),
        cmocka_unit_test(verdicts_follow_the_rules),
        cmocka_unit_test(a_wrong_validator_is_slashed),
        cmocka_unit_test(both_sides_are_slashed),
        cmocka_unit_test(the_liar_pays_the_bounty_and_the_others),
        cmocka_unit_test(a_small_pot_is_shared_pro_rata),
        cmocka_unit_test(roots_with_a_dishonest_producer),
        cmocka_unit_test(other_inputs_than_given),
        cmocka_unit_test(other_tokens_than_drawn),
        cmocka_unit_test(two_tokens_for_one_step),
        cmocka_unit_test(a_task_that_feeds_itself),
        cmocka_unit_test(a_second_dispute_waits_for_the_first),
        cmocka_unit_test(the_committee_judges_alone),
        cmocka_unit_test(a_silent_asserter_is_slashed),
        cmocka_unit_test(a_late_reveal_costs_the_fee),
        cmocka_unit_test(a_silent_one_before_the_committee),
        cmocka_unit_test(an_undecided_dispute_ends_without_fault),
        cmocka_unit_test(a_missing_output_is_judged_once),
        cmocka_unit_test(complaints_have_their_time),
        cmocka_unit_test(votes_count_for_one_dispute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
