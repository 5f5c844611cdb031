// SPDX-License-Identifier: MIT
/* Scenes on the chain: every instruction as a call whose accounts are found by their role, and the
   objects that most tests need. A call is built, then run, so that a test may spoil it between. */
#ifndef SU_TEST_SCENARIO_H
#define SU_TEST_SCENARIO_H

#include "abi/abi.h"
#include "support/bank.h"
#include "support/scenario_world.h"

#include <stdio.h>

/* One instruction, ready to run. Data is written through CALL_ARGS. */
struct call {
    const struct su_ix_info *info;
    struct svm_meta metas[SU_SYS_ACCOUNTS_MAX];
    size_t count;
    size_t bytes;
    union {
        uint8_t raw[1280];
        struct su_ix ix;
        struct su_ix_init init;
        struct su_ix_config_next config_next;
        struct su_ix_amount amount;
        struct su_ix_oracle_register oracle_register;
        struct su_ix_oracle_withdraw oracle_withdraw;
        struct su_ix_model_create model_create;
        struct su_ix_task_add task_add;
        struct su_ix_connect connect;
        struct su_ix_model_feedback model_feedback;
        struct su_ix_node_register node_register;
        struct su_ix_stake_withdraw stake_withdraw;
        struct su_ix_request_open request_open;
        struct su_ix_request_tasks request_tasks;
        struct su_ix_request_submit request_submit;
        struct su_ix_vote_assign vote_assign;
        struct su_ix_assign assign;
        struct su_ix_vote_task vote_task;
        struct su_ix_commit commit;
        struct su_ix_freeze freeze;
        struct su_ix_draw draw;
        struct su_ix_check_row check_row;
        struct su_ix_check_post check_post;
        struct su_ix_reveal reveal;
        struct su_ix_match match;
        struct su_ix_slash slash;
        struct su_ix_pay_oracle pay_oracle;
    } data;
};
#define CALL_ARGS(c, name) (&(c)->data.name)

/* A bank with the programs' mint and vault; params are the defaults. Nothing of ours runs yet. */
struct world *world_bare(void);
/* The same after init. */
struct world *world_new(void);
/* After init, `oracles` oracles ("oracle0"...) bonded and in force as epoch 1, a final model of
   `tasks` tasks in a chain, and three nodes ("node0"..., of "owner0"...) that declare them all. */
struct world *world_full(unsigned oracles, unsigned tasks);
void world_free(struct world *w);

/* A wallet with SOL and the token account "NAME.usdc" with that much. */
void world_person(struct world *w, const char *name, uint64_t usdc);

/* Starts a call: data zero but for the number; accounts of one meaning everywhere filled in
   (program, payer, system, token, vault, vault_authority, mint, state, pool, config, model,
   execution, admin, creator, and requestor with key); all flags as the row says. */
void call_begin(struct world *w, struct call *c, uint8_t number);
/* The account of a role; a wrong role ends the test program. */
void call_set(struct call *c, const char *role, const uint8_t key[32]);
void call_set_name(struct call *c, const char *role, const char *name);
size_t call_find(const struct call *c, const char *role); /* its position */
/* One more of the repeating role. */
void call_more(struct call *c, const uint8_t key[32]);
/* Name of the role at position i into text[32]. */
void call_role(const struct call *c, size_t i, char text[32]);
/* 0, the error number of the program or of a program it called, or CALL_RUNTIME. */
#define CALL_RUNTIME (1ull << 32) /* the runtime objected */
uint64_t call_run(struct world *w, const struct call *c);
/* call_run, as a name: "ok", one of errors.def, "runtime", or "custom" for a called program's. */
const char *call_try(struct world *w, const struct call *c);
/* Ends the test program with the error's name unless the call succeeds. */
void call_must(struct world *w, const struct call *c);

/* Builders, in order of the numbers. Names are of persons. */
void call_init(struct world *w, struct call *c);
/* Next epoch: oracles 0 .. count-1; leaving: numbers of those that leave, ended by -1. */
void call_config_next(struct world *w, struct call *c, unsigned count, const int *leaving);
void call_admin_set(struct world *w, struct call *c, const char *next);
void call_pool_deposit(struct world *w, struct call *c, const char *from, uint64_t amount);
void call_oracle_register(struct world *w, struct call *c, const char *oracle);
void call_oracle_bond(struct world *w, struct call *c, const char *oracle, uint64_t amount);
void call_oracle_withdraw(struct world *w, struct call *c, const char *oracle, uint64_t earned,
                          uint64_t bond);
void call_oracle_close(struct world *w, struct call *c, const char *oracle);
/* Sets w->model to what the call will create. */
void call_model_create(struct world *w, struct call *c, const char *digest, uint16_t tasks,
                       uint16_t sample_task);
/* One input and one output of f32 [1, 8]; external where in/out say so. */
void call_task_add(struct world *w, struct call *c, uint16_t index, bool in, bool out);
/* count edges output 0 -> input 0 between the tasks first, first + 1, ... */
void call_connect(struct world *w, struct call *c, uint16_t first, unsigned count);
void call_model_feedback(struct world *w, struct call *c, uint16_t from, uint16_t to);
void call_model_finalise(struct world *w, struct call *c);
void call_model_discard(struct world *w, struct call *c, int task); /* -1: the model */
void call_node_register(struct world *w, struct call *c, const char *node, const char *owner);
void call_node_update(struct world *w, struct call *c, const char *node);
void call_node_declare(struct world *w, struct call *c, const char *node, const char *owner,
                       uint16_t task);
void call_node_undeclare(struct world *w, struct call *c, const char *node, const char *owner,
                         uint16_t task);
void call_stake_deposit(struct world *w, struct call *c, const char *from, const char *node,
                        uint64_t amount);
void call_stake_unlock(struct world *w, struct call *c, const char *node, const char *owner,
                       uint64_t amount);
void call_stake_withdraw(struct world *w, struct call *c, const char *node, const char *owner,
                         uint64_t ticket);
void call_earnings_claim(struct world *w, struct call *c, const char *node, const char *owner);
void call_node_close(struct world *w, struct call *c, const char *node, const char *owner);
void call_refund_claim(struct world *w, struct call *c, const char *requestor);
void call_claim_pay(struct world *w, struct call *c, uint64_t seq, const char *node);

/* Scenes of several calls. */
void world_oracles(struct world *w, unsigned count); /* registers, bonds, epoch 1 in force */
/* Draft of a chain of tasks, connected; finalised when final. Sets w->model. */
void world_model(struct world *w, const char *digest, uint16_t tasks, bool final);
void world_node(struct world *w, const char *node, const char *owner, uint64_t stake);
void world_declare(struct world *w, const char *node, const char *owner, uint16_t tasks);

#endif
