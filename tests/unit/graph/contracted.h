// SPDX-License-Identifier: MIT
/* What contracted.c exports: the interpreter with fused multiply-adds. */
#ifndef SU_TEST_GRAPH_CONTRACTED_H
#define SU_TEST_GRAPH_CONTRACTED_H

#include "graph/graph.h"

#include <stddef.h>

/* Whether this compiler was asked to optimise, and so to fuse, and this processor can; call the others only then. */
bool contracted_works(void);

float contracted_num_recip(float x);
float contracted_num_rsqrt(float x);
float contracted_num_sqrt(float x);
float contracted_num_exp(float x);
float contracted_num_exp2(float x);
float contracted_num_log2(float x);
float contracted_num_sin(float x);
float contracted_num_sigmoid(float x);
float contracted_num_tanh(float x);
float contracted_num_silu(float x);
float contracted_num_gelu(float x);
float contracted_num_dot(const float *a, const float *b, size_t n);
SU_CHECK enum su_code contracted_graph_eval(const struct su_graph *g,
                                            const struct su_eval_args *args, struct su_eval **out,
                                            struct su_err *e);

#endif
