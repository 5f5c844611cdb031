// SPDX-License-Identifier: MIT
/* Dispatches of sequence models: products with block-quantised weights, rotary positions, states,
   attention, routing. The order of the push words is that of the Push block of the kernel named. */
#include "vk_blocks.h"
#include "vk_priv.h"

#include <string.h>

#define RUN 32u
#define ROWS_TM 4u
#define ROWS_TN 2u
#define COLUMNS_TN 2u
#define SOFTWARE_TN 8u
#define FEW_ROWS 4u /* below, one row of x per lane */
#define SOFTWARE_LANES 8u /* of a vector and of a workgroup */
#define SOFTWARE_HEADS 4u /* that attention takes together at most */
#define PUSH_OTHERS 16u /* words of qmatmul.glsl: where those of the others of a group begin */
#define OTHER_WORDS 6u
#define SEGMENT 256u
#define GROUP 16u /* elements that attention takes at a time */

_Static_assert(SU_BLOCK_Q4_0 == (int)SU_Q4_0 && SU_BLOCK_Q4_1 == (int)SU_Q4_1 &&
                   SU_BLOCK_Q5_0 == (int)SU_Q5_0 && SU_BLOCK_Q5_1 == (int)SU_Q5_1 &&
                   SU_BLOCK_Q8_0 == (int)SU_Q8_0 && SU_BLOCK_Q4_K == (int)SU_Q4_K &&
                   SU_BLOCK_Q5_K == (int)SU_Q5_K && SU_BLOCK_Q6_K == (int)SU_Q6_K,
               "kernels know the types by other numbers");

static const struct su_value *arg_of(const struct vk_stage *s, uint32_t node, uint32_t i)
{
    return &s->graph->value[s->graph->node[node].arg[i]];
}

static const struct su_value *out_of(const struct vk_stage *s, uint32_t node)
{
    return &s->graph->value[s->graph->node[node].first_out];
}

static enum su_code check_elements(const struct vk_stage *s, uint32_t node,
                                   const struct su_value *v, struct su_err *e)
{
    return vk_plan_limit(s, node, "the number of elements",
                         vk_domain_rows(s, v->domain, s->t_max) * su_shape_elements(&v->shape),
                         VK_ELEMENTS_MAX, e);
}

static enum su_code check_loop(const struct vk_stage *s, uint32_t node, uint64_t rounds,
                               struct su_err *e)
{
    return vk_plan_limit(s, node, "the length of a loop", rounds, vk_loop_limit(s->vx), e);
}

/* llvmpipe. Its threads take whole workgroups, and a vector of it is 8 lanes wide at most. */
static bool on_software(const struct vk_stage *s)
{
    return vk_loop_limit(s->vx) != UINT32_MAX;
}

static uint32_t lanes_of(const struct vk_stage *s, uint32_t software)
{
    return on_software(s) ? SU_MIN(s->vx->workgroup_tile, software) : s->vx->workgroup_tile;
}

/* ---- working memory ------------------------------------------------------------------------- */

static struct vk_ref work_ref(const struct vk_stage *s, uint64_t bytes)
{
    SU_ASSERT(bytes <= s->layout->work_bytes);
    return (struct vk_ref){.offset = s->layout->work_offset, .bytes = s->layout->work_bytes};
}

/* ---- products with block-quantised weights -------------------------------------------------- */

void vk_block_planes(enum su_dtype d, struct vk_planes *p)
{
    uint32_t scales = d == SU_Q4_1 || d == SU_Q5_1 ? 4 : d == SU_Q4_K || d == SU_Q5_K ? 0 : 2;
    uint32_t high = d == SU_Q5_0 || d == SU_Q5_1 ? 4 : 0;
    uint32_t quants = su_dtype_block_bytes(d) - scales - high;
    bool last = d == SU_Q6_K;
    p->plane[0] = (struct vk_plane){last ? 0 : scales + high, quants};
    p->plane[1] = (struct vk_plane){scales, high};
    p->plane[2] = (struct vk_plane){last ? quants : 0, scales};
}

/* Words from a weight's start to its plane of high bits and its plane of scales; how many of its
   rows take turns. */
static void plane_words(const struct su_value *w, uint32_t *high_at, uint32_t *scale_at,
                        uint32_t *whole)
{
    struct vk_planes p;
    uint64_t blocks = su_shape_elements(&w->shape) / su_dtype_block_elements(w->dtype);
    vk_block_planes(w->dtype, &p);
    *high_at = (uint32_t)(blocks * p.plane[0].bytes / 4);
    *scale_at = *high_at + (uint32_t)(blocks * p.plane[1].bytes / 4);
    *whole = (uint32_t)(su_shape_elements(&w->shape) / w->shape.dim[w->shape.rank - 1]) /
             SU_BLOCK_ROWS * SU_BLOCK_ROWS;
}

/* The dispatch that makes quants of a value in the working memory. */
static enum su_code add_quantise(struct vk_stage *s, uint32_t node, uint32_t value,
                                 uint32_t *note_at, struct vk_ref *work, struct vk_dispatch **out,
                                 struct su_err *e)
{
    const struct su_value *x = &s->graph->value[value];
    uint64_t runs = su_shape_elements(&x->shape) / RUN,
             all = runs * vk_domain_rows(s, x->domain, s->t_max);
    *note_at = (uint32_t)(all * 8);
    *work = work_ref(s, all * (RUN + 8));
    *out = NULL;
    enum su_code rc = check_elements(s, node, x, e);
    if (rc != SU_OK || s->work_holds == value + 1)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    s->work_holds = value + 1;
    d->domain = x->domain;
    d->push[0] = (uint32_t)x->domain;
    d->push[1] = (uint32_t)runs;
    vk_plan_divisor((uint32_t)runs, &d->push[2], &d->push[3]);
    d->push[4] = *note_at;
    d->key = (struct vk_pipeline_key){VK_QUANTISE, 0, 0, s->vx->workgroup_tile};
    d->out[0] = *work;
    d->in[0] = d->vec[0] = vk_plan_ref(s, value);
    d->grid = vk_plan_lanes(runs, d->key.workgroup);
    *out = d;
    return SU_OK;
}

/* Value x as quants in the working memory, unless they are there already; *note_at is the word
   where their scales begin. */
static enum su_code plan_quantise(struct vk_stage *s, uint32_t node, uint32_t value,
                                  uint32_t *note_at, struct vk_ref *work, struct su_err *e)
{
    struct vk_dispatch *d;
    return add_quantise(s, node, value, note_at, work, &d, e);
}

/* ---- values that are never written ---------------------------------------------------------- */

/* Whether products alone read the value a node makes, all of them before the working memory may be
   wanted for other quants. */
static bool only_products_read(const struct vk_stage *s, uint32_t node)
{
    const struct su_graph *g = s->graph;
    uint32_t value = g->node[node].first_out, found = 0;
    for (uint32_t i = node + 1; i < g->n_node && found < g->value[value].uses; i++) {
        const struct su_node *n = &g->node[i];
        bool reads = false;
        for (uint32_t k = 0; k < n->n_arg; k++)
            reads |= n->arg[k] == value;
        if (reads && n->op == SU_OP_QMATMUL && n->arg[1] != value)
            found++;
        else if (reads || n->op == SU_OP_QMATMUL || n->op == SU_OP_QMATMUL_ID ||
                 n->op == SU_OP_ATTENTION || n->op == SU_OP_RMSNORM || n->op == SU_OP_MUL)
            return false;
    }
    return found > 0 && found == g->value[value].uses;
}

bool vk_quants_of_norm(const struct vk_stage *s, uint32_t node)
{
    return !s->vx->no_fusion && s->graph->node[node].op == SU_OP_RMSNORM &&
           only_products_read(s, node);
}

enum su_code vk_plan_quants_of_norm(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = &arg_of(s, node, 0)->shape;
    uint32_t note_at, runs = x->dim[x->rank - 1] / RUN;
    struct vk_ref work;
    struct vk_dispatch *d;
    enum su_code rc = check_loop(s, node, runs + 64ull, e);
    if (rc == SU_OK)
        rc = add_quantise(s, node, n->first_out, &note_at, &work, &d, e);
    if (rc != SU_OK)
        return rc;
    d->key.op = 1;
    d->key.tile = n->n_arg - 1;
    d->push[5] = runs;
    vk_plan_divisor(runs, &d->push[6], &d->push[7]);
    d->push[8] = (uint32_t)n->attr[0];
    d->push[9] = (uint32_t)n->attr[1];
    d->in[0] = d->vec[0] = vk_plan_ref(s, n->arg[0]);
    if (n->n_arg > 1)
        d->in[1] = vk_plan_ref(s, n->arg[1]);
    return SU_OK;
}

/* silu or gelu of one argument times the other. */
bool vk_quants_of_gate(const struct vk_stage *s, const struct vk_chain *c)
{
    const struct su_graph *g = s->graph;
    const struct su_node *gate = &g->node[c->node[0]], *mul = &g->node[c->last];
    if (c->n_node != 2 || (gate->op != SU_OP_SILU && gate->op != SU_OP_GELU) ||
        mul->op != SU_OP_MUL || c->n_external != 2)
        return false;
    const struct su_value *out = &g->value[mul->first_out];
    for (uint32_t i = 0; i < 2; i++) {
        const struct su_value *x = &g->value[c->external[i]];
        if (x->domain != out->domain ||
            su_shape_elements(&x->shape) != su_shape_elements(&out->shape))
            return false;
    }
    return only_products_read(s, c->last);
}

enum su_code vk_plan_quants_of_gate(struct vk_stage *s, const struct vk_chain *c, struct su_err *e)
{
    const struct su_graph *g = s->graph;
    const struct su_node *gate = &g->node[c->node[0]];
    uint32_t note_at, by = c->external[c->external[0] == gate->arg[0]];
    struct vk_ref work;
    struct vk_dispatch *d;
    enum su_code rc = add_quantise(s, c->last, g->node[c->last].first_out, &note_at, &work, &d, e);
    if (rc != SU_OK)
        return rc;
    d->key.op = gate->op == SU_OP_SILU ? 2 : 3;
    d->in[0] = d->vec[0] = vk_plan_ref(s, gate->arg[0]);
    d->vec[1] = vk_plan_ref(s, by);
    return SU_OK;
}

/* The argument that the next node adds to a product which nothing else reads; UINT32_MAX: none. */
static uint32_t added_next(const struct vk_stage *s, uint32_t node)
{
    const struct su_graph *g = s->graph;
    const struct su_node *n = &g->node[node], *add = n + 1;
    if (s->vx->no_fusion || n->op != SU_OP_QMATMUL || node + 1 == g->n_node ||
        add->op != SU_OP_ADD || s->fused_into[node + 1] != UINT32_MAX)
        return UINT32_MAX;
    uint32_t y = n->first_out, other = add->arg[add->arg[0] == y];
    const struct su_value *v = &g->value[y], *w = &g->value[other];
    bool alike = v->uses == 1 && other != y && (add->arg[0] == y || add->arg[1] == y) &&
                 w->domain == v->domain && w->shape.rank == v->shape.rank &&
                 memcmp(w->shape.dim, v->shape.dim, v->shape.rank * sizeof *v->shape.dim) == 0;
    return alike ? other : UINT32_MAX;
}

bool vk_product_adds(const struct vk_stage *s, uint32_t node)
{
    return added_next(s, node) != UINT32_MAX;
}

/* ---- products -------------------------------------------------------------------------------- */

/* Rows of all weights of a dispatch, those of each in whole workgroups. */
static uint64_t rows_in_groups(const struct vk_dispatch *d, uint32_t per)
{
    uint64_t rows = su_align_up(d->push[2], per);
    for (uint32_t i = 0; i < VK_GROUP_OTHERS; i++)
        rows += su_align_up(d->push[PUSH_OTHERS + OTHER_WORDS * i], per);
    return rows;
}

static void product_grids(const struct vk_stage *s, uint32_t type, bool by_id, bool whole,
                          struct vk_dispatch *d)
{
    uint32_t wg = lanes_of(s, SOFTWARE_LANES), m = d->push[1];
    struct vk_pipeline_key rows = {VK_QMATMUL_ROWS, type, 0, wg};
    bool software = on_software(s) && whole;
    uint32_t tn = software ? SOFTWARE_TN : COLUMNS_TN;
    struct vk_pipeline_key columns = {software ? VK_QMATMUL_SOFTWARE : VK_QMATMUL_COLUMNS, type, 0,
                                      wg};
    struct vk_grid few = {
        .dim = {{m, 1, true}, {1, 1, false}, {rows_in_groups(d, wg * tn), wg * tn, false}},
        .x_word = 7,
        .z_word = 8};
    struct vk_grid many = {.dim = {{m, ROWS_TM, true},
                                   {1, 1, false},
                                   {rows_in_groups(d, wg * ROWS_TN), wg * ROWS_TN, false}},
                           .x_word = 7,
                           .z_word = 8};
    d->key = by_id ? columns : rows;
    d->grid = by_id ? few : many;
    d->alt_key = columns;
    d->alt_grid = few;
    d->alt_below = by_id ? 0 : FEW_ROWS;
}

/* Weights and results of the other products of a group; whether rows of all take whole turns. */
static bool add_others(struct vk_stage *s, uint32_t node, const struct vk_group *g,
                       struct vk_dispatch *d)
{
    const struct su_graph *graph = s->graph;
    uint32_t first = graph->node[node].arg[1];
    bool whole = d->push[2] % SU_BLOCK_ROWS == 0;
    for (uint32_t i = 0; i < g->n; i++) {
        const struct su_node *n = &graph->node[g->node[i]];
        uint32_t *p = d->push + PUSH_OTHERS + OTHER_WORDS * i;
        uint64_t from = s->layout->offset[n->arg[1]] - s->layout->offset[first];
        p[0] = graph->value[n->arg[1]].shape.dim[0];
        plane_words(&graph->value[n->arg[1]], &p[1], &p[2], &p[3]);
        p[1] += (uint32_t)(from / 4);
        p[2] += (uint32_t)(from / 4);
        p[4] = (uint32_t)(from / 16);
        p[5] = (uint32_t)((s->layout->offset[n->first_out] - g->results.offset) / 4);
        whole = whole && p[0] % SU_BLOCK_ROWS == 0;
        s->fused_into[g->node[i]] = node; /* planned with it */
        d->blocks[1 + i] = n->arg[1] + 1;
        d->in[1].bytes = d->vec[0].bytes = from + s->layout->bytes[n->arg[1]];
    }
    d->out[0] = g->results;
    if (g->n)
        d->push[15] =
            (uint32_t)((s->layout->offset[graph->node[node].first_out] - g->results.offset) / 4);
    return whole;
}

enum su_code vk_plan_qmatmul(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *a = arg_of(s, node, 0), *w = arg_of(s, node, 1);
    bool by_id = n->op == SU_OP_QMATMUL_ID;
    uint32_t depth = a->shape.dim[a->shape.rank - 1], note_at;
    struct vk_ref work;
    enum su_code rc = check_elements(s, node, out_of(s, node), e);
    if (rc == SU_OK)
        rc = check_loop(s, node, depth / 8, e);
    if (rc == SU_OK)
        rc = plan_quantise(s, node, n->arg[0], &note_at, &work, e);
    if (rc != SU_OK)
        return rc;
    uint32_t added = added_next(s, node), last = added == UINT32_MAX ? node : node + 1;
    struct vk_group group = {.results = vk_plan_ref(s, s->graph->node[last].first_out)};
    if (!by_id && last == node)
        vk_group_find(s, node, &group);
    struct vk_dispatch *d = vk_plan_add(s, last, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *p = d->push, lines = (uint32_t)(su_shape_elements(&a->shape) / depth);
    p[1] = by_id ? arg_of(s, node, 2)->shape.dim[0] : lines;
    p[2] = w->shape.dim[w->shape.rank - 2];
    p[3] = depth / RUN;
    p[4] = note_at;
    plane_words(w, &p[5], &p[6], &p[13]);
    p[9] = by_id ? w->shape.dim[0] : 0;
    p[10] = a->domain == SU_FIXED ? 0 : lines;
    p[11] = !by_id || a->shape.rank == 2;
    d->in[0] = d->vec[1] = work;
    d->in[1] = d->vec[0] = vk_plan_ref(s, n->arg[1]);
    if (by_id) {
        p[12] = arg_of(s, node, 2)->domain == SU_FIXED ? 0 : p[1];
        d->in[2] = vk_plan_ref(s, n->arg[2]);
    }
    if (last != node) {
        p[14] = 1;
        d->in[3] = vk_plan_ref(s, added);
        s->fused_into[last] = node; /* planned with it */
    }
    d->blocks[0] = n->arg[1] + 1;
    bool whole = add_others(s, node, &group, d);
    product_grids(s, (uint32_t)w->dtype, by_id, whole, d);
    return SU_OK;
}

enum su_code vk_plan_embedding_blocks(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *w = arg_of(s, node, 0), *index = arg_of(s, node, 1);
    uint32_t runs = w->shape.dim[1] / RUN, shift[2];
    uint32_t per_row = (uint32_t)su_shape_elements(&index->shape) * runs;
    enum su_code rc = check_elements(s, node, out_of(s, node), e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *p = d->push;
    p[1] = per_row;
    p[2] = runs;
    p[3] = w->shape.dim[0];
    vk_plan_divisor(per_row, &p[4], &shift[0]);
    vk_plan_divisor(runs, &p[5], &shift[1]);
    p[6] = shift[0] | shift[1] << 8;
    plane_words(w, &p[7], &p[8], &p[10]);
    p[9] = (uint32_t)w->dtype;
    d->key = (struct vk_pipeline_key){VK_EMBEDDING_BLOCKS, 0, 0, s->vx->workgroup_tile};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->in[0] = vk_plan_ref(s, n->arg[1]);
    d->in[1] = d->vec[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes(per_row, d->key.workgroup);
    return SU_OK;
}

/* ---- rope, states, attention ---------------------------------------------------------------- */

enum su_code vk_plan_rope(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_shape *x = &arg_of(s, node, 0)->shape;
    uint32_t per_row = (uint32_t)su_shape_elements(x), last = x->dim[x->rank - 1], shift[2], at;
    enum su_code rc = check_elements(s, node, out_of(s, node), e);
    if (rc == SU_OK)
        rc = vk_turns_add(s, node, &at, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    uint32_t *p = d->push;
    p[1] = per_row;
    p[2] = last;
    p[3] = (uint32_t)n->attr[1];
    p[4] = n->attr[0] == 1;
    vk_plan_divisor(per_row, &p[5], &shift[0]);
    vk_plan_divisor(last, &p[6], &shift[1]);
    p[7] = shift[0] | shift[1] << 8;
    p[8] = at;
    d->key = (struct vk_pipeline_key){VK_ROPE, 0, 0, s->vx->workgroup_wide};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes(per_row, d->key.workgroup);
    return SU_OK;
}

static struct vk_ref state_ref(const struct vk_stage *s, uint32_t value)
{
    const struct su_graph *g = s->graph;
    while (g->value[value].kind != SU_VALUE_STATE) /* what state_append made of it */
        value = g->node[g->value[value].node].arg[1];
    uint32_t i = 0;
    while (g->state[i] != value)
        i++;
    return (struct vk_ref){.bytes = 4, .pool = VK_POOL_STATE + i};
}

uint32_t vk_state_words(const struct su_value *v)
{
    return (uint32_t)((su_shape_elements(&v->shape) + 1) / 2);
}

enum su_code vk_plan_state_append(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *x = arg_of(s, node, 0);
    uint32_t words = vk_state_words(x);
    enum su_code rc = check_elements(s, node, x, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    d->push[1] = (uint32_t)su_shape_elements(&x->shape);
    d->push[2] = words;
    vk_plan_divisor(words, &d->push[3], &d->push[4]);
    d->push[5] = s->t_max;
    d->key = (struct vk_pipeline_key){VK_STATE_APPEND, 0, 0, s->vx->workgroup_wide};
    d->out[0] = state_ref(s, n->arg[1]);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes(words, d->key.workgroup);
    return SU_OK;
}

/* Heads that a workgroup of VK_ATTENTION_SOFTWARE takes together; 0 = it cannot serve. */
static uint32_t heads_together(const struct vk_stage *s, const struct su_node *n)
{
    uint32_t group = (uint32_t)(n->attr[0] / n->attr[1]), most = SOFTWARE_HEADS;
    if (!on_software(s) || !s->vx->device.broadcasts ||
        s->vx->device.info.subgroup_size != SOFTWARE_LANES || (uint32_t)n->attr[2] % SOFTWARE_LANES)
        return 0;
    while (group % most)
        most--;
    return most;
}

enum su_code vk_plan_attention(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    uint32_t heads = (uint32_t)n->attr[0], dim = (uint32_t)n->attr[2], *p;
    uint64_t rounds = 2ull * ((dim + GROUP - 1) / GROUP) * (SEGMENT + 1) + 3 * SEGMENT;
    bool series = vk_loop_limit(s->vx) != UINT32_MAX;
    float cap = su_f32_from_bits((uint32_t)n->attr[5]);
    enum su_code rc = check_elements(s, node, out_of(s, node), e);
    if (rc == SU_OK)
        rc = check_loop(s, node, rounds, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    p = d->push;
    p[1] = heads;
    p[2] = heads / (uint32_t)n->attr[1];
    p[3] = dim;
    p[4] = (uint32_t)n->attr[3];
    p[5] = (uint32_t)n->attr[5];
    p[6] = p[5] ? su_f32_bits(su_num_recip(cap)) : 0;
    p[7] = (uint32_t)n->attr[4];
    vk_plan_divisor(heads, &p[8], &p[9]);
    p[10] = vk_state_words(arg_of(s, node, 1));
    p[11] = vk_state_words(arg_of(s, node, 2));
    p[12] = s->t_max;
    p[14] = series ? (uint32_t)(vk_loop_limit(s->vx) / rounds) : VK_CTX_MAX / SEGMENT;
    d->series_word = 13;
    d->series_step = p[14];
    d->key = (struct vk_pipeline_key){VK_ATTENTION, 0, dim % 2 == 0, lanes_of(s, SOFTWARE_LANES)};
    d->out[0] = vk_plan_ref(s, n->first_out);
    if (series) {
        d->out[1] = work_ref(s, 8ull * heads * s->t_max);
        s->work_holds = 0;
    }
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->in[1] = state_ref(s, n->arg[1]);
    d->in[2] = state_ref(s, n->arg[2]);
    d->grid = vk_plan_lanes(heads, d->key.workgroup);
    uint32_t together = heads_together(s, n);
    if (together) {
        vk_plan_divisor(heads / together, &p[8], &p[9]);
        d->vec[0] = d->in[1];
        d->vec[1] = d->in[2];
        d->key = (struct vk_pipeline_key){VK_ATTENTION_SOFTWARE, p[5] != 0, together - 1,
                                          SOFTWARE_LANES};
        d->grid = vk_plan_lanes((uint64_t)heads / together * SOFTWARE_LANES, SOFTWARE_LANES);
    }
    return SU_OK;
}

/* ---- experts --------------------------------------------------------------------------------- */

enum su_code vk_plan_moe_route(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    uint64_t experts = (uint32_t)n->attr[0], used = (uint32_t)n->attr[1];
    enum su_code rc = check_elements(s, node, arg_of(s, node, 0), e);
    if (rc == SU_OK)
        rc = check_loop(s, node, experts * (used + 2) + 2 * used + 128, e);
    if (rc != SU_OK)
        return rc;
    struct vk_dispatch *d = vk_plan_add(s, node, e);
    if (!d)
        return SU_ENOMEM;
    for (uint32_t i = 0; i < 3; i++)
        d->push[1 + i] = (uint32_t)n->attr[i];
    d->key = (struct vk_pipeline_key){VK_MOE_ROUTE, 0, 0, s->vx->workgroup_tile};
    d->out[0] = vk_plan_ref(s, n->first_out);
    d->out[1] = vk_plan_ref(s, n->first_out + 1);
    d->in[0] = vk_plan_ref(s, n->arg[0]);
    d->grid = vk_plan_lanes(1, d->key.workgroup);
    return SU_OK;
}
