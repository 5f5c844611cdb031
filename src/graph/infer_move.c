// SPDX-License-Identifier: MIT
/* Movement, indexing and constants: any value type passes through unchanged. */
#include "graph_priv.h"

#include <inttypes.h>

enum su_code su_infer_reshape(struct su_infer *in)
{
    char from[80], to[80];
    struct su_shape s;
    uint64_t n;
    enum su_code c = su_infer_dims(in, 0, &s);

    if (c)
        return c;
    if (!su_shape_count(&s, UINT64_MAX, &n) || n != su_shape_elements(&in->arg[0]->shape))
        return su_infer_fail(in, SU_ETYPE,
                             "shape %s cannot become %s: the numbers of elements differ",
                             su_shape_format(&in->arg[0]->shape, from, sizeof from),
                             su_shape_format(&s, to, sizeof to));
    return su_infer_out(in, 0, in->type[0], &s);
}

enum su_code su_infer_permute(struct su_infer *in)
{
    const struct su_shape *x = &in->arg[0]->shape;
    struct su_shape s = {.rank = x->rank};
    uint32_t seen = 0, axis;
    enum su_code c = su_infer_attr_count(in, x->rank, "one per axis");

    if (c)
        return c;
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((c = su_infer_axis(in, i, x->rank, &axis)))
            return c;
        if (seen & 1u << axis)
            return su_infer_fail(in, SU_EINVAL, "axis %" PRIu32 " is named twice", axis);
        seen |= 1u << axis;
        s.dim[i] = x->dim[axis];
    }
    return su_infer_out(in, 0, in->type[0], &s);
}

enum su_code su_infer_expand(struct su_infer *in)
{
    char from[80], to[80];
    const struct su_shape *x = &in->arg[0]->shape;
    struct su_shape s;
    enum su_code c = su_infer_attr_count(in, x->rank, "one per axis");

    if (c || (c = su_infer_dims(in, 0, &s)))
        return c;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (x->dim[i] != 1 && x->dim[i] != s.dim[i])
            return su_infer_fail(
                in, SU_ETYPE, "shape %s cannot expand to %s: axis %" PRIu32 " is not 1",
                su_shape_format(x, from, sizeof from), su_shape_format(&s, to, sizeof to), i);
    }
    return su_infer_out(in, 0, in->type[0], &s);
}

enum su_code su_infer_pad(struct su_infer *in)
{
    char text[80];
    const struct su_shape *x = &in->arg[0]->shape;
    struct su_shape s = {.rank = x->rank};
    enum su_code c = su_infer_attr_count(in, 2 * x->rank, "two per axis");

    if (c)
        return c;
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((c = su_infer_attr_range(in, 2 * i, "low padding", 0, SU_GRAPH_DIM_MAX)) ||
            (c = su_infer_attr_range(in, 2 * i + 1, "high padding", 0, SU_GRAPH_DIM_MAX)))
            return c;
        uint64_t dim =
            (uint64_t)x->dim[i] + (uint32_t)in->attr[2 * i] + (uint32_t)in->attr[2 * i + 1];
        if (dim > SU_GRAPH_DIM_MAX)
            return su_infer_fail(in, SU_ELIMIT,
                                 "axis %" PRIu32 " of shape %s grows to %" PRIu64 ", beyond %u", i,
                                 su_shape_format(x, text, sizeof text), dim, SU_GRAPH_DIM_MAX);
        s.dim[i] = (uint32_t)dim;
    }
    return su_infer_out(in, 0, in->type[0], &s);
}

/* begin to end within axis `axis` of argument 0; attributes i and i + 1. */
static enum su_code check_span(const struct su_infer *in, uint32_t i, uint32_t axis)
{
    char text[80];
    const struct su_shape *x = &in->arg[0]->shape;
    int32_t begin = in->attr[i], end = in->attr[i + 1];

    if (begin >= 0 && begin < end && (uint32_t)end <= x->dim[axis])
        return SU_OK;
    return su_infer_fail(in, SU_ETYPE,
                         "%" PRId32 " to %" PRId32
                         " is not a range of at least one element within axis %" PRIu32
                         " of shape %s",
                         begin, end, axis, su_shape_format(x, text, sizeof text));
}

enum su_code su_infer_shrink(struct su_infer *in)
{
    const struct su_shape *x = &in->arg[0]->shape;
    struct su_shape s = {.rank = x->rank};
    enum su_code c = su_infer_attr_count(in, 2 * x->rank, "two per axis");

    if (c)
        return c;
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((c = check_span(in, 2 * i, i)))
            return c;
        s.dim[i] = (uint32_t)(in->attr[2 * i + 1] - in->attr[2 * i]);
    }
    return su_infer_out(in, 0, in->type[0], &s);
}

enum su_code su_infer_flip(struct su_infer *in)
{
    const struct su_shape *x = &in->arg[0]->shape;
    uint32_t mask;
    enum su_code c = su_infer_axes(in, 0, x->rank, &mask);

    return c ? c : su_infer_out(in, 0, in->type[0], x);
}

enum su_code su_infer_concat(struct su_infer *in)
{
    char a[80], b[80];
    const struct su_shape *x = &in->arg[0]->shape;
    struct su_shape s = *x;
    uint32_t axis;
    enum su_code c = su_infer_axis(in, 0, x->rank, &axis);

    if (c)
        return c;
    uint64_t dim = x->dim[axis];
    for (uint32_t i = 1; i < in->n_arg; i++) {
        const struct su_shape *y = &in->arg[i]->shape;
        if ((c = su_infer_same_type(in, i, 0)))
            return c;
        bool fits = y->rank == x->rank;
        for (uint32_t k = 0; fits && k < x->rank; k++)
            fits = k == axis || y->dim[k] == x->dim[k];
        if (!fits)
            return su_infer_fail(
                in, SU_ETYPE,
                "argument %" PRIu32 " has shape %s, argument 0 shape %s; they may differ "
                "along axis %" PRIu32 " only",
                i, su_shape_format(y, b, sizeof b), su_shape_format(x, a, sizeof a), axis);
        dim += y->dim[axis];
    }
    if (dim > SU_GRAPH_DIM_MAX)
        return su_infer_fail(in, SU_ELIMIT, "axis %" PRIu32 " grows to %" PRIu64 ", beyond %u",
                             axis, dim, SU_GRAPH_DIM_MAX);
    s.dim[axis] = (uint32_t)dim;
    return su_infer_out(in, 0, in->type[0], &s);
}

enum su_code su_infer_slice(struct su_infer *in)
{
    struct su_shape s = in->arg[0]->shape;
    uint32_t axis;
    enum su_code c = su_infer_axis(in, 0, s.rank, &axis);

    if (c || (c = check_span(in, 1, axis)) ||
        (c = su_infer_attr_range(in, 3, "step", 1, INT32_MAX)))
        return c;
    s.dim[axis] = (uint32_t)((in->attr[2] - in->attr[1] - 1) / in->attr[3] + 1);
    return su_infer_out(in, 0, in->type[0], &s);
}

/* Replaces axis `axis` of x by the axes of the index. */
static enum su_code index_shape(struct su_infer *in, uint32_t axis, struct su_shape *s)
{
    char a[80], b[80];
    const struct su_shape *x = &in->arg[0]->shape, *idx = &in->arg[1]->shape;

    if (x->rank - 1 + idx->rank > SU_GRAPH_RANK_MAX)
        return su_infer_fail(
            in, SU_ELIMIT, "argument 0 of shape %s indexed by shape %s exceeds rank %d",
            su_shape_format(x, a, sizeof a), su_shape_format(idx, b, sizeof b), SU_GRAPH_RANK_MAX);
    *s = (struct su_shape){0};
    for (uint32_t i = 0; i < axis; i++)
        s->dim[s->rank++] = x->dim[i];
    for (uint32_t i = 0; i < idx->rank; i++)
        s->dim[s->rank++] = idx->dim[i];
    for (uint32_t i = axis + 1; i < x->rank; i++)
        s->dim[s->rank++] = x->dim[i];
    return SU_OK;
}

enum su_code su_infer_gather(struct su_infer *in)
{
    struct su_shape s;
    uint32_t axis;
    enum su_code c = su_infer_type(in, 1, SU_TYPES_INT);

    if (c || (c = su_infer_axis(in, 0, in->arg[0]->shape.rank, &axis)) ||
        (c = index_shape(in, axis, &s)))
        return c;
    return su_infer_out(in, 0, in->type[0], &s);
}

enum su_code su_infer_embedding(struct su_infer *in)
{
    struct su_shape s;
    enum su_code c;

    if (in->arg[0]->kind != SU_VALUE_WEIGHT)
        return su_infer_fail(in, SU_ETYPE, "argument 0 is not a weight; use gather");
    if (!su_dtype_is_block(in->type[0]) && (c = su_infer_type(in, 0, SU_BIT(SU_F32))))
        return c;
    if ((c = su_infer_rank(in, 0, 2, 2)) || (c = su_infer_type(in, 1, SU_TYPES_INT)) ||
        (c = index_shape(in, 0, &s)))
        return c;
    return su_infer_out(in, 0, SU_F32, &s);
}

enum su_code su_infer_const(struct su_infer *in)
{
    char text[80];
    struct su_shape s;
    uint64_t n;
    enum su_code c = su_infer_dims(in, 1, &s);

    if (c || (c = su_infer_out(in, 0, (enum su_dtype)in->attr[0], &s)))
        return c;
    n = su_shape_elements(&s);
    if (in->data_bytes != 4 * n)
        return su_infer_fail(in, SU_EINVAL, "%" PRIu32 " bytes of data; shape %s takes %" PRIu64,
                             in->data_bytes, su_shape_format(&s, text, sizeof text), 4 * n);
    return SU_OK;
}

enum su_code su_infer_iota(struct su_infer *in)
{
    struct su_shape s;
    uint32_t axis;
    enum su_dtype d = (enum su_dtype)in->attr[0];
    enum su_code c = su_infer_dims(in, 2, &s);

    if (c || (c = su_infer_axis(in, 1, s.rank, &axis)))
        return c;
    if (d == SU_BOOL)
        return su_infer_fail(in, SU_ETYPE, "an index has type f32, i32 or u32, not bool");
    if (d == SU_F32 && (c = su_infer_loop(in, s.dim[axis], "an axis counted in f32")))
        return c;
    return su_infer_out(in, 0, d, &s);
}
