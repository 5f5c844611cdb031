// SPDX-License-Identifier: MIT
/* Plans run by the engine equal the uncut graph to the bit, on every backend; and what it
   refuses. */
#include "unit.h"

#include "support/count.h"
#include "support/random.h"
#include "support/random_graph.h"

#include <stdlib.h>
#include <string.h>

static struct su_exec *exec[SU_BACKEND_COUNT];

static int open_backends(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_exec_opts o = {.backend = (enum su_backend)b, .threads = 2};
        struct su_err e;
        if (su_exec_open(&o, &exec[b], &e) != SU_OK) {
            fprintf(stderr, "%s: %s: %s\n", su_backend_name(o.backend), e.at, e.msg);
            return -1;
        }
    }
    return 0;
}

static int close_backends(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++)
        if (su_exec_close(exec[b], NULL) != SU_OK)
            return -1;
    return 0;
}

/* ---- random graphs --------------------------------------------------------------------------- */

struct tally {
    uint32_t runs, several, sharded;
};

static void run_plan(enum su_backend b, const struct su_random_case *c, const struct su_plan *p,
                     const struct su_weights *w, const struct su_eval *ev, uint64_t seed)
{
    struct su_engine *en;
    struct su_err e;
    char what[80];
    snprintf(what, sizeof what, "seed %llu, %u tasks, %s", (unsigned long long)seed, p->n_task,
             su_backend_name(b));
    if (su_engine_open(exec[b], c->graph, p, w, &en, &e) != SU_OK)
        fail_msg("%s: %s: %s", what, e.at, e.msg);
    for (uint32_t turn = 0; turn < 2; turn++) {
        struct su_engine_result r;
        if (su_engine_run(en, c->row, c->n_row, (const void *const *)c->input, turn == 0, &r, &e) !=
            SU_OK)
            fail_msg("%s: %s: %s", what, e.at, e.msg);
        assert_int_equal(r.n_task, p->n_task);
        assert_true((r.leaf != NULL) == (turn == 0));
        same_result(c->graph, c->row, c->n_row, ev, &r, what);
        for (uint32_t t = 0; t < p->n_task; t++)
            assert_true(r.task_ms[t] >= 0);
        su_engine_result_fini(&r);
    }
    for (uint32_t t = 0; t < p->n_task && b != SU_BACKEND_REFERENCE; t++)
        assert_true(su_engine_task_bound_bytes(en, t) <=
                    p->task[t].vram_fixed + p->task[t].weight_bytes / 64);
    su_engine_close(en);
}

/* Random graphs have weights of BOOL too, which no safetensors file that we read holds. */
static bool files_hold_weights(const struct su_graph *g)
{
    for (uint32_t i = 0; i < g->n_weight; i++)
        if (g->value[g->weight[i]].dtype == SU_BOOL)
            return false;
    return true;
}

static void run_case(uint64_t seed, const struct su_random_opts *opts, struct tally *t)
{
    struct su_random_case *c = su_random_case_new(seed, opts);
    if (!files_hold_weights(c->graph)) {
        su_random_case_free(c);
        return;
    }
    struct weight_file w = weight_file_new(c->graph, (const void *const *)c->weight);
    struct su_random r = su_random_of(seed, 9);
    struct su_eval *ev = eval_of(c->graph, c->row, c->n_row, (const void *const *)c->input,
                                 (const void *const *)c->weight);
    uint32_t t_max = c->n_row + su_random_below(&r, 3);
    struct su_plan_opts o = {.t_max = t_max, .e_max = t_max};
    struct su_layout *l;
    struct su_err e;
    uint64_t target[3];
    must(su_layout_build(c->graph, t_max, t_max, 1, &l, &e), &e);
    target[2] = l->fixed_bytes + l->arena_bytes + 4096;
    su_layout_free(l);
    must(su_plan_smallest(c->graph, &o, &target[0], &e), &e);
    target[1] = target[0] + su_random_u64(&r) % (SU_MAX(target[2], target[0]) - target[0] + 1);
    for (unsigned i = 0; i < SU_ARRAY_LEN(target); i++) {
        struct su_plan *p = plan_of(c->graph, SU_MAX(target[i], target[0]), t_max);
        run_plan(SU_BACKEND_CPU, c, p, w.weights, ev, seed);
        if (i == seed % 3)
            run_plan(SU_BACKEND_REFERENCE, c, p, w.weights, ev, seed);
        if (i == (seed + 1) % 3)
            run_plan(SU_BACKEND_VULKAN, c, p, w.weights, ev, seed);
        t->runs++;
        t->several += p->n_task > 1;
        t->sharded += p->n_sharded > 0;
        su_plan_free(p);
    }
    su_eval_free(ev);
    weight_file_fini(&w);
    su_random_case_free(c);
}

static void test_random_graphs(void **state)
{
    (void)state;
    struct tally t = {0};
    uint32_t n = su_test_count(60, 1000);
    for (uint64_t seed = 0; seed < n; seed++)
        run_case(seed, &(struct su_random_opts){.macs = 300000, .emit = seed % 3 == 0}, &t);
    assert_true(t.runs > 2 * n);
    assert_true(t.several > t.runs / 10);
    assert_true(t.sharded > 0);
}

/* ---- domains --------------------------------------------------------------------------------- */

static struct su_shape vec(uint32_t n)
{
    return (struct su_shape){.rank = 1, .dim = {n}};
}

/* A FIXED, a ROWS and an EMIT output, one output under two names, and inputs that are outputs: what
   comes out has passed fz and sat. */
static void test_every_domain(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t fixed = add_input(g, "fixed", SU_FIXED, vec(3));
    uint32_t rows = add_input(g, "rows", SU_ROWS, vec(3));
    uint32_t twice = add_op(g, SU_OP_ADD, (uint32_t[]){fixed, fixed}, 2, NULL, 0);
    uint32_t sum = add_op(g, SU_OP_ADD, (uint32_t[]){rows, twice}, 2, NULL, 0);
    uint32_t emit = add_op(g, SU_OP_SELECT_EMITTED, &sum, 1, NULL, 0);
    add_output(g, "fixed_out", twice);
    add_output(g, "rows_out", sum);
    add_output(g, "emit_out", emit);
    add_output(g, "rows_again", sum);
    add_output(g, "input_out", rows);
    finish(g);
    const float f[3] = {1, 2, 3};
    const float in[4][3] = {{0.5f, 1e-30f, 1e30f}, {1, 2, 3}, {-1e30f, -0.0f, 7}, {4, 5, 6}};
    const struct su_row row[4] = {{0, 5, true}, {1, 6, false}, {2, 7, true}, {3, 8, false}};
    const void *input[] = {f, in};
    struct weight_file w = weight_file_new(g, NULL);
    struct su_plan *p = plan_of(g, 1 << 20, 4);
    struct su_eval *ev = eval_of(g, row, 4, input, NULL);
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_engine *en;
        struct su_engine_result r;
        struct su_err e;
        must(su_engine_open(exec[b], g, p, w.weights, &en, &e), &e);
        must(su_engine_run(en, row, 4, input, true, &r, &e), &e);
        same_result(g, row, 4, ev, &r, su_backend_name((enum su_backend)b));
        assert_int_equal(r.output_bytes[0], 12);
        assert_int_equal(r.output_bytes[1], 48);
        assert_int_equal(r.output_bytes[2], 24);
        const float *selected = r.output[2], *through = r.output[4];
        assert_true(selected[0] == 2.5f && selected[5] == 13.0f);
        assert_true(through[1] == 0.0f && through[2] == 0x1p50f && through[6] == -0x1p50f);
        /* Row 1 emits nothing; its leaf, by hand. */
        struct su_bytes part[5] = {{(float[]){2, 4, 6}, 12},
                                   {(float[]){3, 6, 9}, 12},
                                   {f, 0},
                                   {(float[]){3, 6, 9}, 12},
                                   {in[1], 12}};
        uint8_t leaf[SU_SHA256_BYTES];
        su_leaf_digest(6, part, 5, leaf);
        assert_memory_equal(r.leaf[1], leaf, sizeof leaf);
        su_engine_result_fini(&r);
        /* No row emits: the EMIT output is empty. */
        const struct su_row silent = {0, 0, false};
        must(su_engine_run(en, &silent, 1, input, true, &r, &e), &e);
        assert_int_equal(r.output_bytes[2], 0);
        assert_int_equal(r.n_leaf, 1);
        su_engine_result_fini(&r);
        su_engine_result_fini(&r); /* an empty one is allowed */
        su_engine_close(en);
    }
    su_engine_close(NULL);
    su_eval_free(ev);
    su_plan_free(p);
    weight_file_fini(&w);
    su_graph_free(g);
}

static void test_saturations_are_counted(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, vec(4));
    add_output(g, "y", add_op(g, SU_OP_MUL, (uint32_t[]){x, x}, 2, NULL, 0));
    finish(g);
    const float in[4] = {0x1p30f, 1, -0x1p40f, 0x1p25f};
    const void *input[] = {in};
    const struct su_row row = {0, 0, true};
    struct weight_file w = weight_file_new(g, NULL);
    struct su_plan *p = plan_of(g, 1 << 20, 1);
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_engine *en;
        struct su_engine_result r;
        struct su_err e;
        must(su_engine_open(exec[b], g, p, w.weights, &en, &e), &e);
        must(su_engine_run(en, &row, 1, input, false, &r, &e), &e);
        assert_int_equal(r.saturations, 2); /* 2^60 and 2^80; 2^50 is just allowed */
        su_engine_result_fini(&r);
        su_engine_close(en);
    }
    su_plan_free(p);
    weight_file_fini(&w);
    su_graph_free(g);
}

/* ---- refusals -------------------------------------------------------------------------------- */

/* y = relu(x . w), w [8,8] */
static struct su_graph *small_graph(void)
{
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, vec(8));
    uint32_t w = add_weight(g, "w", SU_F32, (struct su_shape){.rank = 2, .dim = {8, 8}});
    uint32_t y = add_op(g, SU_OP_MATMUL, (uint32_t[]){x, w}, 2, NULL, 0);
    add_output(g, "y", add_op(g, SU_OP_RELU, &y, 1, NULL, 0));
    finish(g);
    return g;
}

static void open_refused(const struct su_graph *g, const struct su_plan *p,
                         const struct su_weights *w, enum su_backend b, enum su_code code,
                         const char *want)
{
    struct su_engine *en = (struct su_engine *)&code;
    struct su_err e = {0};
    assert_int_equal(su_engine_open(exec[b], g, p, w, &en, &e), code);
    assert_null(en);
    err_matches(&e, code, want);
    assert_int_equal(su_engine_open(exec[b], g, p, w, &en, NULL), code);
    assert_null(en);
}

static void test_weights_must_fit(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum su_dtype dtype;
        struct su_shape shape;
        enum su_code code;
        const char *want;
    } bad[] = {
        {"v", SU_F32, {.rank = 2, .dim = {8, 8}}, SU_ENOENT, "w|task 0|no tensor"},
        {"w", SU_F16, {.rank = 2, .dim = {8, 8}}, SU_ETYPE, "w|task 0|f16|f32"},
        {"w", SU_F32, {.rank = 2, .dim = {8, 9}}, SU_ETYPE, "w|task 0|[8,9]|[8,8]"},
        {"w", SU_F32, {.rank = 2, .dim = {7, 8}}, SU_ETYPE, "w|task 0|[7,8]"},
        {"w", SU_F32, {.rank = 3, .dim = {1, 8, 8}}, SU_ETYPE, "w|task 0|[1,8,8]"},
    };
    static const float zero[72];
    const void *data[] = {zero};
    struct su_graph *g = small_graph();
    struct su_plan *p = plan_of(g, 1 << 20, 2);
    for (unsigned i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct su_graph *other = su_graph_new();
        (void)add_weight(other, bad[i].name, bad[i].dtype, bad[i].shape);
        struct weight_file w = weight_file_new(other, data);
        for (unsigned b = 0; b < SU_BACKEND_COUNT; b++)
            open_refused(g, p, w.weights, (enum su_backend)b, bad[i].code, bad[i].want);
        weight_file_fini(&w);
        su_graph_free(other);
    }
    su_plan_free(p);
    su_graph_free(g);
}

static void test_plan_is_checked(void **state)
{
    (void)state;
    static const float zero[64];
    const void *data[] = {zero};
    struct su_graph *g = small_graph();
    struct weight_file w = weight_file_new(g, data);
    struct su_plan *p = plan_of(g, 1 << 20, 2);
    p->task[0].macs++;
    open_refused(g, p, w.weights, SU_BACKEND_CPU, SU_EFORMAT, "task 0");
    p->task[0].macs--;
    p->target_bytes = 16;
    open_refused(g, p, w.weights, SU_BACKEND_CPU, SU_ENOFIT, "task 0|16 bytes");
    su_plan_free(p);
    weight_file_fini(&w);
    su_graph_free(g);
}

static void test_lacking_op_is_named(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, vec(16));
    uint32_t logits = add_op(g, SU_OP_SELECT_EMITTED, &x, 1, NULL, 0);
    add_output(g, "y", add_op(g, SU_OP_SAMPLE, &logits, 1, NULL, 0));
    finish(g);
    struct weight_file w = weight_file_new(g, NULL);
    struct su_plan *p = plan_of(g, UINT64_C(1) << 40, 1);
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++)
        open_refused(g, p, w.weights, (enum su_backend)b, SU_EUNSUPPORTED, "task 0|sample");
    su_plan_free(p);
    weight_file_fini(&w);
    su_graph_free(g);
}

static void test_rows_in_range(void **state)
{
    (void)state;
    static const float zero[64];
    static const struct su_row row[4];
    const void *data[] = {zero}, *input[] = {zero};
    struct su_graph *g = small_graph();
    struct weight_file w = weight_file_new(g, data);
    struct su_plan *p = plan_of(g, 1 << 20, 3);
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_engine *en;
        struct su_engine_result r;
        struct su_err e = {0};
        must(su_engine_open(exec[b], g, p, w.weights, &en, &e), &e);
        for (uint32_t n = 0; n <= 4; n += 4) {
            memset(&r, 0xff, sizeof r);
            assert_int_equal(su_engine_run(en, row, n, input, true, &r, &e), SU_EINVAL);
            err_matches(&e, SU_EINVAL, n ? "rows|4 in|1 to 3" : "rows|0 in|1 to 3");
            assert_null(r.output);
            assert_null(r.leaf);
            assert_int_equal(r.n_output, 0);
            assert_int_equal(su_engine_run(en, row, n, input, true, &r, NULL), SU_EINVAL);
        }
        must(su_engine_run(en, row, 3, input, false, &r, &e), &e);
        assert_int_equal(r.output_bytes[0], 3 * 32);
        su_engine_result_fini(&r);
        su_engine_close(en);
    }
    su_plan_free(p);
    weight_file_fini(&w);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_domain),        cmocka_unit_test(test_saturations_are_counted),
        cmocka_unit_test(test_weights_must_fit),    cmocka_unit_test(test_plan_is_checked),
        cmocka_unit_test(test_lacking_op_is_named), cmocka_unit_test(test_rows_in_range),
        cmocka_unit_test(test_random_graphs),
    };
    return cmocka_run_group_tests(tests, open_backends, close_backends);
}
