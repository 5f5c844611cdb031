// SPDX-License-Identifier: MIT
/* Ways through the Vulkan backend that this machine's device may not take by itself: staged
   uploads, no timestamps, no float modes, the pipeline cache on
   disk, errors of the driver. */
#include "exec/vk_priv.h"
#include "vk_case.h"

#include "support/random_graph.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

/* Large weights of every stored type, with padded rows, used and handed out. */
static struct su_random_case *weights_case(void)
{
    struct su_graph *g = su_graph_new();
    struct su_err e;
    struct su_shape big = {2, {3000, 1501}}, x_shape = {1, {1501}}, plain = {1, {5000001}},
                    flag = {1, {7}};
    uint32_t x, w[4], y;
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &x_shape, &x, &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w0", SU_F16, &big, 0, &w[0], &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w1", SU_BF16, &plain, 0, &w[1], &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w2", SU_BOOL, &flag, 0, &w[2], &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w3", SU_I32, &flag, 0, &w[3], &e), SU_OK);
    const uint32_t arg[2] = {x, w[0]};
    assert_int_equal(su_graph_add_node(g, SU_OP_MATMUL, arg, 2, NULL, 0, NULL, 0, &y, &e), SU_OK);
    assert_int_equal(su_graph_add_output(g, "y", y, &e), SU_OK);
    const int32_t dims[3][2] = {{5000001, 1}, {1, 7}, {7, 1}};
    for (uint32_t i = 1; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%u", i);
        assert_int_equal(
            su_graph_add_node(g, SU_OP_RESHAPE, &w[i], 1, dims[i - 1], 2, NULL, 0, &y, &e), SU_OK);
        assert_int_equal(su_graph_add_output(g, name, y, &e), SU_OK);
    }
    assert_int_equal(su_graph_check(g, &e), SU_OK);
    return vk_case_of(g, 3, 5, true);
}

static void staged(void **state)
{
    (void)state;
    struct su_exec *x = vk_case_open(NULL);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct vk_exec *vx = x->impl;
    vx->device.info.vram_bytes =
        UINT64_MAX; /* no heap is as large: device memory counts as invisible to the host */
    vx->device.info.timestamps = false;
    vx->device.info.rte32 = vx->device.info.preserve32 = false;
    struct su_random_case *c = weights_case();
    const char *bad = vk_case_check(x, c, 2);
    su_random_case_free(c);
    assert_null(bad);
    run_some(x, 20, 6);
    assert_int_equal(su_exec_close(x, NULL), SU_OK);
}

static void unstaged(void **state)
{
    (void)state;
    struct su_exec *x = vk_case_open(NULL);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct su_random_case *c = weights_case();
    const char *bad = vk_case_check(x, c, 3);
    su_random_case_free(c);
    assert_null(bad);
    assert_int_equal(su_exec_close(x, NULL), SU_OK);
}

static void too_large(void **state)
{
    (void)state;
    struct su_exec *x = vk_case_open(NULL);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    ((struct vk_exec *)x->impl)->device.info.max_allocation = 1 << 20;
    struct su_random_case *c = weights_case();
    const char *bad = vk_case_check(x, c, 3);
    su_random_case_free(c);
    assert_non_null(bad);
    assert_non_null(strstr(bad, "allocates at most 1048576"));
    assert_int_equal(su_exec_close(x, NULL), SU_OK);
}

static void fusing_stops_at_its_limit(void **state)
{
    (void)state;
    struct su_exec *x = vk_case_open(NULL);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct vk_exec *vx = x->impl;
    uint32_t index;
    struct su_err e;
    const char glsl[] = "#version 450\n#extension GL_GOOGLE_include_directive : require\n#include "
                        "\"num.glsl\"\nvoid main(){}\n";
    const char broken[] = "#version 450\n#include \"nothing.glsl\"\n";
    const char division[] =
        "#version 450\nlayout(push_constant) uniform P { float a, b; };\n"
        "layout(set = 0, binding = 0) buffer B { float r; };\nvoid main() { r = a / b; }\n";
    if (!vk_glsl_available()) {
        assert_int_equal(vk_fused_get(vx, glsl, sizeof glsl - 1, &index, &e), SU_EUNSUPPORTED);
    } else {
        assert_int_equal(vk_fused_get(vx, glsl, sizeof glsl - 1, &index, &e), SU_OK);
        assert_int_equal(index, 0);
        assert_int_equal(vk_fused_get(vx, broken, sizeof broken - 1, &index, &e), SU_EINTERNAL);
        assert_int_equal(vk_fused_get(vx, division, sizeof division - 1, &index, &e),
                         SU_EUNSUPPORTED);
        assert_non_null(strstr(e.msg, "OpFDiv"));
        assert_int_equal(vk_fused_get(vx, glsl, sizeof glsl - 1, &index, &e), SU_OK);
        assert_int_equal(index, 0);
        for (unsigned i = 0; i < VK_FUSED_MAX; i++) {
            char text[160];
            int n = snprintf(text, sizeof text, "%s// %u\n", glsl, i);
            enum su_code rc = vk_fused_get(vx, text, (size_t)n, &index, &e);
            assert_int_equal(rc, i + 1 < VK_FUSED_MAX ? SU_OK : SU_ELIMIT);
        }
    }
    run_some(x, 40, 6); /* chains run op by op now */
    assert_int_equal(su_exec_close(x, NULL), SU_OK);
}

/* ---- cache --------------------------------------------------------------------------------------
   -------------------- */

static void cache_file(const char *dir, char *path, size_t cap, unsigned *n)
{
    DIR *d = opendir(dir);
    *n = 0;
    assert_non_null(d);
    for (struct dirent *f = readdir(d); f; f = readdir(d)) {
        if (f->d_name[0] == '.')
            continue;
        assert_true(su_str_starts(f->d_name, "vk-") && su_str_ends(f->d_name, ".bin"));
        snprintf(path, cap, "%s/%s", dir, f->d_name);
        ++*n;
    }
    closedir(d);
}

static size_t run_with_cache(const char *dir)
{
    struct su_exec *x = vk_case_open(&(struct su_exec_opts){.cache_dir = dir});
    assert_non_null(x);
    size_t loaded = ((struct vk_exec *)x->impl)->cache_loaded_bytes;
    run_some(x, 80, 2);
    assert_int_equal(su_exec_close(x, NULL), SU_OK);
    return loaded;
}

static void cache_on_disk(void **state)
{
    (void)state;
    struct su_exec *x = vk_case_open(NULL);
    if (!x)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    assert_int_equal(su_exec_close(x, NULL), SU_OK);
    char dir[64] = "/tmp/su-vk-cache-XXXXXX", sub[96], path[512];
    unsigned n;
    struct su_map m;
    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof sub, "%s/pipelines", dir);
    assert_int_equal(run_with_cache(sub), 0);
    cache_file(sub, path, sizeof path, &n);
    assert_int_equal(n, 1);
    size_t good = run_with_cache(sub);
    assert_true(good > 0);
    assert_int_equal(su_map_open(path, 1u << 28, &m, NULL), SU_OK);
    uint8_t *copy = su_alloc(m.len + 1);
    size_t len = m.len;
    memcpy(copy, m.data, len);
    su_map_close(&m);
    assert_int_equal(len, good + 8 + SU_SHA256_BYTES);
    const size_t flip[] = {0, 9, 41, len - 1};
    for (size_t i = 0; i < SU_ARRAY_LEN(flip); i++) { /* a changed byte anywhere */
        copy[flip[i]] ^= 1;
        assert_int_equal(su_file_write(path, copy, len, 0600, NULL), SU_OK);
        assert_int_equal(run_with_cache(sub), 0);
        copy[flip[i]] ^= 1;
    }
    assert_int_equal(su_file_write(path, copy, len / 2, 0600, NULL), SU_OK);
    assert_int_equal(run_with_cache(sub), 0);
    assert_int_equal(su_file_write(path, copy, 0, 0600, NULL), SU_OK);
    assert_int_equal(run_with_cache(sub), 0);
    assert_int_equal(run_with_cache(sub), good); /* written anew each time */
    free(copy);
    assert_int_equal(run_with_cache("/proc/no/such"), 0);
    unlink(path);
    rmdir(sub);
    rmdir(dir);
}

/* ---- errors -------------------------------------------------------------------------------------
   ---------------------- */

static void driver_errors(void **state)
{
    (void)state;
    static const struct {
        VkResult r;
        enum su_code code;
    } row[] = {
        {VK_ERROR_OUT_OF_HOST_MEMORY, SU_ENOMEM},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, SU_ENOMEM},
        {VK_ERROR_DEVICE_LOST, SU_ENODEV},
        {VK_ERROR_INCOMPATIBLE_DRIVER, SU_ENODEV},
        {VK_ERROR_LAYER_NOT_PRESENT, SU_EUNSUPPORTED},
        {VK_ERROR_UNKNOWN, SU_EINTERNAL},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct su_err e = {0};
        assert_int_equal(vk_fail(&e, row[i].r, "gpu", "doing something"), row[i].code);
        assert_string_equal(e.at, "gpu");
        assert_true(row[i].r == VK_ERROR_LAYER_NOT_PRESENT || strstr(e.msg, "doing something"));
    }
}

static void divisors(void **state)
{
    (void)state;
    const uint32_t edge[] = {0,     1,          2,          3,          5,         6,     7,
                             10,    255,        256,        257,        641,       65535, 65536,
                             65537, 0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff};
    for (size_t i = 1; i < SU_ARRAY_LEN(edge); i++) {
        uint32_t m, shift, d = edge[i];
        vk_plan_divisor(d, &m, &shift);
        for (size_t k = 0; k < SU_ARRAY_LEN(edge); k++) {
            for (int64_t delta = -2; delta <= 2; delta++) {
                int64_t x = (int64_t)edge[k] * (k & 1 ? 1 : d) + delta;
                if (x < 0 || x > 0x7fffffff)
                    continue;
                uint32_t q = m ? (uint32_t)((uint64_t)x * m >> 32) >> shift : (uint32_t)x;
                assert_int_equal(q, (uint32_t)x / d);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged),        cmocka_unit_test(unstaged),
        cmocka_unit_test(too_large),     cmocka_unit_test(fusing_stops_at_its_limit),
        cmocka_unit_test(cache_on_disk), cmocka_unit_test(driver_errors),
        cmocka_unit_test(divisors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
