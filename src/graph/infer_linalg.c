// SPDX-License-Identifier: MIT
/* Products, windows, norms. Weights of conv2d and the norms are fixed: the same for all rows. */
#include "graph_priv.h"

#include <inttypes.h>

/* Both shapes in one message; `why` ends it. */
static enum su_code mismatch(const struct su_infer *in, const char *why)
{
    char a[80], b[80];

    return su_infer_fail(in, SU_ETYPE,
                         "shapes %s of argument 0 and %s of argument 1 do not multiply: %s",
                         su_shape_format(&in->arg[0]->shape, a, sizeof a),
                         su_shape_format(&in->arg[1]->shape, b, sizeof b), why);
}

/* a [.., K] and b [.., N, K] give a's shape with N last. */
static enum su_code product(struct su_infer *in)
{
    const struct su_shape *a = &in->arg[0]->shape, *b = &in->arg[1]->shape;
    struct su_shape s = *a;
    enum su_code c;

    if (a->dim[a->rank - 1] != b->dim[b->rank - 1])
        return mismatch(in, "the last axes differ");
    if ((c = su_infer_loop(in, a->dim[a->rank - 1], "an inner axis")))
        return c;
    s.dim[s.rank - 1] = b->dim[b->rank - 2];
    return su_infer_out(in, 0, SU_F32, &s);
}

enum su_code su_infer_matmul(struct su_infer *in)
{
    const struct su_shape *a = &in->arg[0]->shape, *b = &in->arg[1]->shape;
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) || (c = su_infer_type(in, 1, SU_BIT(SU_F32))) ||
        (c = su_infer_rank(in, 0, 1, SU_GRAPH_RANK_MAX)) ||
        (c = su_infer_rank(in, 1, 2, SU_GRAPH_RANK_MAX)))
        return c;
    if (b->rank > 2 && b->rank != a->rank)
        return mismatch(in, "argument 1 has rank 2 or the rank of argument 0");
    for (uint32_t i = 0; i + 2 < b->rank; i++) {
        if (a->dim[i] != b->dim[i])
            return mismatch(in, "the batch axes differ");
    }
    return product(in);
}

enum su_code su_infer_qmatmul(struct su_infer *in)
{
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) ||
        (c = su_infer_rank(in, 0, 1, SU_GRAPH_RANK_MAX)) || (c = su_infer_rank(in, 1, 2, 2)))
        return c;
    if (!su_dtype_is_block(in->type[1]))
        return su_infer_fail(in, SU_ETYPE, "argument 1 has type %s, not a block type; use matmul",
                             su_dtype_name(in->type[1]));
    return product(in);
}

struct su_window su_window_read(enum su_op op, const int32_t *attr, const struct su_shape *x,
                                const struct su_shape *w_shape)
{
    struct su_window w = {.h = x->dim[x->rank - 2],
                          .w = x->dim[x->rank - 1],
                          .dilation_h = 1,
                          .dilation_w = 1,
                          .groups = 1};

    if (op == SU_OP_CONV2D) {
        w.kernel_h = w_shape->dim[2];
        w.kernel_w = w_shape->dim[3];
        w.dilation_h = (uint32_t)attr[6];
        w.dilation_w = (uint32_t)attr[7];
        w.groups = (uint32_t)attr[8];
    } else {
        w.kernel_h = (uint32_t)attr[0];
        w.kernel_w = (uint32_t)attr[1];
        w.count_pad = op == SU_OP_AVGPOOL && attr[8] == 1;
        attr += 2;
    }
    w.stride_h = (uint32_t)attr[0];
    w.stride_w = (uint32_t)attr[1];
    w.top = (uint32_t)attr[2];
    w.left = (uint32_t)attr[3];
    w.bottom = (uint32_t)attr[4];
    w.right = (uint32_t)attr[5];
    uint64_t high = (uint64_t)w.top + w.h + w.bottom, wide = (uint64_t)w.left + w.w + w.right;
    uint64_t reach_h = (uint64_t)(w.kernel_h - 1) * w.dilation_h + 1;
    uint64_t reach_w = (uint64_t)(w.kernel_w - 1) * w.dilation_w + 1;
    w.out_h = high < reach_h ? 0 : (high - reach_h) / w.stride_h + 1;
    w.out_w = wide < reach_w ? 0 : (wide - reach_w) / w.stride_w + 1;
    return w;
}

/* Ranges of single attributes: kernel, stride, pads, dilation, groups. */
static enum su_code check_window_attrs(const struct su_infer *in)
{
    static const char *const names[] = {"stride height",   "stride width",   "pad top",
                                        "pad left",        "pad bottom",     "pad right",
                                        "dilation height", "dilation width", "groups"};
    uint32_t first = in->op == SU_OP_CONV2D ? 0 : 2, n = in->op == SU_OP_CONV2D ? 9 : 6;
    enum su_code c;

    if (in->op != SU_OP_CONV2D &&
        ((c = su_infer_attr_range(in, 0, "kernel height", 1, SU_GRAPH_DIM_MAX)) ||
         (c = su_infer_attr_range(in, 1, "kernel width", 1, SU_GRAPH_DIM_MAX))))
        return c;
    for (uint32_t i = 0; i < n; i++) {
        bool pad = i >= 2 && i < 6;
        if ((c = su_infer_attr_range(in, first + i, names[i], pad ? 0 : 1, SU_GRAPH_DIM_MAX)))
            return c;
        /* Every window of a pool then holds at least one element of x. */
        if (pad && in->op != SU_OP_CONV2D && in->attr[first + i] >= in->attr[i % 2])
            return su_infer_fail(in, SU_EINVAL,
                                 "attribute %" PRIu32 " (%s) is %" PRId32
                                 ", not below the kernel's %" PRId32,
                                 first + i, names[i], in->attr[first + i], in->attr[i % 2]);
    }
    return SU_OK;
}

/* The weight of a conv2d against its x and groups; fills the output's channels. */
static enum su_code check_conv_weight(const struct su_infer *in, uint32_t *channels)
{
    const struct su_shape *x = &in->arg[0]->shape, *w = &in->arg[1]->shape;
    uint32_t c_in = x->dim[x->rank - 3], groups = (uint32_t)in->attr[8];
    enum su_code c;

    if ((c = su_infer_type(in, 1, SU_BIT(SU_F32))) || (c = su_infer_rank(in, 1, 4, 4)) ||
        (c = su_infer_fixed(in, 1)))
        return c;
    if (c_in % groups != 0 || w->dim[0] % groups != 0)
        return su_infer_fail(in, SU_ETYPE,
                             "%" PRIu32 " groups do not divide both %" PRIu32
                             " channels of argument 0 and %" PRIu32 " filters of argument 1",
                             groups, c_in, w->dim[0]);
    if (w->dim[1] != c_in / groups)
        return mismatch(in, "axis 1 of the weight is not the channels of a group");
    *channels = w->dim[0];
    return su_infer_loop(in, su_shape_elements(w) / w->dim[0], "a filter");
}

enum su_code su_infer_window(struct su_infer *in)
{
    char text[80];
    const struct su_shape *x = &in->arg[0]->shape;
    struct su_shape s = *x;
    bool conv = in->op == SU_OP_CONV2D;
    enum su_code c;

    if ((c = su_infer_type(in, 0, SU_BIT(SU_F32))) ||
        (c = su_infer_rank(in, 0, conv ? 3 : 2, SU_GRAPH_RANK_MAX)) || (c = check_window_attrs(in)))
        return c;
    if (conv && (c = check_conv_weight(in, &s.dim[s.rank - 3])))
        return c;
    struct su_window w = su_window_read(in->op, in->attr, x, conv ? &in->arg[1]->shape : NULL);
    if (w.out_h == 0 || w.out_w == 0)
        return su_infer_fail(in, SU_ETYPE,
                             "a kernel of %" PRIu32 "x%" PRIu32
                             " exceeds the padded argument 0 of shape %s",
                             w.kernel_h, w.kernel_w, su_shape_format(x, text, sizeof text));
    if (w.out_h > SU_GRAPH_DIM_MAX || w.out_w > SU_GRAPH_DIM_MAX)
        return su_infer_fail(in, SU_ELIMIT, "a result of %" PRIu64 "x%" PRIu64 " exceeds %u",
                             w.out_h, w.out_w, SU_GRAPH_DIM_MAX);
    if (!conv && (c = su_infer_loop(in, (uint64_t)w.kernel_h * w.kernel_w, "a kernel")))
        return c;
    s.dim[s.rank - 2] = (uint32_t)w.out_h;
    s.dim[s.rank - 1] = (uint32_t)w.out_w;
    return su_infer_out(in, 0, SU_F32, &s);
}

enum su_code su_infer_norm(struct su_infer *in)
{
    char a[80], b[80];
    const struct su_shape *x = &in->arg[0]->shape;
    enum su_code c;

    for (uint32_t i = 0; i < in->n_arg; i++) {
        if ((c = su_infer_type(in, i, SU_BIT(SU_F32))) ||
            (c = su_infer_rank(in, i, 1, i ? 1 : SU_GRAPH_RANK_MAX)))
            return c;
        if (i == 0)
            continue;
        if ((c = su_infer_fixed(in, i)))
            return c;
        if (in->arg[i]->shape.dim[0] != x->dim[x->rank - 1])
            return su_infer_fail(
                in, SU_ETYPE, "argument %" PRIu32 " has shape %s, which is not the last axis of %s",
                i, su_shape_format(&in->arg[i]->shape, b, sizeof b),
                su_shape_format(x, a, sizeof a));
    }
    float eps = su_f32_from_bits((uint32_t)in->attr[0]);
    if (eps < SU_GRAPH_EPS_MIN)
        return su_infer_fail(in, SU_EINVAL, "eps is %g; it must be at least 2^-40 = %g",
                             (double)eps, (double)SU_GRAPH_EPS_MIN);
    if ((c = su_infer_loop(in, x->dim[x->rank - 1], "a normalised axis")))
        return c;
    return su_infer_out(in, 0, SU_F32, x);
}

enum su_code su_infer_softmax(struct su_infer *in)
{
    const struct su_shape *x = &in->arg[0]->shape;
    enum su_code c = su_infer_type(in, 0, SU_BIT(SU_F32));

    if (c || (c = su_infer_rank(in, 0, 1, SU_GRAPH_RANK_MAX)) ||
        (c = su_infer_loop(in, x->dim[x->rank - 1], "a normalised axis")))
        return c;
    return su_infer_out(in, 0, SU_F32, x);
}
