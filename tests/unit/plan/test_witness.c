// SPDX-License-Identifier: MIT
/* The witness of a graph: which value it is, and that hashing it changes nothing else. */
#include "plan_graphs.h"

#include "support/count.h"
#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct su_graph *with_witness(const struct su_graph *g)
{
    struct su_graph *w;
    struct su_err e;
    if (su_plan_with_witness(g, &w, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    assert_true(w->checked);
    return w;
}

static void digest_of(const struct su_graph *g, uint8_t out[SU_SHA256_BYTES])
{
    struct su_err e;
    assert_int_equal(su_graph_digest(g, out, &e), SU_OK);
}

static void assert_none(const struct su_graph *g)
{
    uint8_t a[SU_SHA256_BYTES], b[SU_SHA256_BYTES];
    assert_int_equal(su_plan_witness(g), UINT32_MAX);
    struct su_graph *w = with_witness(g);
    digest_of(g, a);
    digest_of(w, b);
    assert_memory_equal(a, b, sizeof a);
    su_graph_free(w);
}

/* x -> reshape -> relu -> reshape -> output: nothing but what comes in and what goes out. */
static void test_other_shapes_of_ports_do_not_count(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(2, 3));
    uint32_t a = add_op(g, SU_OP_RESHAPE, &x, 1, (const int32_t[]){6}, 1);
    uint32_t b = add_unary(g, SU_OP_RELU, a);
    uint32_t c = add_op(g, SU_OP_RESHAPE, &b, 1, (const int32_t[]){3, 2}, 2);
    finish(g, "y", c);
    assert_none(g);
    su_graph_free(g);
}

static void test_last_interior_value(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4));
    uint32_t w = add_weight(g, "w", SU_F32, SHAPE(4));
    uint32_t first = add_unary(g, SU_OP_RELU, x), second = add_unary(g, SU_OP_NEG, first);
    uint32_t fixed = add_unary(g, SU_OP_EXP, w);
    uint32_t both = add_binary(g, SU_OP_ADD, second, fixed);
    finish(g, "y", both);
    assert_int_equal(su_plan_witness(g), second);
    struct su_graph *with = with_witness(g);
    assert_int_equal(with->n_output, 2);
    assert_int_equal(with->output[1].value, second);
    assert_string_equal(with->output[1].name, "witness");
    assert_int_equal(su_plan_witness(with), first);
    su_graph_free(with);
    su_graph_free(g);
}

static void test_first_of_two_results(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(8));
    uint32_t top = add_op(g, SU_OP_TOPK, &x, 1, (const int32_t[]){3}, 1);
    uint32_t y =
        add_op(g, SU_OP_GATHER, (const uint32_t[]){x, top + 1}, 2, (const int32_t[]){0}, 1);
    finish(g, "y", add_binary(g, SU_OP_MUL, y, top));
    assert_int_equal(su_plan_witness(g), y);
    su_graph_free(g);

    g = su_graph_new();
    x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(8));
    top = add_op(g, SU_OP_TOPK, &x, 1, (const int32_t[]){3}, 1);
    finish(g, "y",
           add_op(g, SU_OP_GATHER, (const uint32_t[]){x, top + 1}, 2, (const int32_t[]){0}, 1));
    assert_int_equal(su_plan_witness(g), top);
    su_graph_free(g);
}

static void test_states_and_fixed_values_do_not_count(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e;
    uint32_t s;
    const int32_t attention[7] = {1, 1, 4, (int32_t)su_f32_bits(0.5f), 0, 0, 0};
    struct su_shape row = SHAPE(1, 4);
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, row);
    assert_int_equal(su_graph_add_state(g, "s", &row, &s, &e), SU_OK);
    uint32_t k = add_op(g, SU_OP_STATE_APPEND, (const uint32_t[]){x, s}, 2, NULL, 0);
    finish(g, "y", add_op(g, SU_OP_ATTENTION, (const uint32_t[]){x, k, k}, 3, attention, 7));
    assert_none(g);
    su_graph_free(g);

    g = su_graph_new();
    x = add_input(g, "x", SU_FIXED, SU_F32, SHAPE(4));
    finish(g, "y", add_unary(g, SU_OP_NEG, add_unary(g, SU_OP_RELU, x)));
    assert_none(g);
    su_graph_free(g);
}

static void test_name_that_is_taken(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e;
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4));
    uint32_t a = add_unary(g, SU_OP_RELU, x), b = add_unary(g, SU_OP_NEG, a);
    assert_int_equal(su_graph_add_output(g, "witness", x, &e), SU_OK);
    assert_int_equal(su_graph_add_output(g, "witness.1", b, &e), SU_OK);
    assert_int_equal(su_graph_check(g, &e), SU_OK);
    struct su_graph *w = with_witness(g);
    assert_int_equal(w->n_output, 3);
    assert_string_equal(w->output[2].name, "witness.2");
    assert_int_equal(w->output[2].value, a);
    su_graph_free(w);

    su_graph_free(g);
    g = su_graph_new();
    x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4));
    assert_int_equal(su_plan_with_witness(g, &w, &e), SU_EINVAL);
    assert_null(w);
    su_graph_free(g);
}

/* The other outputs keep their bits, and the witness is the interior value. */
static void test_random_graphs(void **state)
{
    (void)state;
    uint32_t with = 0, n = su_test_count(100, 2000);
    for (uint64_t seed = 0; seed < n; seed++) {
        struct su_random_opts o = {.macs = 100000, .emit = seed % 2 == 0};
        struct su_random_case *c = su_random_case_new(seed, &o);
        struct su_graph *w = with_witness(c->graph);
        struct su_eval_args args = {.row = c->row,
                                    .n_row = c->n_row,
                                    .input = (const void *const *)c->input,
                                    .weight = (const void *const *)c->weight,
                                    .keep_all = true};
        struct su_eval *plain, *more;
        struct su_err e;
        size_t a_bytes, b_bytes;
        assert_int_equal(su_graph_eval(c->graph, &args, &plain, &e), SU_OK);
        assert_int_equal(su_graph_eval(w, &args, &more, &e), SU_OK);
        for (uint32_t i = 0; i < w->n_output; i++) {
            uint32_t value =
                i < c->graph->n_output ? c->graph->output[i].value : su_plan_witness(c->graph);
            const void *a = su_eval_value(plain, value, &a_bytes);
            const void *b = su_eval_value(more, w->output[i].value, &b_bytes);
            assert_true(a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0);
        }
        with += w->n_output == c->graph->n_output + 1;
        assert_true(w->n_output == c->graph->n_output + (su_plan_witness(c->graph) != UINT32_MAX));
        su_eval_free(plain);
        su_eval_free(more);
        su_graph_free(w);
        su_random_case_free(c);
    }
    assert_true(with > n / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_shapes_of_ports_do_not_count),
        cmocka_unit_test(test_last_interior_value),
        cmocka_unit_test(test_first_of_two_results),
        cmocka_unit_test(test_states_and_fixed_values_do_not_count),
        cmocka_unit_test(test_name_that_is_taken),
        cmocka_unit_test(test_random_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
