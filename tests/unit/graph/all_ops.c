// SPDX-License-Identifier: MIT
#include "all_ops.h"

#include <stdlib.h>

struct builder {
    struct su_graph *g;
    uint32_t outputs;
};

static void must(enum su_code c, const struct su_err *e)
{
    if (c) {
        fprintf(stderr, "all_ops: %s: %s\n", e->at, e->msg);
        abort();
    }
}

#define SHAPE(...)                                                                                 \
    (struct su_shape)                                                                              \
    {                                                                                              \
        .rank = SU_ARRAY_LEN(((uint32_t[]){__VA_ARGS__})), .dim = { __VA_ARGS__ }                  \
    }
#define ARGS(...) (uint32_t[]){__VA_ARGS__}, SU_ARRAY_LEN(((uint32_t[]){__VA_ARGS__}))
#define ATTRS(...) (int32_t[]){__VA_ARGS__}, SU_ARRAY_LEN(((int32_t[]){__VA_ARGS__}))
#define NO_ATTRS NULL, 0

static uint32_t input(struct builder *b, const char *name, enum su_domain domain, enum su_dtype d,
                      struct su_shape s)
{
    struct su_err e;
    uint32_t id = 0;

    must(su_graph_add_input(b->g, name, domain, d, &s, &id, &e), &e);
    return id;
}

static uint32_t weight(struct builder *b, const char *name, enum su_dtype d, struct su_shape s,
                       uint64_t first_row)
{
    struct su_err e;
    uint32_t id = 0;

    must(su_graph_add_weight(b->g, name, d, &s, first_row, &id, &e), &e);
    return id;
}

/* Adds the node, and as an output where its results can be one. */
static uint32_t node(struct builder *b, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                     const int32_t *attr, uint32_t n_attr)
{
    struct su_err e;
    char name[32];
    uint32_t id = 0;

    must(su_graph_add_node(b->g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, &e), &e);
    for (uint32_t i = 0; i < b->g->node[b->g->n_node - 1].n_out; i++) {
        if (su_value_is_state(&b->g->value[id + i]))
            continue;
        snprintf(name, sizeof name, "%s.%u", su_op_name(op), (unsigned)b->outputs++);
        must(su_graph_add_output(b->g, name, id + i, &e), &e);
    }
    return id;
}

static uint32_t constant(struct builder *b, enum su_dtype d, uint32_t n)
{
    struct su_err e;
    uint8_t data[64];
    uint32_t id = 0;

    for (uint32_t i = 0; i < n; i++)
        su_put_le32(data + 4 * i, d == SU_F32    ? su_f32_bits((float)i - 1.5f)
                                  : d == SU_BOOL ? i % 2
                                                 : i - 1);
    must(su_graph_add_node(b->g, SU_OP_CONST, NULL, 0, ATTRS((int32_t)d, (int32_t)n), data, 4 * n,
                           &id, &e),
         &e);
    return id;
}

static void movement(struct builder *b, uint32_t x)
{
    node(b, SU_OP_RESHAPE, ARGS(x), ATTRS(6, 4));
    node(b, SU_OP_PERMUTE, ARGS(x), ATTRS(2, 0, 1));
    uint32_t one = node(b, SU_OP_SHRINK, ARGS(x), ATTRS(0, 1, 0, 3, 1, 4));
    node(b, SU_OP_EXPAND, ARGS(one), ATTRS(5, 3, 3));
    node(b, SU_OP_PAD, ARGS(x), ATTRS(0, 1, 2, 0, 0, 0));
    node(b, SU_OP_FLIP, ARGS(x), ATTRS(5));
    node(b, SU_OP_CONCAT, ARGS(x, x, x), ATTRS(1));
    node(b, SU_OP_SLICE, ARGS(x), ATTRS(2, 0, 4, 3));
}

static void elementwise(struct builder *b, uint32_t x, uint32_t i32, uint32_t u32)
{
    uint32_t row = weight(b, "row", SU_F16, SHAPE(4), 0);

    for (int op = SU_OP_ADD; op <= SU_OP_MIN; op++)
        node(b, (enum su_op)op, ARGS(x, row), NO_ATTRS);
    for (int op = SU_OP_NEG; op <= SU_OP_TRUNC; op++)
        node(b, (enum su_op)op, ARGS(x), NO_ATTRS);
    uint32_t less = node(b, SU_OP_CMP, ARGS(x, row), ATTRS(0));
    node(b, SU_OP_WHERE, ARGS(less, x, row), NO_ATTRS);
    node(b, SU_OP_CAST, ARGS(x), ATTRS(SU_I32));
    node(b, SU_OP_BITCAST, ARGS(i32), ATTRS(SU_F32));
    for (int op = SU_OP_AND; op <= SU_OP_MOD; op++)
        node(b, (enum su_op)op, ARGS(op % 2 ? i32 : u32, op % 2 ? i32 : u32), NO_ATTRS);
}

static void reductions(struct builder *b, uint32_t x, uint32_t i32)
{
    for (int op = SU_OP_REDUCE_SUM; op <= SU_OP_REDUCE_PROD; op++)
        node(b, (enum su_op)op, ARGS(x), ATTRS(5, op % 2));
    node(b, SU_OP_ARGMAX, ARGS(x), ATTRS(1, 0));
    node(b, SU_OP_CUMSUM, ARGS(x), ATTRS(2));
    node(b, SU_OP_TOPK, ARGS(x), ATTRS(3));
    node(b, SU_OP_GATHER, ARGS(x, i32), ATTRS(1));
    node(b, SU_OP_EMBEDDING, ARGS(weight(b, "table", SU_BF16, SHAPE(9, 5), 3), i32), NO_ATTRS);
    node(b, SU_OP_ADD, ARGS(constant(b, SU_F32, 4), x), NO_ATTRS);
    node(b, SU_OP_XOR, ARGS(constant(b, SU_BOOL, 11), constant(b, SU_BOOL, 11)), NO_ATTRS);
    node(b, SU_OP_NEG, ARGS(constant(b, SU_I32, 9)), NO_ATTRS);
    node(b, SU_OP_NEG, ARGS(constant(b, SU_U32, 1)), NO_ATTRS);
    node(b, SU_OP_IOTA, NULL, 0, ATTRS(SU_U32, 1, 2, 3));
}

static void linear(struct builder *b, uint32_t x, uint32_t wide)
{
    static const enum su_dtype blocks[] = {SU_Q4_0, SU_Q4_1, SU_Q5_0, SU_Q5_1,
                                           SU_Q8_0, SU_Q4_K, SU_Q5_K, SU_Q6_K};
    uint32_t eps = su_f32_bits(1e-5f), norm = weight(b, "norm", SU_F32, SHAPE(4), 0);

    node(b, SU_OP_MATMUL, ARGS(x, weight(b, "dense", SU_F32, SHAPE(7, 4), 0)), NO_ATTRS);
    node(b, SU_OP_MATMUL, ARGS(x, weight(b, "dense", SU_F32, SHAPE(2, 4), 7)), NO_ATTRS);
    for (size_t i = 0; i < SU_ARRAY_LEN(blocks); i++)
        node(b, SU_OP_QMATMUL,
             ARGS(wide, weight(b, su_dtype_name(blocks[i]), blocks[i], SHAPE(3, 256), 0)),
             NO_ATTRS);
    node(b, SU_OP_CONV2D, ARGS(x, weight(b, "filter", SU_F32, SHAPE(4, 1, 2, 2), 0)),
         ATTRS(1, 2, 0, 1, 1, 0, 2, 1, 2));
    node(b, SU_OP_MAXPOOL, ARGS(x), ATTRS(2, 3, 1, 2, 1, 0, 1, 0));
    node(b, SU_OP_AVGPOOL, ARGS(x), ATTRS(2, 3, 1, 2, 1, 0, 1, 0, 1));
    node(b, SU_OP_LAYERNORM, ARGS(x, norm, norm), ATTRS((int32_t)eps));
    node(b, SU_OP_RMSNORM, ARGS(x, norm), ATTRS((int32_t)eps, (int32_t)su_f32_bits(1.0f)));
    node(b, SU_OP_SOFTMAX, ARGS(x), NO_ATTRS);
}

static void sequence(struct builder *b, uint32_t wide)
{
    struct su_err e;
    uint32_t k_state = 0, v_state = 0;
    int32_t one = (int32_t)su_f32_bits(1.0f), base = (int32_t)su_f32_bits(10000.0f);

    must(su_graph_add_state(b->g, "k", &SHAPE(2, 64), &k_state, &e), &e);
    must(su_graph_add_state(b->g, "v", &SHAPE(2, 64), &v_state, &e), &e);
    uint32_t q = node(b, SU_OP_RESHAPE, ARGS(wide), ATTRS(4, 64));
    uint32_t kv = node(b, SU_OP_SHRINK, ARGS(q), ATTRS(0, 2, 0, 64));
    q = node(b, SU_OP_ROPE, ARGS(q, weight(b, "factors", SU_F32, SHAPE(32), 0)),
             ATTRS(1, 64, base, one, 0, 0, 0, 0));
    k_state = node(b, SU_OP_STATE_APPEND, ARGS(kv, k_state), NO_ATTRS);
    v_state = node(b, SU_OP_STATE_APPEND, ARGS(kv, v_state), NO_ATTRS);
    node(b, SU_OP_ATTENTION, ARGS(q, k_state, v_state),
         ATTRS(4, 2, 64, (int32_t)su_f32_bits(0.125f), 100, 0, 0));
    uint32_t logits = node(b, SU_OP_SELECT_EMITTED, ARGS(wide), NO_ATTRS);
    node(b, SU_OP_SAMPLE, ARGS(logits), NO_ATTRS);
    uint32_t route = node(b, SU_OP_MOE_ROUTE, ARGS(wide), ATTRS(256, 3, 1));
    node(b, SU_OP_QMATMUL_ID,
         ARGS(wide, weight(b, "experts", SU_Q8_0, SHAPE(256, 5, 256), 0), route + 1), NO_ATTRS);
}

struct su_graph *su_test_all_ops(void)
{
    struct builder b = {.g = su_graph_new()};
    struct su_err e;
    uint32_t x = input(&b, "x", SU_ROWS, SU_F32, SHAPE(2, 3, 4));
    uint32_t i32 = input(&b, "i", SU_FIXED, SU_I32, SHAPE(2));
    uint32_t u32 = input(&b, "u", SU_ROWS, SU_U32, SHAPE(3, 1));
    uint32_t wide = input(&b, "wide", SU_ROWS, SU_F32, SHAPE(256));

    movement(&b, x);
    elementwise(&b, x, i32, u32);
    reductions(&b, x, i32);
    linear(&b, x, wide);
    sequence(&b, wide);
    must(su_graph_check(b.g, &e), &e);
    return b.g;
}
