// SPDX-License-Identifier: MIT
/* What sequence models keep beside the arena: states of sessions, and what a step tells of its
   rows.

   Each state has a buffer of its own in which a session holds as many positions in a row as it may
   grow to; the places are the same in all of them. Opening a session beyond their end makes them
   longer: the descriptors are written anew and the command buffers recorded again. */
#include "vk_priv.h"

#include <stdlib.h>
#include <string.h>

#define ROW_WORDS_MAX 0x40000000u /* of a buffer, so that kernels can count halves */

/* ---- cosines and sines ----------------------------------------------------------------------- */

static bool same_turns(const struct su_graph *g, uint32_t a, uint32_t b)
{
    const struct su_node *x = &g->node[a], *y = &g->node[b];
    return memcmp(x->attr + 1, y->attr + 1, 7 * sizeof *x->attr) == 0 && x->n_arg == y->n_arg &&
           (x->n_arg < 2 || x->arg[1] == y->arg[1]);
}

enum su_code vk_turns_add(struct vk_stage *s, uint32_t node, uint32_t *at, struct su_err *e)
{
    const struct su_graph *g = s->graph;
    uint32_t i = 0;
    while (i < s->n_turns && !same_turns(g, s->turns[i].node, node))
        i++;
    if (i == s->n_turns) {
        struct vk_turns *t = su_try_alloc((size_t)i + 1, sizeof *t);
        if (!t)
            return su_fail(e, SU_ENOMEM, "rope", "tables of %u nodes", i);
        if (i)
            memcpy(t, s->turns, i * sizeof *t);
        free(s->turns);
        s->turns = t;
        uint64_t first = 3ull * s->t_max;
        if (i)
            first = t[i - 1].at + (uint64_t)s->t_max * (uint32_t)g->node[t[i - 1].node].attr[1];
        enum su_code rc = vk_plan_limit(
            s, node, "the words of a step",
            first + (uint64_t)s->t_max * (uint32_t)g->node[node].attr[1], 1u << 28, e);
        if (rc != SU_OK)
            return rc;
        t[i] = (struct vk_turns){.node = node, .at = (uint32_t)first};
        s->n_turns++;
    }
    *at = s->turns[i].at;
    return SU_OK;
}

static enum su_code load_factors(struct vk_stage *s, struct vk_turns *t,
                                 const struct su_weight_source *src, struct su_err *e)
{
    const struct su_graph *g = s->graph;
    const struct su_node *n = &g->node[t->node];
    const struct su_value *v = &g->value[n->arg[1]];
    uint32_t pairs = (uint32_t)n->attr[1] / 2, i = 0;
    bool constant = v->kind == SU_VALUE_NODE && g->node[v->node].op == SU_OP_CONST;
    if (!constant && v->kind != SU_VALUE_WEIGHT)
        return su_fail(e, SU_EUNSUPPORTED, "rope",
                       "node %u: its factors are computed; give a weight or use the cpu backend",
                       t->node);
    t->factors = su_try_alloc(pairs, sizeof *t->factors);
    uint8_t *raw = su_try_alloc(pairs, 4);
    enum su_code rc =
        t->factors && raw ? SU_OK : su_fail(e, SU_ENOMEM, "rope", "%u factors", pairs);
    if (rc == SU_OK && constant) {
        vk_words_from((uint32_t *)(void *)t->factors, g->node[v->node].data, pairs, v->dtype);
    } else if (rc == SU_OK) {
        uint64_t bytes = 0;
        while (g->weight[i] != n->arg[1])
            i++;
        rc = su_tensor_bytes(v->dtype, &v->shape, &bytes, e);
        if (rc == SU_OK)
            rc = su_exec_read_weight(g, src, i, raw, bytes, e);
        if (rc == SU_OK)
            vk_words_from((uint32_t *)(void *)t->factors, raw, pairs, v->dtype);
    }
    free(raw);
    return rc;
}

enum su_code vk_turns_load(struct vk_stage *s, const struct su_weight_source *src, struct su_err *e)
{
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < s->n_turns && rc == SU_OK; i++)
        if (s->graph->node[s->turns[i].node].n_arg > 1)
            rc = load_factors(s, &s->turns[i], src, e);
    return rc;
}

uint64_t vk_rows_words(const struct vk_stage *s)
{
    uint64_t words = 4 + 3ull * s->t_max;
    for (uint32_t i = 0; i < s->n_turns; i++)
        words += (uint64_t)s->t_max * (uint32_t)s->graph->node[s->turns[i].node].attr[1];
    return words;
}

void vk_rows_fill(const struct vk_stage *s, const struct su_step *step, uint32_t *word)
{
    for (uint32_t r = 0; r < step->n_row; r++) {
        const struct su_row *row = &step->row[r];
        word[s->t_max + 2 * r] = s->graph->n_state ? s->session[row->session].first : 0;
        word[s->t_max + 2 * r + 1] = row->position;
        for (uint32_t i = 0; i < s->n_turns; i++) {
            const struct vk_turns *t = &s->turns[i];
            const struct su_node *n = &s->graph->node[t->node];
            su_rope_turns(n, t->factors, row->position,
                          (float *)(void *)(word + t->at + (uint64_t)r * (uint32_t)n->attr[1]));
        }
    }
}

/* ---- buffers of states ----------------------------------------------------------------------- */

static enum su_code make_states(struct vk_stage *s, uint64_t rows, struct vk_buffer *out,
                                struct su_err *e)
{
    const struct su_graph *g = s->graph;
    const struct vk_found *f = &s->vx->device;
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < g->n_state && rc == SU_OK; i++) {
        const struct su_value *v = &g->value[g->state[i]];
        uint64_t words = rows * vk_state_words(v), most = SU_MIN(f->max_texels, ROW_WORDS_MAX);
        most = SU_MIN(most, f->info.max_buffer_range / 4);
        if (words > most)
            rc = su_fail(e, SU_ENOMEM, v->name,
                         "%llu positions of all sessions; %.80s takes %llu; open fewer or shorter "
                         "sessions, or use the cpu backend",
                         (unsigned long long)rows, f->info.name,
                         (unsigned long long)(most / vk_state_words(v)));
        else
            rc = vk_buffer_make(
                s->vx, words * 4,
                VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                    VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                VK_PLACE_DEVICE, "states", &out[i], e);
    }
    return rc;
}

static void free_states(struct vk_stage *s, struct vk_buffer *b)
{
    for (uint32_t i = 0; b && i < s->graph->n_state; i++)
        vk_buffer_free(s->vx, &b[i]);
    free(b);
}

void vk_states_free(struct vk_stage *s)
{
    free_states(s, s->state);
    for (uint32_t i = 0; i < s->n_turns; i++)
        free(s->turns[i].factors);
    free(s->turns);
}

enum su_code vk_states_init(struct vk_stage *s, struct su_err *e)
{
    if (s->graph->n_state == 0)
        return SU_OK;
    s->state = su_try_alloc(s->graph->n_state, sizeof *s->state);
    if (!s->state)
        return su_fail(e, SU_ENOMEM, "stage", "tables of %u states", s->graph->n_state);
    s->state_rows = 1; /* so that descriptors have something to show */
    return make_states(s, 1, s->state, e);
}

static VkResult copy_states(struct vk_stage *s, const struct vk_buffer *to)
{
    VkCommandBuffer cb;
    VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .commandPool = s->commands,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                        .commandBufferCount = 1};
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    VkMemoryBarrier m = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                         .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                         .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &cb};
    VkResult r = vkAllocateCommandBuffers(s->vx->handle, &info, &cb);
    if (r != VK_SUCCESS)
        return r;
    r = vkBeginCommandBuffer(cb, &begin);
    for (uint32_t i = 0; i < s->graph->n_state && r == VK_SUCCESS; i++) {
        uint64_t words =
            (uint64_t)s->state_rows * vk_state_words(&s->graph->value[s->graph->state[i]]);
        VkBufferCopy c = {0, 0, words * 4};
        vkCmdCopyBuffer(cb, s->state[i].handle, to[i].handle, 1, &c);
    }
    vkCmdPipelineBarrier(cb, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                         0, 1, &m, 0, NULL, 0, NULL);
    if (r == VK_SUCCESS)
        r = vkEndCommandBuffer(cb);
    pthread_mutex_lock(&s->vx->queue_lock);
    if (r == VK_SUCCESS)
        r = vkQueueSubmit(s->vx->queue, 1, &submit, VK_NULL_HANDLE);
    if (r == VK_SUCCESS)
        r = vkQueueWaitIdle(s->vx->queue);
    pthread_mutex_unlock(&s->vx->queue_lock);
    vkFreeCommandBuffers(s->vx->handle, s->commands, 1, &cb);
    return r;
}

/* Longer buffers with what the old ones hold; nothing is in flight after it. */
static enum su_code grow(struct vk_stage *s, uint64_t rows, struct su_err *e)
{
    struct vk_buffer *bigger = su_try_alloc(s->graph->n_state, sizeof *bigger);
    if (!bigger)
        return su_fail(e, SU_ENOMEM, "session", "tables of %u states", s->graph->n_state);
    enum su_code rc = make_states(s, rows, bigger, e);
    if (rc == SU_OK) {
        VkResult r = copy_states(s, bigger);
        if (r != VK_SUCCESS)
            rc = vk_fail(e, r, "session", "copying states");
    }
    if (rc != SU_OK) {
        free_states(s, bigger);
        return rc;
    }
    struct vk_buffer *old = s->state;
    s->state = bigger;
    s->state_rows = (uint32_t)rows;
    rc = vk_record_rebind(s, e);
    free_states(s, old);
    return rc;
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* The first place where ctx positions are free between the open sessions. */
static uint64_t find_place(const struct vk_stage *s, uint32_t ctx)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < SU_STAGE_SESSION_MAX;) {
        uint64_t first = s->session[i].first, end = first + s->session[i].ctx;
        if (s->session[i].ctx && first < at + ctx && at < end) {
            at = end;
            i = 0;
        } else {
            i++;
        }
    }
    return at;
}

enum su_code vk_session_new(struct su_stage *stage, uint32_t session, uint32_t ctx,
                            struct su_err *e)
{
    struct vk_stage *s = stage->impl;
    uint64_t first = find_place(s, ctx);
    enum su_code rc = SU_OK;
    if (ctx > s->ctx_max) { /* attention may need more dispatches */
        s->ctx_max = ctx;
        rc = vk_record_forget(s, e);
    }
    if (rc == SU_OK && first + ctx > s->state_rows)
        rc = grow(s, first + ctx, e);
    if (rc == SU_OK)
        s->session[session] = (struct vk_session){(uint32_t)first, ctx};
    return rc;
}

void vk_session_free(struct su_stage *stage, uint32_t session)
{
    struct vk_stage *s = stage->impl;
    s->session[session].ctx = 0;
}
