// SPDX-License-Identifier: MIT
/* Random valid feed-forward graphs with inputs and weights, for differential and property tests.
   Every op family, ranks 0 to 6, every value type, broadcasting, inputs of every domain, weights
   of f32, f16, bf16 (some from a later first_row), consts, branches, several outputs; consts and
   inputs hold edge values. The same (seed, opts) gives the same case on every machine. */
#ifndef SU_SUPPORT_RANDOM_GRAPH_H
#define SU_SUPPORT_RANDOM_GRAPH_H

#include "graph/graph.h"
#include "support/random_tensor.h"

/* Zero means the default named. */
struct su_random_opts {
    uint32_t nodes; /* about as many nodes; default 1 to 30 at random */
    uint32_t rows; /* T; default 1 to 9, rarely up to 70 */
    uint64_t macs; /* most multiply-adds per row of the graph; default 2 000 000 */
    uint32_t elements; /* most elements of a value; default 4096 */
    bool (*allow)(
        enum su_op op); /* only ops for which it is true; reshape, cast and concat always */
    bool mild; /* no edge values: finite, within +-2 */
    bool emit; /* select_emitted may appear, inputs of domain EMIT, and ops behind either */
    bool no_fixed_inputs;
};
struct su_random_case {
    struct su_graph *graph; /* checked; at most 8 inputs and 8 outputs */
    uint32_t n_row;
    struct su_row *row; /* at least one emits */
    void **input; /* graph->n_input buffers as struct su_eval_args wants them */
    size_t *input_bytes;
    void **weight; /* graph->n_weight buffers as stored */
    size_t *weight_bytes;
};
/* Never NULL. The graph depends on neither opts->rows nor the data, and row r of an input not on
   the number of rows: cases that differ in `rows` alone are the same computation in other
   batches. */
struct su_random_case *su_random_case_new(uint64_t seed, const struct su_random_opts *opts);
void su_random_case_free(struct su_random_case *c);

#endif
