// SPDX-License-Identifier: MIT
/* Random graphs must give equal bits on the reference, the cpu backend in every instruction set, and Vulkan, with fusion on and off, for
   several workgroup sizes and batch sizes. 300 graphs, 5 000 with SU_TEST_FULL=1. SU_TEST_SEED=N runs one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "support/count.h"
#include "support/random_graph.h"

#define LANE_MAX 8

/* One way of computing. */
struct lane {
    const char *name, *isa;
    struct su_exec_opts opts;
    struct su_exec *exec;
};
static struct lane lanes[LANE_MAX] = {
    {"cpu plain", "plain", {.backend = SU_BACKEND_CPU, .threads = 1}, NULL},
    {"cpu avx2", "avx2", {.backend = SU_BACKEND_CPU, .threads = 2}, NULL},
    {"cpu avx512", "avx512", {.backend = SU_BACKEND_CPU, .threads = 3}, NULL},
    {"cpu amx", "amx", {.backend = SU_BACKEND_CPU, .threads = 2}, NULL},
    {"vulkan", NULL, {.backend = SU_BACKEND_VULKAN}, NULL},
    {"vulkan unfused", NULL, {.backend = SU_BACKEND_VULKAN, .no_fusion = true}, NULL},
    {"vulkan, groups of 8", NULL, {.backend = SU_BACKEND_VULKAN, .workgroup = 8}, NULL},
    {"reference", NULL, {.backend = SU_BACKEND_REFERENCE}, NULL},
};

static enum su_code read_case(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                              struct su_err *e)
{
    const struct su_random_case *c = ctx;
    if (offset + n > c->weight_bytes[weight])
        return su_fail(e, SU_EINTERNAL, "weight", "read beyond its end");
    memcpy(dst, (const uint8_t *)c->weight[weight] + offset, n);
    return SU_OK;
}

static struct su_eval *reference_of(const struct su_random_case *c)
{
    struct su_eval_args args = {.row = c->row,
                                .n_row = c->n_row,
                                .input = (const void *const *)c->input,
                                .weight = (const void *const *)c->weight};
    struct su_eval *ev = NULL;
    struct su_err e = {0};
    if (su_graph_eval(c->graph, &args, &ev, &e) != SU_OK)
        fail_msg("reference: %s: %s", e.at, e.msg);
    return ev;
}

static void dump_on_failure(const struct su_random_case *c)
{
    struct su_buf b;
    su_buf_init(&b, 0);
    if (su_graph_dump(c->graph, &b, NULL) == SU_OK)
        fprintf(stderr, "%.*s\n", (int)b.len, (const char *)b.data);
    su_buf_fini(&b);
}

static void expect_output(const struct su_random_case *c, const struct su_eval *ev, uint32_t o,
                          const void *got, size_t got_bytes, uint64_t seed, const char *lane)
{
    size_t bytes = 0;
    const uint32_t *want = su_eval_value(ev, c->graph->output[o].value, &bytes), *have = got;
    if (got_bytes != bytes)
        fail_msg("seed %llu, %s, output %u: %zu bytes, want %zu", (unsigned long long)seed, lane, o,
                 got_bytes, bytes);
    for (size_t i = 0; i < bytes / 4; i++)
        if (want[i] != have[i]) {
            dump_on_failure(c);
            fail_msg("seed %llu, %s, output %u element %zu of %zu: got %08x, want %08x",
                     (unsigned long long)seed, lane, o, i, bytes / 4, have[i], want[i]);
        }
}

/* Loads for t_max rows and no more emitted ones than there are, and runs the case's rows, twice in flight, so that both slots and the reuse of arenas are seen. */
static void run_lane(const struct lane *l, const struct su_random_case *c, uint32_t t_max,
                     const struct su_eval *ev, uint64_t seed)
{
    struct su_weight_source src = {(void *)(uintptr_t)c, read_case};
    struct su_step step = {c->row, c->n_row, (const void *const *)c->input};
    struct su_stage *s = NULL;
    struct su_layout *layout = NULL;
    struct su_err e = {0};
    uint64_t ticket[2];
    uint32_t e_max = 0;
    for (uint32_t i = 0; i < c->n_row; i++)
        e_max += c->row[i].emit;
    if (su_stage_load(l->exec, c->graph, t_max, e_max, &src, &s, &e) != SU_OK)
        fail_msg("seed %llu, %s: load: %s: %s", (unsigned long long)seed, l->name, e.at, e.msg);
    for (uint32_t i = 0; i < 2; i++)
        if ((i == 0 ? su_stage_submit_here : su_stage_submit)(s, &step, &ticket[i], &e) != SU_OK)
            fail_msg("seed %llu, %s: submit: %s: %s", (unsigned long long)seed, l->name, e.at,
                     e.msg);
    for (uint32_t i = 0; i < 2; i++) {
        struct su_step_result r;
        if (su_stage_wait(s, ticket[i], i == 1, &r, &e) != SU_OK)
            fail_msg("seed %llu, %s: wait: %s: %s", (unsigned long long)seed, l->name, e.at, e.msg);
        for (uint32_t o = 0; o < r.n_output; o++)
            expect_output(c, ev, o, r.output[o], r.output_bytes[o], seed, l->name);
        su_step_result_fini(&r);
    }
    assert_int_equal(su_layout_build(c->graph, t_max, e_max, 1, &layout, &e), SU_OK);
    if (l->opts.backend != SU_BACKEND_REFERENCE)
        assert_true(su_stage_bound_bytes(s) <=
                    layout->fixed_bytes + layout->fixed_bytes / 64 + layout->arena_bytes);
    su_layout_free(layout);
    su_stage_free(s);
}

/* Every lane sees every graph; the lane of the turn also loads for more rows than it runs. */
static void differential(uint64_t seed)
{
    static const uint32_t rows[] = {1, 0, 0, 3, 64, 17};
    struct su_random_opts o = {.rows = rows[seed % SU_ARRAY_LEN(rows)], .emit = seed % 5 < 2};
    o.macs = o.rows == 64 ? 50000 : 500000;
    struct su_random_case *c = su_random_case_new(seed, &o);
    struct su_eval *ev = reference_of(c);
    for (uint32_t i = 0; i < LANE_MAX && lanes[i].name; i++)
        if (lanes[i].opts.backend != SU_BACKEND_REFERENCE || seed % 8 == 0)
            run_lane(&lanes[i], c, seed % 7 == i ? c->n_row + 5 : c->n_row, ev, seed);
    su_eval_free(ev);
    su_random_case_free(c);
}

static void test_random_graphs(void **state)
{
    (void)state;
    const char *one = getenv("SU_TEST_SEED");
    if (one) {
        differential(strtoull(one, NULL, 10));
        return;
    }
    uint64_t n = su_test_count(300, 5000);
    for (uint64_t seed = 1; seed <= n; seed++)
        differential(seed);
    for (uint32_t i = 0; i < LANE_MAX && lanes[i].name; i++)
        assert_true(su_exec_pipelines(lanes[i].exec) <= SU_PIPELINES_MAX);
}

static int open_lanes(void **state)
{
    (void)state;
    struct su_err e = {0};
    for (uint32_t i = 0; i < LANE_MAX && lanes[i].name; i++) {
        if (lanes[i].isa)
            setenv("SPLITUP_CPU", lanes[i].isa, 1);
        if (su_exec_open(&lanes[i].opts, &lanes[i].exec, &e) != SU_OK) {
            print_error("%s: %s: %s\n", lanes[i].name, e.at, e.msg);
            return 1;
        }
        assert_int_equal(su_exec_backend(lanes[i].exec), lanes[i].opts.backend);
        assert_true(strlen(su_exec_device_name(lanes[i].exec)) > 0);
    }
    unsetenv("SPLITUP_CPU");
    return 0;
}

static int close_lanes(void **state)
{
    (void)state;
    struct su_err e = {0};
    for (uint32_t i = 0; i < LANE_MAX && lanes[i].name; i++)
        if (su_exec_close(lanes[i].exec, &e) != SU_OK)
            return 1;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_graphs)};
    return cmocka_run_group_tests(tests, open_lanes, close_lanes);
}
