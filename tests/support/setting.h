// SPDX-License-Identifier: MIT
/* Worlds for executions that differ from world_full, and short ways to a given point of an
   execution. All calls must succeed; the ways begin where the play stands. */
#ifndef SU_TEST_SETTING_H
#define SU_TEST_SETTING_H

#include "support/execution.h"

struct setting {
    unsigned oracles, nodes, tasks; /* 0: 3, 3, 3 */
    uint32_t max_steps; /* of the play; 0: 1 */
    bool sampling; /* the last task is the sampling task and feeds the first */
    void (*tune)(struct su_params *p); /* NULL: the defaults */
};
/* After this: oracles in force, a final model in a chain, every node declares every task. */
struct world *setting_world(struct play *p, const struct setting *s);

/* Fails the test unless the call ends with that error ("ok": none). */
void setting_expect(struct play *p, const struct call *c, const char *outcome);
/* True when the call would succeed; nothing changes. */
bool setting_works(struct play *p, const struct call *c);

/* As many oracles as decide vote so on a question. */
void setting_vote(struct play *p, unsigned task, uint8_t question, uint8_t verdict,
                  uint16_t verdict_task);
/* From nothing to: escrowed; assigned; committed; everything sampled; all roots posted (of
   wrong_task wrong ones, -1: none). nonce: of the new execution. */
void setting_requested(struct play *p, uint64_t nonce);
void setting_running(struct play *p, uint64_t nonce);
void setting_committed(struct play *p, uint64_t nonce);
void setting_checking(struct play *p, uint64_t nonce);
void setting_revealing(struct play *p, uint64_t nonce, int wrong_task);
/* All but `silent` (-1: none) reveal, then all that can match do, in the order of the tasks. */
void setting_reveal(struct play *p, int silent);
/* Passes over draws until the task's is on a node that may check; its number. */
unsigned setting_drawn(struct play *p, unsigned task);
/* Nobody answers: the task goes to the committee. */
void setting_committee(struct play *p, unsigned task);
/* Ends it by the requestor's word where that counts, and clears it. Checks that nothing is left. */
void setting_end(struct play *p, uint8_t state, uint8_t cause);

uint64_t setting_refund(const struct play *p); /* what the requestor may claim */
uint64_t setting_pool(const struct play *p); /* balance of the pool */
uint64_t setting_fee(const struct play *p); /* of a task for the play's steps */
const struct su_acc_node *setting_node(const struct play *p, unsigned node);

#endif
