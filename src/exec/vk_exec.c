// SPDX-License-Identifier: MIT
/* Opening a device, its pipelines and their cache on disk. */
#include "spirv.h"
#include "vk_modules.h"
#include "vk_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CACHE_MAGIC "SUVKPC01"
#define CACHE_HEADER_BYTES (8 + SU_SHA256_BYTES)
#define CACHE_BYTES_MAX (64u << 20)
#define LOOP_LIMIT_LLVMPIPE 65000u
#define WORKGROUP_WIDE 256u
#define WORKGROUP_TILE 64u

static const char *const kernel_name[VK_KERNELS] = {
    [VK_ELEMENTWISE] = "elementwise",
    [VK_MATMUL_ROWS] = "matmul_rows",
    [VK_MATMUL_COLUMNS] = "matmul_columns",
    [VK_CONV2D] = "conv2d",
    [VK_POOL] = "pool",
    [VK_REDUCE] = "reduce",
    [VK_SCAN] = "scan",
    [VK_TOPK] = "topk",
    [VK_GATHER] = "gather",
    [VK_NORM] = "norm",
    [VK_QUANTISE] = "quantise",
    [VK_QMATMUL_ROWS] = "qmatmul_rows",
    [VK_QMATMUL_COLUMNS] = "qmatmul_columns",
    [VK_QMATMUL_SOFTWARE] = "qmatmul_software",
    [VK_EMBEDDING_BLOCKS] = "embedding_blocks",
    [VK_ROPE] = "rope",
    [VK_STATE_APPEND] = "state_append",
    [VK_ATTENTION] = "attention",
    [VK_ATTENTION_SOFTWARE] = "attention_software",
    [VK_MOE_ROUTE] = "moe_route",
};

uint32_t vk_loop_limit(const struct vk_exec *vx)
{
    return vx->device.loop_limited ? LOOP_LIMIT_LLVMPIPE : UINT32_MAX;
}

/* ---- choosing
   -------------------------------------------------------------------------------------------------
   */

static enum su_code no_such_device(const char *want, const struct vk_found *f, size_t n,
                                   struct su_err *e)
{
    char names[300] = "";
    size_t at = 0;
    for (size_t i = 0; i < n && at < sizeof names - 1; i++) {
        int w = snprintf(names + at, sizeof names - at, "%s%zu: %.60s", i ? ", " : "", i,
                         f[i].info.name);
        at += (size_t)SU_MAX(w, 0);
    }
    return su_fail(e, SU_ENODEV, want, "no such Vulkan device; there is %s", names);
}

static bool name_contains(const char *name, const char *part)
{
    size_t n = strlen(part);
    for (; *name; name++) {
        if (strncasecmp(name, part, n) == 0)
            return true;
    }
    return false;
}

static enum su_code choose(const struct vk_found *f, size_t n, const char *want, size_t *out,
                           struct su_err *e)
{
    size_t i = 0;
    if (!want) {
        while (i < n && !f[i].info.usable)
            i++;
        i = i < n ? i : 0; /* none is usable: the best one says why */
    } else {
        uint64_t index;
        if (su_parse_u64(want, "device", 0, SIZE_MAX, &index, NULL) == SU_OK) {
            i = (size_t)index;
        } else {
            while (i < n && !(want[0] && name_contains(f[i].info.name, want)))
                i++;
        }
        if (i >= n)
            return no_such_device(want, f, n, e);
    }
    if (!f[i].info.usable)
        return su_fail(e, SU_EUNSUPPORTED, f[i].info.name, "%s; %s", f[i].info.reason,
                       f[i].info.remedy);
    *out = i;
    return SU_OK;
}

/* ---- cache on disk
   ---------------------------------------------------------------------------------------------- */

/* Digest of everything a pipeline depends on here: kernels, texts, arithmetic rules. */
static void source_digest(uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 h;
    su_sha256_init(&h);
    su_sha256_update(&h, SU_NUMERICS_VERSION, sizeof SU_NUMERICS_VERSION);
    for (const struct su_vk_module *m = su_vk_modules; m->name; m++)
        su_sha256_update(&h, m->word, m->n_word * 4);
    for (const struct su_vk_text *t = su_vk_texts; t->name; t++)
        su_sha256_update(&h, t->text, t->len);
    su_sha256_final(&h, out);
}

static void cache_name(struct vk_exec *vx, const char *dir)
{
    uint8_t digest[SU_SHA256_BYTES];
    char uuid[40], source[20], name[120];
    source_digest(digest);
    su_hex_encode(vx->device.info.uuid, sizeof vx->device.info.uuid, uuid, sizeof uuid);
    su_hex_encode(digest, 8, source, sizeof source);
    snprintf(name, sizeof name, "vk-%s-%08" PRIx32 "-%s.bin", uuid, vx->device.info.driver_version,
             source);
    if (su_dir_make(dir, 0700, NULL) != SU_OK ||
        su_path_join(vx->cache_path, sizeof vx->cache_path, dir, name, NULL) != SU_OK)
        vx->cache_path[0] = '\0';
}

/* A file that is missing, cut or changed is as good as none. */
static void cache_open(struct vk_exec *vx)
{
    struct su_map m = {0};
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    bool have =
        vx->cache_path[0] && su_map_open(vx->cache_path, CACHE_BYTES_MAX, &m, NULL) == SU_OK;
    if (have && m.len > CACHE_HEADER_BYTES && memcmp(m.data, CACHE_MAGIC, 8) == 0) {
        uint8_t digest[SU_SHA256_BYTES];
        su_sha256(m.data + CACHE_HEADER_BYTES, m.len - CACHE_HEADER_BYTES, digest);
        if (memcmp(digest, m.data + 8, sizeof digest) == 0) {
            info.initialDataSize = m.len - CACHE_HEADER_BYTES;
            info.pInitialData = m.data + CACHE_HEADER_BYTES;
        }
    }
    if (vkCreatePipelineCache(vx->handle, &info, NULL, &vx->cache) == VK_SUCCESS)
        vx->cache_loaded_bytes = info.initialDataSize;
    else
        vx->cache = VK_NULL_HANDLE; /* pipelines are then made from scratch */
    if (have)
        su_map_close(&m);
}

static void cache_save(struct vk_exec *vx)
{
    size_t n = 0;
    if (!vx->cache_path[0] || !vx->cache || vx->n_pipeline == 0 || vx->lost ||
        vkGetPipelineCacheData(vx->handle, vx->cache, &n, NULL) != VK_SUCCESS || n == 0 ||
        n > CACHE_BYTES_MAX)
        return;
    uint8_t *data = su_try_alloc(n + CACHE_HEADER_BYTES, 1);
    if (!data)
        return;
    if (vkGetPipelineCacheData(vx->handle, vx->cache, &n, data + CACHE_HEADER_BYTES) ==
        VK_SUCCESS) {
        struct su_err e;
        memcpy(data, CACHE_MAGIC, 8);
        su_sha256(data + CACHE_HEADER_BYTES, n, data + 8);
        if (su_file_write(vx->cache_path, data, n + CACHE_HEADER_BYTES, 0600, &e) != SU_OK)
            su_log(SU_LOG_WARN, "exec", "pipeline cache not saved: %s", e.msg);
    }
    free(data);
}

/* ---- open, close
   -------------------------------------------------------------------------------------------------
   - */

static VkResult make_layouts(struct vk_exec *vx)
{
    VkDescriptorSetLayoutBinding op[8], step[2];
    for (uint32_t i = 0; i < SU_ARRAY_LEN(op); i++) {
        op[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                               .descriptorType =
                                                   i < 2 ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                                         : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
                                               .descriptorCount = 1,
                                               .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    }
    step[0] = op[0];
    step[1] = op[1];
    VkDescriptorSetLayoutCreateInfo info = {.sType =
                                                VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                            .bindingCount = SU_ARRAY_LEN(op),
                                            .pBindings = op};
    VkResult r = vkCreateDescriptorSetLayout(vx->handle, &info, NULL, &vx->set_layout[0]);
    info.bindingCount = SU_ARRAY_LEN(step);
    info.pBindings = step;
    if (r == VK_SUCCESS)
        r = vkCreateDescriptorSetLayout(vx->handle, &info, NULL, &vx->set_layout[1]);
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, VK_PUSH_WORDS * 4};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 2,
                                         .pSetLayouts = vx->set_layout,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &push};
    if (r == VK_SUCCESS)
        r = vkCreatePipelineLayout(vx->handle, &layout, NULL, &vx->layout);
    return r;
}

static enum su_code make_device(struct vk_exec *vx, struct su_err *e)
{
    const struct vk_found *f = &vx->device;
    static const char *const controls[] = {VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME};
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = f->family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = f->float_controls_ext ? 1 : 0,
                               .ppEnabledExtensionNames = controls};
    VkResult r = vkCreateDevice(f->handle, &info, NULL, &vx->handle);
    if (r != VK_SUCCESS) {
        vx->handle = VK_NULL_HANDLE;
        return vk_fail(e, r, f->info.name, "creating the device");
    }
    vkGetDeviceQueue(vx->handle, f->family, 0, &vx->queue);
    r = make_layouts(vx);
    return r == VK_SUCCESS ? SU_OK : vk_fail(e, r, f->info.name, "creating layouts");
}

static void destroy(struct vk_exec *vx)
{
    for (unsigned i = 0; i < vx->n_pipeline; i++)
        vkDestroyPipeline(vx->handle, vx->pipeline[i].handle, NULL);
    for (unsigned i = 0; i < vx->n_fused; i++)
        vkDestroyShaderModule(vx->handle, vx->fused[i].module, NULL);
    for (unsigned i = 0; i < VK_KERNELS && vx->handle; i++)
        vkDestroyShaderModule(vx->handle, vx->module[i], NULL);
    if (vx->handle) {
        vkDestroyPipelineCache(vx->handle, vx->cache, NULL);
        vkDestroyPipelineLayout(vx->handle, vx->layout, NULL);
        vkDestroyDescriptorSetLayout(vx->handle, vx->set_layout[0], NULL);
        vkDestroyDescriptorSetLayout(vx->handle, vx->set_layout[1], NULL);
        vkDestroyDevice(vx->handle, NULL);
    }
    vk_instance_close(&vx->instance);
    pthread_mutex_destroy(&vx->queue_lock);
    pthread_mutex_destroy(&vx->pipeline_lock);
    free(vx);
}

enum su_code vk_open(struct su_exec *x, const struct su_exec_opts *o, struct su_err *e)
{
    struct vk_exec *vx = su_alloc(sizeof *vx);
    enum su_code rc = vk_instance_open(o->validation, &vx->instance, e);
    if (rc != SU_OK) {
        free(vx);
        return rc;
    }
    pthread_mutex_init(&vx->queue_lock, NULL);
    pthread_mutex_init(&vx->pipeline_lock, NULL);
    struct vk_found *found = NULL;
    size_t n, at = 0;
    rc = vk_devices_find(&vx->instance, &found, &n, e);
    if (rc == SU_OK)
        rc = choose(found, n, o->device, &at, e);
    if (rc == SU_OK) {
        vx->device = found[at];
        rc = make_device(vx, e);
    }
    free(found);
    uint32_t most = vx->device.info.max_workgroup_invocations;
    if (rc == SU_OK && o->workgroup > most)
        rc = su_fail(e, SU_EINVAL, "workgroup", "%u; %s takes at most %u", o->workgroup,
                     vx->device.info.name, most);
    if (rc != SU_OK) {
        destroy(vx);
        return rc;
    }
    vx->no_fusion = o->no_fusion;
    vx->workgroup_wide = o->workgroup ? o->workgroup : SU_MIN(WORKGROUP_WIDE, most);
    vx->workgroup_tile = SU_MIN(WORKGROUP_TILE, most);
    if (o->cache_dir)
        cache_name(vx, o->cache_dir);
    cache_open(vx);
    x->impl = vx;
    snprintf(x->device_name, sizeof x->device_name, "%s", vx->device.info.name);
    return SU_OK;
}

enum su_code vk_close(struct su_exec *x, struct su_err *e)
{
    struct vk_exec *vx = x->impl;
    enum su_code rc = SU_OK;
    cache_save(vx);
    vkDeviceWaitIdle(vx->handle);
    if (vx->instance.complaints)
        rc = su_fail(e, SU_EINTERNAL, "vulkan validation", "%u messages, the first: %s",
                     vx->instance.complaints, vx->instance.complaint);
    destroy(vx);
    x->impl = NULL;
    return rc;
}

/* ---- pipelines ----------------------------------------------------------------------------------
   ------------------- */

static enum su_code make_module(struct vk_exec *vx, const char *name, const uint32_t *word,
                                size_t n, VkShaderModule *out, struct su_err *e)
{
    struct su_spirv_modes modes = {.rte32 = vx->device.info.rte32,
                                   .preserve32 = vx->device.info.preserve32};
    struct su_spirv_info info;
    uint32_t *patched = NULL;
    size_t n_patched;
    enum su_code rc = su_spirv_patch(name, word, n, &modes, &patched, &n_patched, e);
    if (rc == SU_OK)
        rc = su_spirv_inspect(name, patched, n_patched, &info, e);
    if (rc == SU_OK && info.undecorated)
        rc = su_fail(e, SU_EINTERNAL, name, "%u float operations stayed without NoContraction",
                     info.undecorated);
    if (rc == SU_OK) {
        VkShaderModuleCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                       .codeSize = n_patched * 4,
                                       .pCode = patched};
        VkResult r = vkCreateShaderModule(vx->handle, &ci, NULL, out);
        if (r != VK_SUCCESS)
            rc = vk_fail(e, r, name, "loading a kernel");
    }
    free(patched);
    return rc;
}

static enum su_code find_module(struct vk_exec *vx, uint32_t kernel, VkShaderModule *out,
                                struct su_err *e)
{
    if (kernel >= VK_KERNELS) {
        *out = vx->fused[kernel - VK_KERNELS].module;
        return SU_OK;
    }
    enum su_code rc = SU_OK;
    if (!vx->module[kernel]) {
        const struct su_vk_module *m = su_vk_modules;
        while (m->name && strcmp(m->name, kernel_name[kernel]) != 0)
            m++;
        rc = m->name
                 ? make_module(vx, m->name, m->word, m->n_word, &vx->module[kernel], e)
                 : su_fail(e, SU_EINTERNAL, kernel_name[kernel], "this kernel was not built in");
    }
    *out = vx->module[kernel];
    return rc;
}

static enum su_code make_pipeline(struct vk_exec *vx, const struct vk_pipeline_key *key,
                                  VkPipeline *out, struct su_err *e)
{
    static const VkSpecializationMapEntry entry[] = {{0, 0, 4}, {1, 4, 4}, {2, 8, 4}};
    if (vx->n_pipeline >= SU_PIPELINES_MAX)
        return su_fail(e, SU_ELIMIT, "pipelines", "more than %u", SU_PIPELINES_MAX);
    VkShaderModule module;
    enum su_code rc = find_module(vx, key->kernel, &module, e);
    if (rc != SU_OK)
        return rc;
    const uint32_t value[] = {key->workgroup, key->op, key->tile};
    VkSpecializationInfo special = {SU_ARRAY_LEN(entry), entry, sizeof value, value};
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = vx->layout};
    VkResult r = vkCreateComputePipelines(vx->handle, vx->cache, 1, &info, NULL, out);
    if (r != VK_SUCCESS)
        return vk_fail(e, r, "pipeline", "compiling a kernel");
    vx->pipeline[vx->n_pipeline].key = *key;
    vx->pipeline[vx->n_pipeline++].handle = *out;
    return SU_OK;
}

enum su_code vk_pipeline_get(struct vk_exec *vx, const struct vk_pipeline_key *key, VkPipeline *out,
                             struct su_err *e)
{
    enum su_code rc = SU_OK;
    *out = VK_NULL_HANDLE;
    pthread_mutex_lock(&vx->pipeline_lock);
    for (unsigned i = 0; i < vx->n_pipeline && !*out; i++) {
        const struct vk_pipeline_key *k = &vx->pipeline[i].key;
        if (k->kernel == key->kernel && k->op == key->op && k->tile == key->tile &&
            k->workgroup == key->workgroup)
            *out = vx->pipeline[i].handle;
    }
    if (!*out)
        rc = make_pipeline(vx, key, out, e);
    pthread_mutex_unlock(&vx->pipeline_lock);
    return rc;
}

static enum su_code make_fused(struct vk_exec *vx, const uint8_t digest[SU_SHA256_BYTES],
                               const char *glsl, size_t len, struct su_err *e)
{
    if (vx->n_fused >= VK_FUSED_MAX)
        return su_fail(e, SU_ELIMIT, "fused chains", "more than %u", VK_FUSED_MAX);
    uint32_t *word = NULL;
    size_t n;
    enum su_code rc = vk_glsl_compile(glsl, len, &word, &n, e);
    struct vk_fused *f = &vx->fused[vx->n_fused];
    if (rc == SU_OK)
        rc = make_module(vx, "fused chain", word, n, &f->module, e);
    free(word);
    if (rc == SU_OK) {
        memcpy(f->digest, digest, SU_SHA256_BYTES);
        vx->n_fused++;
    }
    return rc;
}

enum su_code vk_fused_get(struct vk_exec *vx, const char *glsl, size_t len, uint32_t *index,
                          struct su_err *e)
{
    uint8_t digest[SU_SHA256_BYTES];
    enum su_code rc = SU_OK;
    su_sha256(glsl, len, digest);
    pthread_mutex_lock(&vx->pipeline_lock);
    unsigned i = 0;
    while (i < vx->n_fused && memcmp(vx->fused[i].digest, digest, sizeof digest) != 0)
        i++;
    if (i == vx->n_fused)
        rc = make_fused(vx, digest, glsl, len, e);
    pthread_mutex_unlock(&vx->pipeline_lock);
    *index = i;
    return rc;
}
