// SPDX-License-Identifier: MIT
/* Targets that do not do, arguments that make no sense, and plans that break a rule. */
#include "plan_graphs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum su_code build(const struct su_graph *g, const struct su_plan_opts *o, struct su_err *e)
{
    struct su_plan *p = (struct su_plan *)(uintptr_t)1;
    memset(e, 0, sizeof *e);
    enum su_code rc = su_plan_build(g, o, &p, e);
    if (rc != SU_OK) {
        assert_null(p);
    }
    su_plan_free(p);
    return rc;
}

static void test_arguments(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(2, 8);
    struct su_err e;
    uint64_t many[SU_PLAN_TASK_MAX + 1], zero[2] = {4096, 0}, bytes;
    for (uint32_t i = 0; i < SU_ARRAY_LEN(many); i++) {
        many[i] = 1 << 20;
    }
    struct su_plan_opts o = {0};
    assert_int_equal(build(g, &o, &e), SU_EINVAL);
    o = (struct su_plan_opts){.target = zero + 1, .n_target = 1};
    assert_int_equal(build(g, &o, &e), SU_EINVAL);
    o = (struct su_plan_opts){.target = zero, .n_target = 2, .per_device = true};
    assert_int_equal(build(g, &o, &e), SU_EINVAL);
    o = (struct su_plan_opts){.target = many, .n_target = 2};
    assert_int_equal(build(g, &o, &e), SU_EINVAL);
    o = (struct su_plan_opts){.target = many, .n_target = SU_PLAN_TASK_MAX + 1, .per_device = true};
    assert_int_equal(build(g, &o, &e), SU_ELIMIT);
    o = (struct su_plan_opts){.target = many, .n_target = 1, .t_max = SU_ROWS_MAX + 1};
    assert_int_equal(build(g, &o, &e), SU_EINVAL);
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_EINVAL);
    o = (struct su_plan_opts){.target = many, .n_target = 1, .t_max = 4, .e_max = 5};
    assert_int_equal(build(g, &o, &e), SU_EINVAL);
    o = (struct su_plan_opts){.target = many, .n_target = 1, .t_max = SU_ROWS_MAX};
    o.target = &(uint64_t){1ull << 40};
    assert_int_equal(build(g, &o, &e), SU_OK);
    g->checked = false;
    assert_int_equal(build(g, &o, &e), SU_EINVAL);
    su_graph_free(g);
}

/* A node is told by the weight that it reads, reshaped or not. */
static void test_names_weight(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e;
    uint64_t target = 256;
    struct su_plan_opts o = opts_of(&target);
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(64, 4, 4));
    uint32_t b = add_weight(g, "bias", SU_F32, SHAPE(64));
    b = add_op(g, SU_OP_RESHAPE, &b, 1, (int32_t[]){64, 1, 1}, 3);
    finish(g, "y", add_binary(g, SU_OP_ADD, x, b));
    assert_int_equal(build(g, &o, &e), SU_ENOFIT);
    assert_string_equal(e.at, "add #1 (bias)");
    su_graph_free(g);
}

/* The size that a refusal names works when given back; one byte less does not. */
static void test_smallest_works(void **state)
{
    (void)state;
    struct su_graph *g = graph_digits();
    struct su_err e;
    uint64_t target = 4096;
    struct su_plan_opts o = opts_of(&target);
    assert_int_equal(build(g, &o, &e), SU_ENOFIT);
    assert_non_null(strstr(e.at, "add #1 (stem.bias)"));
    assert_non_null(strstr(e.msg, "values cannot be sharded"));
    const char *text = strstr(e.msg, "smallest feasible target is ");
    assert_non_null(text);
    uint64_t named = strtoull(text + strlen("smallest feasible target is "), NULL, 10);
    uint64_t bytes;
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_OK);
    assert_int_equal(bytes, named);
    target = named;
    assert_int_equal(build(g, &o, &e), SU_OK);
    target = named - 1;
    assert_int_equal(build(g, &o, &e), SU_ENOFIT);
    for (target = named; target < 800 << 10; target += 5000) {
        assert_int_equal(build(g, &o, &e), SU_OK);
    }
    su_graph_free(g);
}

/* What a refusal of a graph that cannot be sharded finely enough names works too. */
static void test_weight_too_large(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(1, 1000);
    struct su_err e;
    uint64_t target = 8192, bytes; /* a piece per row would do, but there are 1000 */
    struct su_plan_opts o = opts_of(&target);
    assert_int_equal(build(g, &o, &e), SU_ENOFIT);
    assert_non_null(strstr(e.at, "matmul #0 (w0)"));
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_OK);
    assert_true(bytes > 1000 / 128 * 4096 && bytes < 1000 / 64 * 4096);
    target = bytes;
    assert_int_equal(build(g, &o, &e), SU_OK);
    target = bytes - 1;
    assert_int_equal(build(g, &o, &e), SU_ELIMIT);
    su_graph_free(g);
}

static void test_too_many_tasks(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(300, 32);
    struct su_err e;
    uint64_t target = 4096 + 512;
    struct su_plan_opts o = opts_of(&target);
    assert_int_equal(build(g, &o, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "more than 128 tasks"));
    uint64_t bytes;
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_OK);
    assert_int_equal(bytes, 3 * 4096 + 256 * 2);
    su_graph_free(g);
}

/* Nine inputs added up: one task would have nine ports, two tasks have room. Nine inputs joined by
   one node never fit. */
static void test_ports(void **state)
{
    (void)state;
    for (uint32_t one_node = 0; one_node < 2; one_node++) {
        struct su_graph *g = su_graph_new();
        uint32_t x[9], sum;
        for (uint32_t i = 0; i < 9; i++) {
            char name[8];
            snprintf(name, sizeof name, "x%u", i);
            x[i] = add_input(g, name, SU_ROWS, SU_F32, SHAPE(4));
        }
        sum = x[0];
        for (uint32_t i = 1; i < 9 && one_node == 0; i++) {
            sum = add_binary(g, SU_OP_ADD, sum, x[i]);
        }
        if (one_node == 1) {
            sum = add_op(g, SU_OP_CONCAT, x, 9, (int32_t[]){0}, 1);
        } else {
            uint32_t w = add_weight(g, "w", SU_F32, SHAPE(500, 4));
            sum = add_binary(g, SU_OP_MATMUL, sum, w);
        }
        finish(g, "y", sum);
        struct su_err e;
        uint64_t target = 1 << 20, bytes;
        struct su_plan_opts o = opts_of(&target);
        if (one_node == 1) {
            assert_int_equal(build(g, &o, &e), SU_ELIMIT);
            assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_ELIMIT);
        } else {
            struct su_plan *p = plan_of(g, target, 1);
            assert_int_equal(p->n_task, 2);
            assert_non_null(strstr(p->task[1].why, "9 inputs"));
            assert_valid(g, p, target);
            su_plan_free(p);
        }
        su_graph_free(g);
    }
}

static void test_overflow(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e;
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(1 << 30));
    for (uint32_t i = 0; i < 300; i++) {
        x = add_unary(g, SU_OP_NEG, x);
    }
    finish(g, "y", x);
    uint64_t target = UINT64_MAX, bytes;
    struct su_plan_opts o = opts_of(&target);
    o.t_max = SU_ROWS_MAX;
    /* 301 values of 2^48 bytes stay below 2^63. */
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_OK);
    assert_int_equal(bytes, 1ull << 49);
    su_graph_free(g);
    g = su_graph_new();
    struct su_shape big = SHAPE(16384, 65536);
    uint32_t k, v, q = add_input(g, "q", SU_ROWS, SU_F32, big);
    assert_int_equal(su_graph_add_state(g, "k", &big, &k, &e), SU_OK);
    assert_int_equal(su_graph_add_state(g, "v", &big, &v, &e), SU_OK);
    uint32_t ka = add_binary(g, SU_OP_STATE_APPEND, q, k);
    uint32_t va = add_binary(g, SU_OP_STATE_APPEND, q, v);
    int32_t attr[7] = {16384, 16384, 65536, (int32_t)su_f32_bits(1.0f), 0, 0, 0};
    finish(g, "y", add_op(g, SU_OP_ATTENTION, (uint32_t[]){q, ka, va}, 3, attr, 7));
    o.ctx = UINT32_MAX;
    assert_int_equal(build(g, &o, &e), SU_EOVERFLOW);
    o.ctx = 1024;
    o.t_max = 1;
    struct su_plan *p;
    assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK); /* all users of a state in one task */
    assert_int_equal(p->n_task, 1);
    assert_int_equal(p->task[0].vram_session, 1ull << 42);
    assert_int_equal(su_plan_check(p, g, &e), SU_OK);
    su_plan_free(p);
    target = 1ull << 42;
    assert_int_equal(build(g, &o, &e), SU_ENOFIT);
    assert_non_null(strstr(e.msg, "state"));
    su_graph_free(g);
}

/* ---- su_plan_check --------------------------------------------------------------------------- */

static struct su_graph *digits;

static struct su_plan *good_plan(void)
{
    return plan_of(digits, 250 << 10, 1);
}

#define REFUSED(code, change)                                                                      \
    do {                                                                                           \
        struct su_plan *p = good_plan();                                                           \
        struct su_err e;                                                                           \
        uint32_t tasks = p->n_task;                                                                \
        assert_int_equal(su_plan_check(p, digits, &e), SU_OK);                                     \
        change;                                                                                    \
        assert_int_equal(su_plan_check(p, digits, &e), code);                                      \
        assert_true(e.msg[0] != '\0');                                                             \
        p->n_task = tasks;                                                                         \
        su_plan_free(p);                                                                           \
    } while (0)

static struct su_value *output_of(struct su_plan_task *t, uint32_t i)
{
    return &t->graph->value[t->graph->output[i].value];
}

static void swap_dims(struct su_value *v)
{
    uint32_t dim = v->shape.dim[0];
    v->shape.dim[0] = v->shape.dim[1];
    v->shape.dim[1] = dim;
}

static void test_rules(void **state)
{
    (void)state;
    digits = graph_digits();
    REFUSED(SU_EFORMAT, p->n_task = 0);
    REFUSED(SU_EFORMAT, p->n_task = SU_PLAN_TASK_MAX + 1);
    REFUSED(SU_EFORMAT, p->n_result = 2);
    REFUSED(SU_EFORMAT, p->t_max = 0);
    REFUSED(SU_EFORMAT, p->e_max = 0);
    REFUSED(SU_EFORMAT, p->e_max = p->t_max + 1);
    REFUSED(SU_EFORMAT, p->sessions = 0);
    REFUSED(SU_EFORMAT, p->ctx = 0);
    REFUSED(SU_EFORMAT, p->task[1].graph->checked = false);
    REFUSED(SU_EFORMAT, p->task[1].input[0].from_task = 1);
    REFUSED(SU_EFORMAT, p->task[1].input[0].from_task = 3);
    REFUSED(SU_EFORMAT, p->task[1].input[0].from_task = SU_PLAN_EXTERNAL);
    REFUSED(SU_EFORMAT, p->task[0].input[0].from_output = 1);
    REFUSED(SU_EFORMAT, p->task[1].input[0].from_output = 2);
    REFUSED(SU_EFORMAT, p->task[1].input[0].from_output ^= 1);
    REFUSED(SU_EFORMAT, p->task[0].output[0].consumed = false);
    REFUSED(SU_EFORMAT, p->task[3].output[0].consumed = true);
    REFUSED(SU_EFORMAT, p->task[3].output[0].graph_output = UINT32_MAX);
    REFUSED(SU_EFORMAT, p->task[3].output[0].graph_output = 1);
    REFUSED(SU_EFORMAT, p->task[0].output[0].graph_output = 0);
    REFUSED(SU_EFORMAT, p->result[0].from_task = 4);
    REFUSED(SU_EFORMAT, p->result[0].from_task = 0);
    REFUSED(SU_EFORMAT, p->task[0].graph->output[1].name = p->task[0].graph->output[0].name);
    REFUSED(SU_EFORMAT, output_of(&p->task[0], 0)->shape.dim[0]++);
    REFUSED(SU_ETYPE, swap_dims(output_of(&p->task[0], 0)));
    REFUSED(SU_ETYPE, output_of(&p->task[0], 0)->dtype = SU_I32);
    REFUSED(SU_ETYPE, output_of(&p->task[0], 0)->domain = SU_FIXED);
    REFUSED(SU_ETYPE, p->task[0].graph->value[p->task[0].graph->input[0]].shape.rank = 2);
    REFUSED(SU_ETYPE, p->task[0].graph->value[p->task[0].graph->weight[0]].first_row = 1);
    REFUSED(SU_ETYPE, p->task[0].graph->value[p->task[0].graph->weight[0]].name = "other");
    REFUSED(SU_EFORMAT, p->task[0].weight_bytes -= 256);
    REFUSED(SU_EFORMAT, p->task[0].arena_bytes -= 256);
    REFUSED(SU_EFORMAT, p->task[0].vram_fixed -= 256);
    REFUSED(SU_EFORMAT, p->task[0].vram_session += 1);
    REFUSED(SU_ENOFIT, p->target_bytes = 200 << 10);
    REFUSED(SU_EFORMAT, p->task[0].macs++);
    REFUSED(SU_EFORMAT, p->task[0].bytes_in++);
    REFUSED(SU_EFORMAT, p->task[0].bytes_out++);
    REFUSED(SU_EFORMAT, p->task[0].why[0] = '\0');
    REFUSED(SU_EFORMAT, p->task[0].why[0] = '\n');
    REFUSED(SU_EFORMAT, p->cut_bytes++);
    REFUSED(SU_EFORMAT, p->peak_macs++);
    su_graph_free(digits);
}

/* A plan of another graph: the weights and outputs do not match. */
static void test_other_graph(void **state)
{
    (void)state;
    struct su_graph *a = graph_chain(4, 32), *b = graph_chain(5, 32), *c = graph_chain(3, 32);
    struct su_err e;
    struct su_plan *p = plan_of(a, 10 << 10, 1);
    assert_int_equal(su_plan_check(p, a, &e), SU_OK);
    assert_int_equal(su_plan_check(p, b, &e), SU_EFORMAT); /* w4 is nowhere */
    assert_int_equal(su_plan_check(p, c, &e), SU_ETYPE); /* w3 is unknown */
    su_plan_free(p);
    su_graph_free(a);
    su_graph_free(b);
    su_graph_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),      cmocka_unit_test(test_names_weight),
        cmocka_unit_test(test_smallest_works), cmocka_unit_test(test_weight_too_large),
        cmocka_unit_test(test_too_many_tasks), cmocka_unit_test(test_ports),
        cmocka_unit_test(test_overflow),       cmocka_unit_test(test_rules),
        cmocka_unit_test(test_other_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
