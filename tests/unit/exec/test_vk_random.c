// SPDX-License-Identifier: MIT
/* Random graphs on the Vulkan device against the interpreter, by bits: fusion on and off, workgroup
   sizes, batch sizes. */
#include "vk_case.h"

#include "support/count.h"
#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void sweep(const struct su_exec_opts *opts, uint64_t first, uint64_t n, uint32_t batch)
{
    struct su_exec *x = vk_case_open(opts);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct su_err e = {0};
    uint64_t bad = 0;
    for (uint64_t seed = first; seed < first + n; seed++) {
        struct su_random_opts ro = {.emit = seed % 3 == 0, .mild = seed % 4 == 3};
        struct su_random_case *c = su_random_case_new(seed, &ro);
        const char *what = vk_case_check(x, c, batch);
        if (what && bad++ < 10)
            print_error("seed %llu batch %u: %s\n", (unsigned long long)seed, batch, what);
        su_random_case_free(c);
    }
    print_message("%llu graphs, %u pipelines\n", (unsigned long long)n, su_exec_pipelines(x));
    assert_true(su_exec_pipelines(x) <= SU_PIPELINES_MAX);
    if (su_exec_close(x, &e) != SU_OK)
        fail_msg("%s", e.msg);
    assert_int_equal(bad, 0);
}

static void unfused(void **state)
{
    (void)state;
    sweep(&(struct su_exec_opts){.no_fusion = true}, 1000, su_test_count(60, 2000), 1000);
}

static void fused(void **state)
{
    (void)state;
    sweep(NULL, 1000, su_test_count(60, 2000), 1000);
}

static void small_batches(void **state)
{
    (void)state;
    sweep(NULL, 5000, su_test_count(25, 400), 1);
    sweep(NULL, 6000, su_test_count(25, 400), 3);
}

static void workgroups(void **state)
{
    (void)state;
    sweep(&(struct su_exec_opts){.workgroup = 1}, 7000, su_test_count(10, 200), 64);
    sweep(&(struct su_exec_opts){.workgroup = 32}, 7000, su_test_count(10, 200), 64);
    sweep(&(struct su_exec_opts){.workgroup = 1000}, 7000, su_test_count(10, 200), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unfused),
        cmocka_unit_test(fused),
        cmocka_unit_test(small_batches),
        cmocka_unit_test(workgroups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
