// SPDX-License-Identifier: MIT
/* What contracted.c exports: num.c with fused multiply-adds. To be called only where the processor has an FMA unit. */
#ifndef SU_TEST_GRAPH_CONTRACTED_H
#define SU_TEST_GRAPH_CONTRACTED_H

#include <stddef.h>

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

#endif
