// SPDX-License-Identifier: MIT
/* Shapes that random graphs rarely reach, on the Vulkan device against the interpreter: long sums,
   loops beyond what one lane may do, grids beyond 65535 workgroups, six axes, every value type; and
   what is refused, with its limit named. */
#include "vk_case.h"

#include "support/random_graph.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct su_exec *device;

static int open_device(void **state)
{
    (void)state;
    device = vk_case_open(NULL);
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    return su_exec_close(device, NULL) == SU_OK ? 0 : -1;
}

static struct su_shape shape_of(uint32_t rank, const uint32_t *dim)
{
    struct su_shape s = {.rank = rank};
    memcpy(s.dim, dim, rank * sizeof *dim);
    return s;
}
#define SHAPE(...) shape_of(sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

/* A graph of one node: operand i is an input (ROWS, or FIXED where bit i of `fixed` is set) or,
   where bit i of `weight` is set, a weight. */
struct one {
    enum su_op op;
    uint32_t n_arg;
    struct su_shape shape[3];
    enum su_dtype type[3];
    uint32_t weight, fixed;
    int32_t attr[12];
    uint32_t n_attr;
    bool mild;
};

static struct su_graph *graph_of(const struct one *o)
{
    struct su_graph *g = su_graph_new();
    struct su_err e = {0};
    uint32_t arg[3], out;
    for (uint32_t i = 0; i < o->n_arg; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%u", i);
        enum su_code rc =
            o->weight >> i & 1u
                ? su_graph_add_weight(g, name, o->type[i], &o->shape[i], 0, &arg[i], &e)
                : su_graph_add_input(g, name, o->fixed >> i & 1u ? SU_FIXED : SU_ROWS, o->type[i],
                                     &o->shape[i], &arg[i], &e);
        if (rc != SU_OK)
            fail_msg("%s: %s", e.at, e.msg);
    }
    if (su_graph_add_node(g, o->op, arg, o->n_arg, o->attr, o->n_attr, NULL, 0, &out, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    uint32_t n_out = g->node[g->n_node - 1].n_out;
    for (uint32_t i = 0; i < n_out; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%u", i);
        assert_int_equal(su_graph_add_output(g, name, out + i, &e), SU_OK);
    }
    if (su_graph_check(g, &e) != SU_OK)
        fail_msg("%s", e.msg);
    return g;
}

static void check(const struct one *o, uint32_t rows, uint32_t batch)
{
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct su_random_case *c = vk_case_of(graph_of(o), rows, 77, o->mild);
    const char *bad = vk_case_check(device, c, batch);
    su_random_case_free(c);
    if (bad)
        fail_msg("%s, %u rows: %s", su_op_name(o->op), rows, bad);
}

static void long_products(void **state)
{
    (void)state;
    static const uint32_t k[] = {1, 3, 255, 256, 257, 258, 1027, 200004, 400001};
    for (size_t i = 0; i < SU_ARRAY_LEN(k); i++) {
        uint32_t n = i < 7 ? 11 : 3;
        for (uint32_t rows = 1; rows < (i < 7 ? 40u : 3u); rows += 13) {
            struct one o = {SU_OP_MATMUL,     2,           {SHAPE(k[i]), SHAPE(n, k[i])},
                            {SU_F32, SU_F32}, .weight = 2, .mild = rows & 1};
            check(&o, rows, rows);
            o.type[1] = SU_F16;
            check(&o, rows, rows);
        }
    }
    check(&(struct one){SU_OP_CONV2D,
                        2,
                        {SHAPE(50000, 2, 2), SHAPE(3, 50000, 2, 2)},
                        {SU_F32, SU_F32},
                        .weight = 2,
                        .attr = {1, 1, 0, 0, 0, 0, 1, 1, 1},
                        .n_attr = 9,
                        .mild = true},
          2, 2);
}

static void products(void **state)
{
    (void)state;
    /* Weights per row of the dispatch, batches, a fixed first operand. */
    check(
        &(struct one){
            SU_OP_MATMUL, 2, {SHAPE(3, 5, 17), SHAPE(3, 7, 17)}, {SU_F32, SU_F32}, .mild = true},
        9, 9);
    check(
        &(struct one){
            SU_OP_MATMUL, 2, {SHAPE(3, 5, 16), SHAPE(3, 7, 16)}, {SU_F32, SU_F32}, .fixed = 1},
        9, 4);
    check(
        &(struct one){
            SU_OP_MATMUL, 2, {SHAPE(3, 5, 16), SHAPE(7, 16)}, {SU_F32, SU_F32}, .fixed = 2},
        9, 9);
    check(&(struct one){SU_OP_MATMUL,
                        2,
                        {SHAPE(2, 2, 40, 33), SHAPE(2, 2, 6, 33)},
                        {SU_F32, SU_F32},
                        .weight = 3},
          1, 1);
    check(
        &(struct one){
            SU_OP_MATMUL, 2, {SHAPE(30000, 4), SHAPE(2, 4)}, {SU_F32, SU_BF16}, .weight = 2},
        300, 300);
    for (int32_t stride = 1; stride < 4; stride++) {
        for (int32_t pad = 0; pad < 3; pad++) {
            check(&(struct one){SU_OP_CONV2D,
                                2,
                                {SHAPE(2, 6, 11, 9), SHAPE(12, 3, 3, 2)},
                                {SU_F32, SU_F32},
                                .weight = 2,
                                .attr = {stride, 1, pad, pad + 1, 1, pad, 1 + pad, 2, 2},
                                .n_attr = 9},
                  7, 7);
        }
    }
    check(&(struct one){SU_OP_CONV2D,
                        2,
                        {SHAPE(6, 9, 9), SHAPE(6, 1, 3, 3)},
                        {SU_F32, SU_F32},
                        .fixed = 2,
                        .attr = {1, 1, 1, 1, 1, 1, 1, 1, 6},
                        .n_attr = 9,
                        .mild = true},
          65, 65);
}

static void long_reductions(void **state)
{
    (void)state;
    static const enum su_op op[] = {SU_OP_REDUCE_SUM, SU_OP_REDUCE_MAX, SU_OP_REDUCE_PROD};
    static const enum su_dtype type[] = {SU_F32, SU_I32, SU_U32};
    for (unsigned i = 0; i < 9; i++) {
        check(
            &(struct one){
                op[i / 3], 1, {SHAPE(300000)}, {type[i % 3]}, .attr = {1, 0}, .n_attr = 2},
            2, 2);
        check(&(struct one){op[i / 3],
                            1,
                            {SHAPE(3, 5, 2, 33, 2, 3)},
                            {type[i % 3]},
                            .attr = {0x2a, 1},
                            .n_attr = 2},
              5, 5);
        check(&(struct one){SU_OP_ARGMAX,
                            1,
                            {SHAPE(2, 200003, 2)},
                            {type[i % 3]},
                            .attr = {1, 0},
                            .n_attr = 2,
                            .mild = i & 1},
              1, 1);
    }
    check(&(struct one){SU_OP_REDUCE_SUM,
                        1,
                        {SHAPE(1000000)},
                        {SU_F32},
                        .attr = {1, 0},
                        .n_attr = 2,
                        .mild = true},
          1, 1);
    for (unsigned i = 0; i < 3; i++) {
        check(&(struct one){SU_OP_CUMSUM,
                            1,
                            {SHAPE(2, 100000, 2)},
                            {type[i]},
                            .attr = {1},
                            .n_attr = 1,
                            .mild = true},
              2, 2);
        check(&(struct one){SU_OP_TOPK,
                            1,
                            {SHAPE(2, 3001)},
                            {type[i]},
                            .attr = {40},
                            .n_attr = 1,
                            .mild = i & 1},
              2, 2);
    }
    check(&(struct one){SU_OP_SOFTMAX, 1, {SHAPE(100001)}, {SU_F32}, .mild = true}, 2, 2);
    check(&(struct one){SU_OP_LAYERNORM,
                        3,
                        {SHAPE(3, 20003), SHAPE(20003), SHAPE(20003)},
                        {SU_F32, SU_F32, SU_F32},
                        .weight = 6,
                        .attr = {0x3727c5ac},
                        .n_attr = 1,
                        .mild = true},
          2, 2);
    check(&(struct one){SU_OP_RMSNORM,
                        2,
                        {SHAPE(3, 4099), SHAPE(4099)},
                        {SU_F32, SU_F32},
                        .weight = 2,
                        .attr = {0x358637bd, 0x3f800000},
                        .n_attr = 2},
          9, 9);
    check(&(struct one){SU_OP_AVGPOOL,
                        1,
                        {SHAPE(2, 120, 130)},
                        {SU_F32},
                        .attr = {120, 130, 1, 1, 0, 0, 0, 0, 1},
                        .n_attr = 9,
                        .mild = true},
          3, 3);
    check(&(struct one){SU_OP_MAXPOOL,
                        1,
                        {SHAPE(3, 9, 8)},
                        {SU_F32},
                        .attr = {3, 2, 2, 1, 1, 0, 2, 1},
                        .n_attr = 8},
          70, 33);
}

static void movement(void **state)
{
    (void)state;
    check(&(struct one){SU_OP_PERMUTE,
                        1,
                        {SHAPE(3, 2, 5, 4, 3, 2)},
                        {SU_I32},
                        .attr = {5, 3, 1, 0, 4, 2},
                        .n_attr = 6},
          4, 3);
    check(&(struct one){SU_OP_PERMUTE,
                        1,
                        {SHAPE(7, 3, 5, 11, 3, 2)},
                        {SU_F32},
                        .attr = {4, 2, 0, 5, 3, 1},
                        .n_attr = 6},
          2, 2);
    check(
        &(struct one){
            SU_OP_FLIP, 1, {SHAPE(3, 4, 5, 2, 3, 4)}, {SU_U32}, .attr = {0x2d}, .n_attr = 1},
        3, 3);
    check(&(struct one){SU_OP_EXPAND,
                        1,
                        {SHAPE(3, 1, 5, 1, 2, 1)},
                        {SU_F32},
                        .attr = {3, 4, 5, 2, 2, 3},
                        .n_attr = 6},
          3, 3);
    check(
        &(struct one){
            SU_OP_PAD, 1, {SHAPE(3, 2, 5)}, {SU_F32}, .attr = {0, 1, 2, 0, 3, 4}, .n_attr = 6},
        30, 7);
    /* more than 65535 workgroups of 256 */
    check(&(struct one){SU_OP_FLIP, 1, {SHAPE(300, 1000)}, {SU_I32}, .attr = {2}, .n_attr = 1}, 60,
          60);
    check(&(struct one){SU_OP_GATHER,
                        2,
                        {SHAPE(3, 7, 2), SHAPE(2, 5)},
                        {SU_F32, SU_I32},
                        .attr = {1},
                        .n_attr = 1,
                        .mild = true},
          9, 9);
    check(&(struct one){SU_OP_EMBEDDING,
                        2,
                        {SHAPE(9, 33), SHAPE(5)},
                        {SU_BF16, SU_U32},
                        .weight = 1,
                        .mild = true},
          9, 9);
    check(&(struct one){SU_OP_SELECT_EMITTED, 1, {SHAPE(5, 3)}, {SU_F32}, .weight = 0}, 70, 70);
    check(&(struct one){SU_OP_SELECT_EMITTED, 1, {SHAPE(5, 3)}, {SU_F32}, .weight = 0}, 70,
          1); /* some dispatches emit nothing */
    check(
        &(struct one){
            SU_OP_RESHAPE, 1, {SHAPE(5, 3)}, {SU_F16}, .weight = 1, .attr = {3, 5}, .n_attr = 2},
        1, 1);
}

static void times_every_op(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    const uint32_t seeds[] = {4, 9, 30};
    for (size_t i = 0; i < SU_ARRAY_LEN(seeds); i++) {
        struct su_random_case *c =
            su_random_case_new(seeds[i], &(struct su_random_opts){.nodes = 12});
        assert_null(vk_case_check(device, c, 64)); /* asks for op times */
        su_random_case_free(c);
    }
}

/* ---- refusals
   -------------------------------------------------------------------------------------------------
   --- */

static enum su_code no_bytes(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                             struct su_err *e)
{
    (void)weight;
    (void)offset;
    memset(dst, 0, n);
    return ctx ? su_fail(e, SU_EIO, "disk", "read error") : SU_OK;
}

static void refuse(const struct one *o, uint32_t t_max, void *ctx, enum su_code want,
                   const char *text)
{
    struct su_graph *g = graph_of(o);
    struct su_weight_source src = {ctx, no_bytes};
    struct su_stage *s = (struct su_stage *)1;
    struct su_err e = {0};
    enum su_code rc = su_stage_load(device, g, t_max, t_max, &src, &s, &e);
    if (rc != want || s != NULL || !strstr(e.msg, text))
        fail_msg("%s: %s, want %s with \"%s\"", su_code_name(rc), e.msg, su_code_name(want), text);
    su_graph_free(g);
}

static void refusals(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    refuse(&(struct one){SU_OP_NEG, 1, {SHAPE(1u << 20)}, {SU_F32}, .weight = 0}, SU_ROWS_MAX, NULL,
           SU_EUNSUPPORTED, "elements");
    refuse(&(struct one){SU_OP_CONV2D,
                         2,
                         {SHAPE(1, 2, 2), SHAPE(1, 1, 1, 1)},
                         {SU_F32, SU_F32},
                         .weight = 2,
                         .attr = {1 << 30, 1 << 30, 1 << 30, 0, 1 << 30, 0, 1, 1, 1},
                         .n_attr = 9},
           1, NULL, SU_EUNSUPPORTED, "padded side");
    refuse(&(struct one){SU_OP_NEG, 1, {SHAPE(4)}, {SU_F32}, .weight = 1}, 1, device, SU_EIO,
           "weight a0: read error");
    struct su_device *d;
    size_t n;
    assert_int_equal(su_devices_list(&d, &n, NULL), SU_OK);
    if (strstr(d[0].name, "llvmpipe")) {
        refuse(
            &(struct one){
                SU_OP_REDUCE_SUM, 1, {SHAPE(1u << 24)}, {SU_F32}, .attr = {1, 0}, .n_attr = 2},
            1, NULL, SU_EUNSUPPORTED, "length of a loop");
        refuse(&(struct one){SU_OP_NEG, 1, {SHAPE(1u << 26)}, {SU_F32}, .weight = 0}, 1, NULL,
               SU_EUNSUPPORTED, "result's bytes");
    }
    free(d);
}

static void lacks_only_sampling(void **state)
{
    (void)state;
    for (unsigned op = 0; op < SU_OP_COUNT; op++)
        assert_true((su_backend_lacks(SU_BACKEND_VULKAN, (enum su_op)op) != NULL) ==
                    (op == SU_OP_SAMPLE));
}

/* ---- several at once
   ------------------------------------------------------------------------------------------------
   */

static void *work(void *arg)
{
    struct su_exec *x = arg ? arg : vk_case_open(NULL);
    uintptr_t bad = x == NULL;
    for (uint64_t seed = 400; seed < 406 && x; seed++) {
        struct su_random_case *c = su_random_case_new(seed, NULL);
        struct su_weight_source src = {NULL, no_bytes};
        struct su_stage *s = NULL;
        struct su_err e;
        if (su_stage_load(x, c->graph, c->n_row, c->n_row, &src, &s, &e) != SU_OK) {
            bad++;
        } else {
            struct su_step step = {c->row, c->n_row, (const void *const *)c->input};
            struct su_step_result r = {0};
            uint64_t ticket = 0;
            bad += su_stage_submit(s, &step, &ticket, &e) != SU_OK;
            bad += su_stage_wait(s, ticket, false, &r, &e) != SU_OK;
            su_step_result_fini(&r);
        }
        su_stage_free(s);
        su_random_case_free(c);
    }
    if (!arg && x)
        bad += su_exec_close(x, NULL) != SU_OK;
    return (void *)bad;
}

static void several_threads(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    pthread_t t[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, i < 2 ? device : NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_products),       cmocka_unit_test(products),
        cmocka_unit_test(long_reductions),     cmocka_unit_test(movement),
        cmocka_unit_test(times_every_op),      cmocka_unit_test(refusals),
        cmocka_unit_test(lacks_only_sampling), cmocka_unit_test(several_threads),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
