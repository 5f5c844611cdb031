// SPDX-License-Identifier: MIT
/* Listing and choosing Vulkan devices, and what is said when there is none. */
#include "exec/exec.h"
#include "vk_case.h"

#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void lists(void **state)
{
    (void)state;
    struct su_device *d;
    struct su_err e = {0};
    size_t n;
    if (su_devices_list(&d, &n, &e) != SU_OK) {
        print_message("%s\n", e.msg);
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    }
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(d[i].name[0] && d[i].driver[0]);
        assert_true(i == 0 || d[i - 1].kind <= d[i].kind);
        assert_string_not_equal(su_device_kind_name(d[i].kind), "?");
        if (d[i].usable) {
            assert_string_equal(d[i].reason, "");
            assert_true(d[i].vram_bytes > 0 && d[i].max_push_constants >= 128 &&
                        d[i].max_buffer_range > 0);
            assert_true(d[i].api_version >= (1u << 22 | 1u << 12));
        } else {
            assert_true(d[i].reason[0] && d[i].remedy[0]);
        }
    }
    free(d);
    assert_string_equal(su_device_kind_name((enum su_device_kind)99), "?");
}

static void chooses(void **state)
{
    (void)state;
    struct su_exec *x = vk_case_open(NULL);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    char name[64];
    struct su_err e = {0};
    assert_int_equal(su_exec_backend(x), SU_BACKEND_VULKAN);
    su_str_copy(name, sizeof name, su_exec_device_name(x));
    assert_int_equal(su_exec_pipelines(x), 0);
    assert_int_equal(su_exec_close(x, &e), SU_OK);
    name[6] = '\0';
    name[0] = (char)(name[0] ^ 0x20); /* the other case */
    const char *good[] = {"0", name};
    for (size_t i = 0; i < SU_ARRAY_LEN(good); i++) {
        x = vk_case_open(&(struct su_exec_opts){.device = good[i]});
        assert_non_null(x);
        assert_int_equal(su_exec_close(x, &e), SU_OK);
    }
    const char *bad[] = {"no such gpu", "99", "", "-1"};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct su_exec_opts o = {.backend = SU_BACKEND_VULKAN, .device = bad[i]};
        assert_int_equal(su_exec_open(&o, &x, &e), SU_ENODEV);
        assert_null(x);
        assert_non_null(strstr(e.msg, "there is 0: "));
    }
    struct su_exec_opts o = {.backend = SU_BACKEND_VULKAN, .workgroup = 1u << 20};
    assert_int_equal(su_exec_open(&o, &x, &e), SU_EINVAL);
    assert_non_null(strstr(e.msg, "at most"));
}

/* The loader reads these at each new instance. */
static void without_driver(void **state)
{
    (void)state;
    struct su_device *d = (struct su_device *)1;
    struct su_exec *x = (struct su_exec *)1;
    struct su_err e = {0};
    size_t n = 1;
    setenv("VK_DRIVER_FILES", "/nonexistent.json", 1);
    setenv("VK_ICD_FILENAMES", "/nonexistent.json", 1);
    assert_int_equal(su_devices_list(&d, &n, &e), SU_ENODEV);
    assert_null(d);
    assert_int_equal(n, 0);
    assert_non_null(strstr(e.msg, "mesa-vulkan-drivers"));
    assert_int_equal(su_exec_open(&(struct su_exec_opts){.backend = SU_BACKEND_VULKAN}, &x, &e),
                     SU_ENODEV);
    assert_null(x);
    assert_non_null(strstr(e.msg, "mesa-vulkan-drivers"));
    unsetenv("VK_DRIVER_FILES");
    unsetenv("VK_ICD_FILENAMES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(chooses),
        cmocka_unit_test(without_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
