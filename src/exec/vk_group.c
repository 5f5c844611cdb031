// SPDX-License-Identifier: MIT
/* Products with block-quantised weights that read the same value run as one dispatch, where the
   first of them stands: q, k and v of a layer, gate and up. The others then write their results
   earlier than the layout expects, which they may where nothing in between reads or writes that
   memory; else into the memory of the value they read, if that is made as quants only. */
#include "vk_priv.h"

#include <string.h>

#define AHEAD 24u /* nodes behind the first product that are looked at */

struct finder {
    struct vk_stage *s;
    uint32_t first, x; /* product, value */
    uint64_t used; /* bytes of x's memory given away */
};

static struct vk_ref bytes_at(const struct vk_stage *s, uint32_t value)
{
    return s->layout->fixed[value] ? (struct vk_ref){0} : vk_plan_ref(s, value);
}

static bool overlap(const struct vk_ref *a, const struct vk_ref *b)
{
    return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static bool member(const struct finder *f, const struct vk_group *g, uint32_t node)
{
    bool in = node == f->first;
    for (uint32_t i = 0; i < g->n; i++)
        in |= g->node[i] == node;
    return in;
}

static bool touches(const struct vk_stage *s, uint32_t node, const struct vk_ref *r, bool reads)
{
    const struct su_node *n = &s->graph->node[node];
    bool hit = false;
    for (uint32_t i = 0; i < n->n_out; i++) {
        struct vk_ref out = bytes_at(s, n->first_out + i);
        hit |= s->graph->value[n->first_out + i].kind != SU_VALUE_STATE && overlap(&out, r);
    }
    for (uint32_t i = 0; reads && i < n->n_arg; i++) {
        struct vk_ref in = bytes_at(s, n->arg[i]);
        hit |= overlap(&in, r);
    }
    return hit;
}

/* A chain reads its arguments at its last node, later than the layout expects. */
static bool in_chain(const struct vk_stage *s, uint32_t node)
{
    return s->fused_into[node] != UINT32_MAX && vk_is_elementwise(s->graph->node[node].op);
}

/* Whether the result may lie at r from the first product on. */
static bool early(const struct finder *f, const struct vk_group *g, uint32_t node,
                  const struct vk_ref *r)
{
    for (uint32_t i = f->first; i < node; i++)
        if (in_chain(f->s, i) || touches(f->s, i, r, !member(f, g, i)))
            return false;
    return true;
}

/* The last node that reads a value or what a reshape makes of it; UINT32_MAX: an output. */
static uint32_t last_reader(const struct vk_stage *s, uint32_t value)
{
    const struct su_graph *g = s->graph;
    uint32_t last = 0;
    for (uint32_t i = 0; i < g->n_output; i++)
        if (g->output[i].value == value)
            return UINT32_MAX;
    for (uint32_t i = g->value[value].node + 1; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            if (n->arg[k] != value)
                continue;
            uint32_t at = n->op == SU_OP_RESHAPE           ? last_reader(s, n->first_out)
                          : s->fused_into[i] == UINT32_MAX ? i
                                                           : s->fused_into[i];
            last = SU_MAX(last, SU_MAX(at, i));
        }
    }
    return last;
}

static void move(struct vk_stage *s, uint32_t value, uint64_t offset)
{
    const struct su_graph *g = s->graph;
    s->layout->offset[value] = offset;
    for (uint32_t i = g->value[value].node + 1; i < g->n_node; i++)
        if (g->node[i].op == SU_OP_RESHAPE && g->node[i].arg[0] == value)
            move(s, g->node[i].first_out, offset);
}

/* Moves a result into the memory of x, which nothing else uses until the last product has run. */
static bool move_into_x(struct finder *f, uint32_t node)
{
    struct vk_stage *s = f->s;
    const struct su_value *x = &s->graph->value[f->x];
    uint32_t y = s->graph->node[node].first_out, last = last_reader(s, y);
    if (x->kind != SU_VALUE_NODE || !vk_quants_of_norm(s, x->node) || last == UINT32_MAX ||
        last > node + AHEAD)
        return false;
    struct vk_ref room = bytes_at(s, f->x);
    uint64_t bytes = su_align_up(s->layout->bytes[y], 256);
    if (room.offset % 256 || room.bytes < f->used + bytes)
        return false;
    struct vk_ref r = {.offset = room.offset + f->used, .bytes = bytes};
    for (uint32_t i = f->first; i <= last; i++)
        if (i != node && (touches(s, i, &r, false) || (i < node && in_chain(s, i))))
            return false;
    f->used += bytes;
    move(s, y, r.offset);
    return true;
}

static bool alike(const struct finder *f, uint32_t node)
{
    const struct su_graph *g = f->s->graph;
    const struct su_node *a = &g->node[f->first], *b = &g->node[node];
    const struct su_layout *l = f->s->layout;
    if (b->op != SU_OP_QMATMUL || b->arg[0] != f->x || b->arg[1] == f->x ||
        g->value[b->arg[1]].dtype != g->value[a->arg[1]].dtype ||
        g->value[b->arg[1]].kind != SU_VALUE_WEIGHT || f->s->fused_into[node] != UINT32_MAX)
        return false;
    uint64_t from = l->offset[a->arg[1]], at = l->offset[b->arg[1]];
    return at > from && (at - from) % 16 == 0 &&
           (at + l->bytes[b->arg[1]] - from) / 4 <= f->s->vx->device.max_texels;
}

/* The memory of all results, as the first product's descriptor shows it. */
static struct vk_ref all_results(const struct finder *f, const struct vk_group *g)
{
    struct vk_ref all = vk_plan_ref(f->s, f->s->graph->node[f->first].first_out);
    for (uint32_t i = 0; i < g->n; i++) {
        struct vk_ref r = vk_plan_ref(f->s, f->s->graph->node[g->node[i]].first_out);
        uint64_t end = SU_MAX(all.offset + all.bytes, r.offset + r.bytes);
        all.offset = SU_MIN(all.offset, r.offset);
        all.bytes = end - all.offset;
    }
    return all;
}

void vk_group_find(struct vk_stage *s, uint32_t node, struct vk_group *g)
{
    const struct su_graph *graph = s->graph;
    struct finder f = {.s = s, .first = node, .x = graph->node[node].arg[0]};
    *g = (struct vk_group){0};
    if (!s->vx->no_fusion && graph->value[graph->node[node].arg[1]].kind == SU_VALUE_WEIGHT) {
        for (uint32_t i = node + 1; i < SU_MIN(node + AHEAD, graph->n_node); i++) {
            if (g->n == VK_GROUP_OTHERS)
                break;
            if (!alike(&f, i) || vk_product_adds(s, i))
                continue;
            struct vk_ref r = bytes_at(s, graph->node[i].first_out);
            if (early(&f, g, i, &r) || move_into_x(&f, i))
                g->node[g->n++] = i;
        }
    }
    g->results = all_results(&f, g);
    if (g->results.bytes > s->vx->device.info.max_buffer_range)
        g->n = 0;
    if (g->n == 0)
        g->results = vk_plan_ref(s, graph->node[node].first_out);
}
