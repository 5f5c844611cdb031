// SPDX-License-Identifier: MIT
/* Shared by the files of the reference interpreter. A kernel computes one row of one node; values are 32-bit words, and
   a kernel may rely on all that su_graph_check has established about types and shapes. */
#ifndef SU_GRAPH_EVAL_PRIV_H
#define SU_GRAPH_EVAL_PRIV_H

#include "graph/graph.h"

#include <string.h>

#define SU_LANES 32
#define SU_SEGMENT 256

struct su_eval_in {
    enum su_dtype type; /* F32, I32, U32, BOOL */
    const struct su_shape *shape;
    const uint32_t *w;
    enum su_dtype stored; /* a weight's type in its file */
    const uint8_t *raw; /* a block-quantised weight as stored; then w is NULL */
    uint32_t state; /* which state of the graph, for an argument that is one; then w is NULL */
};
struct su_eval_out {
    enum su_dtype type;
    const struct su_shape *shape;
    uint32_t *w;
};
struct su_kernel {
    const struct su_node *node;
    struct su_eval_in in[SU_GRAPH_ARG_MAX];
    struct su_eval_out out[2];
    void *scratch; /* as many bytes as the kernel's scratch function asked for */
    uint64_t saturated; /* results that sat changed */
    const struct su_row *row; /* of domain ROWS */
    struct su_session *session; /* of that row; NULL in a graph without states */
};

/* scratch (may be NULL) reads only node, types and shapes. */
struct su_eval_op {
    void (*run)(struct su_kernel *k);
    uint64_t (*scratch)(const struct su_kernel *k);
    const char *lacks; /* why run is NULL */
};

static inline float su_f(uint32_t w)
{
    float x;
    memcpy(&x, &w, sizeof x);
    return x;
}

/* A float result of the op: fixed, and counted when sat changed it. */
static inline uint32_t su_eval_fixed(struct su_kernel *k, float x)
{
    if ((su_f32_bits(x) & 0x7fffffffu) > 0x58800000u)
        k->saturated++;
    return su_f32_bits(su_num_fix(x));
}

/* Unsigned numbers in the order of the values; equal values have equal words. */
static inline uint32_t su_eval_order(enum su_dtype type, uint32_t w)
{
    if (type == SU_F32)
        return w & 0x80000000u ? ~w : w | 0x80000000u;
    return type == SU_I32 ? w ^ 0x80000000u : w;
}

static inline float su_eval_attr_f(const struct su_kernel *k, uint32_t i)
{
    return su_f((uint32_t)k->node->attr[i]);
}

float su_num_tree(float lane[SU_LANES]); /* second half of N6; in num.c */

/* Row-major strides, in words. */
void su_eval_strides(const struct su_shape *s, int64_t stride[SU_GRAPH_RANK_MAX]);
/* Copies dims->dim elements between two strided places that do not overlap. */
void su_eval_copy(uint32_t *dst, const int64_t *dst_stride, const uint32_t *src,
                  const int64_t *src_stride, const struct su_shape *dims);
/* Elements of axes [from, to). */
uint64_t su_eval_span(const struct su_shape *s, uint32_t from, uint32_t to);

void su_eval_same(struct su_kernel *k); /* reshape, select_emitted: the elements as they are */
void su_eval_permute(struct su_kernel *k);
void su_eval_expand(struct su_kernel *k);
void su_eval_pad(struct su_kernel *k);
void su_eval_shrink(struct su_kernel *k);
void su_eval_flip(struct su_kernel *k);
void su_eval_concat(struct su_kernel *k);
void su_eval_slice(struct su_kernel *k);
void su_eval_elementwise(struct su_kernel *k);
void su_eval_reduce(struct su_kernel *k);
uint64_t su_eval_reduce_scratch(const struct su_kernel *k);
void su_eval_argmax(struct su_kernel *k);
void su_eval_cumsum(struct su_kernel *k);
void su_eval_topk(struct su_kernel *k);
uint64_t su_eval_topk_scratch(const struct su_kernel *k);
void su_eval_gather(struct su_kernel *k);
void su_eval_embedding(struct su_kernel *k);
void su_eval_const(struct su_kernel *k);
void su_eval_iota(struct su_kernel *k);
void su_eval_matmul(struct su_kernel *k);
void su_eval_conv2d(struct su_kernel *k);
uint64_t su_eval_conv2d_scratch(const struct su_kernel *k);
void su_eval_pool(struct su_kernel *k);
void su_eval_layernorm(struct su_kernel *k);
void su_eval_rmsnorm(struct su_kernel *k);
void su_eval_softmax(struct su_kernel *k);
void su_eval_qmatmul(struct su_kernel *k);
uint64_t su_eval_qmatmul_scratch(const struct su_kernel *k);
void su_eval_qmatmul_id(struct su_kernel *k);
void su_eval_rope(struct su_kernel *k);
uint64_t su_eval_rope_scratch(const struct su_kernel *k);
void su_eval_state_append(struct su_kernel *k);
void su_eval_attention(struct su_kernel *k);
uint64_t su_eval_attention_scratch(const struct su_kernel *k);
void su_eval_moe_route(struct su_kernel *k);
uint64_t su_eval_moe_route_scratch(const struct su_kernel *k);

#endif
