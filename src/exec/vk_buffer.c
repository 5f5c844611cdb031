// SPDX-License-Identifier: MIT
/* Device memory and the way of weights into it. */
#include "vk_blocks.h"
#include "vk_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_PAGE ((uintptr_t)2 << 20)
#define READ_BYTES (1u << 20) /* of a weight at a time */

/* ---- buffers
   -------------------------------------------------------------------------------------------------
   */

static bool heap_is_main(const struct vk_found *f, uint32_t type)
{
    return f->memory.memoryHeaps[f->memory.memoryTypes[type].heapIndex].size >= f->info.vram_bytes;
}

/* The memory type to try in a round: 0 is the wish, 1 asks for less. UINT32_MAX when no type fits.
   */
static uint32_t memory_type(const struct vk_exec *vx, uint32_t allowed, enum vk_place place,
                            unsigned round)
{
    static const VkMemoryPropertyFlags host =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkMemoryPropertyFlags want = host;
    if (place == VK_PLACE_DEVICE)
        want = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | (round == 0 ? host : 0);
    else if (place == VK_PLACE_READBACK && round == 0)
        want |= VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    const struct vk_found *f = &vx->device;
    for (uint32_t i = 0; i < f->memory.memoryTypeCount; i++) {
        bool fits = (allowed >> i & 1u) && (f->memory.memoryTypes[i].propertyFlags & want) == want;
        /* A small window into device memory is no place for weights. */
        if (fits && !(place == VK_PLACE_DEVICE && round == 0 && !heap_is_main(f, i)))
            return i;
    }
    return UINT32_MAX;
}

/* Memory of a device that is the processor itself: weights are streamed through once per step, and
   large pages spare most of the address translation. A wish that may be refused. */
static void ask_large_pages(const struct vk_exec *vx, const struct vk_buffer *b)
{
#if defined(MADV_HUGEPAGE)
    uintptr_t at = ((uintptr_t)b->map + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    uintptr_t end = (uintptr_t)b->map + b->bytes;
    if (vx->device.info.kind == SU_DEVICE_CPU && b->map && at < end)
        (void)madvise((uint8_t *)b->map + (at - (uintptr_t)b->map), (size_t)(end - at),
                      MADV_HUGEPAGE);
#else
    (void)vx;
    (void)b;
#endif
}

static VkResult allocate(struct vk_exec *vx, const VkMemoryRequirements *need, enum vk_place place,
                         struct vk_buffer *out)
{
    VkResult r = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    for (unsigned round = 0; round < 2; round++) {
        uint32_t type = memory_type(vx, need->memoryTypeBits, place, round);
        if (type == UINT32_MAX)
            continue;
        VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                     .allocationSize = need->size,
                                     .memoryTypeIndex = type};
        r = vkAllocateMemory(vx->handle, &info, NULL, &out->memory);
        if (r != VK_SUCCESS) {
            out->memory = VK_NULL_HANDLE;
            continue;
        }
        r = vkBindBufferMemory(vx->handle, out->handle, out->memory, 0);
        bool wanted = place != VK_PLACE_DEVICE || round == 0;
        if (r == VK_SUCCESS && wanted &&
            (vx->device.memory.memoryTypes[type].propertyFlags &
             VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) &&
            (vx->device.memory.memoryTypes[type].propertyFlags &
             VK_MEMORY_PROPERTY_HOST_COHERENT_BIT))
            r = vkMapMemory(vx->handle, out->memory, 0, VK_WHOLE_SIZE, 0, &out->map);
        return r;
    }
    return r;
}

enum su_code vk_buffer_make(struct vk_exec *vx, uint64_t bytes, VkBufferUsageFlags usage,
                            enum vk_place place, const char *what, struct vk_buffer *out,
                            struct su_err *e)
{
    memset(out, 0, sizeof *out);
    if (bytes == 0)
        return SU_OK;
    const struct su_device *d = &vx->device.info;
    if (d->max_allocation && bytes > d->max_allocation)
        return su_fail(e, SU_ENOMEM, what,
                       "%llu bytes; %.80s allocates at most %llu at once; use a smaller target",
                       (unsigned long long)bytes, d->name, (unsigned long long)d->max_allocation);
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = bytes, .usage = usage};
    VkResult r = vkCreateBuffer(vx->handle, &info, NULL, &out->handle);
    if (r != VK_SUCCESS) {
        out->handle = VK_NULL_HANDLE;
    } else {
        VkMemoryRequirements need;
        vkGetBufferMemoryRequirements(vx->handle, out->handle, &need);
        out->bytes = need.size;
        r = allocate(vx, &need, place, out);
    }
    if (r == VK_SUCCESS) {
        ask_large_pages(vx, out);
        return SU_OK;
    }
    vk_buffer_free(vx, out);
    char doing[64];
    snprintf(doing, sizeof doing, "%llu bytes", (unsigned long long)bytes);
    return vk_fail(e, r, what, doing);
}

void vk_buffer_free(struct vk_exec *vx, struct vk_buffer *b)
{
    vkDestroyBuffer(vx->handle, b->handle, NULL);
    vkFreeMemory(vx->handle, b->memory, NULL);
    memset(b, 0, sizeof *b);
}

/* ---- upload
   -------------------------------------------------------------------------------------------------
   --- */

/* Words that follow one another in the buffer, directly where the host sees it, else through
   staging memory. */
struct uploader {
    struct vk_stage *s;
    struct vk_buffer staging;
    VkCommandBuffer cb;
    uint64_t at; /* where in the buffer the next word goes */
    uint64_t start; /* where the staged bytes go */
    size_t filled;
};

static enum su_code flush(struct uploader *u, struct su_err *e)
{
    struct vk_exec *vx = u->s->vx;
    if (u->filled == 0)
        return SU_OK;
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    VkBufferCopy copy = {0, u->start, u->filled};
    VkMemoryBarrier done = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                            .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                            .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT};
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &u->cb};
    VkResult r = vkBeginCommandBuffer(u->cb, &begin);
    if (r == VK_SUCCESS) {
        vkCmdCopyBuffer(u->cb, u->staging.handle, u->s->fixed.handle, 1, &copy);
        vkCmdPipelineBarrier(u->cb, VK_PIPELINE_STAGE_TRANSFER_BIT,
                             VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1, &done, 0, NULL, 0, NULL);
        r = vkEndCommandBuffer(u->cb);
    }
    if (r == VK_SUCCESS) {
        pthread_mutex_lock(&vx->queue_lock);
        r = vkQueueSubmit(vx->queue, 1, &submit, VK_NULL_HANDLE);
        if (r == VK_SUCCESS)
            r = vkQueueWaitIdle(vx->queue);
        pthread_mutex_unlock(&vx->queue_lock);
    }
    u->start += u->filled;
    u->filled = 0;
    return r == VK_SUCCESS ? SU_OK : vk_fail(e, r, "weights", "uploading");
}

/* Room for up to n words that go next; *room of them, at least one. */
static enum su_code reserve(struct uploader *u, size_t n, uint32_t **to, size_t *room,
                            struct su_err *e)
{
    if (u->s->fixed.map) {
        *to = (uint32_t *)(void *)((uint8_t *)u->s->fixed.map + u->at);
        *room = n;
        u->at += (uint64_t)n * 4;
        return SU_OK;
    }
    if (u->filled == VK_STAGING_BYTES) {
        enum su_code rc = flush(u, e);
        if (rc != SU_OK)
            return rc;
    }
    *room = SU_MIN(n, (VK_STAGING_BYTES - u->filled) / 4);
    *to = (uint32_t *)(void *)((uint8_t *)u->staging.map + u->filled);
    u->filled += *room * 4;
    u->at += (uint64_t)*room * 4;
    return SU_OK;
}

static enum su_code seek(struct uploader *u, uint64_t at, struct su_err *e)
{
    enum su_code rc = SU_OK;
    if (!u->s->fixed.map && at != u->start + u->filled) {
        rc = flush(u, e);
        u->start = at;
    }
    u->at = at;
    return rc;
}

static enum su_code put_zeros(struct uploader *u, uint64_t n, struct su_err *e)
{
    while (n) {
        uint32_t *to;
        size_t room;
        enum su_code rc = reserve(u, (size_t)n, &to, &room, e);
        if (rc != SU_OK)
            return rc;
        memset(to, 0, room * 4);
        n -= room;
    }
    return SU_OK;
}

static enum su_code put_elements(struct uploader *u, const uint8_t *src, size_t n, enum su_dtype d,
                                 size_t width, struct su_err *e)
{
    while (n) {
        uint32_t *to;
        size_t room;
        enum su_code rc = reserve(u, n, &to, &room, e);
        if (rc != SU_OK)
            return rc;
        vk_words_from(to, src, room, d);
        src += room * width;
        n -= room;
    }
    return SU_OK;
}

void vk_words_from(uint32_t *dst, const void *src, size_t n, enum su_dtype d)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++) {
        switch (d) {
        case SU_F16:
            dst[i] = su_f32_bits(su_num_fix(su_num_from_f16(su_le16(p + 2 * i))));
            break;
        case SU_BF16:
            dst[i] = su_f32_bits(su_num_fix(su_num_from_bf16(su_le16(p + 2 * i))));
            break;
        case SU_F32:
            dst[i] = su_f32_bits(su_num_fix(su_f32_from_bits(su_le32(p + 4 * i))));
            break;
        case SU_BOOL:
            dst[i] = su_le32(p + 4 * i) != 0;
            break;
        default:
            dst[i] = su_le32(p + 4 * i);
        }
    }
}

/* One plane of `rows` rows of `per_row` blocks at raw, in the order of vk_block_planes, gathered in
   `plane` first. */
static enum su_code put_plane(struct uploader *u, const uint8_t *raw, size_t rows, size_t per_row,
                              uint32_t step, const struct vk_planes *all, uint32_t which,
                              uint8_t *plane, struct su_err *e)
{
    const struct vk_plane *p = &all->plane[which];
    size_t together = rows % SU_BLOCK_ROWS ? 1 : SU_BLOCK_ROWS, n = rows * per_row;
    uint8_t *to = plane;
    for (size_t row = 0; row < rows; row += together)
        for (size_t b = 0; b < per_row; b++)
            for (size_t at = 0; at < together; at++, to += p->bytes) {
                size_t r =
                    together > 1 && which == 0 ? SU_BLOCK_TURN(at) : at; /* its own inverse */
                memcpy(to, raw + ((row + r) * per_row + b) * step + p->from, p->bytes);
            }
    memset(to, 0, 3);
    return put_elements(u, plane, (n * p->bytes + 3) / 4, SU_U32, 4, e);
}

/* Quants of Q8_0 raised by 128; scales of each block made finite (N1, N3). Returns whether one is
   subnormal. */
static bool fix_blocks(uint8_t *raw, uint64_t blocks, enum su_dtype d)
{
    uint32_t step = su_dtype_block_bytes(d), first = d == SU_Q6_K ? step - 2 : 0;
    uint32_t end = first + (d == SU_Q4_1 || d == SU_Q5_1 || d == SU_Q4_K || d == SU_Q5_K ? 4u : 2u);
    bool subnormal = false;
    for (uint64_t i = 0; i < blocks; i++, raw += step) {
        for (uint32_t at = first; at < end; at += 2) {
            uint16_t h = su_le16(raw + at), exponent = h >> 10 & 31;
            if (exponent == 31)
                su_put_le16(raw + at, h & 0x3ff ? 0 : (h & 0x8000) | 0x7bff);
            subnormal |= exponent == 0 && (h & 0x3ff);
        }
        for (uint32_t k = 2; d == SU_Q8_0 && k < step; k++)
            raw[k] ^= 0x80;
    }
    return subnormal;
}

/* raw: room for as many rows as are read at a time, and as much and a word behind them. */
static enum su_code put_blocks(struct uploader *u, uint32_t number,
                               const struct su_weight_source *src, uint8_t *raw, size_t raw_rows,
                               struct su_err *e)
{
    const struct vk_stage *s = u->s;
    uint32_t id = s->graph->weight[number], step = su_dtype_block_bytes(s->graph->value[id].dtype);
    const struct su_value *v = &s->graph->value[id];
    uint64_t per_row = v->shape.dim[v->shape.rank - 1] / su_dtype_block_elements(v->dtype);
    uint64_t rows = su_shape_elements(&v->shape) / v->shape.dim[v->shape.rank - 1], whole;
    struct vk_planes p;
    enum su_code rc = SU_OK;
    vk_block_planes(v->dtype, &p);
    whole = rows / SU_BLOCK_ROWS * SU_BLOCK_ROWS;
    for (uint64_t at = 0; at < rows && rc == SU_OK;) {
        size_t n = (size_t)SU_MIN((at < whole ? whole : rows) - at, (uint64_t)raw_rows);
        uint64_t start = s->layout->offset[id];
        rc = src->read(src->ctx, number, at * per_row * step, raw, n * per_row * step, e);
        if (rc != SU_OK)
            (void)su_wrap(e, "weight %s", v->name);
        else if (fix_blocks(raw, n * per_row, v->dtype))
            s->subnormal[id] = true;
        for (uint32_t i = 0; i < 3 && rc == SU_OK; i++) {
            if (p.plane[i].bytes == 0)
                continue;
            rc = seek(u, start + at * per_row * p.plane[i].bytes, e);
            if (rc == SU_OK)
                rc = put_plane(u, raw, n, per_row, step, &p, i, raw + raw_rows * per_row * step, e);
            start += rows * per_row * p.plane[i].bytes;
        }
        at += n;
    }
    return rc;
}

static enum su_code upload_blocks(struct uploader *u, uint32_t number,
                                  const struct su_weight_source *src, struct su_err *e)
{
    const struct su_value *v = &u->s->graph->value[u->s->graph->weight[number]];
    uint64_t bytes = v->shape.dim[v->shape.rank - 1] / su_dtype_block_elements(v->dtype) *
                     (uint64_t)su_dtype_block_bytes(v->dtype);
    size_t rows = (size_t)SU_MAX(READ_BYTES / bytes / SU_BLOCK_ROWS, 1u) * SU_BLOCK_ROWS;
    uint8_t *raw = su_try_alloc(2 * rows + 1, (size_t)bytes);
    if (!raw)
        return su_fail(e, SU_ENOMEM, v->name, "%zu rows to repack", rows);
    enum su_code rc = put_blocks(u, number, src, raw, rows, e);
    free(raw);
    return rc;
}

static enum su_code upload_weight(struct uploader *u, uint32_t number,
                                  const struct su_weight_source *src, uint8_t *raw,
                                  struct su_err *e)
{
    if (su_dtype_is_block(u->s->graph->value[u->s->graph->weight[number]].dtype))
        return upload_blocks(u, number, src, e);
    const struct vk_stage *s = u->s;
    uint32_t id = s->graph->weight[number];
    const struct su_value *v = &s->graph->value[id];
    size_t width = v->dtype == SU_F16 || v->dtype == SU_BF16 ? 2 : 4;
    uint64_t total = su_shape_elements(&v->shape), row = total, gap = 0;
    if (s->weight_stride[id]) {
        row = total / v->shape.dim[0];
        gap = s->weight_stride[id] - row;
    }
    enum su_code rc = seek(u, s->layout->offset[id], e);
    for (uint64_t at = 0; at < total && rc == SU_OK;) {
        size_t n = (size_t)SU_MIN(total - at, (uint64_t)(READ_BYTES / width));
        rc = src->read(src->ctx, number, at * width, raw, n * width, e);
        if (rc != SU_OK) {
            (void)su_wrap(e, "weight %s", v->name);
            return rc;
        }
        for (size_t done = 0; done < n && rc == SU_OK;) {
            size_t run = (size_t)SU_MIN((uint64_t)(n - done), row - (at + done) % row);
            rc = put_elements(u, raw + done * width, run, v->dtype, width, e);
            done += run;
            if (rc == SU_OK && gap && (at + done) % row == 0)
                rc = put_zeros(u, gap, e);
        }
        at += n;
    }
    return rc;
}

static enum su_code upload_all(struct uploader *u, const struct su_weight_source *src,
                               struct su_err *e)
{
    const struct su_graph *g = u->s->graph;
    uint8_t *raw = su_try_alloc(READ_BYTES, 1);
    enum su_code rc = raw ? SU_OK : su_fail(e, SU_ENOMEM, "weights", "%u bytes", READ_BYTES);
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++)
        rc = upload_weight(u, i, src, raw, e);
    for (uint32_t i = 0; i < g->n_node && rc == SU_OK; i++) {
        const struct su_node *n = &g->node[i];
        if (n->op != SU_OP_CONST)
            continue;
        rc = seek(u, u->s->layout->offset[n->first_out], e);
        if (rc == SU_OK)
            rc = put_elements(u, n->data, n->data_bytes / 4, g->value[n->first_out].dtype, 4, e);
    }
    free(raw);
    return rc == SU_OK ? flush(u, e) : rc;
}

enum su_code vk_weights_upload(struct vk_stage *s, const struct su_weight_source *src,
                               struct su_err *e)
{
    struct uploader u = {.s = s};
    enum su_code rc = SU_OK;
    if (!s->fixed.handle)
        return SU_OK;
    if (!s->fixed.map) {
        VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = s->commands,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
        rc = vk_buffer_make(s->vx, VK_STAGING_BYTES, VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
                            VK_PLACE_UPLOAD, "staging memory", &u.staging, e);
        if (rc == SU_OK) {
            VkResult r = vkAllocateCommandBuffers(s->vx->handle, &info, &u.cb);
            if (r != VK_SUCCESS)
                rc = vk_fail(e, r, "weights", "a command buffer");
        }
    }
    if (rc == SU_OK)
        rc = upload_all(&u, src, e);
    if (u.cb)
        vkFreeCommandBuffers(s->vx->handle, s->commands, 1, &u.cb);
    vk_buffer_free(s->vx, &u.staging);
    return rc;
}
