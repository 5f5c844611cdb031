// SPDX-License-Identifier: MIT
/* Elementwise ops, reductions, sorting. */
#include "graph_priv.h"

#include <inttypes.h>

/* Types an elementwise op takes; all its operands have the same one. */
static uint32_t types_of(enum su_op op)
{
    switch (op) {
    case SU_OP_ADD:
    case SU_OP_SUB:
    case SU_OP_MUL:
    case SU_OP_MAX:
    case SU_OP_MIN:
    case SU_OP_NEG:
    case SU_OP_CMP:
        return SU_TYPES_NUMBER;
    case SU_OP_RELU:
        return SU_BIT(SU_F32) | SU_BIT(SU_I32);
    case SU_OP_AND:
    case SU_OP_OR:
    case SU_OP_XOR:
        return SU_TYPES_INT | SU_BIT(SU_BOOL);
    case SU_OP_SHL:
    case SU_OP_SHR:
    case SU_OP_IDIV:
    case SU_OP_MOD:
        return SU_TYPES_INT;
    default:
        return SU_BIT(SU_F32);
    }
}

/* Widens s to the shape that it and argument `arg` broadcast to. */
static enum su_code broadcast(const struct su_infer *in, uint32_t arg, struct su_shape *s)
{
    char a[80], b[80];
    const struct su_shape *y = &in->arg[arg]->shape;
    struct su_shape wide = {.rank = SU_MAX(s->rank, y->rank)};

    for (uint32_t i = 0; i < wide.rank; i++) { /* from the last axis */
        uint32_t p = i < s->rank ? s->dim[s->rank - 1 - i] : 1;
        uint32_t q = i < y->rank ? y->dim[y->rank - 1 - i] : 1;
        if (p != q && p != 1 && q != 1)
            return su_infer_fail(in, SU_ETYPE,
                                 "argument %" PRIu32 " has shape %s, which does not broadcast with "
                                 "%s of the arguments before it",
                                 arg, su_shape_format(y, b, sizeof b),
                                 su_shape_format(s, a, sizeof a));
        wide.dim[wide.rank - 1 - i] = SU_MAX(p, q);
    }
    *s = wide;
    return SU_OK;
}

enum su_code su_infer_unary(struct su_infer *in)
{
    enum su_code c = su_infer_type(in, 0, types_of(in->op));

    return c ? c : su_infer_out(in, 0, in->type[0], &in->arg[0]->shape);
}

enum su_code su_infer_binary(struct su_infer *in)
{
    struct su_shape s = in->arg[0]->shape;
    enum su_code c = su_infer_type(in, 0, types_of(in->op));

    if (c || (c = su_infer_same_type(in, 1, 0)))
        return c;
    if (in->op == SU_OP_CMP && (c = su_infer_attr_range(in, 0, "comparison", 0, 3)))
        return c;
    if ((c = broadcast(in, 1, &s)))
        return c;
    return su_infer_out(in, 0, in->op == SU_OP_CMP ? SU_BOOL : in->type[0], &s);
}

enum su_code su_infer_where(struct su_infer *in)
{
    struct su_shape s = in->arg[0]->shape;
    enum su_code c = su_infer_type(in, 0, SU_BIT(SU_BOOL));

    if (c || (c = su_infer_same_type(in, 2, 1)) || (c = broadcast(in, 1, &s)) ||
        (c = broadcast(in, 2, &s)))
        return c;
    return su_infer_out(in, 0, in->type[1], &s);
}

enum su_code su_infer_cast(struct su_infer *in)
{
    enum su_dtype to = (enum su_dtype)in->attr[0];
    enum su_code c = SU_OK;

    if (in->op == SU_OP_BITCAST) {
        c = su_infer_type(in, 0, SU_TYPES_NUMBER);
        if (!c && to == SU_BOOL)
            c = su_infer_fail(in, SU_ETYPE, "bits become f32, i32 or u32, not bool");
    }
    return c ? c : su_infer_out(in, 0, to, &in->arg[0]->shape);
}

/* x without the axes of mask, or with 1 in their place. */
static struct su_shape reduced(const struct su_shape *x, uint32_t mask, bool keep)
{
    struct su_shape s = {0};

    for (uint32_t i = 0; i < x->rank; i++) {
        if (!(mask & 1u << i))
            s.dim[s.rank++] = x->dim[i];
        else if (keep)
            s.dim[s.rank++] = 1;
    }
    return s;
}

enum su_code su_infer_reduce(struct su_infer *in)
{
    const struct su_shape *x = &in->arg[0]->shape;
    uint32_t mask;
    enum su_code c = su_infer_type(in, 0, SU_TYPES_NUMBER);

    if (c || (c = su_infer_axes(in, 0, x->rank, &mask)))
        return c;
    struct su_shape s = reduced(x, mask, in->attr[1] == 1);
    if ((c = su_infer_loop(in, su_shape_elements(x) / su_shape_elements(&s), "a reduction")))
        return c;
    return su_infer_out(in, 0, in->type[0], &s);
}

enum su_code su_infer_argmax(struct su_infer *in)
{
    const struct su_shape *x = &in->arg[0]->shape;
    uint32_t axis;
    enum su_code c = su_infer_type(in, 0, SU_TYPES_NUMBER);

    if (c || (c = su_infer_axis(in, 0, x->rank, &axis)) ||
        (c = su_infer_loop(in, x->dim[axis], "a search")))
        return c;
    struct su_shape s = reduced(x, 1u << axis, in->attr[1] == 1);
    return su_infer_out(in, 0, SU_I32, &s);
}

enum su_code su_infer_cumsum(struct su_infer *in)
{
    const struct su_shape *x = &in->arg[0]->shape;
    uint32_t axis;
    enum su_code c = su_infer_type(in, 0, SU_TYPES_NUMBER);

    if (c || (c = su_infer_axis(in, 0, x->rank, &axis)) ||
        (c = su_infer_loop(in, x->dim[axis], "a running sum")))
        return c;
    return su_infer_out(in, 0, in->type[0], x);
}

enum su_code su_infer_topk(struct su_infer *in)
{
    char text[80];
    struct su_shape s = in->arg[0]->shape;
    enum su_code c = su_infer_type(in, 0, SU_TYPES_NUMBER);

    if (c || (c = su_infer_rank(in, 0, 1, SU_GRAPH_RANK_MAX)) ||
        (c = su_infer_loop(in, s.dim[s.rank - 1], "a sorted axis")))
        return c;
    if (in->attr[0] < 1 || (uint32_t)in->attr[0] > s.dim[s.rank - 1])
        return su_infer_fail(in, SU_ETYPE,
                             "the best %" PRId32 " are asked of the last axis of shape %s",
                             in->attr[0], su_shape_format(&s, text, sizeof text));
    s.dim[s.rank - 1] = (uint32_t)in->attr[0];
    c = su_infer_out(in, 0, in->type[0], &s);
    return c ? c : su_infer_out(in, 1, SU_I32, &s);
}
