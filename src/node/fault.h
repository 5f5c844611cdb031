// SPDX-License-Identifier: MIT
/* Ways to misbehave, for tests of what the others do about it. Compiled to false unless SU_FAULTS is
   defined, which no installed program has; then SPLITUP_FAULT="name[,name]" chooses. */
#ifndef SU_NODE_FAULT_H
#define SU_NODE_FAULT_H

#include <stdbool.h>

/* wrong-output          the first element of the first output is another one
   wrong-weights         the weights that are loaded differ in a bit
   late                  commits when the deadline has passed
   silent-after-commit   never reveals
   crash-before-commit   dies when everything is ready for the commitment
   crash-after-commit    dies when the commitment is on chain
   double-sign           sends a second commitment with other roots, once
   equivocate            signs other rows for the second consumer or asker
   lying-heartbeat       claims tasks that it has not loaded
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
