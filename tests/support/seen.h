// SPDX-License-Identifier: MIT
/* A play's execution as a client reads it from the chain: a case made of copies of the bank's
   accounts, with the table and assignment that were voted; and its instructions run on the bank. */
#ifndef SU_TEST_SEEN_H
#define SU_TEST_SEEN_H

#include "chain/chain.h"
#include "support/execution.h"

struct seen {
    struct bank *bank; /* a copy: what the case points into */
    struct su_chain_env env;
    struct su_chain_account *accounts;
    size_t n;
    uint8_t identities[PLAY_NODES_MAX][32], nodes[SU_TASKS_MAX][32];
    struct su_ix_check_row rows[PLAY_NODES_MAX];
    uint8_t slot_hashes[8 + 512 * 40];
    struct su_chain_voted voted;
    struct su_chain_crank_by by;
    struct su_chain_case c;
};

/* Ends the test program when the execution does not exist. */
struct seen *seen_new(const struct play *p);
void seen_free(struct seen *s);
/* Runs one instruction on w's bank: 0, the error number, or CALL_RUNTIME. */
uint64_t seen_run(struct world *w, const struct su_instr *i);
/* Runs a crank alone, paid by w's payer. */
uint64_t seen_crank(struct world *w, const struct seen *s, const struct su_chain_crank *k);

#endif
