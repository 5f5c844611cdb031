// SPDX-License-Identifier: MIT
/* The Vulkan backend under the Khronos validation layer, with synchronisation checks. */
#include "exec/vk_priv.h"
#include "vk_case.h"

#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The layer is unloaded before the leak check runs, which then takes what it keeps for lost. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static void run_some(struct su_exec *x, uint64_t first, uint64_t n)
{
    for (uint64_t seed = first; seed < first + n; seed++) {
        struct su_random_case *c =
            su_random_case_new(seed, &(struct su_random_opts){.nodes = 10, .emit = true});
        const char *bad = vk_case_check(x, c, 5);
        su_random_case_free(c);
        if (bad)
            fail_msg("seed %llu: %s", (unsigned long long)seed, bad);
    }
}

static struct su_exec *open_validated(void)
{
    struct su_exec *x = NULL;
    struct su_err e;
    struct su_exec_opts o = {.backend = SU_BACKEND_VULKAN, .validation = true};
    enum su_code rc = su_exec_open(&o, &x, &e);
    if (rc == SU_EUNSUPPORTED)
        print_message("%s\n", e.msg);
    return x;
}

static void validation_is_clean(void **state)
{
    (void)state;
    struct su_exec *x = open_validated();
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct su_err e = {0};
    const char *full = getenv("SU_TEST_FULL");
    run_some(x, 60, full && *full == '1' ? 300 : 12);
    struct su_graph *g = NULL;
    if (su_graph_load(SU_SOURCE_DIR "/models/mnist/mnist.graph", &g, &e) == SU_OK) {
        struct su_random_case *c = vk_case_of(g, 5, 1, true);
        const char *bad = vk_case_check(x, c, 3);
        su_random_case_free(c);
        assert_null(bad);
    }
    if (su_exec_close(x, &e) != SU_OK)
        fail_msg("%s", e.msg);
}

static void complaints_are_reported(void **state)
{
    (void)state;
    struct su_exec *x = open_validated();
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct vk_exec *vx = x->impl;
    struct su_err e = {0};
    PFN_vkVoidFunction f =
        vkGetInstanceProcAddr(vx->instance.handle, "vkSubmitDebugUtilsMessageEXT");
    VkDebugUtilsMessengerCallbackDataEXT data = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CALLBACK_DATA_EXT, .pMessage = "made up"};
    assert_non_null(f);
    for (unsigned i = 0; i < 2; i++)
        ((PFN_vkSubmitDebugUtilsMessageEXT)f)(
            vx->instance.handle, VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
            VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT, &data);
    assert_int_equal(su_exec_close(x, &e), SU_EINTERNAL);
    assert_non_null(strstr(e.msg, "2 messages, the first: made up"));
}

static void layer_is_missing(void **state)
{
    (void)state;
    struct su_exec *x = vk_case_open(NULL);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    assert_int_equal(su_exec_close(x, NULL), SU_OK);
    struct su_err e = {0};
    setenv("VK_LAYER_PATH", "/nonexistent", 1);
    struct su_exec_opts o = {.backend = SU_BACKEND_VULKAN, .validation = true};
    assert_int_equal(su_exec_open(&o, &x, &e), SU_EUNSUPPORTED);
    assert_non_null(strstr(e.msg, "vulkan-validationlayers"));
    unsetenv("VK_LAYER_PATH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validation_is_clean),
        cmocka_unit_test(complaints_are_reported),
        cmocka_unit_test(layer_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
