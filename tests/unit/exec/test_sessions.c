// SPDX-License-Identifier: MIT
/* Sessions of a stage: their limits, the order of rows, truncation, and a backend that holds none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"

#define WIDTH 8u

/* x -> states k and v -> attention of x over them */
static struct su_graph *attention_graph(void)
{
    struct su_graph *g = su_graph_new();
    struct su_shape row = {1, {WIDTH}};
    const int32_t shape[2] = {1, (int32_t)WIDTH};
    const int32_t attr[7] = {1, 1, (int32_t)WIDTH, (int32_t)su_f32_bits(0.5f), 0, 0, 0};
    uint32_t x = 0, q = 0, k = 0, v = 0, y = 0;
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &row, &x, NULL), SU_OK);
    assert_int_equal(su_graph_add_state(g, "k", &row, &k, NULL), SU_OK);
    assert_int_equal(su_graph_add_state(g, "v", &row, &v, NULL), SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_STATE_APPEND, (uint32_t[]){x, k}, 2, NULL, 0, NULL, 0, &k, NULL),
        SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_STATE_APPEND, (uint32_t[]){x, v}, 2, NULL, 0, NULL, 0, &v, NULL),
        SU_OK);
    assert_int_equal(su_graph_add_node(g, SU_OP_RESHAPE, &x, 1, shape, 2, NULL, 0, &q, NULL),
                     SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_ATTENTION, (uint32_t[]){q, k, v}, 3, attr, 7, NULL, 0, &y, NULL),
        SU_OK);
    assert_int_equal(su_graph_add_output(g, "y", y, NULL), SU_OK);
    assert_int_equal(su_graph_check(g, NULL), SU_OK);
    return g;
}

static struct su_exec *open_backend(enum su_backend b)
{
    struct su_exec_opts o = {.backend = b, .threads = 2};
    struct su_exec *x = NULL;
    assert_int_equal(su_exec_open(&o, &x, NULL), SU_OK);
    return x;
}

static void run_rows(struct su_stage *s, const struct su_row *row, uint32_t n, const float *x,
                     float *out)
{
    struct su_step step = {row, n, (const void *[]){x}};
    struct su_step_result r;
    struct su_err e = {0};
    uint64_t ticket = 0;
    if (su_stage_submit(s, &step, &ticket, &e) != SU_OK ||
        su_stage_wait(s, ticket, false, &r, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    memcpy(out, r.output[0], r.output_bytes[0]);
    su_step_result_fini(&r);
}

static enum su_code try_row(struct su_stage *s, uint32_t session, uint32_t position,
                            struct su_err *e)
{
    float x[2 * WIDTH] = {0};
    struct su_row row[2] = {{.session = 0, .position = su_stage_session_length(s, 0)},
                            {.session = session, .position = position}};
    struct su_step step = {row, 2, (const void *[]){x}};
    uint64_t ticket = 0;
    return su_stage_submit(s, &step, &ticket, e);
}

static void test_rows(void **state)
{
    (void)state;
    struct su_graph *g = attention_graph();
    struct su_exec *x = open_backend(SU_BACKEND_REFERENCE);
    struct su_stage *s = NULL;
    struct su_err e = {0};
    uint32_t a = 9, b = 9;
    float in[6 * WIDTH], whole[6 * WIDTH], part[6 * WIDTH];
    struct su_row row[6];
    for (uint32_t i = 0; i < 6 * WIDTH; i++)
        in[i] = (float)((int)(i * 37 % 101) - 50) * 0.04f;
    assert_int_equal(su_stage_load(x, g, 6, 6, NULL, &s, &e), SU_OK);
    assert_int_equal(su_stage_session_new(s, 6, &a, &e), SU_OK);
    assert_int_equal(su_stage_session_new(s, 6, &b, &e), SU_OK);
    assert_true(a == 0 && b == 1);
    for (uint32_t i = 0; i < 6; i++)
        row[i] = (struct su_row){.session = a, .position = i};
    run_rows(s, row, 6, in, whole);
    assert_int_equal(su_stage_session_length(s, a), 6);
    for (uint32_t i = 0; i < 6; i++) { /* one by one in the other session */
        row[i].session = b;
        run_rows(s, row + i, 1, in + i * WIDTH, part + i * WIDTH);
    }
    assert_memory_equal(whole, part, sizeof whole);
    assert_int_equal(su_stage_session_truncate(s, a, 2, &e), SU_OK);
    struct su_row again = {.session = a, .position = 2};
    run_rows(s, &again, 1, in + 2 * WIDTH, part);
    assert_memory_equal(whole + 2 * WIDTH, part, WIDTH * sizeof *part);

    /* Rows out of place leave every session as it was. */
    assert_int_equal(try_row(s, b, 6, &e), SU_ELIMIT);
    assert_int_equal(try_row(s, a, 3, &e), SU_EINVAL); /* position 3 is the row before it */
    assert_int_equal(try_row(s, 7, 0, &e), SU_EINVAL);
    assert_int_equal(try_row(s, SU_STAGE_SESSION_MAX, 0, &e), SU_EINVAL);
    assert_int_equal(su_stage_session_length(s, a), 3);
    assert_int_equal(su_stage_session_length(s, b), 6);
    su_stage_session_free(s, a);
    assert_int_equal(su_stage_session_new(s, 1, &a, &e), SU_OK);
    assert_int_equal(a, 0);
    su_stage_free(s); /* closes what is open */
    assert_int_equal(su_exec_close(x, &e), SU_OK);
    su_graph_free(g);
}

static void test_limits(void **state)
{
    (void)state;
    struct su_graph *g = attention_graph();
    struct su_exec *x = open_backend(SU_BACKEND_REFERENCE);
    struct su_stage *s = NULL;
    struct su_err e = {0};
    uint32_t id = 0;
    assert_int_equal(su_stage_load(x, g, 1, 1, NULL, &s, &e), SU_OK);
    assert_int_equal(su_stage_session_new(s, 0, &id, &e), SU_EINVAL);
    assert_int_equal(su_stage_session_new(s, (1u << 20) + 1, &id, &e), SU_EINVAL);
    for (uint32_t i = 0; i < SU_STAGE_SESSION_MAX; i++)
        assert_int_equal(su_stage_session_new(s, 1, &id, &e), SU_OK);
    assert_int_equal(su_stage_session_new(s, 1, &id, &e), SU_ELIMIT);
    assert_int_equal(su_stage_session_truncate(s, 3, 1, &e), SU_EINVAL);
    assert_int_equal(su_stage_session_truncate(s, 3, 0, &e), SU_OK);
    su_stage_free(s);
    assert_int_equal(su_exec_close(x, &e), SU_OK);
    su_graph_free(g);
}

/* A stage is loaded for so many emitted rows; a graph without any takes every row. */
static void test_emitted(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_exec *x = open_backend((enum su_backend)b);
        for (uint32_t select = 0; select < 2; select++) {
            struct su_graph *g = su_graph_new();
            struct su_shape shape = {1, {WIDTH}};
            struct su_stage *s = NULL;
            struct su_err e = {0};
            struct su_row row[4] = {{.emit = true}, {.emit = false}, {.emit = true}};
            uint32_t id = 0;
            float in[4 * WIDTH], out[4 * WIDTH] = {0};
            for (uint32_t i = 0; i < 4 * WIDTH; i++)
                in[i] = (float)i;
            assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &shape, &id, &e), SU_OK);
            assert_int_equal(su_graph_add_node(g, select ? SU_OP_SELECT_EMITTED : SU_OP_RELU, &id,
                                               1, NULL, 0, NULL, 0, &id, &e),
                             SU_OK);
            assert_int_equal(su_graph_add_output(g, "y", id, &e), SU_OK);
            assert_int_equal(su_graph_check(g, &e), SU_OK);
            assert_int_equal(su_stage_load(x, g, 4, 0, NULL, &s, &e), SU_EINVAL);
            assert_int_equal(su_stage_load(x, g, 4, 5, NULL, &s, &e), SU_EINVAL);
            assert_int_equal(su_stage_load(x, g, 4, 2, NULL, &s, &e), SU_OK);
            run_rows(s, row, 4, in, out);
            assert_memory_equal(out, in, WIDTH * sizeof *in);
            assert_memory_equal(out + (select ? 1 : 2) * WIDTH, in + 2 * WIDTH, WIDTH * sizeof *in);
            row[3].emit = true;
            struct su_step step = {row, 4, (const void *[]){in}};
            uint64_t ticket = 0;
            assert_int_equal(su_stage_submit(s, &step, &ticket, &e), select ? SU_EINVAL : SU_OK);
            su_stage_free(s);
            su_graph_free(g);
        }
        struct su_err e = {0};
        assert_int_equal(su_exec_close(x, &e), SU_OK);
    }
}

/* A backend without an op or without states says so by name at load. */
static void test_refused(void **state)
{
    (void)state;
    struct su_graph *g = attention_graph();
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_exec *x = open_backend((enum su_backend)b);
        struct su_stage *s = NULL;
        struct su_err e = {0};
        enum su_code rc = su_stage_load(x, g, 1, 1, NULL, &s, &e);
        if (su_backend_lacks((enum su_backend)b, SU_OP_ATTENTION)) {
            assert_int_equal(rc, SU_EUNSUPPORTED);
            assert_non_null(strstr(e.msg, su_backend_name((enum su_backend)b)));
        } else {
            assert_int_equal(rc, SU_OK);
        }
        su_stage_free(s);
        assert_int_equal(su_exec_close(x, &e), SU_OK);
    }
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_emitted),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
