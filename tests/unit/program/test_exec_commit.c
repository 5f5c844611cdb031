// SPDX-License-Identifier: MIT
/* Commits with their steps, the freeze and its slot hash, turns of the draw. */
#include "crypto/crypto.h"
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void commits_follow_the_rules(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.max_steps = 4});
    setting_running(&p, 1);
    call_commit(&p, &c, 1);
    call_set_name(&c, "identity", "node0");
    setting_expect(&p, &c, "NotTheAsserter");
    call_commit(&p, &c, 1);
    CALL_ARGS(&c, commit)->attempt = 1;
    setting_expect(&p, &c, "WrongAttempt");
    call_commit(&p, &c, 1);
    CALL_ARGS(&c, commit)->pad[2] = 1;
    setting_expect(&p, &c, "BadArgument");
    call_commit(&p, &c, 1);
    CALL_ARGS(&c, commit)->steps = 3; /* all or nothing without a sampling task */
    setting_expect(&p, &c, "WrongSteps");
    call_freeze(&p, &c, true);
    setting_expect(&p, &c, "WrongState");
    uint8_t chain[32];
    for (unsigned t = 3; t-- > 0;) {
        memcpy(chain, play_exec(&p)->commit_chain, 32);
        call_commit(&p, &c, t);
        setting_expect(&p, &c, "ok");
        assert_memory_not_equal(chain, play_exec(&p)->commit_chain, 32);
        setting_expect(&p, &c, "WrongState");
    }
    call_commit_expire(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void the_last_slot_still_counts(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_running(&p, 1);
    world_advance(w, play_exec(&p)->deadline_slot - bank_slot(w->bank));
    call_commit(&p, &c, 0);
    setting_expect(&p, &c, "ok");
    world_advance(w, 1);
    call_commit(&p, &c, 1);
    setting_expect(&p, &c, "TooLate");
    world_free(w);
}

static void the_sampling_task_sets_the_steps(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.sampling = true, .max_steps = 50});
    setting_running(&p, 1);
    const uint64_t escrow = play_exec(&p)->escrow;
    call_commit(&p, &c, 0);
    setting_expect(&p, &c, "StepsUnknown");
    call_commit(&p, &c, 2);
    CALL_ARGS(&c, commit)->steps = 0;
    setting_expect(&p, &c, "WrongSteps");
    CALL_ARGS(&c, commit)->steps = 51;
    setting_expect(&p, &c, "WrongSteps");
    CALL_ARGS(&c, commit)->steps = 7;
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->steps, 7);
    call_commit(&p, &c, 0);
    CALL_ARGS(&c, commit)->steps = 50;
    setting_expect(&p, &c, "WrongSteps");
    p.steps = 7;
    for (unsigned t = 0; t < 2; t++) {
        call_commit(&p, &c, t);
        setting_expect(&p, &c, "ok");
    }
    play_draw_all(&p);
    play_check(&p, -1);
    play_reveal(&p);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    const uint64_t fee = setting_fee(&p); /* for the steps run */
    uint64_t surcharge = 0;
    assert_true(su_econ_surcharge(&w->params, w->params.sampling_min_ppm, fee, &surcharge));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(setting_node(&p, i)->earned, fee);
    const uint64_t oracles = w->params.oracle_fee / 2 * 2; /* two voted */
    assert_int_equal(setting_refund(&p), escrow - 3 * (fee + surcharge) - oracles);
    world_free(w);
}

static void a_lost_sampling_task_sets_them_later(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.sampling = true, .max_steps = 50});
    setting_running(&p, 1);
    setting_vote(&p, 2, SU_QUESTION_FAILED, 0, 0);
    call_commit(&p, &c, 0);
    setting_expect(&p, &c, "StepsUnknown");
    setting_vote(&p, 2, SU_QUESTION_REASSIGN, 1, 0);
    call_reassign(&p, &c, 2, 1);
    call_must(w, &c);
    p.task[2].node = 1;
    p.steps = 9;
    call_commit(&p, &c, 2);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->steps, 9);
    world_free(w);
}

/* SlotHashes with the given slots, newest first, each with the hash of its number. */
static void hashes_set(struct play *p, const uint64_t *slots, size_t n)
{
    uint8_t hashes[8][32];
    for (size_t i = 0; i < n; i++)
        su_sha256(&slots[i], sizeof slots[i], hashes[i]);
    bank_slot_hashes(p->w->bank, slots, hashes, n);
}

static void freezing_takes_the_first_hash_after_the_commits(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_committed(&p, 1);
    const uint64_t last = play_exec(&p)->last_commit_slot;
    call_freeze(&p, &c, true);
    setting_expect(&p, &c, "TooEarly");
    CALL_ARGS(&c, freeze)->fallback = 0;
    CALL_ARGS(&c, freeze)->hash_index = 0;
    setting_expect(&p, &c, "NoSuchSlotHash"); /* no later slot has one yet */
    CALL_ARGS(&c, freeze)->fallback = 2;
    setting_expect(&p, &c, "BadArgument");
    world_advance(w, 4);
    call_freeze(&p, &c, false);
    const uint32_t right = CALL_ARGS(&c, freeze)->hash_index;
    for (uint32_t i = 0; i < 6; i++) {
        CALL_ARGS(&c, freeze)->hash_index = i;
        if (i != right)
            setting_expect(&p, &c, "NoSuchSlotHash");
    }
    CALL_ARGS(&c, freeze)->hash_index = 511;
    setting_expect(&p, &c, "NoSuchSlotHash");
    CALL_ARGS(&c, freeze)->hash_index = UINT32_MAX;
    setting_expect(&p, &c, "NoSuchSlotHash");
    CALL_ARGS(&c, freeze)->hash_index = right;
    assert_true(setting_works(&p, &c));
    /* Slots without a block: the first that has one counts. */
    const uint64_t gap[] = {last + 9, last + 6, last - 2, last - 3};
    hashes_set(&p, gap, 4);
    CALL_ARGS(&c, freeze)->hash_index = 0;
    setting_expect(&p, &c, "NoSuchSlotHash");
    CALL_ARGS(&c, freeze)->hash_index = 2;
    setting_expect(&p, &c, "NoSuchSlotHash");
    hashes_set(&p, gap, 2); /* the next older is not there: it might be another */
    CALL_ARGS(&c, freeze)->hash_index = 1;
    setting_expect(&p, &c, "NoSuchSlotHash");
    hashes_set(&p, gap, 4);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->state, SU_EXEC_FROZEN);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void a_hash_that_is_gone_leaves_the_fallback(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_committed(&p, 1);
    world_advance(w, w->params.freeze_slots);
    call_freeze(&p, &c, true);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, 200);
    call_freeze(&p, &c, false);
    setting_expect(&p, &c, "NoSuchSlotHash");
    call_freeze(&p, &c, true);
    setting_expect(&p, &c, "ok");
    const struct su_acc_execution *exec = play_exec(&p);
    assert_int_equal(exec->state, SU_EXEC_CHECKING);
    assert_int_equal(exec->sampled, 3);
    assert_int_equal(exec->oracles_silent, 0); /* no oracle's doing */
    assert_int_equal(exec->silence_excess, 0);
    call_draw(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    call_draw_default(&p, &c);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void frozen(struct play *p, uint64_t nonce)
{
    struct call c;
    setting_committed(p, nonce);
    world_advance(p->w, 3);
    call_freeze(p, &c, false);
    call_must(p->w, &c);
}

/* The oracle whose turn it is. */
static unsigned turn_of(struct play *p)
{
    struct call c;
    for (unsigned i = 0; i < p->oracles; i++) {
        call_draw(p, &c, i);
        if (setting_works(p, &c))
            return i;
    }
    fail_msg("no oracle has the turn");
    return 0;
}

static void one_oracle_has_the_first_turn(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_committed(&p, 1);
    call_draw_default(&p, &c);
    setting_expect(&p, &c, "WrongState");
    world_advance(w, 3);
    call_freeze(&p, &c, false);
    call_must(w, &c);
    const unsigned first = turn_of(&p);
    call_draw(&p, &c, first);
    call_set_name(&c, "oracle", "node0");
    setting_expect(&p, &c, "NotAnOracle");
    call_draw(&p, &c, (first + 1) % 3);
    setting_expect(&p, &c, "NotYourTurn");
    call_draw(&p, &c, first);
    for (unsigned i = 0; i < 80; i += 7) {
        CALL_ARGS(&c, draw)->proof[i] ^= 1;
        setting_expect(&p, &c, "BadVrfProof");
        CALL_ARGS(&c, draw)->proof[i] ^= 1;
    }
    struct call other;
    call_draw(&p, &other, (first + 1) % 3); /* another's proof */
    memcpy(CALL_ARGS(&other, draw)->proof, CALL_ARGS(&c, draw)->proof, 80);
    setting_expect(&p, &other, "NotYourTurn");
    call_draw(&p, &other, (first + 1) % 3);
    memcpy(other.metas, c.metas, sizeof c.metas);
    setting_expect(&p, &other, "BadVrfProof");
    call_draw_default(&p, &other);
    setting_expect(&p, &other, "TooEarly");
    world_advance(w, w->params.turn_slots - 1);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->turn, 0);
    assert_int_equal(play_exec(&p)->threshold_ppm, 0);
    assert_int_equal(play_exec(&p)->oracles_silent, 0);
    assert_true(play_exec(&p)->oracles_voted >> first & 1u);
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void silence_escalates_and_costs_the_bond(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.tasks = 8});
    bool charged = false;
    for (uint64_t nonce = 1; nonce <= 6; nonce++) {
        frozen(&p, nonce);
        const unsigned first = turn_of(&p);
        world_advance(w, w->params.turn_slots);
        call_draw(&p, &c, first);
        setting_expect(&p, &c, "NotYourTurn");
        const unsigned second = turn_of(&p);
        assert_int_not_equal(first, second);
        call_draw(&p, &c, second);
        setting_expect(&p, &c, "ok");
        assert_int_equal(play_exec(&p)->turn, 1);
        assert_int_equal(play_exec(&p)->threshold_ppm, w->params.escalated_ppm);
        assert_int_equal(play_exec(&p)->oracles_silent, 1u << first);
        const uint64_t excess = play_exec(&p)->silence_excess;
        charged = charged || excess > 0;
        play_check(&p, -1);
        play_reveal(&p);
        char name[32];
        snprintf(name, sizeof name, "oracle%u", first);
        const uint64_t bond = world_oracle_read(w, name)->bond;
        const uint32_t silent = world_oracle_read(w, name)->silent;
        setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
        assert_int_equal(bond - world_oracle_read(w, name)->bond, excess);
        assert_int_equal(world_oracle_read(w, name)->silent, silent + 1);
    }
    assert_true(charged);
    world_free(w);
}

static void without_any_proof_all_are_sampled(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    frozen(&p, 1);
    const unsigned first = turn_of(&p);
    world_advance(w, 2 * w->params.turn_slots - 1);
    const unsigned second = turn_of(&p);
    call_draw_default(&p, &c);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, 1);
    call_draw(&p, &c, second);
    setting_expect(&p, &c, "TooLate");
    call_draw_default(&p, &c);
    setting_expect(&p, &c, "ok");
    const struct su_acc_execution *exec = play_exec(&p);
    assert_int_equal(exec->sampled, 3);
    assert_int_equal(exec->oracles_silent, 1u << first | 1u << second);
    uint64_t check = 0, expected = 0;
    assert_true(su_econ_check_fee(&w->params, setting_fee(&p), &check));
    assert_true(su_free_mul_div(check, w->params.sampling_min_ppm, SU_PPM, &expected));
    const uint64_t excess = 3 * (check - expected);
    assert_int_equal(exec->silence_excess, excess);
    play_check(&p, -1);
    play_reveal(&p);
    const uint64_t before = setting_pool(&p);
    uint64_t surcharge = 0;
    assert_true(
        su_econ_surcharge(&w->params, w->params.sampling_min_ppm, setting_fee(&p), &surcharge));
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    assert_int_equal(setting_pool(&p) - before, 3 * surcharge + excess / 2 * 2);
    world_free(w);
}

static void one_oracle_alone_has_one_turn(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.oracles = 1});
    frozen(&p, 1);
    world_advance(w, w->params.turn_slots);
    call_draw(&p, &c, 0);
    setting_expect(&p, &c, "TooLate");
    call_draw_default(&p, &c);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_exec(&p)->oracles_silent, 1);
    world_free(w);
}

/* The oracle is gone, its bond with it, when the execution settles: nothing waits for it. */
static void a_bond_that_is_gone_pays_nothing(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    frozen(&p, 1);
    const unsigned first = turn_of(&p);
    world_advance(w, 2 * w->params.turn_slots);
    call_draw_default(&p, &c);
    call_must(w, &c);
    play_check(&p, -1);
    play_reveal(&p);
    char name[32];
    snprintf(name, sizeof name, "oracle%u", first);
    struct su_acc_oracle oracle = *world_oracle_read(w, name);
    oracle.bond = 5;
    uint8_t key[32];
    at_key(w, "oracle", oracle.key, key);
    world_write(w, key, &oracle, sizeof oracle);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    assert_int_equal(world_oracle_read(w, name)->bond, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_follow_the_rules),
        cmocka_unit_test(the_last_slot_still_counts),
        cmocka_unit_test(the_sampling_task_sets_the_steps),
        cmocka_unit_test(a_lost_sampling_task_sets_them_later),
        cmocka_unit_test(freezing_takes_the_first_hash_after_the_commits),
        cmocka_unit_test(a_hash_that_is_gone_leaves_the_fallback),
        cmocka_unit_test(one_oracle_has_the_first_turn),
        cmocka_unit_test(silence_escalates_and_costs_the_bond),
        cmocka_unit_test(without_any_proof_all_are_sampled),
        cmocka_unit_test(one_oracle_alone_has_one_turn),
        cmocka_unit_test(a_bond_that_is_gone_pays_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
