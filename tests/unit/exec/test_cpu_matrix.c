// SPDX-License-Identifier: MIT
/* Products by floats as stored, F32, F16 and BF16, on the cpu backend: odd shapes around the widths of vectors, panels and segments,
   few rows and many, every kind of half, and rows of the same weight looked up. The bits are those of the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "support/random.h"

struct matrix {
    enum su_dtype type;
    uint32_t rows, n, k;
    bool tied; /* the rows of the weight are looked up too */
    const void *w;
};

static enum su_code read_weight(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    const struct matrix *m = ctx;
    (void)e;
    assert_int_equal(weight, 0);
    memcpy(dst, (const char *)m->w + offset, n);
    return SU_OK;
}

static enum su_code read_nothing(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                 struct su_err *e)
{
    (void)ctx;
    (void)weight;
    (void)dst;
    return su_fail(e, SU_EIO, "disk", "%zu bytes at %llu", n, (unsigned long long)offset);
}

static struct su_graph *graph_of(const struct matrix *m)
{
    struct su_graph *g = su_graph_new();
    struct su_err e = {0};
    struct su_shape xs = {1, {m->k}}, ws = {2, {m->n, m->k}}, one = {1, {1}};
    uint32_t x = 0, w = 0, token = 0, y = 0;
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &xs, &x, &e), SU_OK);
    assert_int_equal(su_graph_add_input(g, "token", SU_ROWS, SU_U32, &one, &token, &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w", m->type, &ws, 0, &w, &e), SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_MATMUL, (uint32_t[]){x, w}, 2, NULL, 0, NULL, 0, &y, &e), SU_OK);
    assert_int_equal(su_graph_add_output(g, "y", y, &e), SU_OK);
    if (m->tied) {
        if (su_graph_add_node(g, SU_OP_EMBEDDING, (uint32_t[]){w, token}, 2, NULL, 0, NULL, 0, &y,
                              &e) != SU_OK)
            fail_msg("%s: %s", e.at, e.msg);
    } else {
        y = token;
    }
    assert_int_equal(su_graph_add_output(g, "z", y, &e), SU_OK);
    if (su_graph_check(g, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return g;
}

struct outputs {
    uint8_t *data[2];
    size_t bytes[2];
    uint64_t saturations, bound;
};

static struct outputs run(const struct matrix *m, const struct su_graph *g, enum su_backend b,
                          const float *x, const uint32_t *token)
{
    struct su_exec_opts opts = {.backend = b, .threads = 2};
    struct su_weight_source src = {.ctx = (void *)(uintptr_t)m, .read = read_weight};
    struct su_row *row = su_alloc(m->rows * sizeof *row);
    const void *input[2] = {x, token};
    struct su_step step = {.row = row, .n_row = m->rows, .input = input};
    struct su_exec *exec = NULL;
    struct su_stage *stage = NULL;
    struct su_step_result r = {0};
    struct su_err e = {0};
    struct outputs o = {0};
    uint64_t ticket = 0;
    for (uint32_t i = 0; i < m->rows; i++)
        row[i] = (struct su_row){.position = i, .emit = true};
    assert_int_equal(su_exec_open(&opts, &exec, &e), SU_OK);
    assert_int_equal(su_stage_load(exec, g, m->rows, m->rows, &src, &stage, &e), SU_OK);
    assert_int_equal(su_stage_submit(stage, &step, &ticket, &e), SU_OK);
    assert_int_equal(su_stage_wait(stage, ticket, false, &r, &e), SU_OK);
    assert_int_equal(r.n_output, 2);
    for (uint32_t i = 0; i < 2; i++) {
        o.bytes[i] = r.output_bytes[i];
        o.data[i] = su_alloc(o.bytes[i]);
        memcpy(o.data[i], r.output[i], o.bytes[i]);
    }
    o.saturations = r.saturations;
    o.bound = su_stage_bound_bytes(stage);
    su_step_result_fini(&r);
    su_stage_free(stage);
    assert_int_equal(su_exec_close(exec, &e), SU_OK);
    free(row);
    return o;
}

static void outputs_free(struct outputs *o)
{
    free(o->data[0]);
    free(o->data[1]);
}

static const char *const isa[] = {"plain", "avx2", "avx512"};

static void compare(const struct matrix *m, uint64_t seed)
{
    struct su_graph *g = graph_of(m);
    struct su_random rnd = su_random_of(11, seed);
    float *x = su_alloc((size_t)m->rows * m->k * sizeof *x);
    uint32_t *token = su_alloc(m->rows * sizeof *token);
    for (size_t i = 0; i < (size_t)m->rows * m->k; i++)
        x[i] = su_random_unit(&rnd);
    for (uint32_t i = 0; i < m->rows; i++) /* the last row, one beyond, and others */
        token[i] = i < 2 ? m->n - 1 + i : su_random_below(&rnd, m->n);
    struct outputs want = run(m, g, SU_BACKEND_REFERENCE, x, token);
    for (size_t v = 0; v < SU_ARRAY_LEN(isa); v++) {
        setenv("SPLITUP_CPU", isa[v], 1);
        struct outputs got = run(m, g, SU_BACKEND_CPU, x, token);
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(got.bytes[i], want.bytes[i]);
            if (memcmp(got.data[i], want.data[i], want.bytes[i]) != 0)
                fail_msg("%s, %s, %u rows by %u x %u: output %u has other bits than the reference",
                         isa[v], su_dtype_name(m->type), m->rows, m->n, m->k, i);
        }
        assert_int_equal(got.saturations, want.saturations);
        outputs_free(&got);
    }
    unsetenv("SPLITUP_CPU");
    outputs_free(&want);
    free(token);
    free(x);
    su_graph_free(g);
}

/* Random weights about 1, as bits of the type. */
static void *weights_of(enum su_dtype type, size_t n, uint64_t seed)
{
    struct su_random rnd = su_random_of(12, seed);
    uint16_t *half = su_alloc(n * 4);
    float *f = (void *)half;
    for (size_t i = 0; i < n; i++)
        if (type == SU_F32)
            f[i] = su_random_unit(&rnd);
        else if (type == SU_F16)
            half[i] = (uint16_t)((su_random_below(&rnd, 0x10000) & 0x87ffu) | 0x3800u);
        else
            half[i] = (uint16_t)(su_f32_bits(su_random_unit(&rnd)) >> 16);
    return half;
}

static void test_shapes(void **state)
{
    (void)state;
    static const enum su_dtype types[] = {SU_F32, SU_F16, SU_BF16};
    static const uint32_t columns[] = {1, 2, 3, 5, 16, 31, 33, 64, 67, 100, 161},
                          depths[] = {1, 7, 17, 33, 255, 256, 257, 515, 700},
                          rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 130};
    uint64_t seed = 0;
    for (size_t t = 0; t < SU_ARRAY_LEN(types); t++)
        for (size_t r = 0; r < SU_ARRAY_LEN(rows); r++)
            for (size_t c = 0; c < SU_ARRAY_LEN(columns); c += 3) {
                uint32_t n = columns[(c + r) % SU_ARRAY_LEN(columns)],
                         k = depths[(seed + r) % SU_ARRAY_LEN(depths)];
                struct matrix m = {types[t], rows[r], n, k, ++seed % 2 == 0, NULL};
                void *w = weights_of(types[t], (size_t)n * k, seed);
                m.w = w;
                compare(&m, seed);
                free(w);
            }
}

/* Enough to be split over threads, in panels side by side, and to be read in several pieces. */
static void test_large(void **state)
{
    (void)state;
    static const struct matrix large[] = {{SU_F16, 1, 3001, 703, true, NULL},
                                          {SU_BF16, 1, 1100, 601, false, NULL},
                                          {SU_F16, 5, 777, 530, true, NULL},
                                          {SU_F32, 6, 709, 1601, true, NULL},
                                          {SU_BF16, 33, 400, 1100, true, NULL}};
    for (size_t i = 0; i < SU_ARRAY_LEN(large); i++) {
        struct matrix m = large[i];
        void *w = weights_of(m.type, (size_t)m.n * m.k, i);
        m.w = w;
        compare(&m, i);
        free(w);
    }
}

/* All 65 536 patterns of each kind of half: subnormals, both zeros, and in one more run each the infinities and NaN, which an F16
   cannot keep as ops see them. */
static void test_all_halves(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 3, 12};
    uint16_t *w = su_alloc(0x10000 * sizeof *w);
    for (uint32_t special = 0; special < 2; special++)
        for (uint32_t t = 0; t < 2; t++)
            for (uint32_t r = 0; r < SU_ARRAY_LEN(rows); r++) {
                struct matrix m = {t ? SU_BF16 : SU_F16, rows[r], 4096, 16, true, w};
                uint32_t exponent = t ? 0x7f80u : 0x7c00u;
                for (uint32_t i = 0; i < 0x10000; i++)
                    w[i] = (uint16_t)(special || (i & exponent) != exponent ? i : i & 0x83ffu);
                compare(&m, r);
            }
    free(w);
}

/* Halves stay halves in memory; a source that fails is told of. */
static void test_load(void **state)
{
    (void)state;
    struct matrix m = {SU_F16, 1, 640, 320, true, NULL};
    struct su_graph *g = graph_of(&m);
    struct su_weight_source bad = {.read = read_nothing};
    struct su_exec_opts opts = {.backend = SU_BACKEND_CPU, .threads = 1};
    struct su_exec *exec = NULL;
    struct su_stage *stage = NULL;
    struct su_err e = {0};
    void *w = weights_of(SU_F16, 640 * 320, 5);
    float *x = su_alloc(320 * sizeof *x);
    uint32_t token = 0;
    m.w = w;
    struct outputs o = run(&m, g, SU_BACKEND_CPU, x, &token);
    assert_true(o.bound >= 640 * 320 * 2 && o.bound < 640 * 320 * 3);
    outputs_free(&o);
    assert_int_equal(su_exec_open(&opts, &exec, &e), SU_OK);
    assert_int_equal(su_stage_load(exec, g, 1, 1, &bad, &stage, &e), SU_EIO);
    assert_non_null(strstr(e.msg, "weight w"));
    assert_null(stage);
    assert_int_equal(su_exec_close(exec, &e), SU_OK);
    free(x);
    free(w);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_all_halves),
        cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
