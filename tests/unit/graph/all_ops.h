// SPDX-License-Identifier: MIT
#ifndef SU_TEST_ALL_OPS_H
#define SU_TEST_ALL_OPS_H

#include "graph/graph.h"

/* A checked graph that holds every op at least once, every kind of record and every element
   type. Never NULL. */
struct su_graph *su_test_all_ops(void);

#endif
