// SPDX-License-Identifier: MIT
/* Ops on values small enough to compute by hand: signs, ties, wraps, bounds, types. */
#include "eval_help.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAT 0x1p50f

/* One op over FIXED inputs of the given type and shape; the result stays readable until `done`. */
static struct su_graph *graph;
static struct su_eval *eval;

static void done(void)
{
    su_eval_free(eval);
    su_graph_free(graph);
    eval = NULL;
    graph = NULL;
}

static uint32_t apply(enum su_op op, const struct h_arg *arg, size_t n_arg, const int32_t *attr,
                      size_t n_attr)
{
    const void *input[SU_GRAPH_ARG_MAX];
    uint32_t id[SU_GRAPH_ARG_MAX];
    graph = su_graph_new();
    for (size_t i = 0; i < n_arg; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%zu", i);
        input[i] = arg[i].data;
        id[i] = h_input(graph, name, SU_FIXED, arg[i].dtype, arg[i].shape);
    }
    uint32_t y = h_node(graph, op, id, n_arg, attr, n_attr);
    h_output(graph, y);
    eval = h_eval(graph, 1, input, NULL);
    return y;
}

static void floats(enum su_op op, const struct h_arg *arg, size_t n_arg, const int32_t *attr,
                   size_t n_attr, size_t n, const float *want)
{
    uint32_t y = apply(op, arg, n_arg, attr, n_attr);
    assert_int_equal(graph->value[y].dtype, SU_F32);
    h_expect_f(eval, y, n, want);
    done();
}

static void ints(enum su_op op, const struct h_arg *arg, size_t n_arg, const int32_t *attr,
                 size_t n_attr, size_t n, const int32_t *want)
{
    uint32_t y = apply(op, arg, n_arg, attr, n_attr);
    assert_int_not_equal(graph->value[y].dtype, SU_F32);
    h_expect_i(eval, y, n, want);
    done();
}

#define FS(...)                                                                                    \
    (const float[])                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define IS(...)                                                                                    \
    (const int32_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define WANT_F(...) COUNT(__VA_ARGS__), FS(__VA_ARGS__)
#define WANT_I(...) COUNT(__VA_ARGS__), IS(__VA_ARGS__)
#define IN_F(...)                                                                                  \
    {                                                                                              \
        FS(__VA_ARGS__), SU_F32, SHAPE(COUNT(__VA_ARGS__))                                         \
    }
#define IN_I(...)                                                                                  \
    {                                                                                              \
        IS(__VA_ARGS__), SU_I32, SHAPE(COUNT(__VA_ARGS__))                                         \
    }
#define IN_U(...)                                                                                  \
    {                                                                                              \
        IS(__VA_ARGS__), SU_U32, SHAPE(COUNT(__VA_ARGS__))                                         \
    }
#define IN_B(...)                                                                                  \
    {                                                                                              \
        IS(__VA_ARGS__), SU_BOOL, SHAPE(COUNT(__VA_ARGS__))                                        \
    }
#define LIST(...)                                                                                  \
    (const struct h_arg[])                                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void test_fixing(void **state)
{
    (void)state;
    /* inputs are fixed on the way in, results on the way out */
    floats(SU_OP_RESHAPE, LIST(IN_F(NAN, -INFINITY, 1e30f, -0.0f, 1e-40f, 0x1p-48f)), 1, ATTRS(6),
           WANT_F(0, -SAT, SAT, 0, 0, 0x1p-48f));
    floats(
        SU_OP_MUL,
        LIST(IN_F(0x1p30f, -0x1p30f, 0x1p-30f, 0, 3), IN_F(0x1p30f, 0x1p30f, 0x1p-30f, -1, -0.5f)),
        2, NO_ATTRS, WANT_F(SAT, -SAT, 0, 0, -1.5f));
    floats(SU_OP_ADD, LIST(IN_F(SAT, -SAT, 1), IN_F(SAT, -SAT, -1)), 2, NO_ATTRS,
           WANT_F(SAT, -SAT, 0));
    floats(SU_OP_SUB, LIST(IN_F(1, 0x1.000002p-47f), IN_F(1, 0x1p-47f)), 2, NO_ATTRS, WANT_F(0, 0));
    floats(SU_OP_NEG, LIST(IN_F(0, 2, -3)), 1, NO_ATTRS, WANT_F(0, -2, 3));
    floats(SU_OP_EXP, LIST(IN_F(64, -32.5f, 0)), 1, NO_ATTRS, WANT_F(SAT, 0, 1));
    floats(SU_OP_RECIP, LIST(IN_F(0, -4, 0x1p49f)), 1, NO_ATTRS, WANT_F(SAT, -0.25f, 0));
    floats(SU_OP_TRUNC, LIST(IN_F(2.75f, -2.75f, -0.5f, 0x1p40f)), 1, NO_ATTRS,
           WANT_F(2, -2, 0, 0x1p40f));
    floats(SU_OP_RELU, LIST(IN_F(-1, 0, 2, -0x1p-48f)), 1, NO_ATTRS, WANT_F(0, 0, 2, 0));
}

static void test_saturations(void **state)
{
    (void)state;
    apply(SU_OP_MUL, LIST(IN_F(0x1p30f, 1, 0x1p40f, SAT), IN_F(0x1p30f, 1, -0x1p11f, 1)), 2,
          NO_ATTRS);
    assert_int_equal(su_eval_saturations(eval), 2);
    done();
    apply(SU_OP_ADD, LIST(IN_F(1, 2), IN_F(1, NAN)), 2, NO_ATTRS); /* sources are not counted */
    assert_int_equal(su_eval_saturations(eval), 0);
    done();
}

static void test_integer_arithmetic(void **state)
{
    (void)state;
    ints(SU_OP_ADD, LIST(IN_I(INT_MAX, -5), IN_I(1, 2)), 2, NO_ATTRS, WANT_I(INT_MIN, -3));
    ints(SU_OP_SUB, LIST(IN_U(0, 7), IN_U(1, 2)), 2, NO_ATTRS, WANT_I(-1, 5));
    ints(SU_OP_NEG, LIST(IN_I(INT_MIN, 5, -5)), 1, NO_ATTRS, WANT_I(INT_MIN, -5, 5));
    ints(SU_OP_RELU, LIST(IN_I(INT_MIN, -1, 0, 9)), 1, NO_ATTRS, WANT_I(0, 0, 0, 9));
    ints(SU_OP_MAX, LIST(IN_I(-1, 3), IN_I(1, 2)), 2, NO_ATTRS, WANT_I(1, 3));
    ints(SU_OP_MAX, LIST(IN_U(-1, 3), IN_U(1, 2)), 2, NO_ATTRS, WANT_I(-1, 3));
    ints(SU_OP_MIN, LIST(IN_I(-1, 3), IN_I(1, 2)), 2, NO_ATTRS, WANT_I(-1, 2));
    ints(SU_OP_MIN, LIST(IN_U(-1, 3), IN_U(1, 2)), 2, NO_ATTRS, WANT_I(1, 2));
    floats(SU_OP_MAX, LIST(IN_F(-1, 2, -3), IN_F(1, -2, -4)), 2, NO_ATTRS, WANT_F(1, 2, -3));
    floats(SU_OP_MIN, LIST(IN_F(-1, 2, -3), IN_F(1, -2, -4)), 2, NO_ATTRS, WANT_F(-1, -2, -4));
    ints(SU_OP_IDIV, LIST(IN_I(7, -7, 7, INT_MIN, 5), IN_I(2, 2, -2, -1, 0)), 2, NO_ATTRS,
         WANT_I(3, -3, -3, INT_MIN, 0));
    ints(SU_OP_MOD, LIST(IN_I(7, -7, 7, INT_MIN, 5), IN_I(2, 2, -2, -1, 0)), 2, NO_ATTRS,
         WANT_I(1, -1, 1, 0, 0));
    ints(SU_OP_IDIV, LIST(IN_U(-1, 9), IN_U(2, 0)), 2, NO_ATTRS, WANT_I(INT_MAX, 0));
    ints(SU_OP_MOD, LIST(IN_U(-1, 9), IN_U(10, 0)), 2, NO_ATTRS, WANT_I(5, 0));
    ints(SU_OP_SHL, LIST(IN_I(1, 1, -1), IN_I(31, 33, 4)), 2, NO_ATTRS, WANT_I(INT_MIN, 2, -16));
    ints(SU_OP_SHR, LIST(IN_I(-16, -16, 16, -1), IN_I(2, 32, 2, 31)), 2, NO_ATTRS,
         WANT_I(-4, -16, 4, -1));
    ints(SU_OP_SHR, LIST(IN_U(-16, -1), IN_U(28, 31)), 2, NO_ATTRS, WANT_I(15, 1));
    ints(SU_OP_AND, LIST(IN_I(12, -1), IN_I(10, 7)), 2, NO_ATTRS, WANT_I(8, 7));
    ints(SU_OP_OR, LIST(IN_U(12, 0), IN_U(10, 7)), 2, NO_ATTRS, WANT_I(14, 7));
    ints(SU_OP_XOR, LIST(IN_B(1, 1, 0, 5), IN_B(1, 0, 0, 0)), 2, NO_ATTRS, WANT_I(0, 1, 0, 1));
}

static void test_compare(void **state)
{
    (void)state;
    static const int32_t want[4][3] = {{1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {1, 0, 1}};
    for (int32_t c = 0; c < 4; c++) {
        ints(SU_OP_CMP, LIST(IN_F(-2, 3, 1), IN_F(-1, 3, -1)), 2, ATTRS(c), 3, want[c]);
        ints(SU_OP_CMP, LIST(IN_I(-2, 3, 1), IN_I(-1, 3, -1)), 2, ATTRS(c), 3, want[c]);
        ints(SU_OP_CMP, LIST(IN_U(2, 3, -1), IN_U(-1, 3, 1)), 2, ATTRS(c), 3, want[c]);
    }
    /* 0 and -0 are one number, as are all values below 2^-48 */
    ints(SU_OP_CMP, LIST(IN_F(0, 1e-20f), IN_F(-0.0f, -1e-20f)), 2, ATTRS(2), WANT_I(1, 1));
    floats(SU_OP_WHERE, LIST(IN_B(1, 0, 7), IN_F(1, 2, 3), {FS(9), SU_F32, SCALAR}), 3, NO_ATTRS,
           WANT_F(1, 9, 3));
}

static void test_casts(void **state)
{
    (void)state;
    ints(SU_OP_CAST, LIST(IN_F(2.9f, -2.9f, 1e9f, -1e9f)), 1, ATTRS(SU_I32),
         WANT_I(2, -2, 1 << 22, -(1 << 22)));
    ints(SU_OP_CAST, LIST(IN_F(2.9f, -2.9f, 1e9f)), 1, ATTRS(SU_U32), WANT_I(2, 0, 1 << 22));
    ints(SU_OP_CAST, LIST(IN_F(0, 0.5f, -1, 1e-20f)), 1, ATTRS(SU_BOOL), WANT_I(0, 1, 1, 0));
    ints(SU_OP_CAST, LIST(IN_I(0, -7)), 1, ATTRS(SU_BOOL), WANT_I(0, 1));
    ints(SU_OP_CAST, LIST(IN_I(-7)), 1, ATTRS(SU_U32), WANT_I(-7));
    ints(SU_OP_CAST, LIST(IN_B(0, 4)), 1, ATTRS(SU_I32), WANT_I(0, 1));
    floats(SU_OP_CAST, LIST(IN_B(0, 4)), 1, ATTRS(SU_F32), WANT_F(0, 1));
    floats(SU_OP_CAST, LIST(IN_I(-7, 16777217, INT_MIN)), 1, ATTRS(SU_F32),
           WANT_F(-7, 16777216, -0x1p31f));
    floats(SU_OP_CAST, LIST(IN_U(-1, 16777219)), 1, ATTRS(SU_F32), WANT_F(0x1p32f, 16777220));
    floats(SU_OP_CAST, LIST(IN_F(1.5f)), 1, ATTRS(SU_F32), WANT_F(1.5f));
    floats(SU_OP_BITCAST, LIST(IN_I(0x3f800000, 0x7fc00000, INT_MIN, 1)), 1, ATTRS(SU_F32),
           WANT_F(1, 0, 0, 0));
    ints(SU_OP_BITCAST, LIST(IN_F(1, -2)), 1, ATTRS(SU_I32),
         WANT_I(0x3f800000, (int32_t)0xc0000000u));
    ints(SU_OP_BITCAST, LIST(IN_U(-3)), 1, ATTRS(SU_I32), WANT_I(-3));
}

static void test_broadcast(void **state)
{
    (void)state;
    const struct h_arg scalar = {FS(10), SU_F32, SCALAR};
    const struct h_arg column = {FS(1, 2), SU_F32, SHAPE(2, 1)};
    const struct h_arg line = {FS(10, 20, 30), SU_F32, SHAPE(3)};
    floats(SU_OP_ADD, LIST(scalar, scalar), 2, NO_ATTRS, WANT_F(20));
    floats(SU_OP_SUB, LIST(scalar, line), 2, NO_ATTRS, WANT_F(0, -10, -20));
    floats(SU_OP_ADD, LIST(column, line), 2, NO_ATTRS, WANT_F(11, 21, 31, 12, 22, 32));
}

static void test_reductions(void **state)
{
    (void)state;
    const struct h_arg m = {FS(1, 2, 3, 4, 5, 6), SU_F32, SHAPE(2, 3)};
    floats(SU_OP_REDUCE_SUM, &m, 1, ATTRS(1, 0), WANT_F(5, 7, 9));
    floats(SU_OP_REDUCE_SUM, &m, 1, ATTRS(2, 1), WANT_F(6, 15));
    floats(SU_OP_REDUCE_SUM, &m, 1, ATTRS(3, 0), WANT_F(21));
    floats(SU_OP_REDUCE_PROD, &m, 1, ATTRS(1, 0), WANT_F(4, 10, 18));
    floats(SU_OP_REDUCE_MAX, LIST(IN_F(-3, -2, -7)), 1, ATTRS(1, 0), WANT_F(-2));
    ints(SU_OP_REDUCE_SUM, LIST(IN_I(INT_MAX, 1, 1)), 1, ATTRS(1, 0), WANT_I(INT_MIN + 1));
    ints(SU_OP_REDUCE_PROD, LIST(IN_I(65536, 65536, -3)), 1, ATTRS(1, 0), WANT_I(0));
    ints(SU_OP_REDUCE_MAX, LIST(IN_I(-1, 5, 2)), 1, ATTRS(1, 0), WANT_I(5));
    ints(SU_OP_REDUCE_MAX, LIST(IN_U(-1, 5, 2)), 1, ATTRS(1, 0), WANT_I(-1));
    /* lanes 0 to 5; pairs (0,4) (1,5), then (0,2) = 4 * 2^-48, (1,3) = 4 * 2^50 -> 2^50, then 2^-46 * 2^50 */
    floats(SU_OP_REDUCE_PROD, LIST(IN_F(0x1p-48f, 0x1p-48f, 0x1p-48f, SAT, SAT, SAT)), 1,
           ATTRS(1, 0), WANT_F(16));
    ints(SU_OP_ARGMAX, LIST(IN_F(1, 7, -9, 7)), 1, ATTRS(0, 0), WANT_I(1));
    ints(SU_OP_ARGMAX, LIST(IN_F(-3, -2, -2)), 1, ATTRS(0, 1), WANT_I(1));
    ints(SU_OP_ARGMAX, LIST(IN_U(1, -1, -1)), 1, ATTRS(0, 0), WANT_I(1));
    ints(SU_OP_ARGMAX, LIST(IN_I(1, -1)), 1, ATTRS(0, 0), WANT_I(0));
    ints(SU_OP_ARGMAX, &m, 1, ATTRS(0, 0), WANT_I(1, 1, 1));
    floats(SU_OP_CUMSUM, LIST(IN_F(SAT, SAT, -SAT, 1)), 1, ATTRS(0), WANT_F(SAT, SAT, 0, 1));
    floats(SU_OP_CUMSUM, &m, 1, ATTRS(0), WANT_F(1, 2, 3, 5, 7, 9));
    ints(SU_OP_CUMSUM, LIST(IN_I(INT_MAX, 1)), 1, ATTRS(0), WANT_I(INT_MAX, INT_MIN));
}

static void test_topk(void **state)
{
    (void)state;
    uint32_t y = apply(SU_OP_TOPK, LIST(IN_F(3, 1, 3, -5, 4)), 1, ATTRS(4));
    h_expect_f(eval, y, 4, FS(4, 3, 3, 1));
    done();
    graph = su_graph_new();
    uint32_t x = h_input(graph, "x", SU_FIXED, SU_I32, SHAPE(2, 3));
    uint32_t top = h_node(graph, SU_OP_TOPK, ARGS(x), ATTRS(2));
    h_output(graph, top + 1); /* the values themselves are not asked for */
    eval = h_eval(graph, 1, (const void *[]){IS(-1, 2, 2, 5, 5, 5)}, NULL);
    h_expect_i(eval, top + 1, 4, IS(1, 2, 0, 1));
    size_t bytes = 1;
    assert_null(su_eval_value(eval, top, &bytes));
    assert_int_equal(bytes, 0);
    done();
}

static void test_indexing(void **state)
{
    (void)state;
    const struct h_arg m = {FS(1, 2, 3, 4, 5, 6), SU_F32, SHAPE(2, 3)};
    floats(SU_OP_GATHER, LIST(m, IN_I(1, -1, 2, 0)), 2, ATTRS(0),
           WANT_F(4, 5, 6, 0, 0, 0, 0, 0, 0, 1, 2, 3));
    floats(SU_OP_GATHER, LIST(m, {IS(2, 3, INT_MIN, 0), SU_U32, SHAPE(2, 2)}), 2, ATTRS(1),
           WANT_F(3, 0, 0, 1, 6, 0, 0, 4));
    floats(SU_OP_GATHER, LIST(m, {IS(1), SU_I32, SCALAR}), 2, ATTRS(1), WANT_F(2, 5));

    const uint8_t f16[] = {0x00, 0x3c, 0x01, 0x00, 0x00, 0xfc, 0x00, 0xc0}; /* 1, 2^-24, -inf, -2 */
    const uint8_t bf16[] = {0x80, 0x3f, 0xc0, 0x7f,
                            0x01, 0x00, 0x00, 0xc0}; /* 1, NaN, 2^-133, -2 */
    const float f32[] = {NAN, 2, 3, -0.0f};
    graph = su_graph_new();
    uint32_t idx = h_input(graph, "i", SU_FIXED, SU_I32, SHAPE(3));
    const enum su_dtype types[] = {SU_F16, SU_BF16, SU_F32};
    uint32_t y[3];
    for (uint32_t t = 0; t < 3; t++) {
        uint32_t w = h_weight(graph, su_dtype_name(types[t]), types[t], SHAPE(2, 2));
        y[t] = h_node(graph, SU_OP_EMBEDDING, ARGS(w, idx), NO_ATTRS);
        h_output(graph, y[t]);
    }
    eval = h_eval(graph, 1, (const void *[]){IS(1, 2, 0)}, (const void *[]){f16, bf16, f32});
    h_expect_f(eval, y[0], 6, FS(-SAT, -2, 0, 0, 1, 0x1p-24f));
    h_expect_f(eval, y[1], 6, FS(0, -2, 0, 0, 1, 0));
    h_expect_f(eval, y[2], 6, FS(3, 0, 0, 0, 0, 2));
    done();
}

static void test_constants(void **state)
{
    (void)state;
    graph = su_graph_new();
    uint32_t c = h_const(graph, SU_F32, SHAPE(2), FS(1.5f, -2));
    uint32_t b = h_const(graph, SU_BOOL, SHAPE(2), IS(0, 1));
    uint32_t i = h_const(graph, SU_I32, SCALAR, IS(-9));
    uint32_t f = h_node(graph, SU_OP_IOTA, NULL, 0, ATTRS(SU_F32, 1, 2, 3));
    uint32_t n = h_node(graph, SU_OP_IOTA, NULL, 0, ATTRS(SU_I32, 0, 2, 2));
    uint32_t u = h_node(graph, SU_OP_IOTA, NULL, 0, ATTRS(SU_U32, 0, 3));
    const uint32_t out[] = {c, b, i, f, n, u};
    for (size_t o = 0; o < SU_ARRAY_LEN(out); o++)
        h_output(graph, out[o]);
    eval = h_eval(graph, 2, NULL, NULL);
    h_expect_f(eval, c, 2, FS(1.5f, -2));
    h_expect_i(eval, b, 2, IS(0, 1));
    h_expect_i(eval, i, 1, IS(-9));
    h_expect_f(eval, f, 6, FS(0, 1, 2, 0, 1, 2));
    h_expect_i(eval, n, 4, IS(0, 0, 1, 1));
    h_expect_i(eval, u, 3, IS(0, 1, 2));
    done();
}

static void test_movement_scalar(void **state)
{
    (void)state;
    const struct h_arg scalar = {FS(10), SU_F32, SCALAR};
    floats(SU_OP_RESHAPE, &scalar, 1, ATTRS(1, 1), WANT_F(10));
    floats(SU_OP_PERMUTE, &scalar, 1, NO_ATTRS, WANT_F(10));
    floats(SU_OP_PAD, LIST(IN_F(1, 2)), 1, ATTRS(1, 2), WANT_F(0, 1, 2, 0, 0));
    floats(SU_OP_FLIP, LIST(IN_F(1, 2, 3)), 1, ATTRS(1), WANT_F(3, 2, 1));
    floats(SU_OP_SLICE, LIST(IN_F(0, 1, 2, 3, 4, 5)), 1, ATTRS(0, 1, 6, 2), WANT_F(1, 3, 5));
    ints(SU_OP_CONCAT, LIST(IN_B(1, 0), IN_B(9)), 2, ATTRS(0), WANT_I(1, 0, 1));
}

static void test_products(void **state)
{
    (void)state;
    const struct h_arg b = {FS(1, 2, 3, 4, 5, 6), SU_F32, SHAPE(2, 3)};
    floats(SU_OP_MATMUL, LIST(IN_F(1, 10, 100), b), 2, NO_ATTRS, WANT_F(321, 654));
    floats(SU_OP_MATMUL, LIST({FS(1, 0, 0, 0, 0, -1), SU_F32, SHAPE(2, 3)}, b), 2, NO_ATTRS,
           WANT_F(1, 4, -3, -6));
    /* the weight is shared by the batch axes of a */
    floats(SU_OP_MATMUL, LIST({FS(1, 0, 0, 0, 0, -1), SU_F32, SHAPE(2, 1, 3)}, b), 2, NO_ATTRS,
           WANT_F(1, 4, -3, -6));
    /* products beyond 2^50 stay exact within the sum; only the result is fixed */
    floats(SU_OP_MATMUL, LIST(IN_F(SAT, SAT, 1), {FS(SAT, -SAT, 5), SU_F32, SHAPE(1, 3)}), 2,
           NO_ATTRS, WANT_F(5));
    const struct h_arg x = {FS(1, 2, 3, 4, 5, 6, 7, 8, 9), SU_F32, SHAPE(1, 3, 3)};
    const struct h_arg w = {FS(1, 10, 100, 1000), SU_F32, SHAPE(1, 1, 2, 2)};
    floats(SU_OP_CONV2D, LIST(x, w), 2, ATTRS(1, 1, 0, 0, 0, 0, 1, 1, 1),
           WANT_F(5421, 6532, 8754, 9865));
    floats(SU_OP_CONV2D, LIST(x, w), 2, ATTRS(2, 2, 1, 1, 0, 0, 1, 1, 1),
           WANT_F(1000, 3200, 7040, 9865));
    floats(SU_OP_CONV2D, LIST(x, w), 2, ATTRS(1, 1, 0, 0, 0, 0, 2, 2, 1), WANT_F(9731));
    /* a batch axis, and a kernel entirely in the padding */
    const struct h_arg two = {FS(1, 2), SU_F32, SHAPE(2, 1, 1, 1)};
    const struct h_arg one = {FS(3), SU_F32, SHAPE(1, 1, 1, 1)};
    floats(SU_OP_CONV2D, LIST(two, one), 2, ATTRS(1, 1, 0, 1, 0, 0, 1, 1, 1), WANT_F(0, 3, 0, 6));
    floats(SU_OP_CONV2D, LIST(two, one), 2, ATTRS(1, 1, 0, 0, 1, 2, 1, 1, 1),
           WANT_F(3, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0));
}

static void test_pools(void **state)
{
    (void)state;
    const struct h_arg x = {FS(-1, -2, -3, -4, -5, -6, -7, -8, -9), SU_F32, SHAPE(3, 3)};
    floats(SU_OP_MAXPOOL, &x, 1, ATTRS(2, 2, 1, 1, 0, 0, 0, 0), WANT_F(-1, -2, -4, -5));
    floats(SU_OP_MAXPOOL, &x, 1, ATTRS(2, 2, 2, 2, 1, 1, 0, 0), WANT_F(-1, -2, -4, -5));
    floats(SU_OP_AVGPOOL, &x, 1, ATTRS(2, 2, 1, 1, 0, 0, 0, 0, 0), WANT_F(-3, -4, -6, -7));
    floats(SU_OP_AVGPOOL, &x, 1, ATTRS(2, 2, 2, 2, 1, 1, 0, 0, 0), WANT_F(-1, -2.5f, -5.5f, -7));
    floats(SU_OP_AVGPOOL, &x, 1, ATTRS(2, 2, 2, 2, 1, 1, 0, 0, 1),
           WANT_F(-0.25f, -1.25f, -2.75f, -7));
}

static void test_norms(void **state)
{
    (void)state;
    floats(SU_OP_SOFTMAX, LIST(IN_F(5, 5, 5, 5)), 1, NO_ATTRS, WANT_F(0.25f, 0.25f, 0.25f, 0.25f));
    floats(SU_OP_SOFTMAX, LIST(IN_F(-INFINITY, 3, -1e30f, 3)), 1, NO_ATTRS,
           WANT_F(0, 0.5f, 0, 0.5f));
    floats(SU_OP_SOFTMAX, LIST(IN_F(SAT, -SAT)), 1, NO_ATTRS, WANT_F(1, 0));
    /* variance 4 of mean 3, eps of no weight */
    floats(SU_OP_LAYERNORM, LIST(IN_F(1, 5, 1, 5), IN_F(1, 2, 3, 4), IN_F(10, 10, 10, 10)), 3,
           ATTRS(F(0x1p-30f)), WANT_F(9, 12, 7, 14));
    floats(SU_OP_LAYERNORM, LIST(IN_F(7, 7, 7), IN_F(2, 2, 2)), 2, ATTRS(F(0x1p-40f)),
           WANT_F(0, 0, 0));
    floats(SU_OP_RMSNORM, LIST(IN_F(2, -2, 2, -2), IN_F(0, 1, 2, 3)), 2,
           ATTRS(F(0x1p-30f), F(1.0f)), WANT_F(1, -2, 3, -4));
    /* squares below 2^-48 count as 0 beside eps, and so do differences below it */
    floats(SU_OP_RMSNORM, LIST(IN_F(0x1p-25f, -0x1p-25f)), 1, ATTRS(F(0x1p-40f), F(0.0f)),
           WANT_F(0x1p-5f, -0x1p-5f));
    floats(SU_OP_LAYERNORM, LIST(IN_F(0x1p-48f, 0x1.8p-48f)), 1, ATTRS(F(0x1p-40f)), WANT_F(0, 0));
    floats(SU_OP_RMSNORM, LIST(IN_F(0, 0)), 1, ATTRS(F(0x1p-40f), F(0.0f)), WANT_F(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixing),
        cmocka_unit_test(test_saturations),
        cmocka_unit_test(test_integer_arithmetic),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_casts),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_topk),
        cmocka_unit_test(test_indexing),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_movement_scalar),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
