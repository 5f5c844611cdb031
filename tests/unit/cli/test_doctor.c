// SPDX-License-Identifier: MIT
/* What doctor says and returns when a device computes wrong bits: the suite itself is replaced by one whose verdict a test sets. */
#include "unit.h"

#include <string.h>

static struct {
    bool fail_cpu, fail_vulkan, cancel, break_off;
} verdict;

void su_conformance_root(uint8_t out[SU_SHA256_BYTES])
{
    memset(out, 0xab, SU_SHA256_BYTES);
}

enum su_code su_conformance_run(struct su_exec *x,
                                bool (*progress)(void *ctx, uint32_t done, uint32_t total),
                                void *ctx, struct su_conformance *out, struct su_err *e)
{
    bool fails = su_exec_backend(x) == SU_BACKEND_VULKAN ? verdict.fail_vulkan : verdict.fail_cpu;
    memset(out, 0, sizeof *out);
    assert_true(progress(ctx, 0, 2));
    if (verdict.cancel)
        return su_fail(e, SU_ECANCELLED, "conformance", "stopped after 0 of 2 probes");
    if (verdict.break_off)
        return su_fail(e, SU_ENOMEM, "conformance", "no memory for the probe's inputs");
    out->n_probe = 2;
    out->n_fail = fails;
    su_str_copy(out->probe[0].name, sizeof out->probe[0].name, "exp");
    out->probe[0].pass = true;
    su_str_copy(out->probe[1].name, sizeof out->probe[1].name, "contraction");
    su_str_copy(out->probe[1].detail, sizeof out->probe[1].detail,
                fails ? "output y element 3: got 1, want 2" : "");
    out->probe[1].pass = !fails;
    memset(out->root, fails ? 0xcd : 0xab, sizeof out->root);
    out->root_known_good = !fails;
    out->ms = 1.0;
    return SU_OK;
}

static void test_all_good(void **state)
{
    (void)state;
    memset(&verdict, 0, sizeof verdict);
    assert_int_equal(run_cli("doctor", NULL), 0);
    assert_non_null(strstr(caught.out, "2 of 2 probes"));
    assert_null(strstr(caught.out, "FAILED"));
}

/* A device that fails is named with the probe and the first difference; nothing else is usable here, so the status is SU_ECONFORM's. */
static void test_device_fails(void **state)
{
    (void)state;
    memset(&verdict, 0, sizeof verdict);
    verdict.fail_vulkan = true;
    assert_int_equal(run_cli("doctor", NULL), su_code_exit(SU_ECONFORM));
    assert_non_null(strstr(caught.out, "contraction"));
    assert_non_null(strstr(caught.out, "got 1, want 2"));
    assert_non_null(strstr(caught.err, "vulkan"));
    assert_int_equal(run_cli("doctor", "--json", NULL), su_code_exit(SU_ECONFORM));
    assert_non_null(strstr(caught.out, "\"vulkan_ok\":false"));
    assert_non_null(strstr(caught.out, "\"cpu_ok\":true"));
    assert_non_null(strstr(caught.out, "\"probe\":\"contraction\""));
}

static void test_cpu_fails(void **state)
{
    (void)state;
    memset(&verdict, 0, sizeof verdict);
    verdict.fail_cpu = true;
    assert_int_equal(run_cli("doctor", NULL), su_code_exit(SU_ECONFORM));
    assert_non_null(strstr(caught.err, "cpu"));
}

static void test_suite_breaks_off(void **state)
{
    (void)state;
    memset(&verdict, 0, sizeof verdict);
    verdict.break_off = true;
    assert_int_equal(run_cli("doctor", NULL), su_code_exit(SU_ECONFORM));
    assert_non_null(strstr(caught.out, "no memory for the probe's inputs"));
    verdict.break_off = false;
    verdict.cancel = true;
    assert_int_equal(run_cli("doctor", NULL), su_code_exit(SU_ECANCELLED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_good),
        cmocka_unit_test(test_device_fails),
        cmocka_unit_test(test_cpu_fails),
        cmocka_unit_test(test_suite_breaks_off),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
