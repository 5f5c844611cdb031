// SPDX-License-Identifier: MIT
/* Multiply-adds per row. Everything that is no product counts elements at 1/8 each: what a node
   writes, or reads where that is more. Softmax and the norms pass four times over theirs. */
#include "graph_priv.h"

#define EIGHTHS 8
#define NORM_PASSES 4
/* Positions an attention row is taken to look at, or its window if that is less: the real number
   is known only when the row arrives, and a plan needs one number. */
#define ATTENTION_POSITIONS 1024

static const struct su_shape *arg_shape(const struct su_graph *g, const struct su_node *n,
                                        uint32_t i)
{
    return &g->value[n->arg[i]].shape;
}

static uint64_t eighths(uint64_t elements)
{
    return elements / EIGHTHS + (elements % EIGHTHS != 0);
}

/* Weights hold up to 2^40 elements, loops 2^24, rows 2^30: no product here exceeds 2^58. */
uint64_t su_node_macs(const struct su_graph *g, uint32_t node)
{
    const struct su_node *n = &g->node[node];
    uint64_t out = su_shape_elements(&g->value[n->first_out].shape);
    uint64_t in = 0;

    for (uint32_t i = 0; i < n->n_arg; i++)
        in = SU_MAX(in, su_shape_elements(arg_shape(g, n, i)));
    switch (n->op) {
    case SU_OP_RESHAPE:
    case SU_OP_CONST:
    case SU_OP_SELECT_EMITTED:
        return 0;
    case SU_OP_MATMUL:
    case SU_OP_QMATMUL:
    case SU_OP_QMATMUL_ID: {
        const struct su_shape *a = arg_shape(g, n, 0);
        return out * a->dim[a->rank - 1];
    }
    case SU_OP_CONV2D: {
        const struct su_shape *w = arg_shape(g, n, 1);
        return out * (su_shape_elements(w) / w->dim[0]);
    }
    case SU_OP_MAXPOOL:
    case SU_OP_AVGPOOL:
        return eighths(out * (uint64_t)n->attr[0] * (uint64_t)n->attr[1]);
    case SU_OP_ATTENTION: {
        uint64_t positions = ATTENTION_POSITIONS, window = (uint64_t)n->attr[4];
        return 2 * out * (window ? SU_MIN(window, positions) : positions);
    }
    case SU_OP_LAYERNORM:
    case SU_OP_RMSNORM:
    case SU_OP_SOFTMAX:
        return eighths(NORM_PASSES * out);
    case SU_OP_REDUCE_SUM:
    case SU_OP_REDUCE_MAX:
    case SU_OP_REDUCE_PROD:
    case SU_OP_ARGMAX:
    case SU_OP_TOPK:
    case SU_OP_MOE_ROUTE:
    case SU_OP_SAMPLE:
        return eighths(in);
    default:
        return eighths(out);
    }
}

uint64_t su_graph_macs(const struct su_graph *g)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < g->n_node; i++) {
        if (!su_add_u64(sum, su_node_macs(g, i), &sum))
            return UINT64_MAX;
    }
    return sum;
}
