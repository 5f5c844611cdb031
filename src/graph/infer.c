// SPDX-License-Identifier: MIT
#include "graph_priv.h"

#include <inttypes.h>
#include <string.h>

typedef enum su_code rule_fn(struct su_infer *in);

static rule_fn *const rules[SU_OP_COUNT] = {
    [SU_OP_RESHAPE] = su_infer_reshape,     [SU_OP_PERMUTE] = su_infer_permute,
    [SU_OP_EXPAND] = su_infer_expand,       [SU_OP_PAD] = su_infer_pad,
    [SU_OP_SHRINK] = su_infer_shrink,       [SU_OP_FLIP] = su_infer_flip,
    [SU_OP_CONCAT] = su_infer_concat,       [SU_OP_SLICE] = su_infer_slice,
    [SU_OP_ADD] = su_infer_binary,          [SU_OP_SUB] = su_infer_binary,
    [SU_OP_MUL] = su_infer_binary,          [SU_OP_MAX] = su_infer_binary,
    [SU_OP_MIN] = su_infer_binary,          [SU_OP_NEG] = su_infer_unary,
    [SU_OP_RECIP] = su_infer_unary,         [SU_OP_SQRT] = su_infer_unary,
    [SU_OP_RSQRT] = su_infer_unary,         [SU_OP_EXP] = su_infer_unary,
    [SU_OP_EXP2] = su_infer_unary,          [SU_OP_LOG2] = su_infer_unary,
    [SU_OP_SIN] = su_infer_unary,           [SU_OP_RELU] = su_infer_unary,
    [SU_OP_SILU] = su_infer_unary,          [SU_OP_GELU] = su_infer_unary,
    [SU_OP_SIGMOID] = su_infer_unary,       [SU_OP_TANH] = su_infer_unary,
    [SU_OP_TRUNC] = su_infer_unary,         [SU_OP_CMP] = su_infer_binary,
    [SU_OP_WHERE] = su_infer_where,         [SU_OP_CAST] = su_infer_cast,
    [SU_OP_BITCAST] = su_infer_cast,        [SU_OP_AND] = su_infer_binary,
    [SU_OP_OR] = su_infer_binary,           [SU_OP_XOR] = su_infer_binary,
    [SU_OP_SHL] = su_infer_binary,          [SU_OP_SHR] = su_infer_binary,
    [SU_OP_IDIV] = su_infer_binary,         [SU_OP_MOD] = su_infer_binary,
    [SU_OP_REDUCE_SUM] = su_infer_reduce,   [SU_OP_REDUCE_MAX] = su_infer_reduce,
    [SU_OP_REDUCE_PROD] = su_infer_reduce,  [SU_OP_ARGMAX] = su_infer_argmax,
    [SU_OP_CUMSUM] = su_infer_cumsum,       [SU_OP_TOPK] = su_infer_topk,
    [SU_OP_GATHER] = su_infer_gather,       [SU_OP_EMBEDDING] = su_infer_embedding,
    [SU_OP_CONST] = su_infer_const,         [SU_OP_IOTA] = su_infer_iota,
    [SU_OP_MATMUL] = su_infer_matmul,       [SU_OP_QMATMUL] = su_infer_qmatmul,
    [SU_OP_CONV2D] = su_infer_window,       [SU_OP_MAXPOOL] = su_infer_window,
    [SU_OP_AVGPOOL] = su_infer_window,      [SU_OP_LAYERNORM] = su_infer_norm,
    [SU_OP_RMSNORM] = su_infer_norm,        [SU_OP_SOFTMAX] = su_infer_softmax,
    [SU_OP_ROPE] = su_infer_rope,           [SU_OP_STATE_APPEND] = su_infer_state_append,
    [SU_OP_ATTENTION] = su_infer_attention, [SU_OP_SELECT_EMITTED] = su_infer_select_emitted,
    [SU_OP_MOE_ROUTE] = su_infer_moe_route, [SU_OP_QMATMUL_ID] = su_infer_qmatmul_id,
    [SU_OP_SAMPLE] = su_infer_sample,
};

static const char *const domain_names[] = {"fixed", "rows", "emit"};

enum su_code su_infer_fail(const struct su_infer *in, enum su_code c, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return su_fail(in->e, c, in->at, "%s", text);
}

/* Which arguments may hold a state and which a block-quantised weight: those and no others. */
static bool takes_state(enum su_op op, uint32_t arg)
{
    return (op == SU_OP_STATE_APPEND && arg == 1) || (op == SU_OP_ATTENTION && arg >= 1);
}

static bool takes_blocks(enum su_op op, uint32_t arg)
{
    return (op == SU_OP_EMBEDDING && arg == 0) ||
           ((op == SU_OP_QMATMUL || op == SU_OP_QMATMUL_ID) && arg == 1);
}

static enum su_code read_args(struct su_infer *in)
{
    in->domain = SU_FIXED;
    for (uint32_t i = 0; i < in->n_arg; i++) {
        const struct su_value *v = in->arg[i];
        if (su_value_is_state(v) != takes_state(in->op, i))
            return su_infer_fail(in, SU_ETYPE,
                                 su_value_is_state(v) ? "argument %" PRIu32
                                                        " is a state; only state_append and "
                                                        "attention read states"
                                                      : "argument %" PRIu32 " is not a state",
                                 i);
        if (su_dtype_is_block(v->dtype) && !takes_blocks(in->op, i))
            return su_infer_fail(in, SU_ETYPE,
                                 "argument %" PRIu32 " is a weight of block type %s, which only "
                                 "qmatmul, qmatmul_id and embedding read",
                                 i, su_dtype_name(v->dtype));
        in->type[i] = su_dtype_seen(v->dtype);
        if (v->domain == SU_FIXED)
            continue;
        if (in->domain != SU_FIXED && in->domain != v->domain)
            return su_infer_fail(in, SU_ETYPE,
                                 "argument %" PRIu32 " has domain %s, an argument before it %s; "
                                 "rows and emit do not mix, apply select_emitted first",
                                 i, domain_names[v->domain], domain_names[in->domain]);
        in->domain = v->domain;
    }
    return SU_OK;
}

/* Number and letters of the attributes; their meaning for the shapes is the op's rule. */
static enum su_code check_attrs(const struct su_infer *in)
{
    const char *sig = su_op_table[in->op].attrs;
    size_t n = strlen(sig);
    bool repeats = n > 0 && sig[n - 1] == '*';

    if (repeats ? in->n_attr < n - 2 : in->n_attr != n)
        return su_infer_fail(in, SU_EINVAL, "%" PRIu32 " attributes; it takes %s%zu", in->n_attr,
                             repeats ? "at least " : "", repeats ? n - 2 : n);
    for (uint32_t i = 0; i < in->n_attr; i++) {
        int32_t v = in->attr[i];
        uint32_t bits = (uint32_t)v;
        switch (su_op_attr_letter(in->op, i)) {
        case 'd':
            if (v < 0 || v >= SU_DTYPE_COUNT || !su_dtype_is_value((enum su_dtype)v))
                return su_infer_fail(in, SU_EINVAL,
                                     "attribute %" PRIu32 " is %" PRId32
                                     ", not one of the value types f32, i32, u32, bool (0 to 3)",
                                     i, v);
            break;
        case 'b':
            if (v != 0 && v != 1)
                return su_infer_fail(in, SU_EINVAL,
                                     "attribute %" PRIu32 " is %" PRId32 "; a boolean is 0 or 1", i,
                                     v);
            break;
        case 'f':
            if (su_f32_bits(su_num_fix(su_f32_from_bits(bits))) != bits)
                return su_infer_fail(in, SU_EINVAL,
                                     "attribute %" PRIu32 " holds the float bits 0x%08" PRIx32
                                     "; a float is +0 or of magnitude 2^-48 to 2^50",
                                     i, bits);
            break;
        default: /* axes, masks and integers are held against the shapes */
            break;
        }
    }
    return SU_OK;
}

enum su_code su_infer_node(struct su_infer *in)
{
    enum su_code c = check_attrs(in);

    if (c || (c = read_args(in)))
        return c;
    return rules[in->op](in);
}

enum su_code su_infer_type(const struct su_infer *in, uint32_t arg, uint32_t types)
{
    char list[32] = "";
    size_t len = 0;

    if (types & SU_BIT(in->type[arg]))
        return SU_OK;
    for (unsigned d = 0; d <= SU_BOOL; d++) {
        if (types & SU_BIT(d))
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "",
                                    su_dtype_name((enum su_dtype)d));
    }
    return su_infer_fail(in, SU_ETYPE, "argument %" PRIu32 " has type %s; it must be %s%s", arg,
                         su_dtype_name(in->type[arg]), strchr(list, ',') ? "one of " : "", list);
}

enum su_code su_infer_same_type(const struct su_infer *in, uint32_t a, uint32_t b)
{
    if (in->type[a] == in->type[b])
        return SU_OK;
    return su_infer_fail(in, SU_ETYPE,
                         "argument %" PRIu32 " has type %s, argument %" PRIu32
                         " type %s; they must agree, cast one of them",
                         a, su_dtype_name(in->type[a]), b, su_dtype_name(in->type[b]));
}

enum su_code su_infer_rank(const struct su_infer *in, uint32_t arg, uint32_t lo, uint32_t hi)
{
    char text[80];
    const struct su_shape *s = &in->arg[arg]->shape;

    if (s->rank >= lo && s->rank <= hi)
        return SU_OK;
    return su_infer_fail(in, SU_ETYPE,
                         "argument %" PRIu32 " has shape %s of rank %" PRIu32
                         "; the rank must be %" PRIu32 " to %" PRIu32,
                         arg, su_shape_format(s, text, sizeof text), s->rank, lo, hi);
}

enum su_code su_infer_fixed(const struct su_infer *in, uint32_t arg)
{
    if (in->arg[arg]->domain == SU_FIXED)
        return SU_OK;
    return su_infer_fail(
        in, SU_ETYPE, "argument %" PRIu32 " has domain %s; it must be fixed, the same for all rows",
        arg, domain_names[in->arg[arg]->domain]);
}

enum su_code su_infer_rows(const struct su_infer *in, uint32_t arg)
{
    if (in->arg[arg]->domain == SU_ROWS)
        return SU_OK;
    return su_infer_fail(in, SU_ETYPE, "argument %" PRIu32 " has domain %s; it must be rows", arg,
                         domain_names[in->arg[arg]->domain]);
}

enum su_code su_infer_axis(const struct su_infer *in, uint32_t i, uint32_t rank, uint32_t *axis)
{
    if (in->attr[i] < 0 || (uint32_t)in->attr[i] >= rank)
        return su_infer_fail(in, SU_ETYPE,
                             "attribute %" PRIu32 " names axis %" PRId32
                             " of a shape of rank %" PRIu32,
                             i, in->attr[i], rank);
    *axis = (uint32_t)in->attr[i];
    return SU_OK;
}

enum su_code su_infer_axes(const struct su_infer *in, uint32_t i, uint32_t rank, uint32_t *mask)
{
    *mask = (uint32_t)in->attr[i];
    if (*mask == 0 || *mask >= 1u << rank)
        return su_infer_fail(
            in, SU_ETYPE,
            "attribute %" PRIu32 " is the axis mask 0x%" PRIx32
            "; it must name at least one axis and only axes of a shape of rank %" PRIu32,
            i, *mask, rank);
    return SU_OK;
}

enum su_code su_infer_attr_count(const struct su_infer *in, uint32_t n, const char *why)
{
    if (in->n_attr == n)
        return SU_OK;
    return su_infer_fail(in, SU_EINVAL, "%" PRIu32 " attributes; it takes %" PRIu32 " here, %s",
                         in->n_attr, n, why);
}

enum su_code su_infer_attr_range(const struct su_infer *in, uint32_t i, const char *name,
                                 int64_t lo, int64_t hi)
{
    if (in->attr[i] >= lo && in->attr[i] <= hi)
        return SU_OK;
    return su_infer_fail(in, SU_EINVAL,
                         "attribute %" PRIu32 " (%s) is %" PRId32 "; it must be %" PRId64
                         " to %" PRId64,
                         i, name, in->attr[i], lo, hi);
}

enum su_code su_infer_loop(const struct su_infer *in, uint64_t length, const char *what)
{
    if (length <= SU_GRAPH_LOOP_MAX)
        return SU_OK;
    return su_infer_fail(in, SU_ELIMIT, "%s of %" PRIu64 " elements exceeds %u", what, length,
                         SU_GRAPH_LOOP_MAX);
}

enum su_code su_infer_dims(const struct su_infer *in, uint32_t first, struct su_shape *s)
{
    uint32_t rank = in->n_attr - first;

    if (rank > SU_GRAPH_RANK_MAX)
        return su_infer_fail(in, SU_ELIMIT, "rank %" PRIu32 " exceeds %d", rank, SU_GRAPH_RANK_MAX);
    *s = (struct su_shape){.rank = rank};
    for (uint32_t i = 0; i < rank; i++) {
        if (in->attr[first + i] < 1)
            return su_infer_fail(in, SU_EINVAL,
                                 "dim %" PRIu32 " is %" PRId32 "; dims are at least 1", i,
                                 in->attr[first + i]);
        s->dim[i] = (uint32_t)in->attr[first + i];
    }
    return SU_OK;
}

enum su_code su_infer_out(struct su_infer *in, uint32_t i, enum su_dtype d,
                          const struct su_shape *s)
{
    char text[80];
    uint64_t n;

    if (!su_shape_count(s, SU_GRAPH_ROW_ELEMENTS_MAX, &n))
        return su_infer_fail(in, SU_ELIMIT, "the result's shape %s has more than %u elements",
                             su_shape_format(s, text, sizeof text), SU_GRAPH_ROW_ELEMENTS_MAX);
    in->out[i] = (struct su_value){.domain = in->domain, .dtype = d};
    in->out[i].shape.rank = s->rank;
    memcpy(in->out[i].shape.dim, s->dim, s->rank * sizeof s->dim[0]);
    return SU_OK;
}
