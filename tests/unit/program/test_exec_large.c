// SPDX-License-Identifier: MIT
/* The largest of everything: 128 tasks, 8 oracles, nodes that declare 32 tasks, a table of 2^10
   rows, tasks with 8 inputs and 8 outputs. In the VM this shows the most that instructions take. */
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ORACLES = SU_ORACLES_MAX, NODES = 12, TASKS = SU_TASKS_MAX };

static struct world *large(struct play *p)
{
    struct world *w = world_new();
    struct call c;
    world_oracles(w, ORACLES);
    world_model(w, "large", TASKS, true);
    for (unsigned i = 0; i < NODES; i++) {
        char node[32], owner[32];
        snprintf(node, sizeof node, "node%u", i);
        snprintf(owner, sizeof owner, "owner%u", i);
        world_node(w, node, owner, 50000ull * SU_USDC);
        for (unsigned t = 0; t < SU_DECLARED_MAX; t++) {
            call_node_declare(w, &c, node, owner, (uint16_t)(i / 3 * SU_DECLARED_MAX + t));
            call_must(w, &c);
        }
    }
    play_init(p, w, ORACLES, NODES, TASKS);
    for (unsigned t = 0; t < TASKS; t++)
        p->task[t].node = t / SU_DECLARED_MAX * 3 + t % 3;
    p->table_depth = SU_TABLE_DEPTH_MAX;
    play_plan(p);
    return w;
}

static void nodes_declare_no_more(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = large(&p);
    call_node_declare(w, &c, "node0", "owner0", SU_DECLARED_MAX);
    setting_expect(&p, &c, "TooManyDeclared");
    world_free(w);
}

/* Drawn in the second turn, so that the silent oracle's part is reckoned over all tasks. */
static void a_large_execution_settles(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = large(&p);
    setting_committed(&p, 1);
    world_advance(w, 3);
    call_freeze(&p, &c, false);
    call_must(w, &c);
    world_advance(w, w->params.turn_slots);
    for (unsigned i = 0; i < ORACLES; i++) {
        call_draw(&p, &c, i);
        if (call_run(w, &c) == 0)
            break;
    }
    assert_int_equal(play_exec(&p)->state, SU_EXEC_CHECKING);
    assert_true(play_exec(&p)->sampled > 30 && play_exec(&p)->sampled < 98); /* of a half */
    play_check(&p, -1);
    play_reveal(&p);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

static void a_large_execution_ends_by_fault(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = large(&p);
    setting_committed(&p, 1);
    world_advance(w, 3);
    call_freeze(&p, &c, false);
    call_must(w, &c);
    world_advance(w, 2 * w->params.turn_slots);
    call_draw_default(&p, &c);
    call_must(w, &c);
    assert_int_equal(play_exec(&p)->sampled, TASKS);
    play_check(&p, -1);
    setting_reveal(&p, 77);
    world_advance(w, w->params.silence_slots + 1);
    call_reveal_expire(&p, &c, 77);
    call_must(w, &c);
    call_match(&p, &c, 78);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    world_free(w);
}

static void a_large_execution_falls_back(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = large(&p);
    setting_checking(&p, 1);
    assert_int_equal(play_exec(&p)->sampled, TASKS);
    world_free(w);
}

/* ---- ports ------------------------------------------------------------------------------------ */

static void task_add(struct world *w, uint16_t index, unsigned inputs, unsigned outputs)
{
    struct call c;
    call_task_add(w, &c, index, true, true);
    struct su_ix_task_add *ix = CALL_ARGS(&c, task_add);
    ix->input_count = (uint8_t)inputs;
    ix->output_count = (uint8_t)outputs;
    for (unsigned i = 0; i < inputs + outputs; i++) {
        ix->specs[i] = ix->specs[0];
        const bool external = i < inputs ? index == 0 : index == 1;
        ix->specs[i].flags = external ? SU_SPEC_EXTERNAL : 0;
    }
    call_must(w, &c);
}

/* Every output of task 0 is an input of task 1. */
static struct world *ports(struct play *p)
{
    struct world *w = world_new();
    struct call c;
    world_oracles(w, 3);
    call_model_create(w, &c, "ports", 2, SU_NO_TASK);
    call_must(w, &c);
    task_add(w, 0, SU_PORTS_MAX, SU_PORTS_MAX);
    task_add(w, 1, SU_PORTS_MAX, SU_PORTS_MAX);
    call_connect(w, &c, 0, 1);
    struct su_ix_connect *ix = CALL_ARGS(&c, connect);
    ix->count = SU_PORTS_MAX;
    for (uint8_t i = 0; i < SU_PORTS_MAX; i++) {
        ix->edges[i].from = 0;
        ix->edges[i].to = 1;
        ix->edges[i].output = ix->edges[i].input = i;
    }
    call_must(w, &c);
    call_model_finalise(w, &c);
    call_must(w, &c);
    for (unsigned i = 0; i < 3; i++) {
        char node[32], owner[32];
        snprintf(node, sizeof node, "node%u", i);
        snprintf(owner, sizeof owner, "owner%u", i);
        world_node(w, node, owner, 10000ull * SU_USDC);
        world_declare(w, node, owner, 2);
    }
    play_init(p, w, 3, 3, 2);
    return w;
}

static void fill(uint8_t roots[SU_PORTS_MAX][32], uint8_t first)
{
    for (unsigned i = 0; i < SU_PORTS_MAX; i++)
        memset(roots[i], (int)(first + i), 32);
}

/* The commitment over all ports. */
static void commit(struct play *p, unsigned task)
{
    struct call c;
    uint8_t execution[32], input[32], output[32], node[32];
    const struct play_task *k = &p->task[task];
    call_commit(p, &c, task);
    at_execution(p->w, execution);
    memcpy(node, setting_node(p, k->node)->identity, 32);
    su_msg_input_root(play_hash, (const uint8_t(*)[32])k->input_roots, SU_PORTS_MAX, input);
    su_msg_output_root(play_hash, (const uint8_t(*)[32])k->output_roots, SU_PORTS_MAX, k->witness,
                       output);
    struct su_msg_scope scope = {p->w->program, p->w->genesis, execution,
                                 play_exec(p)->request_slot};
    su_msg_commit(play_hash, &scope, (uint16_t)task, 0, node, k->salt, input, output,
                  CALL_ARGS(&c, commit)->commit);
    call_must(p->w, &c);
}

static void reveal(struct play *p, unsigned task)
{
    struct call c;
    call_reveal(p, &c, task);
    memcpy(CALL_ARGS(&c, reveal)->roots[0], p->task[task].input_roots, sizeof(uint8_t[8][32]));
    memcpy(CALL_ARGS(&c, reveal)->roots[8], p->task[task].output_roots, sizeof(uint8_t[8][32]));
    call_must(p->w, &c);
}

/* Call that compares those inputs of task 1. */
static void match(struct play *p, struct call *c, uint64_t mask)
{
    uint8_t key[32];
    call_match(p, c, 1);
    c->count--;
    at_assignment(p->w, 0, key);
    for (unsigned i = 0; i < SU_PORTS_MAX; i++)
        if (mask >> i & 1u)
            call_more(c, key);
    CALL_ARGS(c, match)->mask = mask;
}

static void all_ports_are_compared(void **unused)
{
    (void)unused;
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        struct play p;
        struct call c;
        struct world *w = ports(&p);
        setting_running(&p, 1);
        fill(p.task[0].input_roots, 1);
        fill(p.task[0].output_roots, 20);
        fill(p.task[1].input_roots, 20);
        fill(p.task[1].output_roots, 40);
        p.task[1].input_roots[5][9] ^= (uint8_t)wrong;
        commit(&p, 0);
        commit(&p, 1);
        play_draw_all(&p);
        setting_committee(&p, 0);
        setting_committee(&p, 1);
        reveal(&p, 0);
        reveal(&p, 1);
        setting_vote(&p, 0, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
        setting_vote(&p, 1, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
        assert_int_equal(play_exec(&p)->tasks[1].state, SU_TASK_PENDING_VERIFICATION);
        if (wrong) {
            match(&p, &c, 0x0f);
            setting_expect(&p, &c, "ok");
            setting_expect(&p, &c, "AlreadyMatched");
            match(&p, &c, 0xf0);
            setting_expect(&p, &c, "ok");
            assert_int_equal(play_assignment(&p, 1)->dispute, SU_DISPUTE_INPUTS);
            setting_vote(&p, 1, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
        } else {
            match(&p, &c, 0x100);
            setting_expect(&p, &c, "BadArgument");
            match(&p, &c, 0xff);
            c.count--;
            setting_expect(&p, &c, "NotEnoughAccounts");
            match(&p, &c, 0xff);
            setting_expect(&p, &c, "ok");
            assert_int_equal(play_exec(&p)->tasks[1].state, SU_TASK_VERIFIED);
        }
        setting_end(&p, wrong ? SU_EXEC_VOID : SU_EXEC_SETTLED,
                    wrong ? SU_VOID_FAULT : SU_VOID_NONE);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_declare_no_more),
        cmocka_unit_test(a_large_execution_settles),
        cmocka_unit_test(a_large_execution_ends_by_fault),
        cmocka_unit_test(a_large_execution_falls_back),
        cmocka_unit_test(all_ports_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
