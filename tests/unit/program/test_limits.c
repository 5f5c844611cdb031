// SPDX-License-Identifier: MIT
/* 128 tasks, and 8 inputs of 8 producers: every instruction must fit a transaction beside a limit
   of compute units, and (run as svm_program_limits) those units. */
#include "abi/abi.h"
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STAKE (10000ull * SU_USDC)

/* Holds each call to the size of a transaction, paid by the world's payer. */
static void fits(void *ctx, const struct call *c, const struct svm_result *r)
{
    const struct world *w = ctx;
    struct su_meta metas[SU_SYS_ACCOUNTS_MAX];
    for (size_t i = 0; i < c->count; i++) {
        memcpy(metas[i].key, c->metas[i].key, 32);
        metas[i].signer = c->metas[i].signer;
        metas[i].writable = c->metas[i].writable;
    }
    struct su_small_instr limit;
    su_instr_unit_limit(&limit, 400000);
    struct su_instr instrs[2] = {limit.instr};
    memcpy(instrs[1].program, w->program, 32);
    instrs[1].metas = metas;
    instrs[1].n_metas = (uint16_t)c->count;
    instrs[1].data = c->data.raw;
    instrs[1].data_bytes = (uint16_t)c->bytes;
    struct su_tx tx;
    (void)r;
    assert_int_equal(su_tx_compile(w->payer, w->genesis, instrs, 2, &tx), SU_TX_OK);
}

/* Three owners and more for every task, as if each node had declared some of them. */
static void staff(struct world *w, unsigned nodes, unsigned tasks)
{
    for (unsigned i = 0; i < nodes; i++) {
        char name[32], owner[32];
        uint8_t identity[32], key[32];
        (void)snprintf(name, sizeof name, "node%u", i);
        (void)snprintf(owner, sizeof owner, "owner%u", i);
        world_node(w, name, owner, STAKE);
        world_key(name, identity);
        at_key(w, "node", identity, key);
        struct su_acc_node node = *(const struct su_acc_node *)world_read(w, SU_TAG_NODE, key);
        for (unsigned t = i % 4; t < tasks; t += 4)
            at_task(w, (uint16_t)t, node.declared[node.declared_count++]);
        world_write(w, key, &node, sizeof node);
    }
    for (unsigned t = 0; t < tasks; t++) {
        uint8_t key[32];
        at_task(w, (uint16_t)t, key);
        struct su_acc_task task = *(const struct su_acc_task *)world_read(w, SU_TAG_TASK, key);
        task.owners = 3;
        world_write(w, key, &task, sizeof task);
    }
}

static struct world *world_with_oracles(void)
{
    struct world *w = world_bare();
    struct call c;
    w->watch = fits;
    w->watch_ctx = w;
    call_init(w, &c);
    call_must(w, &c);
    world_oracles(w, SU_ORACLES_MAX);
    return w;
}

static void the_largest_model_runs_to_its_end(void **unused)
{
    (void)unused;
    enum { TASKS = SU_TASKS_MAX, NODES = 8 };
    static struct play p;
    struct call c;
    struct world *w = world_with_oracles();
    world_model(w, "large", TASKS, true);
    staff(w, NODES, TASKS);
    play_init(&p, w, SU_ORACLES_MAX, NODES,
              TASKS); /* task t to node t % 8, which has declared it */
    setting_committed(&p, 1);
    struct bank *kept = bank_copy(w->bank);
    play_draw(&p);
    assert_int_not_equal(play_exec(&p)->state, SU_EXEC_FROZEN);
    bank_free(w->bank);
    w->bank = kept;
    play_draw_all(&p);
    assert_int_equal(play_exec(&p)->sampled, TASKS);
    play_check(&p, 5);
    setting_reveal(&p, -1);
    setting_vote(&p, 5, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    call_conclude(&p, &c, false);
    call_must(w, &c);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    world_free(w);
}

enum { PRODUCERS = SU_PORTS_MAX };

/* Eight tasks that feed the eight inputs of the ninth. */
static void model_wide(struct world *w)
{
    struct call c;
    uint8_t key[32];
    call_model_create(w, &c, "wide", PRODUCERS + 1, SU_NO_TASK);
    call_must(w, &c);
    for (uint16_t t = 0; t < PRODUCERS; t++) {
        call_task_add(w, &c, t, true, false);
        call_must(w, &c);
    }
    call_task_add(w, &c, PRODUCERS, false, true);
    struct su_ix_task_add *ix = CALL_ARGS(&c, task_add);
    ix->input_count = PRODUCERS;
    ix->specs[PRODUCERS] = ix->specs[1];
    for (unsigned i = 1; i < PRODUCERS; i++)
        ix->specs[i] = ix->specs[0];
    call_must(w, &c);
    call_begin(w, &c, SU_IX_CONNECT);
    CALL_ARGS(&c, connect)->count = PRODUCERS;
    for (unsigned i = 0; i <= PRODUCERS; i++) {
        at_task(w, (uint16_t)i, key);
        call_more(&c, key);
        if (i == PRODUCERS)
            break;
        CALL_ARGS(&c, connect)->edges[i].from = (uint8_t)i;
        CALL_ARGS(&c, connect)->edges[i].to = PRODUCERS;
        CALL_ARGS(&c, connect)->edges[i].input = (uint8_t)i;
    }
    call_must(w, &c);
    call_model_finalise(w, &c);
    call_must(w, &c);
}

/* call_commit of the ninth task: its input root has eight parts. */
static void commit_wide(struct play *p)
{
    struct call c;
    uint8_t in[32], out[32], execution[32];
    struct play_task *k = &p->task[PRODUCERS];
    for (unsigned i = 0; i < PRODUCERS; i++)
        memcpy(k->input_roots[i], p->task[i].output_roots[0], 32);
    call_commit(p, &c, PRODUCERS);
    su_msg_input_root(play_hash, (const uint8_t(*)[32])k->input_roots, PRODUCERS, in);
    su_msg_output_root(play_hash, (const uint8_t(*)[32])k->output_roots, 1, k->witness, out);
    at_execution(p->w, execution);
    const struct su_msg_scope scope = {p->w->program, p->w->genesis, execution,
                                       play_exec(p)->request_slot};
    struct su_ix_commit *ix = CALL_ARGS(&c, commit);
    su_msg_commit(play_hash, &scope, PRODUCERS, 0, c.metas[call_find(&c, "identity")].key, k->salt,
                  in, out, ix->commit);
    call_must(p->w, &c);
}

static void reveal_wide(struct play *p)
{
    struct call c;
    const struct play_task *k = &p->task[PRODUCERS];
    call_reveal(p, &c, PRODUCERS);
    memcpy(CALL_ARGS(&c, reveal)->roots, k->input_roots, sizeof k->input_roots);
    memcpy(CALL_ARGS(&c, reveal)->roots[PRODUCERS], k->output_roots[0], 32);
    call_must(p->w, &c);
}

/* Compares the inputs of mask, whose producers are passed in ascending order. */
static void match_wide(struct play *p, struct call *c, unsigned mask)
{
    uint8_t key[32];
    call_match(p, c, PRODUCERS);
    c->count--;
    CALL_ARGS(c, match)->mask = mask;
    for (unsigned i = 0; i < PRODUCERS; i++) {
        if ((mask >> i & 1u) == 0)
            continue;
        at_assignment(p->w, (uint16_t)i, key);
        call_more(c, key);
    }
}

/* From nothing to everything revealed, everything with the committee. */
static struct world *wide_revealed(struct play *p)
{
    struct call c;
    struct world *w = world_with_oracles();
    model_wide(w);
    staff(w, 4, PRODUCERS + 1);
    play_init(p, w, SU_ORACLES_MAX, 4, PRODUCERS + 1);
    setting_running(p, 1);
    for (unsigned t = 0; t < PRODUCERS; t++) {
        call_commit(p, &c, t);
        call_must(w, &c);
    }
    commit_wide(p);
    play_draw_all(p);
    for (unsigned t = 0; t <= PRODUCERS; t++)
        setting_committee(p, t); /* nobody answers */
    for (unsigned t = 0; t < PRODUCERS; t++) {
        call_reveal(p, &c, t);
        call_must(w, &c);
    }
    reveal_wide(p);
    return w;
}

static void eight_producers_are_compared(void **unused)
{
    (void)unused;
    static struct play p;
    struct call c;
    struct world *w = wide_revealed(&p);
    struct bank *kept = bank_copy(w->bank);
    match_wide(&p, &c, 0xff);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "AlreadyMatched");
    bank_free(w->bank);
    w->bank = kept;
    match_wide(&p, &c, 0xa5); /* in parts, in any order */
    setting_expect(&p, &c, "ok");
    match_wide(&p, &c, 0x5b);
    setting_expect(&p, &c, "AlreadyMatched");
    match_wide(&p, &c, 0x5a);
    setting_expect(&p, &c, "ok");
    for (unsigned t = 0; t <= PRODUCERS; t++)
        setting_vote(&p, t, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

/* One producer at fault does not excuse the task for what it says it had from another. */
static void one_producer_excuses_one_input(void **unused)
{
    (void)unused;
    static struct play p;
    struct call c;
    struct world *w = wide_revealed(&p);
    setting_vote(&p, PRODUCERS, SU_QUESTION_VERDICT, SU_VERDICT_PRODUCER, 3);
    assert_int_equal(play_exec(&p)->tasks[3].state, SU_TASK_VERIFICATION_FAILED);
    assert_int_equal(play_assignment(&p, PRODUCERS)->matched, 1u << 3);
    assert_int_equal(play_exec(&p)->tasks[PRODUCERS].flags & SU_TASKF_DONE, 0);
    uint8_t key[32];
    at_assignment(w, 6, key);
    struct su_acc_assignment other = *play_assignment(&p, 6);
    other.output_roots[0][0] ^= 1; /* not what the ninth task says it had from it */
    world_write(w, key, &other, sizeof other);
    match_wide(&p, &c, 0xf7);
    setting_expect(&p, &c, "ok");
    assert_int_equal(play_assignment(&p, PRODUCERS)->dispute, SU_DISPUTE_INPUTS);
    setting_vote(&p, PRODUCERS, SU_QUESTION_VERDICT, SU_VERDICT_ASSERTER, 0);
    assert_int_equal(play_exec(&p)->faults, 2);
    for (unsigned t = 0; t < PRODUCERS; t++)
        if (t != 3)
            setting_vote(&p, t, SU_QUESTION_VERDICT, SU_VERDICT_RIGHT, 0);
    setting_end(&p, SU_EXEC_VOID, SU_VOID_FAULT);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_model_runs_to_its_end),
        cmocka_unit_test(eight_producers_are_compared),
        cmocka_unit_test(one_producer_excuses_one_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
