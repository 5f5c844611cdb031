// SPDX-License-Identifier: MIT
/* The interpreter's driver: rows and domains, what is kept, limits, refusals. */
#include "eval_help.h"

#include <stdlib.h>
#include <string.h>

/* Huge allocations are to fail as they do without the sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static enum su_code evaluate(const struct su_graph *g, const struct su_eval_args *a,
                             struct su_err *e)
{
    struct su_eval *ev = (struct su_eval *)1;
    enum su_code c = su_graph_eval(g, a, &ev, e);
    if (c)
        assert_null(ev);
    su_eval_free(ev);
    return c;
}

static void check(struct su_graph *g)
{
    struct su_err e = {0};
    assert_int_equal(su_graph_check(g, &e), SU_OK);
}

/* y0 = fixed + row, y1 = select_emitted(y0) * fixed, y2 = fixed itself, y3 = exp(fixed) */
struct mixed {
    struct su_graph *g;
    uint32_t fixed, row, sum, emitted, product, power;
};

static struct mixed mixed_new(void)
{
    struct mixed m = {.g = su_graph_new()};
    m.fixed = h_input(m.g, "fixed", SU_FIXED, SU_F32, SHAPE(2));
    m.row = h_input(m.g, "row", SU_ROWS, SU_F32, SHAPE(2));
    m.sum = h_node(m.g, SU_OP_ADD, ARGS(m.fixed, m.row), NO_ATTRS);
    m.emitted = h_node(m.g, SU_OP_SELECT_EMITTED, ARGS(m.sum), NO_ATTRS);
    m.product = h_node(m.g, SU_OP_MUL, ARGS(m.emitted, m.fixed), NO_ATTRS);
    m.power = h_node(m.g, SU_OP_EXP2, ARGS(m.fixed), NO_ATTRS);
    h_output(m.g, m.sum);
    h_output(m.g, m.product);
    h_output(m.g, m.fixed);
    h_output(m.g, m.power);
    check(m.g);
    return m;
}

static void test_rows(void **state)
{
    (void)state;
    struct mixed m = mixed_new();
    const float fixed[] = {1, 2}, rows[] = {10, 20, 30, 40, 50, 60};
    const void *input[] = {fixed, rows};
    struct su_row row[] = {{0, 0, true}, {0, 1, false}, {5, 9, true}};
    struct su_eval_args a = {.row = row, .n_row = 3, .input = input};
    struct su_eval *ev = NULL;
    size_t bytes;
    assert_int_equal(su_graph_eval(m.g, &a, &ev, NULL), SU_OK);
    h_expect_f(ev, m.sum, 6, (const float[]){11, 22, 31, 42, 51, 62});
    h_expect_f(ev, m.product, 4, (const float[]){11, 44, 51, 124});
    h_expect_f(ev, m.fixed, 2, fixed);
    h_expect_f(ev, m.power, 2, (const float[]){2, 4});
    assert_null(su_eval_value(ev, m.emitted, &bytes)); /* interior */
    assert_null(su_eval_value(ev, m.row, &bytes));
    assert_null(su_eval_value(ev, 1000, &bytes));
    su_eval_free(ev);

    a.keep_all = true;
    assert_int_equal(su_graph_eval(m.g, &a, &ev, NULL), SU_OK);
    h_expect_f(ev, m.emitted, 4, (const float[]){11, 22, 51, 62});
    h_expect_f(ev, m.row, 6, rows);
    su_eval_free(ev);

    for (int i = 0; i < 3; i++)
        row[i].emit = false; /* no emitted row is no bytes, but a value */
    assert_int_equal(su_graph_eval(m.g, &a, &ev, NULL), SU_OK);
    assert_non_null(su_eval_value(ev, m.product, &bytes));
    assert_int_equal(bytes, 0);
    su_eval_free(ev);
    su_graph_free(m.g);
}

static void test_invalid(void **state)
{
    (void)state;
    struct mixed m = mixed_new();
    struct su_row one = {0, 0, true};
    const void *input[] = {(const float[]){1, 2}, (const float[]){3, 4}};
    const struct su_eval_args good = {.row = &one, .n_row = 1, .input = input};
    struct su_err e = {0};
    struct su_eval_args a = good;
    assert_int_equal(evaluate(m.g, &a, &e), SU_OK);
    a.n_row = 0;
    assert_int_equal(evaluate(m.g, &a, &e), SU_EINVAL);
    a = good;
    a.row = NULL;
    assert_int_equal(evaluate(m.g, &a, &e), SU_EINVAL);
    a = good;
    a.n_row = SU_ROWS_MAX + 1;
    assert_int_equal(evaluate(m.g, &a, &e), SU_ELIMIT);
    a = good;
    a.input = NULL;
    assert_int_equal(evaluate(m.g, &a, &e), SU_EINVAL);
    assert_string_equal(e.at, "fixed");
    const void *partial[] = {input[0], NULL};
    a.input = partial;
    assert_int_equal(evaluate(m.g, &a, NULL), SU_EINVAL);
    a = good;
    h_output(m.g, m.emitted); /* changes the graph: no longer checked */
    assert_int_equal(evaluate(m.g, &a, &e), SU_EINVAL);
    su_graph_free(m.g);

    struct su_graph *g = su_graph_new();
    h_output(g,
             h_node(g, SU_OP_EXP, (uint32_t[]){h_weight(g, "w", SU_F32, SHAPE(2))}, 1, NO_ATTRS));
    check(g);
    a = good;
    assert_int_equal(evaluate(g, &a, &e), SU_EINVAL);
    assert_string_equal(e.at, "w");
    const void *none[] = {NULL};
    a.weight = none;
    assert_int_equal(evaluate(g, &a, &e), SU_EINVAL);
    su_graph_free(g);
    su_eval_free(NULL);
}

/* A chain of five exps over 100 floats: two values live at a time, six with keep_all. */
static void test_limit(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t v = h_input(g, "x", SU_FIXED, SU_F32, SHAPE(100));
    for (int i = 0; i < 5; i++)
        v = h_node(g, SU_OP_EXP, ARGS(v), NO_ATTRS);
    h_output(g, v);
    check(g);
    float x[100] = {0};
    struct su_row one = {0};
    struct su_err e = {0};
    struct su_eval_args a = {.row = &one, .n_row = 1, .input = (const void *[]){x}};
    a.limit_bytes = 800;
    assert_int_equal(evaluate(g, &a, &e), SU_OK);
    a.limit_bytes = 799;
    assert_int_equal(evaluate(g, &a, &e), SU_ELIMIT);
    assert_string_equal(e.at, "exp");
    a.limit_bytes = 399;
    assert_int_equal(evaluate(g, &a, &e), SU_ELIMIT);
    assert_string_equal(e.at, "x");
    a.keep_all = true;
    a.limit_bytes = 2400;
    assert_int_equal(evaluate(g, &a, &e), SU_OK);
    a.limit_bytes = 2399;
    assert_int_equal(evaluate(g, &a, &e), SU_ELIMIT);
    su_graph_free(g);

    /* working memory counts while it is needed: the row itself, a copy of it, the results */
    g = su_graph_new();
    v = h_input(g, "x", SU_FIXED, SU_F32, SHAPE(100));
    h_output(g, h_node(g, SU_OP_REDUCE_SUM, ARGS(v), ATTRS(1, 0)));
    h_output(g, h_node(g, SU_OP_REDUCE_MAX, ARGS(v), ATTRS(1, 0)));
    check(g);
    a.keep_all = false;
    a.limit_bytes = 808;
    assert_int_equal(evaluate(g, &a, &e), SU_OK);
    a.limit_bytes = 807;
    assert_int_equal(evaluate(g, &a, &e), SU_ELIMIT);
    su_graph_free(g);
}

/* 2^48 bytes: allowed by the caller, not by the machine; by default beyond the limit. */
static void test_memory(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t c = h_const(g, SU_F32, SCALAR, (const float[]){1});
    uint32_t x = h_input(g, "x", SU_ROWS, SU_F32, SHAPE(1));
    uint32_t y = h_node(g, SU_OP_MUL, ARGS(c, x), NO_ATTRS);
    y = h_node(g, SU_OP_EXPAND, ARGS(y), ATTRS(1 << 30));
    h_output(g, y);
    check(g);
    struct su_row *row = su_alloc(SU_ROWS_MAX * sizeof *row);
    float *data = su_alloc(SU_ROWS_MAX * sizeof *data);
    struct su_err e = {0};
    struct su_eval_args a = {.row = row, .n_row = SU_ROWS_MAX, .input = (const void *[]){data}};
    assert_int_equal(evaluate(g, &a, &e), SU_ELIMIT);
    assert_string_equal(e.at, "expand");
    a.limit_bytes = UINT64_MAX;
    assert_int_equal(evaluate(g, &a, &e), SU_ENOMEM);
    free(row);
    free(data);
    su_graph_free(g);
}

/* An input of domain EMIT holds a row per row marked emit, none where none is. */
static void test_emit_input(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t row = h_input(g, "row", SU_ROWS, SU_F32, SHAPE(2));
    uint32_t late = h_input(g, "late", SU_EMIT, SU_F32, SHAPE(2));
    uint32_t flag = h_input(g, "flag", SU_EMIT, SU_BOOL, SHAPE(1));
    uint32_t emitted = h_node(g, SU_OP_SELECT_EMITTED, ARGS(row), NO_ATTRS);
    uint32_t sum = h_node(g, SU_OP_ADD, ARGS(emitted, late), NO_ATTRS);
    uint32_t either = h_node(g, SU_OP_WHERE, ARGS(flag, sum, late), NO_ATTRS);
    h_output(g, sum);
    h_output(g, either);
    h_output(g, late);
    check(g);
    const float rows[] = {10, 20, 30, 40, 50, 60}, lates[] = {1, 2, 3, 4};
    const uint32_t flags[] = {0, 256};
    const void *input[] = {rows, lates, flags};
    struct su_row r[] = {{0, 0, true}, {0, 1, false}, {5, 9, true}};
    struct su_eval_args a = {.row = r, .n_row = 3, .input = input};
    struct su_eval *ev = NULL;
    struct su_err e = {0};
    size_t bytes;
    assert_int_equal(su_graph_eval(g, &a, &ev, NULL), SU_OK);
    h_expect_f(ev, sum, 4, (const float[]){11, 22, 53, 64});
    h_expect_f(ev, either, 4, (const float[]){1, 2, 53, 64});
    h_expect_f(ev, late, 4, lates);
    su_eval_free(ev);
    r[0].emit = r[2].emit = false;
    assert_int_equal(su_graph_eval(g, &a, &ev, NULL), SU_OK);
    assert_non_null(su_eval_value(ev, late, &bytes));
    assert_int_equal(bytes, 0);
    su_eval_free(ev);
    input[1] = NULL;
    assert_int_equal(evaluate(g, &a, &e), SU_EINVAL);
    assert_string_equal(e.at, "late");
    su_graph_free(g);
}

static void test_lacks(void **state)
{
    (void)state;
    for (unsigned op = 0; op < SU_OP_COUNT; op++)
        if ((su_eval_lacks((enum su_op)op) != NULL) != (op == SU_OP_SAMPLE))
            fail_msg("%s", su_op_name((enum su_op)op));
    assert_non_null(su_eval_lacks((enum su_op)SU_OP_COUNT));
}

static void test_unsupported(void **state)
{
    (void)state;
    struct su_err e = {0};
    struct su_row one = {.emit = true};
    float x[32] = {0};
    struct su_eval_args a = {.row = &one, .n_row = 1, .input = (const void *[]){x}};
    struct su_graph *g = su_graph_new();
    uint32_t in = h_input(g, "x", SU_ROWS, SU_F32, SHAPE(32));
    uint32_t emitted = h_node(g, SU_OP_SELECT_EMITTED, ARGS(in), NO_ATTRS);
    h_output(g, h_node(g, SU_OP_SAMPLE, ARGS(emitted), NO_ATTRS));
    check(g);
    assert_int_equal(evaluate(g, &a, &e), SU_EUNSUPPORTED);
    assert_string_equal(e.at, "sample");
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_limit),       cmocka_unit_test(test_memory),
        cmocka_unit_test(test_emit_input),  cmocka_unit_test(test_lacks),
        cmocka_unit_test(test_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
