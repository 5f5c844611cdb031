// SPDX-License-Identifier: MIT
#ifndef SU_GRAPH_SESSION_H
#define SU_GRAPH_SESSION_H

#include "graph/graph.h"

struct su_session {
    uint32_t ctx, length, n_state;
    uint16_t **state; /* per state of the graph: [position][element] */
};

#endif
