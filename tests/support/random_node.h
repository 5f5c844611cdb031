// SPDX-License-Identifier: MIT
/* Single nodes of random graphs (support/random_graph.h): what they take, their attributes. */
#ifndef SU_SUPPORT_RANDOM_NODE_H
#define SU_SUPPORT_RANDOM_NODE_H

#include "graph/graph.h"
#include "support/random.h"

#define GEN_NONE UINT32_MAX /* no value */
#define GEN_VALUES_MAX 512

struct su_random_opts;

/* A graph that grows. */
struct gen {
    struct su_random r;
    const struct su_random_opts *o;
    struct su_graph *g;
    uint64_t macs; /* budget left */
    uint32_t elements; /* per value */
    uint32_t names;
    uint32_t uses[GEN_VALUES_MAX];
};

const struct su_value *gen_val(const struct gen *k, uint32_t id);
bool gen_allowed(const struct gen *k, enum su_op op);
/* Adds the node if it is valid, affordable and not too large, and returns its first value; else
   GEN_NONE. */
uint32_t gen_add(struct gen *k, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                 const int32_t *attr, uint32_t n_attr);
/* The same of one argument. */
uint32_t gen_add1(struct gen *k, enum su_op op, uint32_t a, const int32_t *attr, uint32_t n_attr);
struct su_shape gen_shape(struct gen *k);
enum su_dtype gen_type(struct gen *k);
uint32_t gen_input(struct gen *k, enum su_dtype d, const struct su_shape *s);
/* Tries to add such a node, with operands that are there or new ones; returns its first value, or
   GEN_NONE, as for sources and for ops of sequence models. */
uint32_t gen_op(struct gen *k, enum su_op op);

#endif
