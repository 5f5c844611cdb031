// SPDX-License-Identifier: MIT
/* What must hold of all accounts together at any time. */
#ifndef SU_TEST_GENERATOR_MONEY_H
#define SU_TEST_GENERATOR_MONEY_H

#include "support/scenario.h"

enum { MONEY_PAYERS = 8 };
struct money {
    uint64_t gifts; /* in the vault, owed to nobody */
    uint64_t lamports; /* of the whole bank */
    uint64_t payer[MONEY_PAYERS]; /* what payer number i has, with the rent it is owed */
};

/* The world as it is now is right. */
void money_begin(struct money *m, const struct world *w);
/* Puts money into the vault that no instruction has moved. */
void money_gift(struct money *m, struct world *w, uint64_t amount);
/* NULL, or the first thing that is wrong: the vault against all that is owed, lamports, each payer
   with its rents, each node's reserved stake against its reserves, each execution's counters against
   its tasks and accounts, the pool's against the claims. */
const char *money_check(const struct money *m, const struct world *w);
/* NULL, or an account that should be gone when every execution is over. */
const char *money_left(const struct world *w);

#endif
