// SPDX-License-Identifier: MIT
/* Every op against results that a second implementation in numpy computed (make_vectors.py). */
#include "eval_help.h"

#include <stdlib.h>
#include <string.h>

static void one_input(const char *name, enum su_op op, const void *data, enum su_dtype dtype,
                      const struct su_shape *shape, const int32_t *attr, size_t n_attr)
{
    h_op_vector(name, op, &(struct h_arg){data, dtype, shape}, 1, attr, n_attr);
}

static void two_inputs(const char *name, enum su_op op, const void *a, const struct su_shape *as,
                       const void *b, const struct su_shape *bs, enum su_dtype dtype,
                       const int32_t *attr, size_t n_attr)
{
    h_op_vector(name, op, (struct h_arg[]){{a, dtype, as}, {b, dtype, bs}}, 2, attr, n_attr);
}

static void test_functions(void **state)
{
    (void)state;
    static const enum su_op ops[] = {SU_OP_RECIP, SU_OP_SQRT, SU_OP_RSQRT,   SU_OP_EXP,
                                     SU_OP_EXP2,  SU_OP_LOG2, SU_OP_SIN,     SU_OP_SILU,
                                     SU_OP_GELU,  SU_OP_TANH, SU_OP_SIGMOID, SU_OP_TRUNC};
    float *x = h_uniform(1, 4096, 1.0f), *wide = h_uniform(2, 4096, 16.0f);
    for (size_t i = 0; i < SU_ARRAY_LEN(ops); i++) {
        char name[32];
        one_input(su_op_name(ops[i]), ops[i], x, SU_F32, SHAPE(4096), NO_ATTRS);
        snprintf(name, sizeof name, "%s_wide", su_op_name(ops[i]));
        one_input(name, ops[i], wide, SU_F32, SHAPE(4, 1024), NO_ATTRS);
    }
    free(x);
    free(wide);
}

static void test_elementwise(void **state)
{
    (void)state;
    static const enum su_op ops[] = {SU_OP_ADD, SU_OP_SUB, SU_OP_MUL, SU_OP_MAX, SU_OP_MIN};
    float *a = h_uniform(3, 60, 1.0f), *b = h_uniform(4, 20, 1.0f);
    for (size_t i = 0; i < SU_ARRAY_LEN(ops); i++)
        two_inputs(su_op_name(ops[i]), ops[i], a, SHAPE(3, 4, 5), b, SHAPE(4, 5), SU_F32, NO_ATTRS);
    free(a);
    free(b);
}

static void test_reductions(void **state)
{
    (void)state;
    float *r = h_uniform(5, 1050, 1.0f), *q = h_uniform(6, 160, 4.0f);
    const struct su_shape *s = SHAPE(3, 70, 5);
    one_input("reduce_sum_1", SU_OP_REDUCE_SUM, r, SU_F32, s, ATTRS(2, 0));
    one_input("reduce_sum_02", SU_OP_REDUCE_SUM, r, SU_F32, s, ATTRS(5, 1));
    one_input("reduce_sum_012", SU_OP_REDUCE_SUM, r, SU_F32, s, ATTRS(7, 0));
    one_input("reduce_max_1", SU_OP_REDUCE_MAX, r, SU_F32, s, ATTRS(2, 0));
    one_input("reduce_prod_1", SU_OP_REDUCE_PROD, r, SU_F32, s, ATTRS(2, 1));
    one_input("argmax_1", SU_OP_ARGMAX, r, SU_F32, s, ATTRS(1, 0));
    one_input("cumsum_1", SU_OP_CUMSUM, r, SU_F32, s, ATTRS(1));

    struct su_graph *g = su_graph_new();
    for (size_t i = 0; i < 160; i++)
        q[i] = su_num_trunc(q[i]);
    uint32_t x = h_input(g, "x", SU_FIXED, SU_F32, SHAPE(4, 40));
    uint32_t y = h_node(g, SU_OP_TOPK, ARGS(x), ATTRS(11));
    h_output(g, y);
    h_output(g, y + 1);
    struct su_eval *ev = h_eval(g, 1, (const void *[]){q}, NULL);
    h_expect_vector(ev, y, "topk_values");
    h_expect_vector(ev, y + 1, "topk_indices");
    su_eval_free(ev);
    su_graph_free(g);
    free(r);
    free(q);
}

static void test_movement(void **state)
{
    (void)state;
    float *r = h_uniform(5, 1050, 1.0f), *thin = h_uniform(7, 12, 1.0f);
    const struct su_shape *s = SHAPE(3, 70, 5);
    one_input("permute", SU_OP_PERMUTE, r, SU_F32, s, ATTRS(2, 0, 1));
    one_input("pad", SU_OP_PAD, r, SU_F32, s, ATTRS(1, 0, 0, 2, 3, 1));
    one_input("shrink", SU_OP_SHRINK, r, SU_F32, s, ATTRS(1, 3, 10, 69, 2, 4));
    one_input("flip", SU_OP_FLIP, r, SU_F32, s, ATTRS(5));
    one_input("slice", SU_OP_SLICE, r, SU_F32, s, ATTRS(1, 3, 66, 7));
    one_input("expand", SU_OP_EXPAND, thin, SU_F32, SHAPE(3, 1, 4), ATTRS(3, 6, 4));

    struct su_graph *g = su_graph_new();
    uint32_t x = h_input(g, "x", SU_FIXED, SU_F32, s);
    uint32_t part = h_node(g, SU_OP_SLICE, ARGS(x), ATTRS(1, 5, 9, 1));
    uint32_t y = h_node(g, SU_OP_CONCAT, ARGS(x, part, x), ATTRS(1));
    h_output(g, y);
    struct su_eval *ev = h_eval(g, 1, (const void *[]){r}, NULL);
    h_expect_vector(ev, y, "concat");
    su_eval_free(ev);
    su_graph_free(g);
    free(r);
    free(thin);
}

static void test_products(void **state)
{
    (void)state;
    float *a = h_uniform(8, 1800, 1.0f), *b = h_uniform(9, 3000, 1.0f);
    two_inputs("matmul", SU_OP_MATMUL, a, SHAPE(3, 600), b, SHAPE(5, 600), SU_F32, NO_ATTRS);
    free(a);
    free(b);
    a = h_uniform(10, 300, 1.0f);
    b = h_uniform(11, 400, 1.0f);
    two_inputs("matmul_batch", SU_OP_MATMUL, a, SHAPE(2, 3, 50), b, SHAPE(2, 4, 50), SU_F32,
               NO_ATTRS);
    free(a);
    free(b);
    a = h_uniform(12, 594, 1.0f);
    b = h_uniform(13, 1176, 1.0f);
    two_inputs("conv2d", SU_OP_CONV2D, a, SHAPE(6, 9, 11), b, SHAPE(4, 6, 7, 7), SU_F32,
               ATTRS(1, 1, 3, 3, 3, 3, 1, 1, 1));
    free(b);
    b = h_uniform(14, 72, 1.0f);
    two_inputs("conv2d_groups", SU_OP_CONV2D, a, SHAPE(6, 9, 11), b, SHAPE(6, 2, 3, 2), SU_F32,
               ATTRS(2, 3, 0, 1, 2, 3, 2, 3, 3));
    free(b);
    const struct su_shape *s = SHAPE(6, 9, 11);
    one_input("maxpool", SU_OP_MAXPOOL, a, SU_F32, s, ATTRS(3, 2, 2, 3, 1, 0, 2, 1));
    one_input("avgpool", SU_OP_AVGPOOL, a, SU_F32, s, ATTRS(7, 6, 2, 3, 1, 0, 2, 1, 0));
    one_input("avgpool_all", SU_OP_AVGPOOL, a, SU_F32, s, ATTRS(7, 6, 2, 3, 1, 0, 2, 1, 1));
    free(a);
}

static void test_norms(void **state)
{
    (void)state;
    float *x = h_uniform(15, 231, 8.0f), *w = h_uniform(16, 77, 1.0f), *b = h_uniform(17, 77, 1.0f);
    const struct su_shape *s = SHAPE(3, 77), *ws = SHAPE(77);
    struct h_arg arg[] = {{x, SU_F32, s}, {w, SU_F32, ws}, {b, SU_F32, ws}};
    h_op_vector("softmax", SU_OP_SOFTMAX, arg, 1, NO_ATTRS);
    h_op_vector("layernorm", SU_OP_LAYERNORM, arg, 3, ATTRS(F(1e-5f)));
    h_op_vector("layernorm_plain", SU_OP_LAYERNORM, arg, 1, ATTRS(F(1e-5f)));
    h_op_vector("rmsnorm", SU_OP_RMSNORM, arg, 2, ATTRS(F(1e-6f), F(1.0f)));
    h_op_vector("rmsnorm_plain", SU_OP_RMSNORM, arg, 1, ATTRS(F(1e-6f), F(0.0f)));
    free(x);
    free(w);
    free(b);
}

static void test_integers(void **state)
{
    (void)state;
    uint32_t *i = h_words(18, 256), *j = h_words(19, 256);
    float *big = h_uniform(20, 256, 0x1p23f);
    const struct su_shape *s = SHAPE(256);
    one_input("cast_i32_f32", SU_OP_CAST, i, SU_I32, s, ATTRS(SU_F32));
    one_input("cast_u32_f32", SU_OP_CAST, i, SU_U32, s, ATTRS(SU_F32));
    one_input("cast_f32_i32", SU_OP_CAST, big, SU_F32, s, ATTRS(SU_I32));
    one_input("cast_f32_u32", SU_OP_CAST, big, SU_F32, s, ATTRS(SU_U32));
    one_input("bitcast_f32", SU_OP_BITCAST, i, SU_I32, s, ATTRS(SU_F32));
    two_inputs("idiv", SU_OP_IDIV, i, s, j, s, SU_I32, NO_ATTRS);
    two_inputs("mod", SU_OP_MOD, i, s, j, s, SU_I32, NO_ATTRS);
    two_inputs("shr_i32", SU_OP_SHR, i, s, j, s, SU_I32, NO_ATTRS);
    two_inputs("shr_u32", SU_OP_SHR, i, s, j, s, SU_U32, NO_ATTRS);
    two_inputs("shl", SU_OP_SHL, i, s, j, s, SU_U32, NO_ATTRS);
    two_inputs("mul_i32", SU_OP_MUL, i, s, j, s, SU_I32, NO_ATTRS);
    free(i);
    free(j);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),  cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_reductions), cmocka_unit_test(test_movement),
        cmocka_unit_test(test_products),   cmocka_unit_test(test_norms),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
