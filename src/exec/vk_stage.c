// SPDX-License-Identifier: MIT
/* The Vulkan backend as a table of functions: loading a stage, running steps. */
#include "vk_priv.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_ALIGN 256u

/* ---- load ---------------------------------------------------------------------------------------
   --------------- */

static enum su_code alloc_tables(struct vk_stage *s, struct su_err *e)
{
    const struct su_graph *g = s->graph;
    s->weight_stride = su_try_alloc(g->n_value, sizeof *s->weight_stride);
    s->subnormal = su_try_alloc(g->n_value, sizeof *s->subnormal);
    s->fused_into = su_try_alloc((size_t)g->n_node + 1, sizeof *s->fused_into);
    s->input_at = su_try_alloc((size_t)g->n_input + 1, sizeof *s->input_at);
    s->output_at = su_try_alloc((size_t)g->n_output + 1, sizeof *s->output_at);
    if (!s->weight_stride || !s->subnormal || !s->fused_into || !s->input_at || !s->output_at)
        return su_fail(e, SU_ENOMEM, "stage", "tables of %u values", g->n_value);
    memset(s->fused_into, 0xff, g->n_node * sizeof *s->fused_into);
    return SU_OK;
}

/* Where inputs, rows and outputs lie in the buffers of a step. */
static void place_pieces(struct vk_stage *s)
{
    const struct su_graph *g = s->graph;
    uint64_t at = 0;
    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        s->input_at[i] = at;
        at += su_align_up(su_value_row_bytes(v) * vk_domain_rows(s, v->domain, s->t_max),
                          PIECE_ALIGN);
    }
    s->rows_at = at;
    s->in_bytes = at + su_align_up(4 * vk_rows_words(s), PIECE_ALIGN);
    at = 0;
    for (uint32_t i = 0; i < g->n_output; i++) {
        const struct su_value *v = &g->value[g->output[i].value];
        s->output_at[i] = at;
        at += su_align_up(su_value_row_bytes(v) * vk_domain_rows(s, v->domain, s->t_max),
                          PIECE_ALIGN);
    }
    s->out_bytes = at;
}

static enum su_code make_buffers(struct vk_stage *s, struct su_err *e)
{
    const VkBufferUsageFlags copy =
        VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    const VkBufferUsageFlags read = VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT | copy;
    enum su_code rc = vk_buffer_make(s->vx, s->layout->fixed_bytes, read, VK_PLACE_DEVICE,
                                     "weights", &s->fixed, e);
    if (rc == SU_OK)
        rc =
            vk_buffer_make(s->vx, s->layout->arena_bytes, read | VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
                           VK_PLACE_DEVICE, "arena", &s->arena, e);
    for (uint32_t i = 0; i < SU_STAGE_IN_FLIGHT && rc == SU_OK; i++) {
        struct vk_flight *f = &s->flight[i];
        rc = vk_buffer_make(s->vx, s->in_bytes, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | copy,
                            VK_PLACE_UPLOAD, "inputs of a step", &f->in, e);
        if (rc == SU_OK)
            rc = vk_buffer_make(s->vx, 16, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VK_PLACE_READBACK,
                                "counter", &f->counter, e);
        if (rc == SU_OK)
            rc = vk_buffer_make(s->vx, s->out_bytes, copy, VK_PLACE_READBACK, "outputs of a step",
                                &f->out, e);
    }
    return rc;
}

static enum su_code make_commands(struct vk_stage *s, struct su_err *e)
{
    VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                    .queueFamilyIndex = s->vx->device.family};
    VkResult r = vkCreateCommandPool(s->vx->handle, &info, NULL, &s->commands);
    return r == VK_SUCCESS ? SU_OK : vk_fail(e, r, "stage", "a command pool");
}

static void stage_free(struct vk_stage *s)
{
    vk_record_fini(s);
    for (uint32_t i = 0; i < SU_STAGE_IN_FLIGHT; i++) {
        vk_buffer_free(s->vx, &s->flight[i].in);
        vk_buffer_free(s->vx, &s->flight[i].counter);
        vk_buffer_free(s->vx, &s->flight[i].out);
    }
    vk_buffer_free(s->vx, &s->fixed);
    vk_buffer_free(s->vx, &s->arena);
    vk_states_free(s);
    su_layout_free(s->layout);
    free(s->weight_stride);
    free(s->subnormal);
    free(s->fused_into);
    free(s->chain);
    free(s->input_at);
    free(s->output_at);
    free(s->dispatch);
    free(s);
}

/* Products whose weight has no subnormal scale take simpler kernels. */
static void choose_products(struct vk_stage *s)
{
    for (uint32_t i = 0; i < s->n_dispatch; i++) {
        struct vk_dispatch *d = &s->dispatch[i];
        bool subnormal = false;
        for (uint32_t k = 0; k < SU_ARRAY_LEN(d->blocks); k++)
            subnormal |= d->blocks[k] && s->subnormal[d->blocks[k] - 1];
        if (d->blocks[0])
            d->key.tile = d->alt_key.tile = !subnormal;
    }
}

enum su_code vk_load(struct su_stage *stage, const struct su_weight_source *src, struct su_err *e)
{
    struct vk_stage *s = su_alloc(sizeof *s);
    s->vx = stage->exec->impl;
    s->graph = stage->graph;
    s->t_max = stage->t_max;
    s->e_max = stage->e_max;
    enum su_code rc = alloc_tables(s, e);
    if (rc == SU_OK)
        rc = su_layout_build(s->graph, s->t_max, s->e_max, 1, &s->layout, e);
    if (rc == SU_OK) {
        vk_plan_weights(s);
        rc = vk_fuse_find(s, e);
    }
    if (rc == SU_OK)
        rc = vk_plan_build(s, e);
    if (rc == SU_OK) {
        place_pieces(s);
        rc = make_buffers(s, e);
    }
    if (rc == SU_OK)
        rc = vk_states_init(s, e);
    if (rc == SU_OK)
        rc = make_commands(s, e);
    if (rc == SU_OK)
        rc = vk_weights_upload(s, src, e);
    if (rc == SU_OK)
        rc = vk_turns_load(s, src, e);
    choose_products(s);
    if (rc == SU_OK)
        rc = vk_record_init(s, e);
    VkCommandBuffer cb;
    if (rc == SU_OK) /* so that what cannot be compiled fails now */
        rc = vk_record_get(s, 0, s->t_max, &cb, e);
    if (rc != SU_OK) {
        stage_free(s);
        return rc;
    }
    stage->impl = s;
    return SU_OK;
}

void vk_unload(struct su_stage *stage)
{
    stage_free(stage->impl);
    stage->impl = NULL;
}

uint64_t vk_bound_bytes(const struct su_stage *stage)
{
    const struct vk_stage *s = stage->impl;
    return s->fixed.bytes + s->arena.bytes;
}

/* ---- steps --------------------------------------------------------------------------------------
   ---------------- */

static void fill_inputs(const struct vk_stage *s, struct vk_flight *f, const struct su_step *step)
{
    const struct su_graph *g = s->graph;
    uint8_t *base = f->in.map;
    f->n_row = step->n_row;
    f->n_emit = 0;
    uint32_t *rows = (uint32_t *)(void *)(base + s->rows_at);
    for (uint32_t i = 0; i < step->n_row; i++) {
        if (step->row[i].emit)
            rows[4 + f->n_emit++] = i;
    }
    rows[SU_FIXED] = 1;
    rows[SU_ROWS] = f->n_row;
    rows[SU_EMIT] = f->n_emit;
    vk_rows_fill(s, step, rows + 4);
    memset(f->counter.map, 0, 16);
    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        uint64_t n = su_shape_elements(&v->shape) * rows[v->domain];
        vk_words_from((uint32_t *)(void *)(base + s->input_at[i]), step->input[i], (size_t)n,
                      v->dtype);
    }
}

static enum su_code lost(struct vk_exec *vx, VkResult r, const char *doing, struct su_err *e)
{
    if (r == VK_ERROR_DEVICE_LOST)
        vx->lost = true;
    return vk_fail(e, r, vx->device.info.name, doing);
}

enum su_code vk_submit(struct su_stage *stage, const struct su_step *step, uint32_t slot,
                       struct su_err *e)
{
    struct vk_stage *s = stage->impl;
    struct vk_flight *f = &s->flight[slot];
    VkCommandBuffer cb;
    enum su_code rc = vk_record_get(s, slot, step->n_row, &cb, e);
    if (rc != SU_OK)
        return rc;
    fill_inputs(s, f, step);
    f->stamped = s->stamps;
    f->submit_ns = su_clock_mono_ns();
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &cb};
    pthread_mutex_lock(&s->vx->queue_lock);
    VkResult r = vkQueueSubmit(s->vx->queue, 1, &info, f->fence);
    pthread_mutex_unlock(&s->vx->queue_lock);
    return r == VK_SUCCESS ? SU_OK : lost(s->vx, r, "submitting a step", e);
}

/* Milliseconds between two timestamps of `bits` valid bits. */
static double between(const struct vk_exec *vx, uint64_t a, uint64_t b)
{
    uint64_t mask =
        vx->device.timestamp_bits >= 64 ? UINT64_MAX : (1ull << vx->device.timestamp_bits) - 1;
    return (double)((b - a) & mask) * (double)vx->device.timestamp_ns * 1e-6;
}

static void op_times(const struct vk_stage *s, const uint64_t *stamp, struct su_step_result *r)
{
    r->op = su_alloc((s->n_dispatch + 1) * sizeof *r->op);
    for (uint32_t i = 0; i < s->n_dispatch; i++) {
        double ms = between(s->vx, stamp[i], stamp[i + 1]);
        if (r->n_op && r->op[r->n_op - 1].node == s->dispatch[i].node)
            r->op[r->n_op - 1].ms += ms;
        else
            r->op[r->n_op++] = (struct su_op_time){s->dispatch[i].node, ms};
    }
}

static bool read_stamps(const struct vk_stage *s, const struct vk_flight *f, uint32_t first,
                        uint32_t n, uint64_t *stamp)
{
    return f->queries &&
           vkGetQueryPoolResults(s->vx->handle, f->queries, first, n, n * sizeof *stamp, stamp,
                                 sizeof *stamp, VK_QUERY_RESULT_64_BIT) == VK_SUCCESS;
}

static void read_times(const struct vk_stage *s, const struct vk_flight *f, bool want_ops,
                       struct su_step_result *r)
{
    uint32_t n = s->n_dispatch + 2;
    uint64_t begin, end;
    if (read_stamps(s, f, 0, 1, &begin) && read_stamps(s, f, n - 1, 1, &end))
        r->ms = between(s->vx, begin, end);
    else
        r->ms = (double)(su_clock_mono_ns() - f->submit_ns) * 1e-6;
    uint64_t *stamp = want_ops && f->stamped ? su_try_alloc(n, sizeof *stamp) : NULL;
    if (stamp && read_stamps(s, f, 0, n, stamp))
        op_times(s, stamp, r);
    free(stamp);
}

enum su_code vk_wait(struct su_stage *stage, uint32_t slot, bool want_ops, struct su_step_result *r,
                     struct su_err *e)
{
    struct vk_stage *s = stage->impl;
    struct vk_flight *f = &s->flight[slot];
    VkResult res = vkWaitForFences(s->vx->handle, 1, &f->fence, VK_TRUE, UINT64_MAX);
    if (res == VK_SUCCESS)
        res = vkResetFences(s->vx->handle, 1, &f->fence);
    if (res != VK_SUCCESS)
        return lost(s->vx, res, "waiting for a step", e);
    if (!r)
        return SU_OK;
    for (uint32_t i = 0; i < r->n_output; i++)
        memcpy(r->output[i], (const uint8_t *)f->out.map + s->output_at[i], r->output_bytes[i]);
    r->saturations = *(const uint32_t *)f->counter.map;
    read_times(s, f, want_ops, r);
    if (!want_ops || s->stamps)
        return SU_OK;
    s->stamps = true;
    return vk_record_forget(s, e);
}

/* ---- the table
   -------------------------------------------------------------------------------------------------
   -- */

static const char *vk_lacks(enum su_op op)
{
    switch (op) {
    case SU_OP_SAMPLE:
        return "sampling is done by the host";
    default:
        return NULL;
    }
}

static unsigned vk_pipelines(const struct su_exec *x)
{
    struct vk_exec *vx = x->impl;
    pthread_mutex_lock(&vx->pipeline_lock);
    unsigned n = vx->n_pipeline;
    pthread_mutex_unlock(&vx->pipeline_lock);
    return n;
}

const struct su_backend_ops su_backend_vulkan = {
    .open = vk_open,
    .close = vk_close,
    .pipelines = vk_pipelines,
    .load = vk_load,
    .unload = vk_unload,
    .bound_bytes = vk_bound_bytes,
    .submit = vk_submit,
    .wait = vk_wait,
    .lacks = vk_lacks,
    .session_new = vk_session_new,
    .session_free = vk_session_free,
    .blocks = true,
};
