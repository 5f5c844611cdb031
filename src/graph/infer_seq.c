// SPDX-License-Identifier: MIT
/* Sequence models. Rows carry a session and a position, so these ops ask for the domain rows
   where they look at them. */
#include "graph_priv.h"

#include <inttypes.h>

#define ROPE_KINDS 3
#define HEADS_MAX 65536
#define HEAD_DIM_MAX 65536

static enum su_code check_float(const struct su_infer *in, uint32_t i, const char *name, float lo)
{
    float v = su_f32_from_bits((uint32_t)in->attr[i]);

    if (v >= lo)
        return SU_OK;
    return su_infer_fail(in, SU_EINVAL, "attribute %" PRIu32 " (%s) is %g; it must be at least %g",
                         i, name, (double)v, (double)lo);
}

enum su_code su_infer_rope(struct su_infer *in)
{
    char a[80], b[80];
    const struct su_shape *x = &in->arg[0]->shape;
    uint32_t dims = (uint32_t)in->attr[1];
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) ||
        (c = su_infer_rank(in, 0, 2, SU_GRAPH_RANK_MAX)) || (c = su_infer_rows(in, 0)) ||
        (c = su_infer_attr_range(in, 0, "pairing", 0, 1)) ||
        (c = su_infer_attr_range(in, 1, "dims", 2, HEAD_DIM_MAX)) ||
        (c = check_float(in, 2, "base", 1.0f)) || (c = check_float(in, 3, "scale", 0x1p-48f)) ||
        (c = su_infer_attr_range(in, 4, "kind", 0, ROPE_KINDS - 1)))
        return c;
    if (dims % 2 != 0 || dims > x->dim[x->rank - 1])
        return su_infer_fail(
            in, SU_ETYPE, "%" PRIu32 " dims are to turn in pairs, but the last axis of shape %s %s",
            dims, su_shape_format(x, a, sizeof a), dims % 2 ? "pairs evenly" : "is shorter");
    for (uint32_t i = 5; i < 8; i++) {
        if (in->attr[4] == 0 && in->attr[i] != 0)
            return su_infer_fail(in, SU_EINVAL,
                                 "attribute %" PRIu32 " is not 0; kind 0 has no parameters", i);
        if (in->attr[4] != 0 && (c = check_float(in, i, "parameter", 0x1p-48f)))
            return c;
    }
    if (in->n_arg == 2) {
        const struct su_shape *f = &in->arg[1]->shape;
        if ((c = su_infer_type(in, 1, SU_BIT(SU_F32))) || (c = su_infer_fixed(in, 1)))
            return c;
        if (f->rank != 1 || f->dim[0] != dims / 2)
            return su_infer_fail(in, SU_ETYPE,
                                 "argument 1 has shape %s; factors have shape [%" PRIu32
                                 "], one per pair of argument 0's %s",
                                 su_shape_format(f, b, sizeof b), dims / 2,
                                 su_shape_format(x, a, sizeof a));
    }
    return su_infer_out(in, 0, SU_F32, x);
}

enum su_code su_infer_state_append(struct su_infer *in)
{
    char a[80], b[80];
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) || (c = su_infer_rows(in, 0)))
        return c;
    if (!su_shape_equal(&in->arg[0]->shape, &in->arg[1]->shape))
        return su_infer_fail(in, SU_ETYPE, "argument 0 has shape %s, a position of the state %s",
                             su_shape_format(&in->arg[0]->shape, a, sizeof a),
                             su_shape_format(&in->arg[1]->shape, b, sizeof b));
    return su_infer_out(in, 0, SU_F16, &in->arg[1]->shape);
}

/* heads x dim, as two axes or as one. */
static bool is_heads(const struct su_shape *s, uint32_t heads, uint32_t dim)
{
    if (s->rank == 2)
        return s->dim[0] == heads && s->dim[1] == dim;
    return s->rank == 1 && s->dim[0] == (uint64_t)heads * dim;
}

enum su_code su_infer_attention(struct su_infer *in)
{
    char a[80];
    const struct su_shape *q = &in->arg[0]->shape;
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) || (c = su_infer_rows(in, 0)) ||
        (c = su_infer_attr_range(in, 0, "heads", 1, HEADS_MAX)) ||
        (c = su_infer_attr_range(in, 1, "kv heads", 1, HEADS_MAX)) ||
        (c = su_infer_attr_range(in, 2, "head dim", 1, HEAD_DIM_MAX)) ||
        (c = check_float(in, 3, "scale", 0x1p-48f)) ||
        (c = su_infer_attr_range(in, 4, "window", 0, INT32_MAX)) ||
        (c = check_float(in, 5, "softcap", 0.0f)) ||
        (c = su_infer_attr_range(in, 6, "reserved", 0, 0)))
        return c;
    uint32_t heads = (uint32_t)in->attr[0], kv_heads = (uint32_t)in->attr[1],
             dim = (uint32_t)in->attr[2];
    if (heads % kv_heads != 0)
        return su_infer_fail(in, SU_ETYPE,
                             "%" PRIu32 " heads do not share %" PRIu32 " kv heads evenly", heads,
                             kv_heads);
    if (q->rank != 2 || !is_heads(q, heads, dim))
        return su_infer_fail(
            in, SU_ETYPE, "argument 0 has shape %s; queries have shape [%" PRIu32 ",%" PRIu32 "]",
            su_shape_format(q, a, sizeof a), heads, dim);
    for (uint32_t i = 1; i < 3; i++) {
        if (!is_heads(&in->arg[i]->shape, kv_heads, dim))
            return su_infer_fail(
                in, SU_ETYPE,
                "argument %" PRIu32 " has shape %s; its state has shape [%" PRIu32 ",%" PRIu32 "]",
                i, su_shape_format(&in->arg[i]->shape, a, sizeof a), kv_heads, dim);
    }
    return su_infer_out(in, 0, SU_F32, q);
}

enum su_code su_infer_select_emitted(struct su_infer *in)
{
    enum su_code c = su_infer_rows(in, 0);

    if (c)
        return c;
    in->domain = SU_EMIT;
    return su_infer_out(in, 0, in->type[0], &in->arg[0]->shape);
}

enum su_code su_infer_moe_route(struct su_infer *in)
{
    char a[80];
    const struct su_shape *x = &in->arg[0]->shape;
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) || (c = su_infer_rank(in, 0, 1, 1)) ||
        (c = su_infer_attr_range(in, 0, "experts", 1, SU_GRAPH_LOOP_MAX)) ||
        (c = su_infer_attr_range(in, 1, "used", 1, in->attr[0])))
        return c;
    if (x->dim[0] != (uint32_t)in->attr[0])
        return su_infer_fail(in, SU_ETYPE,
                             "argument 0 has shape %s; the logits of %" PRId32
                             " experts have shape [%" PRId32 "]",
                             su_shape_format(x, a, sizeof a), in->attr[0], in->attr[0]);
    struct su_shape s = {.rank = 1, .dim = {(uint32_t)in->attr[1]}};
    c = su_infer_out(in, 0, SU_F32, &s);
    return c ? c : su_infer_out(in, 1, SU_I32, &s);
}

enum su_code su_infer_qmatmul_id(struct su_infer *in)
{
    char a[80], b[80], i[80];
    const struct su_shape *x = &in->arg[0]->shape, *w = &in->arg[1]->shape,
                          *ids = &in->arg[2]->shape;
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) || (c = su_infer_rank(in, 0, 1, 2)) ||
        (c = su_infer_rank(in, 1, 3, 3)) || (c = su_infer_type(in, 2, SU_BIT(SU_I32))) ||
        (c = su_infer_rank(in, 2, 1, 1)))
        return c;
    if (!su_dtype_is_block(in->type[1]))
        return su_infer_fail(in, SU_ETYPE, "argument 1 has type %s, not a block type",
                             su_dtype_name(in->type[1]));
    if (x->dim[x->rank - 1] != w->dim[2] || (x->rank == 2 && x->dim[0] != ids->dim[0]))
        return su_infer_fail(in, SU_ETYPE,
                             "argument 0 has shape %s; with experts of shape %s and ids of shape "
                             "%s it must be [%" PRIu32 "] or [%" PRIu32 ",%" PRIu32 "]",
                             su_shape_format(x, a, sizeof a), su_shape_format(w, b, sizeof b),
                             su_shape_format(ids, i, sizeof i), w->dim[2], ids->dim[0], w->dim[2]);
    if ((c = su_infer_loop(in, w->dim[2], "an inner axis")))
        return c;
    struct su_shape s = {.rank = 2, .dim = {ids->dim[0], w->dim[1]}};
    return su_infer_out(in, 0, SU_F32, &s);
}

enum su_code su_infer_sample(struct su_infer *in)
{
    struct su_shape s = {0};
    enum su_code c = su_infer_type(in, 0, SU_BIT(SU_F32));

    if (c || (c = su_infer_rank(in, 0, 1, 1)))
        return c;
    if (in->arg[0]->domain != SU_EMIT)
        return su_infer_fail(in, SU_ETYPE,
                             "argument 0 is not of domain emit; apply select_emitted first");
    if ((c = su_infer_loop(in, in->arg[0]->shape.dim[0], "a vocabulary")))
        return c;
    return su_infer_out(in, 0, SU_I32, &s);
}
