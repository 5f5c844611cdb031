// SPDX-License-Identifier: MIT
/* How many random cases a test runs. */
#ifndef SU_SUPPORT_COUNT_H
#define SU_SUPPORT_COUNT_H

#include <stdint.h>

/* full with SU_TEST_FULL=1; a third of few, at least one, with SU_TEST_BRIEF=1, as builds with
   sanitizers have it: there each case takes three times as long, and the plain build runs them all.
   Else few. */
uint32_t su_test_count(uint32_t few, uint32_t full);

#endif
