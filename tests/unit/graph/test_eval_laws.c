// SPDX-License-Identifier: MIT
/* Laws that hold bit for bit and that splitting, padding and fusing rely on. */
#include "eval_help.h"

#include <stdlib.h>
#include <string.h>

static void expect_equal(const struct su_eval *ev, const struct su_graph *g, uint32_t a, uint32_t b)
{
    size_t words = su_shape_elements(&g->value[a].shape);
    assert_int_equal(words, su_shape_elements(&g->value[b].shape));
    const uint8_t *p = h_value(ev, a, words), *q = h_value(ev, b, words);
    for (size_t i = 0; i < words; i++)
        if (su_le32(p + 4 * i) != su_le32(q + 4 * i))
            fail_msg("element %zu: 0x%08x and 0x%08x", i, (unsigned)su_le32(p + 4 * i),
                     (unsigned)su_le32(q + 4 * i));
}

/* Evaluates a graph over FIXED uniform inputs and compares two of its values. */
static void law(struct su_graph *g, uint32_t a, uint32_t b)
{
    float *data[SU_GRAPH_ARG_MAX];
    h_output(g, a);
    h_output(g, b);
    for (uint32_t i = 0; i < g->n_input; i++)
        data[i] = h_uniform(100 + i, su_shape_elements(&g->value[g->input[i]].shape), 4.0f);
    struct su_eval *ev = h_eval(g, 1, (const void *const *)data, NULL);
    expect_equal(ev, g, a, b);
    su_eval_free(ev);
    for (uint32_t i = 0; i < g->n_input; i++)
        free(data[i]);
    su_graph_free(g);
}

static uint32_t input(struct su_graph *g, const char *name, const struct su_shape *s)
{
    return h_input(g, name, SU_FIXED, SU_F32, s);
}

static void test_matmul_zero_padding(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t a = input(g, "a", SHAPE(3, 600)), b = input(g, "b", SHAPE(5, 600));
    uint32_t y = h_node(g, SU_OP_MATMUL, ARGS(a, b), NO_ATTRS);
    uint32_t a1 = h_node(g, SU_OP_PAD, ARGS(a), ATTRS(0, 0, 0, 40));
    uint32_t b1 = h_node(g, SU_OP_PAD, ARGS(b), ATTRS(0, 0, 0, 40));
    law(g, y, h_node(g, SU_OP_MATMUL, ARGS(a1, b1), NO_ATTRS));
}

/* A weight cut by rows: what sharding an op over devices does. */
static void test_matmul_shards(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t a = input(g, "a", SHAPE(3, 300)), b = input(g, "b", SHAPE(7, 300));
    uint32_t y = h_node(g, SU_OP_MATMUL, ARGS(a, b), NO_ATTRS);
    uint32_t top = h_node(g, SU_OP_SHRINK, ARGS(b), ATTRS(0, 4, 0, 300));
    uint32_t rest = h_node(g, SU_OP_SHRINK, ARGS(b), ATTRS(4, 7, 0, 300));
    top = h_node(g, SU_OP_MATMUL, ARGS(a, top), NO_ATTRS);
    rest = h_node(g, SU_OP_MATMUL, ARGS(a, rest), NO_ATTRS);
    law(g, y, h_node(g, SU_OP_CONCAT, ARGS(top, rest), ATTRS(1)));
}

/* K cut at a segment: partial sums are added in order. */
static void test_matmul_segments(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t a = input(g, "a", SHAPE(3, 600)), b = input(g, "b", SHAPE(5, 600)), part[3];
    uint32_t y = h_node(g, SU_OP_MATMUL, ARGS(a, b), NO_ATTRS);
    for (int32_t s = 0; s < 3; s++) {
        int32_t end = s < 2 ? 256 * (s + 1) : 600;
        uint32_t as = h_node(g, SU_OP_SLICE, ARGS(a), ATTRS(1, 256 * s, end, 1));
        uint32_t bs = h_node(g, SU_OP_SLICE, ARGS(b), ATTRS(1, 256 * s, end, 1));
        part[s] = h_node(g, SU_OP_MATMUL, ARGS(as, bs), NO_ATTRS);
    }
    uint32_t sum = h_node(g, SU_OP_ADD, ARGS(part[0], part[1]), NO_ATTRS);
    law(g, y, h_node(g, SU_OP_ADD, ARGS(sum, part[2]), NO_ATTRS));
}

static void test_conv_padding(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = input(g, "x", SHAPE(20, 7, 9)), w = input(g, "w", SHAPE(4, 20, 5, 3));
    uint32_t y = h_node(g, SU_OP_CONV2D, ARGS(x, w), ATTRS(2, 1, 3, 1, 2, 4, 1, 2, 1));
    uint32_t p = h_node(g, SU_OP_PAD, ARGS(x), ATTRS(0, 0, 3, 2, 1, 4));
    law(g, y, h_node(g, SU_OP_CONV2D, ARGS(p, w), ATTRS(2, 1, 0, 0, 0, 0, 1, 2, 1)));
}

/* A kernel as large as the image is a product over (channel, row, column). */
static void test_conv_is_matmul(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = input(g, "x", SHAPE(11, 6, 7)), w = input(g, "w", SHAPE(4, 11, 6, 7));
    uint32_t y = h_node(g, SU_OP_CONV2D, ARGS(x, w), ATTRS(1, 1, 0, 0, 0, 0, 1, 1, 1));
    uint32_t xf = h_node(g, SU_OP_RESHAPE, ARGS(x), ATTRS(462));
    uint32_t wf = h_node(g, SU_OP_RESHAPE, ARGS(w), ATTRS(4, 462));
    law(g, y, h_node(g, SU_OP_MATMUL, ARGS(xf, wf), NO_ATTRS));
}

static void test_conv_groups(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = input(g, "x", SHAPE(4, 8, 8)), w = input(g, "w", SHAPE(6, 2, 3, 3)), part[2];
    uint32_t y = h_node(g, SU_OP_CONV2D, ARGS(x, w), ATTRS(1, 1, 1, 1, 1, 1, 1, 1, 2));
    for (int32_t i = 0; i < 2; i++) {
        uint32_t xs = h_node(g, SU_OP_SLICE, ARGS(x), ATTRS(0, 2 * i, 2 * i + 2, 1));
        uint32_t ws = h_node(g, SU_OP_SLICE, ARGS(w), ATTRS(0, 3 * i, 3 * i + 3, 1));
        part[i] = h_node(g, SU_OP_CONV2D, ARGS(xs, ws), ATTRS(1, 1, 1, 1, 1, 1, 1, 1, 1));
    }
    law(g, y, h_node(g, SU_OP_CONCAT, ARGS(part[0], part[1]), ATTRS(0)));
}

/* One window over the whole image: the sum of N6 times the reciprocal of the count (a power of two here, so exact). */
static void test_avgpool_is_mean(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = input(g, "x", SHAPE(3, 16, 16));
    uint32_t y = h_node(g, SU_OP_AVGPOOL, ARGS(x), ATTRS(16, 16, 1, 1, 0, 0, 0, 0, 0));
    uint32_t s = h_node(g, SU_OP_REDUCE_SUM, ARGS(x), ATTRS(6, 1));
    uint32_t c = h_const(g, SU_F32, SCALAR, (const float[]){0x1p-8f});
    law(g, y, h_node(g, SU_OP_MUL, ARGS(s, c), NO_ATTRS));
}

static void test_reduce_order(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = input(g, "x", SHAPE(5, 7, 6));
    uint32_t y = h_node(g, SU_OP_REDUCE_SUM, ARGS(x), ATTRS(5, 0));
    uint32_t p = h_node(g, SU_OP_PERMUTE, ARGS(x), ATTRS(1, 0, 2));
    p = h_node(g, SU_OP_RESHAPE, ARGS(p), ATTRS(7, 30));
    law(g, y, h_node(g, SU_OP_REDUCE_SUM, ARGS(p), ATTRS(2, 0)));
}

/* softmax from its parts; each part's result is fixed, which changes nothing here. */
static void test_softmax_parts(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = input(g, "x", SHAPE(4, 77));
    uint32_t y = h_node(g, SU_OP_SOFTMAX, ARGS(x), NO_ATTRS);
    uint32_t m = h_node(g, SU_OP_REDUCE_MAX, ARGS(x), ATTRS(2, 1));
    uint32_t d = h_node(g, SU_OP_SUB, ARGS(x, m), NO_ATTRS);
    uint32_t e = h_node(g, SU_OP_EXP, ARGS(d), NO_ATTRS);
    uint32_t s = h_node(g, SU_OP_REDUCE_SUM, ARGS(e), ATTRS(2, 1));
    uint32_t r = h_node(g, SU_OP_RECIP, ARGS(s), NO_ATTRS);
    law(g, y, h_node(g, SU_OP_MUL, ARGS(e, r), NO_ATTRS));
}

static void test_silu_parts(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = input(g, "x", SHAPE(1000));
    uint32_t y = h_node(g, SU_OP_SILU, ARGS(x), NO_ATTRS);
    uint32_t s = h_node(g, SU_OP_SIGMOID, ARGS(x), NO_ATTRS);
    law(g, y, h_node(g, SU_OP_MUL, ARGS(x, s), NO_ATTRS));
}

/* Scalar sums and products of the public functions are those of the ops. */
static void test_scalar_functions(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t a = input(g, "a", SHAPE(777)), b = input(g, "b", SHAPE(1, 777));
    uint32_t dot = h_node(g, SU_OP_MATMUL, ARGS(a, b), NO_ATTRS);
    uint32_t sum = h_node(g, SU_OP_REDUCE_SUM, ARGS(a), ATTRS(1, 1));
    h_output(g, dot);
    h_output(g, sum);
    float *x = h_uniform(1, 777, 1.0f), *y = h_uniform(2, 777, 1.0f);
    struct su_eval *ev = h_eval(g, 1, (const void *[]){x, y}, NULL);
    h_expect_f(ev, dot, 1, (const float[]){su_num_fix(su_num_dot(x, y, 777))});
    h_expect_f(ev, sum, 1, (const float[]){su_num_fix(su_num_sum(x, 777))});
    free(x);
    free(y);
    su_eval_free(ev);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul_zero_padding), cmocka_unit_test(test_matmul_shards),
        cmocka_unit_test(test_matmul_segments),     cmocka_unit_test(test_conv_padding),
        cmocka_unit_test(test_conv_is_matmul),      cmocka_unit_test(test_conv_groups),
        cmocka_unit_test(test_avgpool_is_mean),     cmocka_unit_test(test_reduce_order),
        cmocka_unit_test(test_softmax_parts),       cmocka_unit_test(test_silu_parts),
        cmocka_unit_test(test_scalar_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
