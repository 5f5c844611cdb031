// SPDX-License-Identifier: MIT
/* Ways to misbehave, for tests of what the others do about it. Compiled to false unless SU_FAULTS is
   defined, which no installed program has; then SPLITUP_FAULT="name[,name]" chooses. */
#ifndef SU_NODE_FAULT_H
#define SU_NODE_FAULT_H

#include <stdbool.h>

/* wrong-output          the first element of the first output is another one
   wrong-weights         every element of every output, and the witness, are others
   smaller-quant         computes with weights of fewer levels than those of the model
   late                  tries to commit when the deadline has passed
   silent-after-commit   never reveals
   hang                  stops computing after some steps of a generation, and beats on
   crash-before-commit   dies when everything is ready for the commitment
   crash-after-commit    dies when the commitment is on chain
   double-sign           commits to other rows than those it signed for its consumers
   equivocate            signs other rows of a step for its last consumer
   two-tokens            draws a token, and signs another for the task that it is fed to
   lying-heartbeat       claims its tasks and never loads them
   heartbeat-one-oracle  tells the first oracle alone
   slow-link             heartbeats are 3 s on their way, while there is a file "slow" at its home
   A fault of the results comes after the node's own check, as a liar's would. */
#ifdef SU_FAULTS
bool su_node_fault(const char *name);
bool su_node_fault_slow(void); /* slow-link, now */
#else
static inline bool su_node_fault(const char *name)
{
    (void)name;
    return false;
}
static inline bool su_node_fault_slow(void)
{
    return false;
}
#endif

#endif
