// SPDX-License-Identifier: MIT
/* Small graphs in few words, for the tests of the interpreter. Everything here fails the running test on any error. */
#ifndef SU_TEST_GRAPH_EVAL_HELP_H
#define SU_TEST_GRAPH_EVAL_HELP_H

#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(...) (sizeof((int64_t[]){0, __VA_ARGS__}) / sizeof(int64_t) - 1)
#define ARGS(...) (uint32_t[]){__VA_ARGS__}, COUNT(__VA_ARGS__)
#define ATTRS(...) (int32_t[]){__VA_ARGS__}, COUNT(__VA_ARGS__)
#define NO_ATTRS NULL, 0
#define SHAPE(...)                                                                                 \
    &(struct su_shape)                                                                             \
    {                                                                                              \
        COUNT(__VA_ARGS__),                                                                        \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define SCALAR                                                                                     \
    &(struct su_shape)                                                                             \
    {                                                                                              \
        0,                                                                                         \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define F(x) ((int32_t)su_f32_bits(x))

uint32_t h_input(struct su_graph *g, const char *name, enum su_domain domain, enum su_dtype dtype,
                 const struct su_shape *shape);
uint32_t h_weight(struct su_graph *g, const char *name, enum su_dtype dtype,
                  const struct su_shape *shape);
uint32_t h_node(struct su_graph *g, enum su_op op, const uint32_t *arg, size_t n_arg,
                const int32_t *attr, size_t n_attr);
uint32_t h_const(struct su_graph *g, enum su_dtype dtype, const struct su_shape *shape,
                 const void *data);
/* Names the value as the next output: y0, y1, ... */
void h_output(struct su_graph *g, uint32_t value);

/* Checks and evaluates with n plain rows, all emitted. */
struct su_eval *h_eval(struct su_graph *g, uint32_t n_row, const void *const *input,
                       const void *const *weight);
const void *h_value(const struct su_eval *ev, uint32_t value, size_t words);
void h_expect_f(const struct su_eval *ev, uint32_t value, size_t n, const float *want);
void h_expect_i(const struct su_eval *ev, uint32_t value, size_t n, const int32_t *want);
/* Against the entry of that name in vectors.h. */
void h_expect_vector(const struct su_eval *ev, uint32_t value, const char *name);

/* One op over FIXED f32 or i32 inputs: evaluates it, compares with the vector, frees everything. */
struct h_arg {
    const void *data;
    enum su_dtype dtype;
    const struct su_shape *shape;
};
void h_op_vector(const char *name, enum su_op op, const struct h_arg *arg, size_t n_arg,
                 const int32_t *attr, size_t n_attr);

/* The generators of make_vectors.py; the caller frees. */
float *h_uniform(uint32_t seed, size_t n, float scale);
uint32_t *h_words(uint32_t seed, size_t n);

/* Flushes denormals (FTZ and DAZ on x86, FZ on arm64) until called with false. Returns false where it cannot. */
bool h_flush(bool on);

#endif
