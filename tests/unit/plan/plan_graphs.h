// SPDX-License-Identifier: MIT
/* Graphs and runs shared by the tests of plan. Failures end the test. */
#ifndef SU_TEST_PLAN_GRAPHS_H
#define SU_TEST_PLAN_GRAPHS_H

#include "graph/graph.h"
#include "plan/plan.h"

/* A builder that stops the test at the first error. */
struct su_shape shape_of(uint32_t rank, const uint32_t *dim);
#define SHAPE(...)                                                                                 \
    shape_of((uint32_t)(sizeof((uint32_t[]){__VA_ARGS__}) / 4), (const uint32_t[]){__VA_ARGS__})
uint32_t add_input(struct su_graph *g, const char *name, enum su_domain d, enum su_dtype t,
                   struct su_shape s);
uint32_t add_weight(struct su_graph *g, const char *name, enum su_dtype t, struct su_shape s);
uint32_t add_op(struct su_graph *g, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                const int32_t *attr, uint32_t n_attr);
uint32_t add_unary(struct su_graph *g, enum su_op op, uint32_t a);
uint32_t add_binary(struct su_graph *g, enum su_op op, uint32_t a, uint32_t b);
/* conv2d with square kernel, stride 1, same padding, then bias and relu; names <name>.weight and
   <name>.bias. */
uint32_t add_conv(struct su_graph *g, const char *name, uint32_t x, uint32_t c_in, uint32_t c_out,
                  uint32_t kernel, uint32_t groups);
uint32_t add_pool(struct su_graph *g, uint32_t x);
uint32_t add_fc(struct su_graph *g, const char *name, uint32_t x, uint32_t n_in, uint32_t n_out);
void finish(struct su_graph *g, const char *output, uint32_t value);

/* Two branches behind a common stem, about 570 KB of weights. */
struct su_graph *graph_digits(void);
/* n times matmul width x width and relu. */
struct su_graph *graph_chain(uint32_t n, uint32_t width);

struct su_plan_opts opts_of(const uint64_t *target);
struct su_plan *plan_of(const struct su_graph *g, uint64_t target, uint32_t t_max);

/* Data for g: filled from a seed. */
struct data {
    uint32_t n_row;
    struct su_row *row;
    void **input, **weight;
    bool owned;
};
struct data *data_new(const struct su_graph *g, uint32_t n_row, uint64_t seed);
void data_free(const struct su_graph *g, struct data *d);
/* Evaluates g, and the tasks of the plan one by one; all outputs must be equal to the bit. */
void assert_same_results(const struct su_graph *g, const struct su_plan *p, const struct data *d);
void assert_valid(const struct su_graph *g, const struct su_plan *p, uint64_t target);
/* What a task made of the marked nodes of g (and of what must be copied into it) costs, by building
   its graph. Nodes that any task may copy (see copied_nodes) need not be marked. */
struct subset_cost {
    uint64_t vram, macs, cut_bytes;
    uint32_t n_in, n_out;
};
struct subset_cost subset_cost(const struct su_graph *g, const bool *in, uint32_t t_max);
/* Marks what depends on weights and consts only, through movement and elementwise ops, and is no
   output. */
void copied_nodes(const struct su_graph *g, bool *copied);

#endif
