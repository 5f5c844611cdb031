// SPDX-License-Identifier: MIT
/* Ways to misbehave, for tests of what the others do about it. Compiled to false unless SU_FAULTS is
   defined, which no installed program has; then SPLITUP_FAULT="name[,name]" chooses. */
#ifndef SU_ORACLE_FAULT_H
#define SU_ORACLE_FAULT_H

#include <stdbool.h>

/* votes-wrongly         votes for assignments and verdicts that nobody else computes
   silent                sends no transaction
   withholds-draw        never posts a draw */
#ifdef SU_FAULTS
bool su_oracle_fault(const char *name);
#else
static inline bool su_oracle_fault(const char *name)
{
    (void)name;
    return false;
}
#endif

#endif
