// SPDX-License-Identifier: MIT
#include "cli_priv.h"

#include <stdlib.h>
#include <string.h>

/* shapes: NULL, or the recipe for a model without weights. */
static enum su_code open_model(const char *word, const enum su_llm_quant *shapes,
                               struct cli_model *out, struct su_err *e)
{
    char local[4096];
    memset(out, 0, sizeof *out);
    enum su_code rc = cli_model_local(word, shapes ? CLI_FETCH_SHAPES : CLI_FETCH_ALL, local, e);
    if (rc != SU_OK)
        return rc;
    word = local;
    const char *slash = strrchr(word, '/');
    su_str_sanitize(out->name, sizeof out->name, slash ? slash + 1 : word,
                    strlen(slash ? slash + 1 : word));
    if (su_str_ends(word, ".graph")) {
        rc = su_graph_load(word, &out->file, e);
        out->graph = out->file;
        return rc;
    }
    rc = shapes ? su_model_open_shapes(word, *shapes, &out->model, e)
                : su_model_open(word, &out->model, e);
    if (rc == SU_OK) {
        out->graph = out->model->graph;
        su_str_copy(out->name, sizeof out->name, out->model->name);
    }
    return rc;
}

enum su_code cli_model_open(const char *word, struct cli_model *out, struct su_err *e)
{
    return open_model(word, NULL, out, e);
}

enum su_code cli_model_open_shapes(const char *word, enum su_llm_quant quant, struct cli_model *out,
                                   struct su_err *e)
{
    return open_model(word, &quant, out, e);
}

void cli_model_close(struct cli_model *m)
{
    su_model_close(m->model);
    su_graph_free(m->file);
    memset(m, 0, sizeof *m);
}

enum su_code cli_targets(const char *text, uint64_t *target, uint32_t cap, uint32_t *n,
                         struct su_err *e)
{
    char word[64];
    *n = 0;
    for (const char *at = text;;) {
        size_t len = strcspn(at, ",");
        if (len >= sizeof word)
            return su_fail(e, SU_EINVAL, "--target-vram",
                           "a size of %zu characters; give one like 300KB or 12GB", len);
        if (*n == cap && cap == 1)
            return su_fail(e, SU_ELIMIT, "--target-vram",
                           "a list of sizes; give one size, e.g. 300KB (lists are for plan)");
        if (*n == cap)
            return su_fail(e, SU_ELIMIT, "--target-vram", "more than %u devices; give fewer", cap);
        memcpy(word, at, len);
        word[len] = 0;
        enum su_code rc = su_parse_size(word, "--target-vram", &target[*n], e);
        if (rc != SU_OK)
            return rc;
        if (target[*n] == 0)
            return su_fail(e, SU_EINVAL, "--target-vram",
                           "0 bytes; give a size above 0 like 300KB or 12GB");
        ++*n;
        if (at[len] == 0)
            return SU_OK;
        at += len + 1;
    }
}

/* A GPU beats the cpu backend; a software Vulkan device does not. */
static enum su_backend default_backend(void)
{
    struct su_device *list = NULL;
    size_t n = 0;
    enum su_backend b = SU_BACKEND_CPU;
    if (su_devices_list(&list, &n, NULL) == SU_OK)
        for (size_t i = 0; i < n; i++)
            if (list[i].usable && list[i].kind != SU_DEVICE_CPU && list[i].kind != SU_DEVICE_OTHER)
                b = SU_BACKEND_VULKAN;
    free(list);
    return b;
}

enum su_code cli_exec_options(const struct cli *c, struct su_exec_opts *o, struct su_err *e)
{
    const char *backend = cli_get(c, "--backend"), *threads = cli_get(c, "--threads");
    *o = (struct su_exec_opts){.device = cli_get(c, "--device")};
    if (backend && !su_backend_find(backend, &o->backend))
        return su_fail(e, SU_EINVAL, "--backend", "%s is unknown; give vulkan, cpu or reference",
                       backend);
    if (!backend)
        o->backend = o->device ? SU_BACKEND_VULKAN : threads ? SU_BACKEND_CPU : default_backend();
    if (o->device && o->backend != SU_BACKEND_VULKAN)
        return su_fail(e, SU_EUSAGE, "--device", "chooses a Vulkan device; leave --backend %s out",
                       su_backend_name(o->backend));
    if (threads && o->backend != SU_BACKEND_CPU)
        return su_fail(e, SU_EUSAGE, "--threads", "is for the cpu backend; leave %s out",
                       backend ? "--backend" : "--device");
    if (threads) {
        uint64_t n = 0;
        enum su_code rc = su_parse_u64(threads, "--threads", 1, 1024, &n, e);
        if (rc != SU_OK)
            return rc;
        o->threads = (unsigned)n;
    }
    return SU_OK;
}

enum su_code cli_exec_open(const struct cli *c, struct su_exec **out, struct su_err *e)
{
    struct su_exec_opts o;
    char home[4000], cache[4096];
    *out = NULL;
    enum su_code rc = cli_exec_options(c, &o, e);
    if (rc != SU_OK)
        return rc;
    if (su_home_dir(home, sizeof home, NULL) == SU_OK &&
        su_path_join(cache, sizeof cache, home, "pipelines", NULL) == SU_OK)
        o.cache_dir = cache;
    return su_exec_open(&o, out, e);
}
