// SPDX-License-Identifier: MIT
/* Private to chain: what the files about cranks share. */
#ifndef SU_CHAIN_CRANK_PRIV_H
#define SU_CHAIN_CRANK_PRIV_H

#include "chain/chain.h"

/* SHA-256, as abi's messages want it. */
void chain_hash(const struct su_part *parts, uint64_t n, uint8_t out[32]);

/* One group of an assignment of n nodes; its nodes borrow from `nodes`, its path from `path`. */
struct su_chain_assign_group chain_group_of(const uint8_t (*nodes)[32], size_t n, uint8_t group,
                                            uint8_t path[SU_ASSIGN_PATH_MAX][32]);
/* The row a point falls into; NULL: none. */
const struct su_ix_check_row *chain_row_at(const struct su_chain_voted *v, uint64_t point);
/* The row proves itself a part of the table x was voted. */
bool chain_row_proved(const struct su_ix_check_row *row, const struct su_acc_execution *x);

/* ---- what is to be read ---------------------------------------------------------------------- */

/* One account and what it is: kept from one reading to the next, as addresses take time to find. */
struct chain_wanted {
    uint8_t tag; /* SU_TAG_..., or 0 for the sysvar */
    uint8_t number;
    uint16_t task;
    uint8_t id[32]; /* of nodes and reserves: identity */
    uint8_t key[32];
};

/* ---- rules, as the program has them ---------------------------------------------------------- */

/* What a node has and holds while several stakes are taken from it one after the other. */
struct chain_purse {
    uint64_t held, stake_sum, free;
};
struct chain_purse chain_purse_of(const struct su_chain_part *p);
/* Takes one more stake; false when the free stake does not cover it. */
bool chain_purse_take(struct chain_purse *p, const struct su_params *params, uint64_t stake);
/* The stake S that assigning the task demands; false: none is allowed. */
bool chain_task_stake(const struct su_chain_case *c, uint16_t task, uint64_t *stake);
/* True when the node is there and may be given the task, its money aside. */
bool chain_may_take(const struct su_chain_case *c, const struct su_chain_part *p, uint16_t task);

bool chain_ended(const struct su_acc_execution *x);
/* The validator that posted is owed its fee. */
bool chain_validator_right(const struct su_exec_task *t);
/* Last slot of the present draw's time. */
uint64_t chain_check_until(const struct su_chain_case *c, uint16_t task);
/* Slot in which the present draw began. */
uint64_t chain_check_began(const struct su_chain_case *c, uint16_t task);
/* a + b, UINT64_MAX when it does not fit. */
uint64_t chain_plus(uint64_t a, uint64_t b);

/* What a state that has moved on answers: somebody else's success explains it. */
bool chain_explained(const struct su_chain_failure *f);
/* The batch is a transaction that fits, with the instructions a sender puts before it. */
bool chain_batch_fits(const struct su_chain_batch *b);
/* claim_pay of a claim, to a node known by its account alone: it may have been closed. */
void chain_claim_append(struct su_chain_batch *b, uint64_t seq, const uint8_t node[32],
                        const uint8_t rent_payer[32]);

/* A list of cranks being made. */
struct chain_cranks {
    const struct su_chain_case *c;
    const struct su_chain_crank_by *by;
    struct su_chain_crank *out;
    size_t n, cap;
};
/* Appends instruction `number` on that task, possible since then; NULL when the list is full. */
struct su_chain_crank *chain_crank_add(struct chain_cranks *l, uint8_t number, uint16_t task,
                                       uint64_t since);
void chain_cranks_checking(struct chain_cranks *l);
void chain_cranks_ended(struct chain_cranks *l);

#endif
