// SPDX-License-Identifier: MIT
/* Brings an execution to its end by what anybody may call, signed by whom the play's world names as
   payer. The person "stranger" must exist. */
#ifndef SU_TEST_ENDING_H
#define SU_TEST_ENDING_H

#include "support/execution.h"

/* Number of the node with that identity; 0 when there is none. */
unsigned ending_node(const struct play *p, const uint8_t identity[32]);
/* True, with its state, when that check exists; when that node has a reserve here. */
bool ending_check(const struct play *p, unsigned task, unsigned number, uint8_t *state);
bool ending_reserve(const struct play *p, unsigned node);
/* Sets whom the closing call pays the rent: who paid for the account. */
void ending_rent(struct world *w, struct call *c);

/* SETTLED or VOID: the next thing to be charged, paid, freed or closed; looks at `first` first. */
void ending_next(struct play *p, unsigned first, struct call *c);
/* Tries every default of the present state once, in ended states all there is to do. Returns how
   many calls succeeded. */
unsigned ending_crank(struct play *p);

#endif
