// SPDX-License-Identifier: MIT
/* Elementwise and integer ops: one scalar function per op, applied over broadcast operands. */
#include "eval_priv.h"

typedef uint32_t scalar_fn(struct su_kernel *k, const uint32_t *v);

static uint32_t s_add(struct su_kernel *k, const uint32_t *v)
{
    if (k->in[0].type != SU_F32)
        return v[0] + v[1];
    return su_eval_fixed(k, su_f(v[0]) + su_f(v[1]));
}

static uint32_t s_sub(struct su_kernel *k, const uint32_t *v)
{
    if (k->in[0].type != SU_F32)
        return v[0] - v[1];
    return su_eval_fixed(k, su_f(v[0]) - su_f(v[1]));
}

static uint32_t s_mul(struct su_kernel *k, const uint32_t *v)
{
    if (k->in[0].type != SU_F32)
        return v[0] * v[1];
    return su_eval_fixed(k, su_f(v[0]) * su_f(v[1]));
}

static uint32_t s_max(struct su_kernel *k, const uint32_t *v)
{
    enum su_dtype t = k->in[0].type;
    return su_eval_order(t, v[0]) < su_eval_order(t, v[1]) ? v[1] : v[0];
}

static uint32_t s_min(struct su_kernel *k, const uint32_t *v)
{
    enum su_dtype t = k->in[0].type;
    return su_eval_order(t, v[1]) < su_eval_order(t, v[0]) ? v[1] : v[0];
}

static uint32_t s_neg(struct su_kernel *k, const uint32_t *v)
{
    if (k->in[0].type != SU_F32)
        return 0u - v[0];
    return su_eval_fixed(k, su_f(v[0] ^ 0x80000000u));
}

static uint32_t s_relu(struct su_kernel *k, const uint32_t *v)
{
    enum su_dtype t = k->in[0].type;
    return su_eval_order(t, v[0]) < su_eval_order(t, 0) ? 0 : v[0];
}

static uint32_t s_trunc(struct su_kernel *k, const uint32_t *v)
{
    return su_eval_fixed(k, su_num_trunc(su_f(v[0])));
}

static float (*function_of(enum su_op op))(float)
{
    switch (op) {
    case SU_OP_RECIP:
        return su_num_recip;
    case SU_OP_SQRT:
        return su_num_sqrt;
    case SU_OP_RSQRT:
        return su_num_rsqrt;
    case SU_OP_EXP:
        return su_num_exp;
    case SU_OP_EXP2:
        return su_num_exp2;
    case SU_OP_LOG2:
        return su_num_log2;
    case SU_OP_SIN:
        return su_num_sin;
    case SU_OP_SILU:
        return su_num_silu;
    case SU_OP_GELU:
        return su_num_gelu;
    case SU_OP_SIGMOID:
        return su_num_sigmoid;
    default:
        return su_num_tanh;
    }
}

static uint32_t s_function(struct su_kernel *k, const uint32_t *v)
{
    return su_eval_fixed(k, function_of(k->node->op)(su_f(v[0])));
}

static uint32_t s_cmp(struct su_kernel *k, const uint32_t *v)
{
    enum su_dtype t = k->in[0].type;
    uint32_t a = su_eval_order(t, v[0]), b = su_eval_order(t, v[1]);
    switch (k->node->attr[0]) {
    case 0:
        return a < b;
    case 1:
        return a <= b;
    case 2:
        return a == b;
    default:
        return a != b;
    }
}

static uint32_t s_where(struct su_kernel *k, const uint32_t *v)
{
    (void)k;
    return v[0] ? v[1] : v[2];
}

static uint32_t s_cast(struct su_kernel *k, const uint32_t *v)
{
    enum su_dtype from = k->in[0].type, to = k->out[0].type;
    if (to == SU_BOOL)
        return v[0] != 0;
    if (from == to || (from != SU_F32 && to != SU_F32))
        return v[0];
    if (from == SU_I32)
        return su_eval_fixed(k, su_num_from_i32((int32_t)v[0]));
    if (to == SU_F32)
        return su_eval_fixed(k, su_num_from_u32(v[0]));
    int32_t n = su_num_to_i32(su_f(v[0]));
    return to == SU_U32 && n < 0 ? 0 : (uint32_t)n;
}

static uint32_t s_bitcast(struct su_kernel *k, const uint32_t *v)
{
    return k->out[0].type == SU_F32 ? su_eval_fixed(k, su_f(v[0])) : v[0];
}

static uint32_t s_and(struct su_kernel *k, const uint32_t *v)
{
    (void)k;
    return v[0] & v[1];
}

static uint32_t s_or(struct su_kernel *k, const uint32_t *v)
{
    (void)k;
    return v[0] | v[1];
}

static uint32_t s_xor(struct su_kernel *k, const uint32_t *v)
{
    (void)k;
    return v[0] ^ v[1];
}

static uint32_t s_shl(struct su_kernel *k, const uint32_t *v)
{
    (void)k;
    return v[0] << (v[1] & 31u);
}

static uint32_t s_shr(struct su_kernel *k, const uint32_t *v)
{
    uint32_t n = v[1] & 31u, w = v[0] >> n;
    if (k->in[0].type == SU_I32 && v[0] & 0x80000000u)
        w |= ~(0xffffffffu >> n);
    return w;
}

/* -2^31 / -1 wraps to -2^31 and leaves 0. */
static uint32_t s_divide(struct su_kernel *k, const uint32_t *v)
{
    bool mod = k->node->op == SU_OP_MOD;
    if (v[1] == 0)
        return 0;
    if (k->in[0].type != SU_I32)
        return mod ? v[0] % v[1] : v[0] / v[1];
    int64_t a = (int32_t)v[0], b = (int32_t)v[1];
    return (uint32_t)(mod ? a % b : a / b);
}

static scalar_fn *scalar_of(enum su_op op)
{
    static scalar_fn *const table[SU_OP_COUNT] = {
        [SU_OP_ADD] = s_add,          [SU_OP_SUB] = s_sub,
        [SU_OP_MUL] = s_mul,          [SU_OP_MAX] = s_max,
        [SU_OP_MIN] = s_min,          [SU_OP_NEG] = s_neg,
        [SU_OP_RELU] = s_relu,        [SU_OP_TRUNC] = s_trunc,
        [SU_OP_CMP] = s_cmp,          [SU_OP_WHERE] = s_where,
        [SU_OP_CAST] = s_cast,        [SU_OP_BITCAST] = s_bitcast,
        [SU_OP_AND] = s_and,          [SU_OP_OR] = s_or,
        [SU_OP_XOR] = s_xor,          [SU_OP_SHL] = s_shl,
        [SU_OP_SHR] = s_shr,          [SU_OP_IDIV] = s_divide,
        [SU_OP_MOD] = s_divide,       [SU_OP_RECIP] = s_function,
        [SU_OP_SQRT] = s_function,    [SU_OP_RSQRT] = s_function,
        [SU_OP_EXP] = s_function,     [SU_OP_EXP2] = s_function,
        [SU_OP_LOG2] = s_function,    [SU_OP_SIN] = s_function,
        [SU_OP_SILU] = s_function,    [SU_OP_GELU] = s_function,
        [SU_OP_SIGMOID] = s_function, [SU_OP_TANH] = s_function,
    };
    return table[op];
}

/* Operands aligned right against the output; a stride of 0 repeats. */
struct walk {
    scalar_fn *fn;
    uint32_t n_arg;
    int64_t stride[3][SU_GRAPH_RANK_MAX];
};

static uint32_t *walk_axis(struct su_kernel *k, const struct walk *w, uint32_t axis,
                           const uint32_t *const at[3], uint32_t *dst)
{
    const struct su_shape *out = k->out[0].shape;
    if (axis == out->rank) {
        uint32_t v[3] = {0};
        for (uint32_t a = 0; a < w->n_arg; a++)
            v[a] = *at[a];
        *dst = w->fn(k, v);
        return dst + 1;
    }
    const uint32_t *next[3] = {at[0], at[1], at[2]};
    for (uint32_t i = 0; i < out->dim[axis]; i++) {
        dst = walk_axis(k, w, axis + 1, next, dst);
        for (uint32_t a = 0; a < w->n_arg; a++)
            next[a] += w->stride[a][axis];
    }
    return dst;
}

void su_eval_elementwise(struct su_kernel *k)
{
    struct walk w = {.fn = scalar_of(k->node->op), .n_arg = k->node->n_arg};
    const uint32_t *at[3] = {NULL, NULL, NULL};
    uint32_t rank = k->out[0].shape->rank;
    for (uint32_t a = 0; a < w.n_arg; a++) {
        const struct su_shape *s = k->in[a].shape;
        int64_t stride[SU_GRAPH_RANK_MAX];
        su_eval_strides(s, stride);
        for (uint32_t i = 0; i < s->rank; i++)
            w.stride[a][i + rank - s->rank] = s->dim[i] == 1 ? 0 : stride[i];
        at[a] = k->in[a].w;
    }
    walk_axis(k, &w, 0, at, k->out[0].w);
}
