// SPDX-License-Identifier: MIT
/* Ways to misbehave, for tests of what the others do about it. Compiled to false unless SU_FAULTS is
   defined, which no installed program has; then SPLITUP_FAULT="name[,name]" chooses. */
#ifndef SU_NODE_FAULT_H
#define SU_NODE_FAULT_H

#include <stdbool.h>

/* wrong-output          the first element of the first output is another one
   wrong-weights         every element of every output, and the witness, are others
   late                  tries to commit when the deadline has passed
   silent-after-commit   never reveals
   crash-before-commit   dies when everything is ready for the commitment
   crash-after-commit    dies when the commitment is on chain
   double-sign           commits to other rows than those it signed for its consumers
   equivocate            signs other rows of a step for its last consumer
   lying-heartbeat       claims its tasks and never loads them
   heartbeat-one-oracle  tells the first oracle alone
   A fault of the results comes after the node's own check, as a liar's would. */
#ifdef SU_FAULTS
bool su_node_fault(const char *name);
#else
static inline bool su_node_fault(const char *name)
{
    (void)name;
    return false;
}
#endif

#endif
