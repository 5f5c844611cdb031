// SPDX-License-Identifier: MIT
/* The suite on every backend: the reference reproduces the compiled-in answers, the others the same root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/conformance_priv.h"
#include "exec/exec.h"

static void run(enum su_backend b, struct su_conformance *out)
{
    struct su_exec_opts o = {.backend = b, .threads = 2};
    struct su_exec *x = NULL;
    struct su_err e = {0};
    if (su_exec_open(&o, &x, &e) != SU_OK)
        fail_msg("%s: %s: %s", su_backend_name(b), e.at, e.msg);
    if (su_conformance_run(x, NULL, NULL, out, &e) != SU_OK)
        fail_msg("%s: %s: %s", su_backend_name(b), e.at, e.msg);
    assert_int_equal(su_exec_close(x, &e), SU_OK);
}

static void expect_all(const struct su_conformance *c)
{
    for (uint32_t i = 0; i < c->n_probe; i++)
        if (!c->probe[i].pass)
            print_error("probe %s: %s\n", c->probe[i].name, c->probe[i].detail);
    assert_int_equal(c->n_fail, 0);
    assert_true(c->root_known_good);
    assert_true(c->ms > 0);
}

/* Prints conformance_answers.c when asked: the digests of the reference, in order of the probes. */
static void print_answers(const struct su_conformance *c)
{
    for (uint32_t i = 0; i < c->n_probe; i++) {
        printf("    {");
        for (uint32_t b = 0; b < SU_SHA256_BYTES; b++)
            printf("0x%02x%s", c->probe[i].digest[b], b + 1 < SU_SHA256_BYTES ? "," : "");
        printf("}, // %s\n", c->probe[i].name);
    }
}

static void test_reference(void **state)
{
    (void)state;
    struct su_conformance *c = calloc(1, sizeof *c);
    run(SU_BACKEND_REFERENCE, c);
    if (getenv("SU_PRINT_ANSWERS"))
        print_answers(c);
    expect_all(c);
    free(c);
}

static void test_cpu(void **state)
{
    (void)state;
    struct su_conformance *c = calloc(1, sizeof *c);
    static const char *const isa[] = {"plain", "avx2", "avx512"};
    for (size_t i = 0; i < SU_ARRAY_LEN(isa); i++) {
        setenv("SPLITUP_CPU", isa[i], 1);
        run(SU_BACKEND_CPU, c);
        expect_all(c);
    }
    unsetenv("SPLITUP_CPU");
    run(SU_BACKEND_CPU, c); /* what this machine has best */
    expect_all(c);
    free(c);
}

static void test_vulkan(void **state)
{
    (void)state;
    struct su_conformance *c = calloc(1, sizeof *c);
    run(SU_BACKEND_VULKAN, c);
    expect_all(c);
    uint8_t root[SU_SHA256_BYTES];
    su_conformance_root(root);
    assert_memory_equal(root, c->root, sizeof root);
    free(c);
}

/* Every op that a device can be asked for is in some probe, and every block type in a product. */
static void test_covers(void **state)
{
    (void)state;
    bool op[SU_OP_COUNT] = {false}, product[SU_DTYPE_COUNT] = {false};
    struct su_err e = {0};
    for (uint32_t i = 0; i < conformance_n_probes; i++) {
        struct su_graph *g = su_graph_new();
        if (conformance_probes[i].build(g, conformance_probes[i].arg, &e) != SU_OK)
            fail_msg("%s: %s: %s", conformance_probes[i].name, e.at, e.msg);
        for (uint32_t n = 0; n < g->n_node; n++) {
            op[g->node[n].op] = true;
            if (g->node[n].op == SU_OP_QMATMUL)
                product[g->value[g->node[n].arg[1]].dtype] = true;
        }
        su_graph_free(g);
    }
    for (uint32_t o = 0; o < SU_OP_COUNT; o++)
        if (!op[o] && !su_backend_lacks(SU_BACKEND_VULKAN, (enum su_op)o))
            fail_msg("no probe has %s", su_op_name((enum su_op)o));
    for (uint32_t d = 0; d < SU_DTYPE_COUNT; d++)
        assert_true(product[d] == su_dtype_is_block((enum su_dtype)d));
}

static bool stop_after_three(void *ctx, uint32_t done, uint32_t total)
{
    uint32_t *calls = ctx;
    assert_true(done < total);
    return ++*calls < 3;
}

static void test_cancel(void **state)
{
    (void)state;
    struct su_exec_opts o = {.backend = SU_BACKEND_CPU, .threads = 1};
    struct su_exec *x = NULL;
    struct su_err e = {0};
    struct su_conformance *c = calloc(1, sizeof *c);
    uint32_t calls = 0;
    assert_int_equal(su_exec_open(&o, &x, &e), SU_OK);
    assert_int_equal(su_conformance_run(x, stop_after_three, &calls, c, &e), SU_ECANCELLED);
    assert_int_equal(c->n_probe, 2);
    assert_int_equal(su_exec_close(x, &e), SU_OK);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_vulkan),    cmocka_unit_test(test_covers),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
