// SPDX-License-Identifier: MIT
/* Products too large for the random graphs: every way the cpu backend blocks, splits and tiles them must give the bits of the
   reference, in each instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "support/random.h"

struct shape {
    bool conv;
    uint32_t rows, t_max, threads;
    uint32_t m, k, n; /* matmul [m][k] per row by [n][k] */
    uint32_t c, h, w, kh, kw; /* conv2d [c][h][w] by [n][c/groups][kh][kw] */
    int32_t attr[9];
};
static const struct shape shapes[] = {
    /* one row: split over threads, narrow panels at the end */
    {.rows = 1, .t_max = 1, .threads = 3, .m = 1, .k = 700, .n = 1003},
    /* blocks of rows and of depth, uneven tiles */
    {.rows = 1, .t_max = 1, .threads = 2, .m = 300, .k = 1300, .n = 77},
    {.rows = 131, .t_max = 200, .threads = 2, .m = 1, .k = 513, .n = 45},
    /* weights beyond a megabyte: one chunk for few rows, large ones for many */
    {.rows = 5, .t_max = 7, .threads = 2, .m = 1, .k = 900, .n = 333},
    {.rows = 301, .t_max = 301, .threads = 2, .m = 1, .k = 600, .n = 450},
    /* conv2d: several blocks of output rows; rows wider than a block; strides, dilations, groups; split over threads */
    {true, 2, 2, 2, .n = 13, .c = 3, .h = 70, .w = 61, .kh = 3, .kw = 3,
     .attr = {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {true, 1, 1, 3, .n = 30, .c = 2, .h = 5, .w = 1500, .kh = 2, .kw = 7,
     .attr = {1, 1, 0, 6, 1, 2, 1, 1, 1}},
    {true, 1, 1, 2, .n = 26, .c = 4, .h = 90, .w = 75, .kh = 3, .kw = 4,
     .attr = {2, 3, 2, 1, 0, 3, 1, 2, 2}},
    {true, 3, 4, 1, .n = 40, .c = 120, .h = 9, .w = 8, .kh = 3, .kw = 3,
     .attr = {3, 1, 2, 0, 2, 2, 2, 1, 1}},
};

static enum su_code read_weight(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    (void)weight;
    (void)e;
    memcpy(dst, (const char *)ctx + offset, n);
    return SU_OK;
}

static struct su_graph *graph_of(const struct shape *s, size_t *nx, size_t *nw)
{
    struct su_graph *g = su_graph_new();
    struct su_err e = {0};
    struct su_shape xs = {2, {s->m, s->k}}, ws = {2, {s->n, s->k}};
    uint32_t x[2] = {0}, y = 0;
    if (s->conv) {
        xs = (struct su_shape){3, {s->c, s->h, s->w}};
        ws = (struct su_shape){4, {s->n, s->c / (uint32_t)s->attr[8], s->kh, s->kw}};
    }
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &xs, &x[0], &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w", SU_F32, &ws, 0, &x[1], &e), SU_OK);
    if (su_graph_add_node(g, s->conv ? SU_OP_CONV2D : SU_OP_MATMUL, x, 2, s->attr, s->conv ? 9 : 0,
                          NULL, 0, &y, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(su_graph_add_output(g, "y", y, &e), SU_OK);
    assert_int_equal(su_graph_check(g, &e), SU_OK);
    *nx = (size_t)su_shape_elements(&xs) * s->rows;
    *nw = (size_t)su_shape_elements(&ws);
    return g;
}

/* The step's output, owned by the caller. */
static void *run(const struct shape *s, const struct su_graph *g, enum su_backend b, const float *x,
                 float *w, size_t *bytes)
{
    struct su_exec_opts o = {.backend = b, .threads = s->threads};
    struct su_weight_source src = {.ctx = w, .read = read_weight};
    struct su_row *row = su_alloc(s->rows * sizeof *row);
    const void *input[1] = {x};
    struct su_step step = {.row = row, .n_row = s->rows, .input = input};
    struct su_exec *exec = NULL;
    struct su_stage *stage = NULL;
    struct su_step_result r = {0};
    struct su_err e = {0};
    uint64_t ticket = 0;
    for (uint32_t i = 0; i < s->rows; i++)
        row[i] = (struct su_row){.position = i, .emit = true};
    assert_int_equal(su_exec_open(&o, &exec, &e), SU_OK);
    assert_int_equal(su_stage_load(exec, g, s->t_max, s->t_max, &src, &stage, &e), SU_OK);
    assert_int_equal(su_stage_submit(stage, &step, &ticket, &e), SU_OK);
    assert_int_equal(su_stage_wait(stage, ticket, false, &r, &e), SU_OK);
    *bytes = r.output_bytes[0];
    void *y = su_alloc(*bytes);
    memcpy(y, r.output[0], *bytes);
    su_step_result_fini(&r);
    su_stage_free(stage);
    assert_int_equal(su_exec_close(exec, &e), SU_OK);
    free(row);
    return y;
}

static void test_shapes(void **state)
{
    (void)state;
    static const char *const isa[] = {"plain", "avx2", "avx512"};
    for (size_t i = 0; i < SU_ARRAY_LEN(shapes); i++) {
        size_t nx = 0, nw = 0, want_bytes = 0, bytes = 0;
        struct su_graph *g = graph_of(&shapes[i], &nx, &nw);
        struct su_random rnd = su_random_of(3, i);
        float *x = su_alloc(nx * sizeof *x), *w = su_alloc(nw * sizeof *w);
        for (size_t k = 0; k < nx; k++)
            x[k] = su_random_unit(&rnd);
        for (size_t k = 0; k < nw; k++)
            w[k] = su_random_unit(&rnd);
        void *want = run(&shapes[i], g, SU_BACKEND_REFERENCE, x, w, &want_bytes);
        for (size_t v = 0; v < SU_ARRAY_LEN(isa); v++) {
            setenv("SPLITUP_CPU", isa[v], 1);
            void *got = run(&shapes[i], g, SU_BACKEND_CPU, x, w, &bytes);
            assert_int_equal(bytes, want_bytes);
            if (memcmp(got, want, bytes) != 0)
                fail_msg("shape %zu, %s: other bits than the reference", i, isa[v]);
            free(got);
        }
        unsetenv("SPLITUP_CPU");
        free(want);
        free(x);
        free(w);
        su_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
