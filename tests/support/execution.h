// SPDX-License-Identifier: MIT
/* Scenes of executions: the instructions from request to closing as calls, and what the people
   around them know: the committee's table and assignment with their trees, an asserter's roots and
   salt, a validator's roots. Nodes are "node0"... of "owner0"..., oracles "oracle0"..., the requestor
   is "requestor". Tasks run honestly unless a test changes the roots in the play. */
#ifndef SU_TEST_EXECUTION_H
#define SU_TEST_EXECUTION_H

#include "support/scenario.h"

enum { PLAY_NODES_MAX = 16 };

/* What one task's asserter computed. */
struct play_task {
    unsigned node; /* number of the asserter */
    uint8_t input_roots[SU_PORTS_MAX][32], output_roots[SU_PORTS_MAX][32], witness[32], salt[32];
};
/* One execution as the world outside the chain sees it. */
struct play {
    struct world *w;
    unsigned nodes, tasks, oracles;
    uint32_t max_steps, steps;
    uint8_t table_depth, table_root[32];
    uint64_t table_total;
    uint32_t owner_share_ppm;
    uint64_t low[PLAY_NODES_MAX], high[PLAY_NODES_MAX]; /* weights as intervals */
    uint8_t leaves[PLAY_NODES_MAX][32];
    uint8_t assignment_root[32];
    struct play_task task[SU_TASKS_MAX];
};

/* A play of w's model (tasks in a chain) with that many nodes; task i goes to node i % nodes.
   Nothing is called. */
void play_init(struct play *p, struct world *w, unsigned oracles, unsigned nodes, unsigned tasks);
/* Computes table and assignment trees again, after task[].node or weights were changed. */
void play_plan(struct play *p);

/* The last task draws tokens, which task 0 takes: its input is compared with that output. */
bool play_is_fed(const struct play *p);

/* SHA-256, as abi's messages want it. */
void play_hash(const struct su_part *parts, uint64_t n, uint8_t out[32]);
/* Execution and assignment as they are, NULL when closed. */
const struct su_acc_execution *play_exec(const struct play *p);
const struct su_acc_assignment *play_assignment(const struct play *p, unsigned task);

/* Builders, in order of the numbers. */
void call_request_open(struct play *p, struct call *c, uint64_t nonce); /* sets w->nonce */
void call_request_tasks(struct play *p, struct call *c, unsigned first, unsigned count);
void call_request_submit(struct play *p, struct call *c);
void call_request_cancel(struct play *p, struct call *c);
void call_request_expire(struct play *p, struct call *c);
void call_vote_assign(struct play *p, struct call *c, unsigned oracle);
void call_assign(struct play *p, struct call *c, unsigned group);
void call_release(struct play *p, struct call *c, unsigned task);
/* question FAILED or VERDICT; REASSIGN takes the node's number in `verdict`. */
void call_vote_task(struct play *p, struct call *c, unsigned oracle, unsigned task,
                    uint8_t question, uint8_t verdict, uint16_t verdict_task);
void call_reassign(struct play *p, struct call *c, unsigned task, unsigned node);
void call_commit(struct play *p, struct call *c, unsigned task);
void call_commit_expire(struct play *p, struct call *c, unsigned task);
void call_freeze(struct play *p, struct call *c, bool fallback); /* finds the slot hash */
void call_draw(struct play *p, struct call *c, unsigned oracle); /* a valid proof of that oracle */
void call_draw_default(struct play *p, struct call *c);
/* The number of the node that the task's present draw falls on. */
unsigned play_drawn_node(const struct play *p, unsigned task);
void call_check_skip(struct play *p, struct call *c, unsigned task, unsigned node);
void call_check_accept(struct play *p, struct call *c, unsigned task, unsigned node);
/* Honest roots, or others when wrong. */
void call_check_post(struct play *p, struct call *c, unsigned task, unsigned node, bool wrong);
void call_check_expire(struct play *p, struct call *c, unsigned task);
void call_reveal(struct play *p, struct call *c, unsigned task);
/* With the task before it; task 0 with the last. */
void call_match(struct play *p, struct call *c, unsigned task);
void call_reveal_expire(struct play *p, struct call *c, unsigned task);
void call_dispute_expire(struct play *p, struct call *c, unsigned task);
void call_declare_missing(struct play *p, struct call *c);
void call_conclude(struct play *p, struct call *c, bool requestor);
void call_slash(struct play *p, struct call *c, unsigned task, unsigned who, unsigned node);
void call_pay_task(struct play *p, struct call *c, unsigned task, unsigned node);
void call_pay_check(struct play *p, struct call *c, unsigned task, unsigned number);
void call_free_reserve(struct play *p, struct call *c, unsigned node);
void call_pay_oracle(struct play *p, struct call *c, unsigned oracle);
void call_finish(struct play *p, struct call *c);
void call_close_assignment(struct play *p, struct call *c, unsigned task);
void call_close_check(struct play *p, struct call *c, unsigned task, unsigned number);
void call_close_execution(struct play *p, struct call *c);

/* Several calls that must succeed. */
void play_request(struct play *p, uint64_t nonce); /* opened and escrowed */
void play_assign(struct play *p); /* voted and assigned: RUNNING */
void play_commit(struct play *p); /* every task */
void play_draw(struct play *p); /* frozen, and drawn by the oracle of the first turn */
void play_draw_all(struct play *p); /* frozen by the fallback: everything sampled */
/* Every sampled task gets roots from the drawn validators; wrong_task: of that one wrong, -1: none. */
void play_check(struct play *p, int wrong_task);
void play_reveal(struct play *p); /* every task revealed and matched */
/* Pays, frees and closes everything after conclude; true when nothing of the execution is left. */
bool play_clear(struct play *p);

#endif
