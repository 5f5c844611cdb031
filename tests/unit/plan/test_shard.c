// SPDX-License-Identifier: MIT
/* Sharding by rows keeps every bit; the MNIST-like net in one to many tasks does too. */
#include "plan_graphs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t smallest_of(const struct su_graph *g, uint32_t t_max)
{
    struct su_err e;
    struct su_plan_opts o = {.t_max = t_max};
    uint64_t bytes;
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_OK);
    return bytes;
}

/* Plans for the target, checks, runs, and returns how many nodes were sharded. */
static uint32_t run_at(const struct su_graph *g, uint64_t target, uint32_t t_max, uint32_t *n_task)
{
    struct su_plan *p = plan_of(g, target, t_max);
    struct data *d = data_new(g, t_max, target);
    assert_valid(g, p, target);
    assert_same_results(g, p, d);
    uint32_t n = p->n_sharded;
    *n_task = p->n_task;
    data_free(g, d);
    su_plan_free(p);
    return n;
}

static void test_digits(void **state)
{
    (void)state;
    struct su_graph *g = graph_digits();
    uint64_t least = smallest_of(g, 1);
    uint64_t targets[] = {64 << 20, 300 << 10, 200 << 10, least};
    uint32_t want[] = {1, 3, 5, 0};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(targets); i++) {
        uint32_t n;
        run_at(g, targets[i], 1, &n);
        assert_true(want[i] == 0 ? n > 5 : n == want[i]);
        run_at(g, targets[i] * 4, 3, &n);
    }
    su_graph_free(g);
}

static void test_parallel_branches(void **state)
{
    (void)state;
    struct su_graph *g = graph_digits();
    struct su_plan *p = plan_of(g, 250 << 10, 1);
    assert_int_equal(p->n_task, 4);
    assert_int_equal(p->critical_macs_tasks, 3);
    su_plan_free(p);
    su_graph_free(g);
}

static void test_wide_matmuls(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(3, 100));
    uint32_t y = add_binary(g, SU_OP_MATMUL, x, add_weight(g, "up", SU_BF16, SHAPE(700, 100)));
    y = add_unary(g, SU_OP_RELU, y);
    y = add_binary(g, SU_OP_MATMUL, y, add_weight(g, "down", SU_F16, SHAPE(90, 700)));
    finish(g, "y", y);
    uint64_t least = smallest_of(g, 2), target = 358400;
    uint32_t n;
    assert_int_equal(run_at(g, 4 << 20, 2, &n), 0);
    assert_int_equal(n, 1);
    for (; target > least; target -= 20480) {
        assert_true(run_at(g, target, 2, &n) > 0 || n == 2);
        assert_true(n > 1);
    }
    assert_int_equal(run_at(g, least, 2, &n), 2);
    assert_true(n > 9); /* more shards than a task has ports: joined in a tree */
    su_graph_free(g);
}

static void test_quantised(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e;
    struct su_plan *p;
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(256));
    uint32_t y = add_binary(g, SU_OP_QMATMUL, x, add_weight(g, "q", SU_Q8_0, SHAPE(1000, 256)));
    finish(g, "y", y);
    uint64_t target = 100 << 10;
    struct su_plan_opts o = opts_of(&target);
    assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
    assert_int_equal(p->n_sharded, 1);
    assert_valid(g, p, target);
    su_plan_free(p);
    su_graph_free(g);
}

static void test_convolutions(void **state)
{
    (void)state;
    const uint32_t groups[] = {1, 2, 4};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(groups); i++) {
        struct su_graph *g = su_graph_new();
        uint32_t n, x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(16, 5, 5));
        finish(g, "y", add_conv(g, "c", x, 16, 64, 5, groups[i]));
        uint64_t least = smallest_of(g, 1);
        assert_int_equal(run_at(g, least, 1, &n), 1);
        assert_true(n > 1);
        su_graph_free(g);
    }
}

static void test_embedding(void **state)
{
    (void)state;
    const enum su_dtype types[] = {SU_I32, SU_U32};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(types); i++) {
        struct su_graph *g = su_graph_new();
        uint32_t n, id = add_input(g, "id", SU_ROWS, types[i], SHAPE(6));
        uint32_t w = add_weight(g, "table", SU_F32, SHAPE(11, 512));
        finish(g, "y", add_binary(g, SU_OP_EMBEDDING, w, id));
        uint64_t least = smallest_of(g, 1);
        assert_int_equal(run_at(g, 50 << 10, 1, &n), 0);
        for (uint64_t target = least; target < 49 << 10; target += 1024) {
            run_at(g, target, 1, &n);
        }
        su_graph_free(g);
    }
}

/* A table that is also the head: both uses are parted in the same places. */
static void test_tied_weights(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t n, id = add_input(g, "id", SU_ROWS, SU_I32, SHAPE(1));
    uint32_t w = add_weight(g, "table", SU_F32, SHAPE(40, 256));
    uint32_t h = add_unary(g, SU_OP_RELU, add_binary(g, SU_OP_EMBEDDING, w, id));
    finish(g, "logits", add_binary(g, SU_OP_MATMUL, h, w));
    assert_int_equal(run_at(g, 20 << 10, 1, &n), 2);
    assert_true(n > 1);
    su_graph_free(g);
}

/* A weight that something else reads too cannot be sharded, nor one of which another weight is a
   part. */
static void test_not_shardable(void **state)
{
    (void)state;
    struct su_err e;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(64));
    uint32_t w = add_weight(g, "w", SU_F32, SHAPE(200, 64));
    uint32_t sum = add_op(g, SU_OP_REDUCE_SUM, &w, 1, (int32_t[]){3, 0}, 2);
    uint32_t y = add_binary(g, SU_OP_ADD, add_binary(g, SU_OP_MATMUL, x, w), sum);
    finish(g, "y", y);
    assert_true(smallest_of(g, 1) > 200 * 256);
    su_graph_free(g);
    g = su_graph_new();
    x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(64));
    w = add_weight(g, "w", SU_F32, SHAPE(200, 64));
    uint32_t part;
    struct su_shape s = SHAPE(50, 64);
    assert_int_equal(su_graph_add_weight(g, "w", SU_F32, &s, 50, &part, &e), SU_OK);
    uint32_t a = add_binary(g, SU_OP_MATMUL, x, w), b = add_binary(g, SU_OP_MATMUL, x, part);
    finish(g, "y", add_op(g, SU_OP_CONCAT, (uint32_t[]){a, b}, 2, (int32_t[]){0}, 1));
    assert_true(smallest_of(g, 1) > 200 * 256);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits),       cmocka_unit_test(test_parallel_branches),
        cmocka_unit_test(test_wide_matmuls), cmocka_unit_test(test_quantised),
        cmocka_unit_test(test_convolutions), cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_tied_weights), cmocka_unit_test(test_not_shardable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
