// SPDX-License-Identifier: MIT
/* Every instruction of executions, spoilt in every way the tables allow, beside a second execution
   of the same people whose accounts are of every kind. */
#include "abi/abi.h"
#include "support/adversary.h"
#include "support/bank.h"
#include "support/execution.h"
#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ORACLES = 3, NODES = 3, TASKS = 5, QUORUM = 2 };

static struct play play; /* the execution taken apart: nonce 2 */

static struct world *with_decoy(const struct scene *scene, struct call *c)
{
    struct world *w = world_full(ORACLES, TASKS);
    struct play decoy;
    play_init(&decoy, w, ORACLES, NODES, TASKS);
    play_request(&decoy, 1);
    play_assign(&decoy);
    play_commit(&decoy);
    play_draw_all(&decoy);
    play_check(&decoy, -1);
    play_init(&play, w, ORACLES, NODES, TASKS);
    scene->set(w, c);
    return w;
}

/* True when the call would succeed; nothing changes. */
static bool works(struct world *w, const struct call *c)
{
    struct bank *kept = w->bank;
    w->bank = bank_copy(kept);
    uint64_t error = call_run(w, c);
    bank_free(w->bank);
    w->bank = kept;
    return error == 0;
}

/* ---- how far the execution is ---------------------------------------------------------------- */

static void requested(void)
{
    play_request(&play, 2);
}
static void running(void)
{
    requested();
    play_assign(&play);
}
static void committed(void)
{
    running();
    play_commit(&play);
}
static void checking(void)
{
    committed();
    play_draw_all(&play);
}
static void revealing(void)
{
    checking();
    play_check(&play, -1);
}
static void revealed(void)
{
    revealing();
    play_reveal(&play);
}
static void settled(struct world *w, struct call *c)
{
    revealed();
    call_conclude(&play, c, true);
    call_must(w, c);
}
/* Task 0's roots differ from its validator's: a dispute. */
static void disputed(struct world *w, struct call *c)
{
    checking();
    play_check(&play, 0);
    for (unsigned t = 0; t < TASKS; t++) {
        call_reveal(&play, c, t);
        call_must(w, c);
    }
    for (unsigned t = 1; t < TASKS; t++) {
        call_match(&play, c, t);
        call_must(w, c);
    }
}
static void at_fault(struct world *w, struct call *c)
{
    disputed(w, c);
    for (unsigned i = 0; i < QUORUM; i++) {
        call_vote_task(&play, c, i, 0, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
        call_must(w, c);
    }
    call_conclude(&play, c, true);
    call_must(w, c);
}
/* Every task and check paid; checks closed when asked for. */
static void paid(struct world *w, struct call *c, bool closed)
{
    settled(w, c);
    for (unsigned t = 0; t < TASKS; t++) {
        call_pay_task(&play, c, t, play.task[t].node);
        call_must(w, c);
        call_pay_check(&play, c, t, 0);
        call_must(w, c);
        if (!closed)
            continue;
        call_close_check(&play, c, t, 0);
        call_must(w, c);
    }
}
static void freed(struct world *w, struct call *c)
{
    paid(w, c, true);
    for (unsigned i = 0; i < NODES; i++) {
        call_free_reserve(&play, c, i);
        call_must(w, c);
    }
    for (unsigned i = 0; i < ORACLES; i++) {
        call_pay_oracle(&play, c, i);
        (void)call_run(w, c); /* those that voted */
    }
}

/* ---- one function per instruction ------------------------------------------------------------ */

#define SET(name, ...)                                                                             \
    static void set_##name(struct world *w, struct call *c)                                        \
    {                                                                                              \
        (void)w;                                                                                   \
        __VA_ARGS__                                                                                \
    }

SET(open, call_request_open(&play, c, 2);)
SET(tasks, call_request_open(&play, c, 2); call_must(w, c); call_request_tasks(&play, c, 0, 4);)
SET(submit, set_tasks(w, c); call_must(w, c); call_request_tasks(&play, c, 4, 1); call_must(w, c);
    call_request_submit(&play, c);)
SET(cancel, requested(); call_request_cancel(&play, c);)
SET(expire, requested(); world_advance(w, w->params.request_expiry_slots + 1);
    call_request_expire(&play, c);)
SET(vote_assign, requested(); call_vote_assign(&play, c, 0);)
SET(
    assign, requested(); for (unsigned i = 0; i < QUORUM; i++) {
        call_vote_assign(&play, c, i);
        call_must(w, c);
    } call_assign(&play, c, 0);)
SET(release, set_assign(w, c); call_must(w, c); world_advance(w, w->params.round_slots + 1);
    call_release(&play, c, 0);)
SET(vote_task, running(); call_vote_task(&play, c, 0, 1, SU_QUESTION_FAILED, 0, 0);)
SET(
    reassign, running(); for (unsigned i = 0; i < QUORUM; i++) {
        call_vote_task(&play, c, i, 1, SU_QUESTION_FAILED, 0, 0);
        call_must(w, c);
    } for (unsigned i = 0; i < QUORUM; i++) {
        call_vote_task(&play, c, i, 1, SU_QUESTION_REASSIGN, 2, 0);
        call_must(w, c);
    } call_reassign(&play, c, 1, 2);)
SET(commit, running(); call_commit(&play, c, 1);)
SET(commit_expire, running();
    world_advance(w, play_exec(&play)->deadline_slot - bank_slot(w->bank) + 1);
    call_commit_expire(&play, c, 1);)
SET(freeze, committed(); world_advance(w, 3); call_freeze(&play, c, false);)
SET(draw_default, set_freeze(w, c); call_must(w, c); world_advance(w, 3 * w->params.turn_slots);
    call_draw_default(&play, c);)
SET(
    draw, set_freeze(w, c); call_must(w, c); for (unsigned i = 0; i < ORACLES; i++) {
        call_draw(&play, c, i);
        if (works(w, c))
            break;
    })
/* The first task whose drawn node may be passed over, or may check. */
static unsigned find_check(struct world *w, struct call *c, bool skip)
{
    for (unsigned t = 0; t < TASKS; t++)
        for (;;) {
            unsigned node = play_drawn_node(&play, t);
            call_check_skip(&play, c, t, node);
            bool skippable = works(w, c);
            if (skippable && skip)
                return t;
            if (!skippable && skip)
                break;
            if (!skippable) {
                call_check_accept(&play, c, t, node);
                return t;
            }
            call_must(w, c);
        }
    fail_msg("no task to %s", skip ? "skip" : "accept");
    return 0;
}
SET(check_skip, checking(); (void)find_check(w, c, true);)
SET(check_accept, checking(); (void)find_check(w, c, false);)
SET(check_post, checking(); unsigned t = find_check(w, c, false);
    unsigned node = play_drawn_node(&play, t); call_must(w, c);
    call_check_post(&play, c, t, node, false);)
SET(check_expire, checking(); unsigned t = find_check(w, c, false); call_must(w, c);
    world_advance(w, play_assignment(&play, t)->deadline_slot - bank_slot(w->bank) + 1);
    call_check_expire(&play, c, t);)
SET(reveal, revealing(); call_reveal(&play, c, 1);)
SET(match, revealing(); call_reveal(&play, c, 0); call_must(w, c); call_reveal(&play, c, 1);
    call_must(w, c); call_match(&play, c, 1);)
SET(reveal_expire, revealing(); world_advance(w, w->params.silence_slots + 1);
    call_reveal_expire(&play, c, 1);)
SET(dispute_expire, disputed(w, c);
    world_advance(w, play_assignment(&play, 0)->deadline_slot - bank_slot(w->bank) + 1);
    call_dispute_expire(&play, c, 0);)
SET(verdict, disputed(w, c);
    call_vote_task(&play, c, 0, 0, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);)
SET(missing, revealed(); call_declare_missing(&play, c);)
SET(conclude, revealed(); call_conclude(&play, c, true);)
SET(slash, at_fault(w, c); call_slash(&play, c, 0, 0, play.task[0].node);)
SET(pay_task, settled(w, c); call_pay_task(&play, c, 1, play.task[1].node);)
SET(pay_check, settled(w, c); call_pay_check(&play, c, 1, 0);)
SET(free_reserve, paid(w, c, true); call_free_reserve(&play, c, 1);)
SET(pay_oracle, settled(w, c); call_pay_oracle(&play, c, 0);)
SET(close_check, paid(w, c, false); call_close_check(&play, c, 1, 0);)
SET(finish, freed(w, c); call_finish(&play, c);)
SET(close_assignment, set_finish(w, c); call_must(w, c); call_close_assignment(&play, c, 1);)
SET(
    close_execution, set_finish(w, c); call_must(w, c); for (unsigned t = 0; t < TASKS; t++) {
        call_close_assignment(&play, c, t);
        call_must(w, c);
    } call_close_execution(&play, c);)

#define SCENE(name)                                                                                \
    {                                                                                              \
#name, with_decoy, set_##name, false, false                                                \
    }
static const struct scene scenes[] = {
    SCENE(open),
    SCENE(tasks),
    SCENE(submit),
    SCENE(cancel),
    SCENE(expire),
    SCENE(vote_assign),
    SCENE(assign),
    SCENE(release),
    SCENE(vote_task),
    SCENE(reassign),
    SCENE(commit),
    SCENE(commit_expire),
    SCENE(freeze),
    SCENE(draw),
    SCENE(draw_default),
    SCENE(check_skip),
    SCENE(check_accept),
    SCENE(check_post),
    SCENE(check_expire),
    SCENE(reveal),
    SCENE(match),
    SCENE(reveal_expire),
    SCENE(dispute_expire),
    SCENE(verdict),
    SCENE(missing),
    SCENE(conclude),
    SCENE(slash),
    SCENE(pay_task),
    SCENE(pay_check),
    SCENE(free_reserve),
    SCENE(pay_oracle),
    SCENE(finish),
    SCENE(close_check),
    SCENE(close_assignment),
    SCENE(close_execution),
};
static const struct excuse excuses[] = {
    {SU_IX_VOTE_ASSIGN, "oracle", EXCUSE_KEY, "another oracle's vote", "oracle1"},
    {SU_IX_VOTE_ASSIGN, "oracle", EXCUSE_KEY, "another oracle's vote", "oracle2"},
    {SU_IX_VOTE_TASK, "oracle", EXCUSE_KEY, "another oracle's vote", "oracle1"},
    {SU_IX_VOTE_TASK, "oracle", EXCUSE_KEY, "another oracle's vote", "oracle2"},
    {SU_IX_REQUEST_TASKS, "model", EXCUSE_BYTES, "known by its address", NULL},
    {SU_IX_VOTE_TASK, "assignment", SU_TAG_ASSIGNMENT, "what the oracle votes on", NULL},
    {SU_IX_COMMIT, "assignment", SU_TAG_ASSIGNMENT, "its other task: its own loss", NULL},
    {SU_IX_REASSIGN, "payer", EXCUSE_ANY, "pays nothing for a reserve that exists", NULL},
    {SU_IX_RELEASE, "rent_payer", EXCUSE_ANY, "gets nothing of a reserve that stays", NULL},
    {SU_IX_RELEASE, "assignment", SU_TAG_ASSIGNMENT, "another task of that node, as due", NULL},
    {SU_IX_COMMIT_EXPIRE, "assignment", SU_TAG_ASSIGNMENT, "another task, as due", NULL},
    {SU_IX_CHECK_SKIP, "assignment", SU_TAG_ASSIGNMENT, "another task with that draw", NULL},
    {SU_IX_CHECK_EXPIRE, "assignment", SU_TAG_ASSIGNMENT, "another task, as due", NULL},
    {SU_IX_REVEAL_EXPIRE, "assignment", SU_TAG_ASSIGNMENT, "another task, as due", NULL},
    {SU_IX_PAY_TASK, "assignment", SU_TAG_ASSIGNMENT, "its other task, as due", NULL},
    {SU_IX_CLOSE_ASSIGNMENT, "assignment", SU_TAG_ASSIGNMENT, "another task, as due", NULL},
    {SU_IX_CLOSE_CHECK, "check", SU_TAG_CHECK, "another check, as due", NULL},
};
static const struct adversary executions = {scenes, sizeof scenes / sizeof *scenes, excuses,
                                            sizeof excuses / sizeof *excuses};

static void rights(void **unused)
{
    (void)unused;
    adversary_rights(&executions);
}
static void replacements(void **unused)
{
    (void)unused;
    assert_true(adversary_replacements(&executions) > 5000);
}
static void forgeries(void **unused)
{
    (void)unused;
    adversary_forgeries(&executions);
}
static void data(void **unused)
{
    (void)unused;
    adversary_data(&executions);
}
static void replays(void **unused)
{
    (void)unused;
    adversary_replays(&executions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights), cmocka_unit_test(replacements), cmocka_unit_test(forgeries),
        cmocka_unit_test(data),   cmocka_unit_test(replays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
