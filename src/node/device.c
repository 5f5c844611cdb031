// SPDX-License-Identifier: MIT
/* The device and its fitness. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>

uint32_t su_node_numerics_version(void)
{
    static const char prefix[] = "splitup-numerics-";
    uint64_t v = 0;

    if (su_parse_u64(&SU_NUMERICS_VERSION[sizeof prefix - 1], "numerics", 1, UINT32_MAX, &v,
                     NULL) != SU_OK)
        return 0;
    return (uint32_t)v;
}

/* The driver of the Vulkan device that x runs on; of other backends nothing. */
static void add_driver(struct su_sha256 *h, const struct su_exec *x)
{
    struct su_device *list = NULL;
    size_t n = 0;

    if (su_exec_backend(x) != SU_BACKEND_VULKAN || su_devices_list(&list, &n, NULL) != SU_OK)
        return;
    for (size_t i = 0; i < n; i++)
        if (list[i].usable && strcmp(list[i].name, su_exec_device_name(x)) == 0) {
            su_sha256_update(h, list[i].driver, strlen(list[i].driver));
            su_sha256_update(h, &list[i].driver_version, sizeof list[i].driver_version);
            su_sha256_update(h, list[i].uuid, sizeof list[i].uuid);
        }
    free(list);
}

/* Names device, driver and program: whatever changes in one of them, the suite runs again. */
static enum su_code fitness_key(const struct su_exec *x, char key[65], struct su_err *e)
{
    struct su_sha256 h;
    struct su_map self;
    uint8_t digest[32];
    enum su_code rc = su_map_open("/proc/self/exe", 0, &self, e);

    if (rc)
        return rc;
    su_sha256_init(&h);
    su_sha256_update(&h, self.data, self.len);
    su_map_close(&self);
    su_sha256_update(&h, su_exec_device_name(x), strlen(su_exec_device_name(x)) + 1);
    add_driver(&h, x);
    su_sha256_final(&h, digest);
    (void)su_hex_encode(digest, 32, key, 65);
    return SU_OK;
}

/* *sound: the file can be read on. */
static bool remembered(const char *path, const char *key, bool *sound)
{
    struct su_map m;
    struct su_config *c = NULL;
    uint8_t known[32], root[33];
    size_t n = 0;
    bool yes = false;

    *sound = false;
    if (su_map_open(path, 1u << 20, &m, NULL) != SU_OK)
        return false;
    if (su_config_parse((const char *)m.data, m.len, path, &c, NULL) == SU_OK) {
        const char *text = su_config_get(c, key, "");
        *sound = true;
        su_conformance_root(known);
        yes = su_hex_decode(text, root, sizeof root, &n) && n == 32 && memcmp(root, known, 32) == 0;
    }
    su_config_free(c);
    su_map_close(&m);
    return yes;
}

/* The file stays small: it begins anew once it holds PASSES_MAX lines. */
static enum su_code remember(const char *path, const char *key, const uint8_t root[32], bool sound,
                             struct su_err *e)
{
    enum { PASSES_MAX = 64 };
    struct su_map m;
    struct su_buf b;
    char hex[65];
    size_t lines = 0;

    su_buf_init(&b, 1u << 20);
    if (sound && su_map_open(path, 1u << 20, &m, NULL) == SU_OK) {
        for (size_t i = 0; i < m.len; i++)
            lines += m.data[i] == '\n';
        if (lines < PASSES_MAX)
            su_buf_put(&b, m.data, m.len);
        su_map_close(&m);
    }
    (void)su_hex_encode(root, 32, hex, sizeof hex);
    su_buf_printf(&b, "%s = %s\n", key, hex);
    enum su_code rc = su_buf_check(&b, path, e);
    if (!rc)
        rc = su_file_write(path, b.data, b.len, 0600, e);
    su_buf_fini(&b);
    return rc;
}

static enum su_code run_suite(struct su_exec *x,
                              bool (*progress)(void *ctx, uint32_t done, uint32_t total), void *ctx,
                              uint8_t root[32], struct su_err *e)
{
    struct su_conformance *suite = su_alloc(sizeof *suite);
    enum su_code rc = su_conformance_run(x, progress, ctx, suite, e);

    if (!rc && (suite->n_fail > 0 || !suite->root_known_good))
        rc = su_fail(e, SU_ECONFORM, su_exec_device_name(x),
                     "%u of %u probes fail: it computes other bits and would be slashed; `splitup "
                     "doctor` tells more, another --device or --backend may pass",
                     suite->n_fail, suite->n_probe);
    memcpy(root, suite->root, 32);
    free(suite);
    return rc;
}

enum su_code su_node_conform(struct su_exec *x, const char *home, bool again,
                             bool (*progress)(void *ctx, uint32_t done, uint32_t total), void *ctx,
                             uint8_t root[32], struct su_err *e)
{
    char path[4096], key[65];
    enum su_code rc = su_path_join(path, sizeof path, home, "conformance", e);

    if (!rc)
        rc = su_dir_make(home, 0700, e);
    if (!rc)
        rc = fitness_key(x, key, e);
    if (rc)
        return rc;
    bool sound, known = remembered(path, key, &sound);
    if (known && !again) {
        su_conformance_root(root);
        return SU_OK;
    }
    rc = run_suite(x, progress, ctx, root, e);
    return rc || known ? rc : remember(path, key, root, sound, e);
}
