// SPDX-License-Identifier: MIT
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define SHAPE(...)                                                                                 \
    (&(struct su_shape){.rank = SU_ARRAY_LEN(((uint32_t[]){__VA_ARGS__})), .dim = {__VA_ARGS__}})

static struct su_graph *g;

static uint32_t input(const struct su_shape *s)
{
    char name[16];
    uint32_t id = 0;

    snprintf(name, sizeof name, "v%u", (unsigned)g->n_value);
    assert_int_equal(su_graph_add_input(g, name, SU_ROWS, SU_F32, s, &id, NULL), SU_OK);
    return id;
}

static uint32_t weight(enum su_dtype d, const struct su_shape *s)
{
    char name[16];
    uint32_t id = 0;

    snprintf(name, sizeof name, "v%u", (unsigned)g->n_value);
    assert_int_equal(su_graph_add_weight(g, name, d, s, 0, &id, NULL), SU_OK);
    return id;
}

/* Adds the node and compares its cost, worked out by hand. */
static uint32_t costs(uint64_t macs, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                      const int32_t *attr, uint32_t n_attr)
{
    struct su_err e;
    uint32_t id = 0;

    if (su_graph_add_node(g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, &e))
        fail_msg("%s: %s", e.at, e.msg);
    if (su_node_macs(g, g->n_node - 1) != macs)
        fail_msg("%s costs %llu, not %llu", su_op_name(op),
                 (unsigned long long)su_node_macs(g, g->n_node - 1), (unsigned long long)macs);
    return id;
}

#define ARGS(...) (uint32_t[]){__VA_ARGS__}, SU_ARRAY_LEN(((uint32_t[]){__VA_ARGS__}))
#define ATTRS(...) (int32_t[]){__VA_ARGS__}, SU_ARRAY_LEN(((int32_t[]){__VA_ARGS__}))

static void test_nodes(void **state)
{
    int32_t eps = (int32_t)su_f32_bits(1e-5f), half = (int32_t)su_f32_bits(0.5f);
    uint32_t s = 0;

    (void)state;
    g = su_graph_new();
    uint32_t x = input(SHAPE(3, 10, 10)), v = input(SHAPE(256));
    costs(0, SU_OP_RESHAPE, ARGS(x), ATTRS(300));
    costs(38, SU_OP_NEG, ARGS(x), NULL, 0); /* 300 / 8, rounded up */
    costs(38, SU_OP_PERMUTE, ARGS(x), ATTRS(0, 2, 1));
    costs(13, SU_OP_SHRINK, ARGS(x), ATTRS(0, 1, 0, 10, 0, 10));
    costs(38, SU_OP_REDUCE_SUM, ARGS(x), ATTRS(7, 0));
    costs(38, SU_OP_ARGMAX, ARGS(x), ATTRS(1, 0));
    costs(32, SU_OP_TOPK, ARGS(v), ATTRS(1));
    costs(128, SU_OP_SOFTMAX, ARGS(v), NULL, 0);
    costs(128, SU_OP_LAYERNORM, ARGS(v), ATTRS(eps));
    costs(128, SU_OP_RMSNORM, ARGS(v), ATTRS(eps, 0));
    costs(30 * 10 * 7, SU_OP_MATMUL, ARGS(x, weight(SU_F32, SHAPE(7, 10))), NULL, 0);
    costs(256 * 5, SU_OP_QMATMUL, ARGS(v, weight(SU_Q4_0, SHAPE(5, 256))), NULL, 0);
    costs(6 * 8 * 8 * 27, SU_OP_CONV2D, ARGS(x, weight(SU_F16, SHAPE(6, 3, 3, 3))),
          ATTRS(1, 1, 0, 0, 0, 0, 1, 1, 1));
    costs(3 * 10 * 10 * 9, SU_OP_CONV2D, ARGS(x, weight(SU_F16, SHAPE(3, 1, 3, 3))),
          ATTRS(1, 1, 1, 1, 1, 1, 1, 1, 3));
    costs(38, SU_OP_MAXPOOL, ARGS(x), ATTRS(2, 2, 2, 2, 0, 0, 0, 0)); /* 75 results of 4 each */
    costs(38, SU_OP_AVGPOOL, ARGS(x), ATTRS(2, 2, 2, 2, 0, 0, 0, 0, 0));
    uint32_t route = costs(32, SU_OP_MOE_ROUTE, ARGS(v), ATTRS(256, 2, 0));
    costs(2 * 5 * 256, SU_OP_QMATMUL_ID, ARGS(v, weight(SU_Q8_0, SHAPE(256, 5, 256)), route + 1),
          NULL, 0);
    uint32_t e = costs(0, SU_OP_SELECT_EMITTED, ARGS(v), NULL, 0);
    costs(32, SU_OP_SAMPLE, ARGS(e), NULL, 0);
    assert_int_equal(su_graph_add_state(g, "s", SHAPE(2, 32), &s, NULL), SU_OK);
    uint32_t q = costs(0, SU_OP_RESHAPE, ARGS(v), ATTRS(8, 32));
    costs(2 * 256 * 1024, SU_OP_ATTENTION, ARGS(q, s, s), ATTRS(8, 2, 32, half, 0, 0, 0));
    costs(2 * 256 * 100, SU_OP_ATTENTION, ARGS(q, s, s), ATTRS(8, 2, 32, half, 100, 0, 0));
    costs(2 * 256 * 1024, SU_OP_ATTENTION, ARGS(q, s, s), ATTRS(8, 2, 32, half, 5000, 0, 0));
    uint64_t sum = 0;
    for (uint32_t i = 0; i < g->n_node; i++)
        sum += su_node_macs(g, i);
    assert_true(su_graph_macs(g) == sum);
    su_graph_free(g);
}

/* The largest node has 2^54 multiply-adds, and a graph of many of them does not wrap. */
static void test_largest(void **state)
{
    (void)state;
    g = su_graph_new();
    assert_true(su_graph_macs(g) == 0);
    uint32_t x = input(SHAPE(64, 1 << 24)), w = weight(SU_F32, SHAPE(1 << 16, 1 << 24));
    for (int i = 0; i < 1100; i++)
        costs(64ull << 40, SU_OP_MATMUL, ARGS(x, w), NULL, 0);
    assert_true(su_graph_macs(g) == 1100 * (64ull << 40));
    x = input(SHAPE(1 << 14, 1 << 16));
    w = weight(SU_F32, SHAPE(1 << 16, 1 << 16));
    for (int i = 0; i < 1100; i++)
        costs(1ull << 46, SU_OP_MATMUL, ARGS(x, w), NULL, 0);
    su_graph_free(g);

    g = su_graph_new();
    x = input(SHAPE(1, 1 << 15, 1 << 15));
    w = weight(SU_F32, SHAPE(1, 1, 1 << 12, 1 << 12));
    int32_t attr[] = {1, 1, 1 << 11, 1 << 11, (1 << 11) - 1, (1 << 11) - 1, 1, 1, 1};
    for (int i = 0; i < 1025; i++)
        costs(1ull << 54, SU_OP_CONV2D, ARGS(x, w), attr, 9);
    assert_true(su_graph_macs(g) == UINT64_MAX);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
