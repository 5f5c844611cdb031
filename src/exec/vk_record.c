// SPDX-License-Identifier: MIT
/* Descriptor sets and command buffers of a stage. */
#include "vk_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- descriptors
   -----------------------------------------------------------------------------------------------
   */

#define VIEWS_PER_DISPATCH 6u

/* Views by what they show, so that a value read by many nodes gets one. */
struct view_slot {
    struct vk_ref ref;
    VkFormat format;
    VkBufferView view;
};
struct views {
    struct view_slot *slot;
    size_t mask;
};

static VkBuffer buffer_of(const struct vk_stage *s, const struct vk_ref *r)
{
    if (r->pool >= VK_POOL_STATE)
        return s->state[r->pool - VK_POOL_STATE].handle;
    return r->fixed ? s->fixed.handle : s->arena.handle;
}

static VkResult view_get(struct vk_stage *s, struct views *v, const struct vk_ref *r,
                         VkFormat format, VkBufferView *out)
{
    uint64_t h = (r->offset >> 8) * 0x9e3779b97f4a7c15ull ^ r->bytes * 0xc2b2ae3d27d4eb4full ^
                 (uint64_t)format ^ (uint64_t)r->fixed << 32 ^ (uint64_t)r->pool << 40;
    size_t at = (size_t)(h ^ h >> 29) & v->mask;
    for (;; at = (at + 1) & v->mask) {
        struct view_slot *slot = &v->slot[at];
        if (!slot->view)
            break;
        if (slot->ref.fixed == r->fixed && slot->ref.offset == r->offset &&
            slot->ref.bytes == r->bytes && slot->ref.pool == r->pool && slot->format == format) {
            *out = slot->view;
            return VK_SUCCESS;
        }
    }
    VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                   .buffer = buffer_of(s, r),
                                   .format = format,
                                   .offset = r->offset,
                                   .range = r->pool ? VK_WHOLE_SIZE : r->bytes};
    VkResult res = vkCreateBufferView(s->vx->handle, &info, NULL, out);
    if (res == VK_SUCCESS) {
        v->slot[at] = (struct view_slot){*r, format, *out};
        s->view[s->n_view++] = *out;
    }
    return res;
}

/* Every binding a kernel names must hold something; what an op does not use shows what it reads or
   writes anyway. */
static VkResult write_set(struct vk_stage *s, struct views *v, const struct vk_dispatch *d)
{
    VkDescriptorBufferInfo buffer[2];
    VkBufferView view[VIEWS_PER_DISPATCH];
    VkWriteDescriptorSet w[2 + VIEWS_PER_DISPATCH];
    struct vk_ref any = d->in[0].bytes ? d->in[0] : d->out[0];
    for (uint32_t i = 0; i < 2; i++) {
        const struct vk_ref *r = d->out[i].bytes ? &d->out[i] : &d->out[0];
        buffer[i] = (VkDescriptorBufferInfo){buffer_of(s, r), r->offset,
                                             r->pool ? VK_WHOLE_SIZE : r->bytes};
        w[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                      .dstSet = d->set,
                                      .dstBinding = i,
                                      .descriptorCount = 1,
                                      .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      .pBufferInfo = &buffer[i]};
    }
    for (uint32_t i = 0; i < VIEWS_PER_DISPATCH; i++) {
        const struct vk_ref *r = i < 4 ? &d->in[i] : &d->vec[i - 4];
        VkResult res = view_get(s, v, r->bytes ? r : &any,
                                i < 4 ? VK_FORMAT_R32_UINT : VK_FORMAT_R32G32B32A32_UINT, &view[i]);
        if (res != VK_SUCCESS)
            return res;
        w[2 + i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                          .dstSet = d->set,
                                          .dstBinding = 2 + i,
                                          .descriptorCount = 1,
                                          .descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
                                          .pTexelBufferView = &view[i]};
    }
    vkUpdateDescriptorSets(s->vx->handle, SU_ARRAY_LEN(w), w, 0, NULL);
    return VK_SUCCESS;
}

static VkResult alloc_set(struct vk_stage *s, uint32_t which, VkDescriptorSet *out)
{
    VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                        .descriptorPool = s->descriptors,
                                        .descriptorSetCount = 1,
                                        .pSetLayouts = &s->vx->set_layout[which]};
    return vkAllocateDescriptorSets(s->vx->handle, &info, out);
}

static VkResult make_pool(struct vk_stage *s)
{
    uint32_t sets = s->n_dispatch + SU_STAGE_IN_FLIGHT;
    VkDescriptorPoolSize size[] = {
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, sets * 2},
        {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, s->n_dispatch * VIEWS_PER_DISPATCH + 1}};
    VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = sets,
                                       .poolSizeCount = SU_ARRAY_LEN(size),
                                       .pPoolSizes = size};
    return vkCreateDescriptorPool(s->vx->handle, &info, NULL, &s->descriptors);
}

static VkResult make_op_sets(struct vk_stage *s)
{
    size_t most = (size_t)s->n_dispatch * VIEWS_PER_DISPATCH, cap = 16;
    while (cap < most * 2)
        cap *= 2;
    struct views v = {su_try_alloc(cap, sizeof *v.slot), cap - 1};
    s->view = su_try_alloc(most + 1, sizeof(VkBufferView));
    VkResult r = v.slot && s->view ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; i < s->n_dispatch && r == VK_SUCCESS; i++) {
        r = alloc_set(s, 0, &s->dispatch[i].set);
        if (r == VK_SUCCESS)
            r = write_set(s, &v, &s->dispatch[i]);
    }
    free(v.slot);
    return r;
}

static VkResult make_flight_set(struct vk_stage *s, struct vk_flight *f)
{
    VkResult r = alloc_set(s, 1, &f->set);
    if (r != VK_SUCCESS)
        return r;
    VkDescriptorBufferInfo info[2] = {{f->in.handle, s->rows_at, VK_WHOLE_SIZE},
                                      {f->counter.handle, 0, VK_WHOLE_SIZE}};
    VkWriteDescriptorSet w[2];
    for (uint32_t i = 0; i < 2; i++) {
        w[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                      .dstSet = f->set,
                                      .dstBinding = i,
                                      .descriptorCount = 1,
                                      .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      .pBufferInfo = &info[i]};
    }
    vkUpdateDescriptorSets(s->vx->handle, 2, w, 0, NULL);
    return VK_SUCCESS;
}

static VkResult make_flight(struct vk_stage *s, struct vk_flight *f)
{
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult r = make_flight_set(s, f);
    if (r == VK_SUCCESS)
        r = vkCreateFence(s->vx->handle, &fence, NULL, &f->fence);
    if (r == VK_SUCCESS && s->vx->device.info.timestamps) {
        VkQueryPoolCreateInfo q = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                   .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                   .queryCount = s->n_dispatch + 2};
        r = vkCreateQueryPool(s->vx->handle, &q, NULL, &f->queries);
    }
    return r;
}

static void name_buffer(struct vk_exec *vx, VkBuffer b, const char *name)
{
    if (!vx->instance.messenger)
        return;
    PFN_vkVoidFunction f =
        vkGetInstanceProcAddr(vx->instance.handle, "vkSetDebugUtilsObjectNameEXT");
    VkDebugUtilsObjectNameInfoEXT info = {.sType =
                                              VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
                                          .objectType = VK_OBJECT_TYPE_BUFFER,
                                          .objectHandle = (uint64_t)(uintptr_t)b,
                                          .pObjectName = name};
    if (f)
        (void)((PFN_vkSetDebugUtilsObjectNameEXT)f)(vx->handle, &info);
}

enum su_code vk_record_init(struct vk_stage *s, struct su_err *e)
{
    VkResult r = make_pool(s);
    if (r == VK_SUCCESS)
        r = make_op_sets(s);
    for (uint32_t i = 0; i < SU_STAGE_IN_FLIGHT && r == VK_SUCCESS; i++) {
        name_buffer(s->vx, s->flight[i].counter.handle, VK_COUNTER_NAME);
        r = make_flight(s, &s->flight[i]);
    }
    return r == VK_SUCCESS ? SU_OK : vk_fail(e, r, "stage", "making descriptors");
}

static void free_views(struct vk_stage *s)
{
    for (uint32_t i = 0; i < s->n_view; i++)
        vkDestroyBufferView(s->vx->handle, s->view[i], NULL);
    free(s->view);
    s->view = NULL;
    s->n_view = 0;
}

void vk_record_fini(struct vk_stage *s)
{
    VkDevice d = s->vx->handle;
    for (uint32_t i = 0; i < SU_STAGE_IN_FLIGHT; i++) {
        vkDestroyFence(d, s->flight[i].fence, NULL);
        vkDestroyQueryPool(d, s->flight[i].queries, NULL);
    }
    free_views(s);
    vkDestroyDescriptorPool(d, s->descriptors, NULL);
    vkDestroyCommandPool(d, s->commands, NULL); /* and its command buffers */
}

enum su_code vk_record_forget(struct vk_stage *s, struct su_err *e)
{
    pthread_mutex_lock(&s->vx->queue_lock);
    VkResult r = vkQueueWaitIdle(s->vx->queue);
    pthread_mutex_unlock(&s->vx->queue_lock);
    for (uint32_t i = 0; i < SU_STAGE_IN_FLIGHT; i++) {
        for (uint32_t b = 0; b < VK_BUCKETS; b++) {
            if (s->flight[i].cb[b])
                vkFreeCommandBuffers(s->vx->handle, s->commands, 1, &s->flight[i].cb[b]);
            s->flight[i].cb[b] = VK_NULL_HANDLE;
        }
    }
    return r == VK_SUCCESS ? SU_OK : vk_fail(e, r, "stage", "waiting for steps");
}

enum su_code vk_record_rebind(struct vk_stage *s, struct su_err *e)
{
    s->unbound = true;
    enum su_code rc = vk_record_forget(s, e);
    if (rc != SU_OK)
        return rc;
    free_views(s);
    VkResult r = vkResetDescriptorPool(s->vx->handle, s->descriptors, 0);
    if (r == VK_SUCCESS)
        r = make_op_sets(s);
    for (uint32_t i = 0; i < SU_STAGE_IN_FLIGHT && r == VK_SUCCESS; i++)
        r = make_flight_set(s, &s->flight[i]);
    s->unbound = r != VK_SUCCESS;
    return r == VK_SUCCESS ? SU_OK : vk_fail(e, r, "stage", "making descriptors anew");
}

/* ---- recording
   -------------------------------------------------------------------------------------------------
   -- */

static void barrier(VkCommandBuffer cb, VkPipelineStageFlags from, VkAccessFlags wrote,
                    VkPipelineStageFlags to, VkAccessFlags access)
{
    VkMemoryBarrier m = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = wrote, .dstAccessMask = access};
    vkCmdPipelineBarrier(cb, from, to, 0, 1, &m, 0, NULL, 0, NULL);
}

static uint64_t groups(const struct vk_extent *x, uint64_t rows)
{
    uint64_t items = x->items * (x->by_rows ? rows : 1);
    return (items + x->per - 1) / x->per;
}

static void dispatch_grid(const struct vk_stage *s, VkCommandBuffer cb, const struct vk_dispatch *d,
                          const struct vk_grid *grid, uint64_t rows)
{
    uint32_t push[VK_PUSH_WORDS];
    memcpy(push, d->push, sizeof push);
    uint64_t gx = groups(&grid->dim[0], rows), gy = groups(&grid->dim[1], rows),
             gz = groups(&grid->dim[2], rows);
    if (grid->fold) {
        uint64_t wide = SU_MIN(gx, (uint64_t)VK_GROUPS_MAX);
        vkCmdPushConstants(cb, s->vx->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, push);
        vkCmdDispatch(cb, (uint32_t)wide, (uint32_t)((gx + wide - 1) / wide), 1);
        return;
    }
    for (uint64_t z = 0; z < gz; z += VK_GROUPS_MAX) {
        for (uint64_t x = 0; x < gx; x += VK_GROUPS_MAX) {
            if (grid->x_word)
                push[grid->x_word] = (uint32_t)x;
            if (grid->z_word)
                push[grid->z_word] = (uint32_t)z;
            vkCmdPushConstants(cb, s->vx->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push,
                               push);
            vkCmdDispatch(cb, (uint32_t)SU_MIN(gx - x, (uint64_t)VK_GROUPS_MAX), (uint32_t)gy,
                          (uint32_t)SU_MIN(gz - z, (uint64_t)VK_GROUPS_MAX));
        }
    }
}

static void compute_barrier(VkCommandBuffer cb)
{
    barrier(cb, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
            VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
}

static void dispatch_series(const struct vk_stage *s, VkCommandBuffer cb,
                            const struct vk_dispatch *d, uint64_t rows)
{
    struct vk_dispatch one = *d;
    uint32_t segments = (s->ctx_max + 255) / 256;
    for (uint32_t at = 0; at == 0 || at < segments; at += d->series_step) {
        if (at)
            compute_barrier(cb);
        one.push[d->series_word] = at;
        dispatch_grid(s, cb, &one, &d->grid, rows);
    }
}

static enum su_code record_dispatch(struct vk_stage *s, VkCommandBuffer cb,
                                    const struct vk_dispatch *d, uint32_t rows, struct su_err *e)
{
    uint64_t r = vk_domain_rows(s, d->domain, rows);
    const struct vk_extent *x = &d->grid.dim[0];
    bool alt = x->items * (x->by_rows ? r : 1) < d->alt_below;
    VkPipeline pipeline;
    enum su_code rc = vk_pipeline_get(s->vx, alt ? &d->alt_key : &d->key, &pipeline, e);
    if (rc != SU_OK)
        return rc;
    if (d->barrier)
        compute_barrier(cb);
    vkCmdBindPipeline(cb, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(cb, VK_PIPELINE_BIND_POINT_COMPUTE, s->vx->layout, 0, 1, &d->set, 0,
                            NULL);
    if (d->series_step)
        dispatch_series(s, cb, d, r);
    else
        dispatch_grid(s, cb, d, alt ? &d->alt_grid : &d->grid, r);
    return SU_OK;
}

static uint64_t bytes_of(const struct vk_stage *s, uint32_t value, uint32_t rows)
{
    const struct su_value *v = &s->graph->value[value];
    return su_value_row_bytes(v) * vk_domain_rows(s, v->domain, rows);
}

static void copy_inputs(struct vk_stage *s, VkCommandBuffer cb, const struct vk_flight *f,
                        uint32_t rows)
{
    const struct su_graph *g = s->graph;
    /* The arena may still be in use by the step before. */
    barrier(cb, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
            VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
            VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
    for (uint32_t i = 0; i < g->n_input; i++) {
        VkBufferCopy c = {s->input_at[i], s->layout->offset[g->input[i]],
                          bytes_of(s, g->input[i], rows)};
        vkCmdCopyBuffer(cb, f->in.handle, s->arena.handle, 1, &c);
    }
    if (g->n_input)
        barrier(cb, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                    VK_ACCESS_TRANSFER_READ_BIT);
}

static void copy_outputs(struct vk_stage *s, VkCommandBuffer cb, const struct vk_flight *f,
                         uint32_t rows)
{
    const struct su_graph *g = s->graph;
    barrier(cb, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
            VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    for (uint32_t i = 0; i < g->n_output; i++) {
        uint32_t v = g->output[i].value;
        VkBufferCopy c = {s->layout->offset[v], s->output_at[i], bytes_of(s, v, rows)};
        vkCmdCopyBuffer(cb, s->layout->fixed[v] ? s->fixed.handle : s->arena.handle, f->out.handle,
                        1, &c);
    }
    barrier(cb, VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_SHADER_WRITE_BIT, VK_PIPELINE_STAGE_HOST_BIT,
            VK_ACCESS_HOST_READ_BIT);
}

static enum su_code record(struct vk_stage *s, struct vk_flight *f, VkCommandBuffer cb,
                           uint32_t rows, struct su_err *e)
{
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult r = vkBeginCommandBuffer(cb, &begin);
    if (r != VK_SUCCESS)
        return vk_fail(e, r, "stage", "recording");
    if (f->queries) {
        vkCmdResetQueryPool(cb, f->queries, 0, s->n_dispatch + 2);
        vkCmdWriteTimestamp(cb, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, f->queries, 0);
    }
    vkCmdBindDescriptorSets(cb, VK_PIPELINE_BIND_POINT_COMPUTE, s->vx->layout, 1, 1, &f->set, 0,
                            NULL);
    copy_inputs(s, cb, f, rows);
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < s->n_dispatch && rc == SU_OK; i++) {
        rc = record_dispatch(s, cb, &s->dispatch[i], rows, e);
        if (f->queries && s->stamps)
            vkCmdWriteTimestamp(cb, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, f->queries, i + 1);
    }
    copy_outputs(s, cb, f, rows);
    if (f->queries)
        vkCmdWriteTimestamp(cb, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, f->queries,
                            s->n_dispatch + 1);
    r = vkEndCommandBuffer(cb);
    return rc == SU_OK && r != VK_SUCCESS ? vk_fail(e, r, "stage", "recording") : rc;
}

enum su_code vk_record_get(struct vk_stage *s, uint32_t slot, uint32_t n_row, VkCommandBuffer *out,
                           struct su_err *e)
{
    struct vk_flight *f = &s->flight[slot];
    uint32_t bucket = 0;
    if (s->unbound) {
        enum su_code rc = vk_record_rebind(s, e);
        if (rc != SU_OK)
            return rc;
    }
    while ((1u << bucket) < n_row)
        bucket++;
    if (!f->cb[bucket]) {
        VkCommandBuffer cb;
        VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = s->commands,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
        VkResult r = vkAllocateCommandBuffers(s->vx->handle, &info, &cb);
        if (r != VK_SUCCESS)
            return vk_fail(e, r, "stage", "a command buffer");
        enum su_code rc = record(s, f, cb, SU_MIN(1u << bucket, s->t_max), e);
        if (rc != SU_OK) {
            vkFreeCommandBuffers(s->vx->handle, s->commands, 1, &cb);
            return rc;
        }
        f->cb[bucket] = cb;
    }
    *out = f->cb[bucket];
    return SU_OK;
}
