// SPDX-License-Identifier: MIT
/* Reductions within a row. */
#include "eval_priv.h"

#include <stdlib.h>

static bool is_reduced(const struct su_kernel *k, uint32_t axis)
{
    return (uint32_t)k->node->attr[0] >> axis & 1u;
}

/* N6 over words. */
static uint32_t sum(struct su_kernel *k, const uint32_t *w, uint64_t n)
{
    if (k->in[0].type != SU_F32) {
        uint32_t s = 0;
        for (uint64_t i = 0; i < n; i++)
            s += w[i];
        return s;
    }
    float lane[SU_LANES] = {0};
    for (uint64_t i = 0; i < n; i++)
        lane[i % SU_LANES] += su_f(w[i]);
    return su_eval_fixed(k, su_num_tree(lane));
}

/* As N6 with every product fixed, or the third factor of 2^-48 would already be a denormal; absent lanes hold 1. */
static uint32_t prod(struct su_kernel *k, const uint32_t *w, uint64_t n)
{
    if (k->in[0].type != SU_F32) {
        uint32_t p = 1;
        for (uint64_t i = 0; i < n; i++)
            p *= w[i];
        return p;
    }
    uint32_t lane[SU_LANES];
    for (uint32_t l = 0; l < SU_LANES; l++)
        lane[l] = su_f32_bits(1.0f);
    for (uint64_t i = 0; i < n; i++)
        lane[i % SU_LANES] = su_eval_fixed(k, su_f(lane[i % SU_LANES]) * su_f(w[i]));
    for (uint32_t half = SU_LANES / 2; half > 0; half /= 2)
        for (uint32_t l = 0; l < half; l++)
            lane[l] = su_eval_fixed(k, su_f(lane[l]) * su_f(lane[l + half]));
    return lane[0];
}

static uint32_t largest(struct su_kernel *k, const uint32_t *w, uint64_t n)
{
    enum su_dtype t = k->in[0].type;
    uint32_t m = w[0];
    for (uint64_t i = 1; i < n; i++)
        if (su_eval_order(t, w[i]) > su_eval_order(t, m))
            m = w[i];
    return m;
}

uint64_t su_eval_reduce_scratch(const struct su_kernel *k)
{
    return su_shape_elements(k->in[0].shape) * sizeof(uint32_t);
}

/* The row is laid out with the reduced axes last, so that each result reads one run of words. */
void su_eval_reduce(struct su_kernel *k)
{
    const struct su_shape *in = k->in[0].shape;
    struct su_shape order = {.rank = in->rank};
    int64_t is[SU_GRAPH_RANK_MAX], ss[SU_GRAPH_RANK_MAX], ds[SU_GRAPH_RANK_MAX];
    uint64_t groups = 1, length = 1;
    uint32_t n = 0;
    su_eval_strides(in, is);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < in->rank; i++) {
            if (is_reduced(k, i) != (pass == 1))
                continue;
            order.dim[n] = in->dim[i];
            ss[n++] = is[i];
            if (pass == 0)
                groups *= in->dim[i];
            else
                length *= in->dim[i];
        }
    }
    su_eval_strides(&order, ds);
    su_eval_copy(k->scratch, ds, k->in[0].w, ss, &order);

    const uint32_t *w = k->scratch;
    for (uint64_t g = 0; g < groups; g++, w += length) {
        if (k->node->op == SU_OP_REDUCE_SUM)
            k->out[0].w[g] = sum(k, w, length);
        else if (k->node->op == SU_OP_REDUCE_PROD)
            k->out[0].w[g] = prod(k, w, length);
        else
            k->out[0].w[g] = largest(k, w, length);
    }
}

void su_eval_argmax(struct su_kernel *k)
{
    const struct su_shape *in = k->in[0].shape;
    uint32_t axis = (uint32_t)k->node->attr[0], n = in->dim[axis];
    uint64_t outer = su_eval_span(in, 0, axis), inner = su_eval_span(in, axis + 1, in->rank);
    enum su_dtype t = k->in[0].type;
    for (uint64_t o = 0; o < outer; o++) {
        for (uint64_t i = 0; i < inner; i++) {
            const uint32_t *w = k->in[0].w + o * n * inner + i;
            uint32_t best = 0;
            for (uint32_t j = 1; j < n; j++)
                if (su_eval_order(t, w[j * inner]) > su_eval_order(t, w[best * inner]))
                    best = j;
            k->out[0].w[o * inner + i] = best;
        }
    }
}

/* Sequential, fixed after every add. */
void su_eval_cumsum(struct su_kernel *k)
{
    const struct su_shape *in = k->in[0].shape;
    uint32_t axis = (uint32_t)k->node->attr[0], n = in->dim[axis];
    uint64_t outer = su_eval_span(in, 0, axis), inner = su_eval_span(in, axis + 1, in->rank);
    for (uint64_t o = 0; o < outer; o++) {
        for (uint64_t i = 0; i < inner; i++) {
            uint64_t at = o * n * inner + i;
            uint32_t s = 0;
            for (uint32_t j = 0; j < n; j++, at += inner) {
                uint32_t w = k->in[0].w[at];
                s = k->in[0].type == SU_F32 ? su_eval_fixed(k, su_f(s) + su_f(w)) : s + w;
                k->out[0].w[at] = s;
            }
        }
    }
}

struct ranked {
    uint32_t order, index;
};

static int by_rank(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    if (a->order != b->order)
        return a->order > b->order ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

uint64_t su_eval_topk_scratch(const struct su_kernel *k)
{
    const struct su_shape *in = k->in[0].shape;
    return (uint64_t)in->dim[in->rank - 1] * sizeof(struct ranked);
}

void su_eval_topk(struct su_kernel *k)
{
    const struct su_shape *in = k->in[0].shape;
    uint32_t n = in->dim[in->rank - 1], top = (uint32_t)k->node->attr[0];
    uint64_t outer = su_eval_span(in, 0, in->rank - 1);
    struct ranked *r = k->scratch;
    for (uint64_t o = 0; o < outer; o++) {
        const uint32_t *w = k->in[0].w + o * n;
        for (uint32_t i = 0; i < n; i++)
            r[i] = (struct ranked){su_eval_order(k->in[0].type, w[i]), i};
        qsort(r, n, sizeof *r, by_rank);
        for (uint32_t j = 0; j < top; j++) {
            k->out[0].w[o * top + j] = w[r[j].index];
            k->out[1].w[o * top + j] = r[j].index;
        }
    }
}
